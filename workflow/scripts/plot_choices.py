"""Plot how much each analysis choice changes the difference between high and low channels."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import choices, style

with job(snakemake) as run:
    table = choices.table(io.read_table(run.input.carried))
    style.save(choices.draw(table), table, **run.output)
