"""List the images to train and to test super-resolution with, and check that they can be used."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.superres import images

with job(snakemake) as run:
    table = images.list_images(run.params.sets, run.params.folders, progress=run.progress)
    for scale in run.params.scales:
        images.check_sizes(table, scale, run.params.patch)
    io.write_table(table, run.output.images, run.provenance)
