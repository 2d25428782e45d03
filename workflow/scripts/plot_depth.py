"""Plot mu1, mu2 and PE by depth, for all networks of the study."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import depth, style

with job(snakemake) as run:
    table = depth.table(pd.concat(map(io.read_table, run.input.channels)), run.params.controls)
    style.save(depth.draw(table), table, **run.output)
