"""Distort the photographs step by step and write them as TID2013 and BAPPS are laid out."""

from pathlib import Path

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets import ladder, photographs

with job(snakemake) as run:
    table = io.read_table(run.input.photographs).drop_duplicates("scene")  # twins show the same
    folder = Path(run.input.photographs).parent
    shown = {
        name: image for split in ("train", "test") for name, image in photographs.read(table, folder, split).items()
    }
    ladder.opinions(shown, run.output.tid2013, size=run.params.size, seed=run.params.seed)
    ladder.choices(shown, run.output.bapps_2afc, seed=run.params.seed)
    ladder.same(shown, run.output.bapps_jnd, seed=run.params.seed)
