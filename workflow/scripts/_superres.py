"""What both trainings of super-resolution start with and leave behind."""

import os
import sys
from functools import partial

import torch
from job import runs_on

from perceptual_efficacy import io
from perceptual_efficacy.superres import edsr, images, state, training


def train(run, snakemake, network, loss, *, seed, card):
    """Train with a loss on patches drawn by a seed, and write weights, card and log."""
    params, scale = run.params, network.scale
    devices = params.devices
    if devices > torch.cuda.device_count():
        raise ValueError(
            f"superres.devices is {devices}; this machine has {torch.cuda.device_count()} accelerators. Use 0 for the "
            f"processor."
        )
    runs_on("cuda" if devices else "cpu")
    listed = io.read_table(run.input.images)
    sources = images.sources(params.sets, params.folders)
    validation = [images.read(row, sources, scale) for row in listed[listed["use"] == "validation"].to_dict("records")]
    log = training.train(
        network,
        partial(patches, run, scale, seed),
        loss,
        training.Recipe(**params.recipe, batch_size=params.batch_size, precision=params.precision),
        validation=validation,
        state_file=params.state,
        key=run.depends_on,
        devices=devices,
        workers=snakemake.threads - 1 if devices else 0,
        progress=sys.stderr.isatty(),
    )
    write(run, network, log, {**card, "steps": params.recipe["steps"], "seed": seed})
    state.remove(params.state)


def write(run, network, log, card):
    """Write weights, card and log."""
    io.write_table(log, run.output.log, run.provenance)
    io.write_csv(log, run.output.csv)
    edsr.save(network, run.output.weights, run.output.card, {**card, "provenance": run.provenance})


def patches(run, scale, seed, indices):
    """Return the patches of a training run."""
    packed = io.read_table(run.input.table)
    place = {"scale": scale, "patch": run.params.patch, "seed": seed, "indices": indices}
    return images.Patches(packed, os.fspath(run.input.high), os.fspath(run.input.low), **place)
