"""Measure each channel's distance of the ModelFest patterns to the uniform field, at every contrast."""

import numpy as np
from job import job

from perceptual_efficacy import distances, io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.vocabulary import identity

with job(snakemake) as run:
    patterns = io.read_dataset(run.input.patterns)
    shown = patterns.isel(stimulus=patterns["used"].values)
    cube = distances.contrast_distances(
        store.load(run.input.weights, precision=run.params.precision).to(run.device),
        shown["pattern"].values,
        np.geomspace(run.params.lowest, run.params.highest, run.params.contrasts).tolist(),
        batch_size=run.params.batch_size,
        progress=run.progress,
    )
    cube = cube.assign_coords(number=shown["number"], name=shown["name"]).assign_attrs(identity(shown.attrs))
    io.write_dataset(cube, run.output.distances, run.provenance)
