"""Plot the distances of photographs distorted step by step."""

from job import job

from perceptual_efficacy import agreement, io
from perceptual_efficacy.plots import ladder, style
from perceptual_efficacy.vocabulary import identity

with job(snakemake) as run:
    measured = io.read_dataset(run.input.distances)
    distances = agreement.selection_distances(measured["distance"], io.read_table(run.input.channels))
    table = ladder.table(distances, io.read_table(run.input.comparisons), identity(measured.attrs))
    style.save(ladder.draw(table, run.params.layer), table, **run.output)
