"""Plot the perceptual efficacy of every channel by layer, beside random weights."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import efficacy_by_layer, style

with job(snakemake) as run:
    table = efficacy_by_layer.table(pd.concat([io.read_table(run.input.channels), io.read_table(run.input.control)]))
    style.save(efficacy_by_layer.draw(table), table, **run.output)
