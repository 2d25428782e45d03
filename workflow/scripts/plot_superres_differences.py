"""Plot what a loss from the high half gains over one from the low half, image by image."""

import pandas as pd
from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import style, superres_differences

with job(snakemake) as run:
    scores = pd.concat([io.read_table(path) for path in run.input.scores], ignore_index=True)
    table = superres_differences.table(scores)
    network = style.network_label(storage.read_record(run.input.card))
    style.save(superres_differences.draw(table, network), table, **run.output)
