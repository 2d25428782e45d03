"""Plot the course of the training with each loss."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import style, superres_curves

with job(snakemake) as run:
    table = superres_curves.table(pd.concat(map(io.read_table, run.input.logs), ignore_index=True))
    style.save(superres_curves.draw(table), table, **run.output)
