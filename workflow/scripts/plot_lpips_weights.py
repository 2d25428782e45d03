"""Plot the PE of every channel against the weight that LPIPS learnt for it from human judgements."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import lpips_weights, style

with job(snakemake) as run:
    table = lpips_weights.table(io.read_table(run.input.agreement), io.read_table(run.input.channels))
    style.save(lpips_weights.draw(table), table, **run.output)
