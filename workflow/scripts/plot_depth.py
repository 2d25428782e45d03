"""Plot mu1, mu2 and PE by depth, for all networks of the study."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import depth, style

with job(snakemake) as run:
    channels = [io.read_table(path) for path in run.input.channels]
    cards = [storage.read_record(path) for path in run.input.cards]
    table = depth.table(channels, cards, run.params.controls)
    style.save(depth.draw(table), table, **run.output)
