"""Unpack the archive of one data set."""

from job import job

from perceptual_efficacy import storage
from perceptual_efficacy.datasets import archives

with job(snakemake) as run:
    card = storage.read_record(run.input.card)
    archives.fetch(card["url"], run.params.archive, card["sha256"])  # again only if it is gone or damaged
    archives.extract(run.params.archive, run.output.folder)
