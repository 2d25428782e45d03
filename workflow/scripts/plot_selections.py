"""Plot how well high, low and random channels of every layer predict detection thresholds."""

import pandas as pd
from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import selections, style

with job(snakemake) as run:
    agreement = pd.concat([io.read_table(path) for path in run.input.agreement], ignore_index=True)
    table = selections.table(agreement)
    figure = selections.draw(table, style.network_label(storage.read_record(run.input.card)))
    style.save(figure, table, **run.output)
