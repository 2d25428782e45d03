"""Unpack the archive of one data set."""

from _entry import job

from perceptual_efficacy.datasets import archives

with job(snakemake) as run:
    archives.extract(run.input.archive, run.output.folder)
