"""Plot the same crops of test images as every loss enlarges them."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import style, superres_crops
from perceptual_efficacy.superres import crops, images

with job(snakemake) as run:
    sources, scale = images.sources(run.params.sets, run.params.folders), int(run.wildcards.scale)
    chosen, pixels = crops.choose(io.read_table(run.input.images), sources, scale, superres_crops.MOST)
    table = superres_crops.table(pd.concat(map(io.read_table, run.input.scores), ignore_index=True), chosen)
    style.save(superres_crops.draw(table, pixels | crops.cut(table)), table, **run.output)
