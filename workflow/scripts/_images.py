"""What the measurements of a data set's images share."""

from collections.abc import Callable
from functools import partial

import xarray as xr
from job import Run

from perceptual_efficacy import io
from perceptual_efficacy.datasets import comparisons


def measure_parts(run: Run, distances: Callable[..., xr.Dataset]) -> None:
    """Measure distances of the images to their references part by part, and write them."""
    table = io.read_table(run.input.comparisons)
    read = comparisons.reader(run.input.folder, table)
    measure = partial(distances, read=read, batch_size=run.params.batch_size, progress=run.progress)
    parts = {name: partial(measure, part) for name, part in comparisons.parts(table, run.params.part).items()}
    io.write_dataset_resumably(parts, "comparison", run.output.distances, run.provenance, run.surroundings())
