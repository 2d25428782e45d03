"""Plot the PE of every channel against how well the channel alone agrees with judgements of images."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import single_channels, style

with job(snakemake) as run:
    table = single_channels.table(io.read_table(run.input.channels), io.read_table(run.input.agreement))
    style.save(single_channels.draw(table), table, **run.output)
