"""Measure the baselines' distances of the images of one data set to their references, part by part."""

from _images import measure_parts
from job import job

from perceptual_efficacy import baselines

with job(snakemake) as run:
    measure_parts(run, baselines.baseline_distances)
