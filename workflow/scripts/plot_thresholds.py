"""Plot predicted against measured detection thresholds."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import style, thresholds

with job(snakemake) as run:
    observers = io.read_table(run.input.comparisons)["observer"].nunique()
    table = thresholds.table(io.read_table(run.input.predictions), observers)
    network = style.network_label(storage.read_record(run.input.card))
    figure = thresholds.draw(table, network, float(run.params.resolution))
    style.save(figure, table, **run.output)
