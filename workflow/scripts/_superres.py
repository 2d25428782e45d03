"""What both trainings of super-resolution share."""

import pandas as pd
import torch
from job import runs_on

from perceptual_efficacy import io
from perceptual_efficacy.superres import edsr, images, state, training


def train(run, network, loss, seed):
    """Train with a loss on patches drawn by a seed, and write weights, card and log."""
    params = run.params
    runs_on("cuda" if params.devices else "cpu")
    if params.devices > (there := torch.cuda.device_count()):
        raise ValueError(
            f"superres.devices is {params.devices}; this machine has {there} accelerators. Use 0 for the CPU."
        )
    listed, sources = io.read_table(run.input.images), images.sources(params.sets, params.folders)
    validation = listed[listed["use"] == "validation"].to_dict("records")
    log = training.train(
        network,
        patches(run, network.scale, seed),
        loss,
        training.Recipe(**params.recipe, batch_size=params.batch_size, precision=params.precision),
        validation=[images.read(row, sources, network.scale) for row in validation],
        state_file=params.state,
        key=run.depends_on,
        devices=[f"cuda:{number}" for number in range(params.devices)] or ["cpu"],
        workers=run.threads - 1 if params.devices else 0,
        progress=run.progress,
    )
    network.card["steps"] = params.recipe["steps"]
    write(run, network, log)
    state.remove(params.state)


def write(run, network, log):
    """Write weights, card and log."""
    network.card["provenance"] = run.provenance
    edsr.save(network, run.output.weights, run.output.card)
    log = pd.DataFrame({**network.identity, **log}).astype({"draw": "Int64"})
    io.write_table(log, run.output.log, run.provenance)
    io.write_csv(log, run.output.csv)


def patches(run, scale, seed):
    """Return the patches of a training."""
    table = io.read_table(run.input.table)
    return images.Patches(table, run.input.high, run.input.low, scale=scale, patch=run.params.patch, seed=seed)
