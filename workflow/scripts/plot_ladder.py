"""Plot the distances of photographs distorted step by step."""

from job import job

from perceptual_efficacy import io, scores, storage
from perceptual_efficacy.plots import ladder, style

with job(snakemake) as run:
    channels = io.read_table(run.input.channels)
    halves = {half: scores.select_channels(channels, half) for half in ("high", "low")}
    table = ladder.table(
        io.read_dataset(run.input.distances)["distance"],
        io.read_table(run.input.comparisons),
        {"all": channels, **halves},
    )
    figure = ladder.draw(table, style.network_label(storage.read_record(run.input.card)), run.params.layer)
    style.save(figure, table, **run.output)
