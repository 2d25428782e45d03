"""Plot the perceptual efficacy of every channel by layer, beside random weights."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import efficacy_by_layer, style

with job(snakemake) as run:
    tables = [io.read_table(path) for path in (run.input.channels, run.input.control)]
    labels = [style.network_label(storage.read_record(path)) for path in (run.input.card, run.input.control_card)]
    table = efficacy_by_layer.table(dict(zip(labels, tables, strict=True)))
    figure = efficacy_by_layer.draw(table)
    style.save(figure, table, **run.output)
