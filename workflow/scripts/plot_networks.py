"""Plot how well high-PE and low-PE channels agree with human judgements, network by network."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import networks, style

with job(snakemake) as run:
    table = networks.table(pd.concat(map(io.read_table, run.input.agreement), ignore_index=True), run.params.layers)
    style.save(networks.draw(table), table, **run.output)
