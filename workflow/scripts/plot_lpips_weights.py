"""Plot the PE of every channel against the weight that people's choices taught LPIPS to give it."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import lpips_weights, style

with job(snakemake) as run:
    table = lpips_weights.table(io.read_table(run.input.agreement), io.read_table(run.input.channels))
    figure = lpips_weights.draw(table, style.network_label(storage.read_record(run.input.card)))
    style.save(figure, table, **run.output)
