"""Plot how well high-PE and low-PE channels agree with judgements of each kind of image."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import groups, style

with job(snakemake) as run:
    table = groups.table(io.read_table(run.input.agreement), run.params.layer)
    style.save(groups.draw(table), table, **run.output)
