"""Plot the filters of the first layer, ordered by perceptual efficacy."""

from _entry import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import first_layer_filters, style

with job(snakemake) as run:
    card = io.read_record(run.input.card)
    weights = io.read_weights(run.input.weights, card["weights_sha256"])
    first = card["layer_order"][0]
    (filters,) = (value for key, value in weights.items() if key.startswith(f"stages.{first}.") and value.ndim == 4)
    table = first_layer_filters.table(filters, io.read_table(run.input.channels), first)
    figure = first_layer_filters.draw(table, style.network_label(card))
    style.save(figure, table, **run.output)
