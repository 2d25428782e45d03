"""Measure the contrast energy of patches at every contrast: what tells thresholds without a network."""

import numpy as np
import xarray as xr
from job import job

from perceptual_efficacy import csf, energy, io, patches
from perceptual_efficacy.vocabulary import RMS_CONTRAST, WEIGHTED_ENERGY

with job(snakemake) as run:
    stimuli = io.read_table(run.input.stimuli).query("shown == @patches.SHOWN")
    resolution = run.params.pixels_per_degree
    pictures = {"field": run.params.field, "pixels_per_degree": resolution}
    sensitivity = csf.by_name(**run.params.csf)
    found: dict[str, list[float]] = {RMS_CONTRAST: [], WEIGHTED_ENERGY: []}
    for _, row in run.progress(list(stimuli.iterrows())):
        patch = 10 ** row["full"] * patches.pattern(row, **pictures)[None]
        found[RMS_CONTRAST].extend(energy.contrast_energy(patch, resolution))
        weighted = energy.contrast_energy(patch, resolution, sensitivity=sensitivity, exponent=energy.POOLING)
        found[WEIGHTED_ENERGY].extend(weighted)
    contrasts = np.geomspace(run.params.lowest_contrast, 1, run.params.contrasts)
    distance = np.stack([energy.distance_of_energy(values, contrasts) for values in found.values()])
    baselines = xr.Dataset(
        {"distance": (("metric", "stimulus", "contrast"), distance)},
        coords={"metric": list(found), "name": ("stimulus", stimuli["name"].to_numpy()), "contrast": contrasts},
    )
    io.write_dataset(baselines, run.output.distances, run.provenance)
