"""Measure the response of every channel of one backbone to every grating."""

from job import job

from perceptual_efficacy import io, probing, stimuli
from perceptual_efficacy.backbones import store

with job(snakemake) as run:
    tuning = probing.probe(
        store.load(run.input.weights, precision=run.params.precision).to(run.device),
        stimuli.gratings(**run.params.stimuli),
        largest=run.params.largest,
        batch_size=run.params.batch_size,
        progress=run.progress,
    )
    io.write_dataset(tuning, run.output.tuning, run.provenance)
