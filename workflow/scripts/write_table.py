"""Write one table as CSV, Markdown, LaTeX and HTML."""

from importlib import import_module

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.tables import rendering

with job(snakemake) as run:
    item = import_module(f"perceptual_efficacy.tables.{run.wildcards.table}")
    parts = {name: pd.concat(map(io.read_table, paths), ignore_index=True) for name, paths in run.input.items()}
    table = item.table(**parts, **run.params.options)
    rendering.save(item.render(table), table, **run.output)
