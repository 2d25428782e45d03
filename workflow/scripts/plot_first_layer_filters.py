"""Plot the filters of the first layer, ordered by perceptual efficacy."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import first_layer_filters, style

with job(snakemake) as run:
    card = storage.read_record(run.input.card)
    weights, _ = io.read_weights(run.input.weights)
    filters = weights[card["first_filters"]]
    table = first_layer_filters.table(filters, io.read_table(run.input.channels), card["first_filters_of"])
    style.save(first_layer_filters.draw(table), table, **run.output)
