"""Unpack the files of one data set."""

from job import job

from perceptual_efficacy import storage
from perceptual_efficacy.datasets import archives

with job(snakemake) as run:
    files = storage.read_record(run.input.card)["files"]
    places = {}
    for number, file in enumerate(files):
        place = archives.numbered(run.params.archive, number)
        archives.fetch(file["url"], place, file["sha256"])  # again only if it is gone or damaged
        places[file["url"].rsplit("/", 1)[-1]] = place
    archives.assemble(places, run.output.folder)
