"""Plot a few of the gratings."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import stimuli, style

with job(snakemake) as run:
    table = stimuli.table(io.read_dataset(run.input.gratings))
    style.save(stimuli.draw(table), table, **run.output)
