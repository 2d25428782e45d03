"""Distort the photographs step by step and write them in the layout of a data set with judgements."""

from pathlib import Path

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets import photographs
from perceptual_efficacy.datasets.registry import LAYOUTS

with job(snakemake) as run:
    layout = LAYOUTS[run.wildcards.layout]
    table = io.read_table(run.input.photographs).drop_duplicates("scene")  # twins show the same
    folder = Path(run.input.photographs).parent
    shown = photographs.read(table, folder, "train") | photographs.read(table, folder, "test")
    shown = {name: image for name, image in shown.items() if name in run.params.photographs}
    layout.write_ladder(shown, run.output.folder, run.params.size, run.params.seed)
