"""Plot the course of the training with each loss."""

import pandas as pd
from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import style, superres_curves

with job(snakemake) as run:
    logs = [io.read_table(path).assign(**of) for path, of in zip(run.input.logs, run.params.runs, strict=True)]
    table = superres_curves.table(pd.concat(logs, ignore_index=True))
    network = style.network_label(storage.read_record(run.input.card))
    style.save(superres_curves.draw(table, network), table, **run.output)
