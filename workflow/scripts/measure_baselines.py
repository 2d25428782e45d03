"""Measure the baselines' distances of the images of one data set to their references, part by part."""

from functools import partial

from job import job

from perceptual_efficacy import baselines, io
from perceptual_efficacy.datasets import bapps, comparisons

with job(snakemake) as run:
    measure = partial(
        baselines.baseline_distances,
        read=comparisons.reader(run.input.folder, bapps.patch if run.params.layout.startswith("bapps") else None),
        batch_size=run.params.batch_size,
        progress=run.progress,
    )
    parts = comparisons.parts(io.read_table(run.input.comparisons), run.params.part)
    io.write_dataset_resumably(
        {name: partial(measure, part) for name, part in parts.items()},
        "comparison",
        run.output.distances,
        run.provenance,
        run.surroundings(),
    )
