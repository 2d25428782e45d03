"""Plot how well high, low and random channels of every layer agree with judgements of images."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import selections, style

with job(snakemake) as run:
    table = selections.table(io.read_table(run.input.agreement))
    style.save(selections.draw(table), table, **run.output)
