"""Degrade the training images, and write them and their originals so that patches are read from them quickly."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.superres import images

with job(snakemake) as run:
    table = io.read_table(run.input.images)
    packed = images.pack(
        table[table["use"] == "train"],
        images.sources(run.params.sets, run.params.folders),
        int(run.wildcards.scale),
        run.output.high,
        run.output.low,
        progress=run.progress,
    )
    io.write_table(packed, run.output.table, run.provenance)
