"""Plot images with the same activations of chosen channels as photographs."""

import pandas as pd
from job import job

from perceptual_efficacy import image_files, io
from perceptual_efficacy.plots import inversions, style

with job(snakemake) as run:
    table = inversions.table(pd.concat(map(io.read_table, run.input.scores), ignore_index=True))
    pictures = {file: image_files.read(file) for file in table["file"]}
    style.save(inversions.draw(table, pictures), table, **run.output)
