"""Plot how much better a loss from the high half is than one from the low half, image by image."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import style, superres_differences

with job(snakemake) as run:
    table = superres_differences.table(pd.concat(map(io.read_table, run.input.scores), ignore_index=True))
    style.save(superres_differences.draw(table), table, **run.output)
