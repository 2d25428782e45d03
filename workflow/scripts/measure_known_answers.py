"""Measure each channel's distance of gratings to the uniform field, where people's answers to these are known."""

from job import job

from perceptual_efficacy import distances, io, waveforms
from perceptual_efficacy.backbones import store

with job(snakemake) as run:
    gratings = waveforms.gratings(run.params.pixels_per_degree)
    cube = distances.contrast_distances(
        store.load(run.input.weights, precision=run.params.precision).to(run.device),
        gratings.values,
        waveforms.CONTRASTS,
        batch_size=run.params.batch_size,
        progress=run.progress,
    )
    about = cube.assign_coords(gratings.coords).assign_attrs(pixels_per_degree=run.params.pixels_per_degree)
    io.write_dataset(about, run.output.distances, run.provenance)
