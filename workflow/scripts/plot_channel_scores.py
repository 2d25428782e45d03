"""Plot mu1 and mu2 of every channel of a layer, sorted."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import channel_scores, style

with job(snakemake) as run:
    table = channel_scores.table(io.read_table(run.input.channels), run.params.layer)
    style.save(channel_scores.draw(table), table, **run.output)
