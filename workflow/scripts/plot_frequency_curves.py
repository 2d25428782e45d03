"""Plot the frequency curves of example channels against the contrast sensitivity function."""

from job import job

from perceptual_efficacy import csf, io, scores
from perceptual_efficacy.plots import frequency_curves, style

with job(snakemake) as run:
    curves = scores.tuning_curves(io.read_dataset(run.input.tuning), baseline=run.params.baseline)
    sensitivity = csf.by_name(**run.params.csf)(curves["frequency"])
    table = frequency_curves.table(curves, io.read_table(run.input.channels), sensitivity, run.params.layer)
    style.save(frequency_curves.draw(table, run.params.csf["model"]), table, **run.output)
