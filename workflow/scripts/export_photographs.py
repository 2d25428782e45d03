"""Export the study's photographs once, with source, licence and SHA-256 per image."""

from pathlib import Path

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets import photographs

with job(snakemake) as run:
    table = photographs.export(run.params.entries, Path(run.output.table).parent)
    io.write_table(table, run.output.table, run.provenance)
    io.write_csv(table, run.output.listing)
