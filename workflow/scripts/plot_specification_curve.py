"""Plot high minus low channels under all combinations of analysis choices."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import specification_curve, style

with job(snakemake) as run:
    table = specification_curve.table(io.read_table(run.input.specifications), io.read_table(run.input.joint))
    style.save(specification_curve.draw(table), table, **run.output)
