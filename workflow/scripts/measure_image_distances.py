"""Measure each channel's distance of the images of one data set to their references, part by part."""

from functools import partial

from job import device, job

from perceptual_efficacy import distances, io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.datasets import comparisons

with job(snakemake) as run:
    table = io.read_table(run.input.comparisons)
    measure = partial(
        distances.image_distances,
        store.load(run.input.weights, precision=run.params.precision).to(device()),
        read=comparisons.reader(run.input.folder, table),
        batch_size=run.params.batch_size,
        progress=run.progress,
    )
    io.write_dataset_resumably(
        {name: partial(measure, part) for name, part in comparisons.parts(table, run.params.part).items()},
        "comparison",
        run.output.distances,
        run.provenance,
        run.surroundings(),
    )
