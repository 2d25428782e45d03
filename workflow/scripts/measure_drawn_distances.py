"""Measure each channel's distance of patches to their backgrounds, at every contrast."""

import numpy as np
from job import job

from perceptual_efficacy import distances, io, patches
from perceptual_efficacy.backbones import store
from perceptual_efficacy.vocabulary import PEOPLE

with job(snakemake) as run:
    stimuli = io.read_table(run.input.stimuli).query("shown == @patches.SHOWN")
    pictures = {"field": run.params.field, "pixels_per_degree": run.params.pixels_per_degree}
    cube = distances.coloured_contrast_distances(
        store.load(run.input.weights, precision=run.params.precision).to(run.device),
        [patches.drawing(row, **pictures) for _, row in stimuli.iterrows()],
        np.geomspace(run.params.lowest_contrast, 1, run.params.contrasts).tolist(),
        progress=run.progress,
    )
    shown = {name: ("stimulus", stimuli[name].to_numpy()) for name in ("name", "full")}
    about = {"dataset": run.wildcards.dataset, "judged_by": PEOPLE, "pixels_per_degree": pictures["pixels_per_degree"]}
    io.write_dataset(cube.assign_coords(shown).assign_attrs(about), run.output.distances, run.provenance)
