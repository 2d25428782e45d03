"""Plot how well high, low and random channels of every layer predict detection thresholds."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import selections, style

with job(snakemake) as run:
    table = selections.table(pd.concat(map(io.read_table, run.input.agreement), ignore_index=True))
    style.save(selections.draw(table), table, **run.output)
