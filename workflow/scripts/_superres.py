"""What both trainings of super-resolution share."""

from typing import Any

import pandas as pd
from job import Run

from perceptual_efficacy import io
from perceptual_efficacy.superres import edsr, images, state, training


def train(run: Run, network: edsr.EDSR, loss: training.Loss, seed: int) -> None:
    """Train with a loss on patches drawn by a seed, and write weights, card and log."""
    params, devices = run.params, run.accelerators(run.params.devices)
    recipe = training.Recipe(**params.recipe, batch_size=params.batch_size, precision=params.precision)
    listed, sources = io.read_table(run.input.images), images.sources(params.sets, params.folders)
    rows = listed[listed["use"] == "validation"].to_dict("records")
    validation = [images.read(row, sources, network.scale) for row in rows]
    options: dict[str, Any] = {"state_file": params.state, "key": run.depends_on, "progress": run.progress}
    options |= {"devices": devices, "workers": run.threads - 1 if params.devices else 0}
    drawn = patches(run, network.scale, seed)
    log = training.train(network, drawn, loss, recipe, validation=validation, **options)
    network.card["steps"] = params.recipe["steps"]
    write(run, network, log)
    state.remove(params.state)


def write(run: Run, network: edsr.EDSR, log: pd.DataFrame) -> None:
    """Write weights, card and log."""
    network.card["provenance"] = run.provenance
    edsr.save(network, run.output.weights, run.output.card)
    log = pd.DataFrame({**network.identity, **log}).astype({"draw": "Int64"})
    io.write_table(log, run.output.log, run.provenance)
    io.write_csv(log, run.output.csv)


def patches(run: Run, scale: int, seed: int) -> images.Patches:
    """Return the patches of a training."""
    table = io.read_table(run.input.table)
    return images.Patches(table, run.input.high, run.input.low, scale=scale, patch=run.params.patch, seed=seed)
