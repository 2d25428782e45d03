"""Plot super-resolution on the plane of distortion and perceived quality."""

import pandas as pd
from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import style, superres_plane

with job(snakemake) as run:
    scores = pd.concat([io.read_table(path) for path in run.input.scores], ignore_index=True)
    table = superres_plane.table(scores)
    network = style.network_label(storage.read_record(run.input.card))
    style.save(superres_plane.draw(table, network), table, **run.output)
