"""Measure the responses of a control's shape with other random weights, of several seeds."""

import xarray as xr
from job import job

from perceptual_efficacy import io, probing, stimuli
from perceptual_efficacy.backbones import loading, store, vgg
from perceptual_efficacy.backbones.network import Backbone


def drawn(seed: int) -> Backbone:
    if run.params.widths:
        backbone = vgg.draw_random(dict(run.params.layers), seed)
    else:
        backbone = loading.load_backbone(run.params.network, layers=run.params.layers, weights=None, seed=seed)
    backbone.network.to(store.PRECISIONS[run.params.precision])
    return backbone


with job(snakemake) as run:
    gratings = stimuli.gratings(**run.params.stimuli)
    options = {"largest": run.params.largest, "batch_size": run.params.batch_size, "colour": False}
    options["progress"] = run.progress
    seeds = range(run.params.seed + 1, run.params.seed + run.params.control_seeds)
    tunings = [probing.probe(drawn(seed).to(run.device), gratings, **options) for seed in seeds]
    io.write_dataset(xr.concat(tunings, "seed").assign_coords(seed=list(seeds)), run.output.tuning, run.provenance)
