"""Plot the orientation curves of example channels."""

from job import job

from perceptual_efficacy import io, scores
from perceptual_efficacy.plots import orientation_curves, style

with job(snakemake) as run:
    curves = scores.tuning_curves(io.read_dataset(run.input.tuning), baseline=run.params.baseline)
    table = orientation_curves.table(curves, io.read_table(run.input.channels), run.params.layer)
    style.save(orientation_curves.draw(table), table, **run.output)
