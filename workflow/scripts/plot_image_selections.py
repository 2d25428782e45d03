"""Plot how well high, low and random channels of every layer agree with judgements of images."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import image_selections, style

with job(snakemake) as run:
    table = image_selections.table(io.read_table(run.input.agreement))
    figure = image_selections.draw(table, style.network_label(storage.read_record(run.input.card)))
    style.save(figure, table, **run.output)
