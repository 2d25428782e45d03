"""Measure each channel's distance of the images of one data set to their references, part by part."""

from functools import partial

from _images import measure_parts
from job import job

from perceptual_efficacy import distances
from perceptual_efficacy.backbones import store

with job(snakemake) as run:
    network = store.load(run.input.weights, precision=run.params.precision).to(run.device)
    measure_parts(run, partial(distances.image_distances, network))
