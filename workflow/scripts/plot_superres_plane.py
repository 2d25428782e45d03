"""Plot super-resolution on the plane of distortion and perceived quality."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import style, superres_plane

with job(snakemake) as run:
    table = superres_plane.table(pd.concat(map(io.read_table, run.input.scores), ignore_index=True))
    style.save(superres_plane.draw(table), table, **run.output)
