"""Training for super-resolution with L1, or L1 plus the distance of chosen channels; resumable at any step."""

import copy
import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from perceptual_efficacy import baselines
from perceptual_efficacy.backbones.network import Progress, as_tensor, use_exact_kernels
from perceptual_efficacy.superres import edsr, state
from perceptual_efficacy.superres.edsr import EDSR
from perceptual_efficacy.superres.fidelity import psnr_y
from perceptual_efficacy.superres.images import Image, Patches
from perceptual_efficacy.superres.resize import degrade
from perceptual_efficacy.vocabulary import MDSI

RATIO_PATCHES = 32  # over which the weight of the distance is averaged
RATIO_BATCH = 8
STATE_SECONDS = 30.0  # between two states on disk
PRECISIONS = ("float32", "bfloat16")
COLUMNS = ("step", "l1", "distance", "psnr_y", "mdsi")


class Recipe(NamedTuple):
    """How long and how fast to train."""

    steps: int  # updates of the weights
    batch_size: int  # patches per update, over all devices
    learning_rate: float  # Adam's at the first step; it falls to 0 along half a cosine
    log_every: int  # steps between two rows of the log
    precision: str = "float32"  # or "bfloat16": convolutions in bfloat16, weights in float32


class Loss(NamedTuple):
    """Mean absolute error plus `weight` times the distance by a selection of channels; without a metric, L1 alone."""

    metric: nn.Module | None = None
    weight: float = 0.0

    def terms(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Mean absolute error and, if there is a metric, mean distance, of images (N, 3, H, W), values in [0, 1]."""
        terms = {"l1": functional.l1_loss(output, target)}
        if self.metric is not None:
            terms["distance"] = self.metric(output, target).mean()
        return terms


def weigh(network: EDSR, metric: nn.Module, patches: Patches, rho: float, *, count: int = RATIO_PATCHES) -> float:
    """Return rho |dL1/dy| / |dd/dy|, which makes the gradient of the distance d rho times as long as that of L1.

    The lengths of the gradients with respect to the network's output y are averaged over the first `count` patches
    before they are divided. A distance without a gradient there is a ValueError.
    """
    lengths = {"l1": 0.0, "distance": 0.0}
    for batch in _loader(patches, range(count), RATIO_BATCH):
        low, high = (_as_values(codes, network.mean.device) for codes in batch)
        with torch.no_grad():
            output = network(low)
        output.requires_grad_()
        for name, term in Loss(metric).terms(output, high).items():
            (gradient,) = torch.autograd.grad(term, output)
            # the mean over the batch divided each patch's gradient by the number of patches
            lengths[name] += float(len(low) * gradient.flatten(1).norm(dim=1).sum())
    if not 0 < lengths["distance"] < math.inf:
        raise ValueError(
            f"The gradient of the distance at the network's output has length {lengths['distance']} on {count} "
            f"patches, so it cannot be weighed against L1. Choose other channels or layers."
        )
    return rho * lengths["l1"] / lengths["distance"]


def train(
    network: EDSR,
    patches: Patches,
    loss: Loss,
    recipe: Recipe,
    *,
    validation: Sequence[Image] = (),
    state_file: str | os.PathLike[str],
    key: Mapping[str, str],
    devices: Sequence[str] = ("cpu",),
    workers: int = 0,
    progress: Progress = iter,
) -> pd.DataFrame:
    """Train a network in place; after an interruption, resume from the last state.

    On one processor a resumed training ends with the same bits as an uninterrupted one; accelerators promise less.

    Parameters
    ----------
    patches
        Every step takes the next ones.
    loss, recipe
        What is minimised, and how; an unknown precision, or a batch that cannot be shared evenly among the devices, is
        a ValueError.
    validation
        Original images, uint8 (height, width, 3), to follow the training by; no decision rests on them.
    state_file
        Where the state is kept. The last one stays: remove it once the results are safe.
    key
        What the training depends on, as `state.resume` compares it.
    devices, workers
        Devices to share each batch among, e.g. ("cuda:0", "cuda:1"), each with a process of its own; processes per
        device that cut patches in the background, 0 cuts them between steps.
    progress
        Wraps the iteration over steps, e.g. `tqdm`.

    Returns
    -------
    The log: one row before the first step, one every `log_every` steps and one after the last. step; l1 and distance,
    means since the row before; psnr_y (dB) and mdsi, means over the validation images. Missing where not measured.

    Raises
    ------
    FloatingPointError
        If a term of the loss, or a weight at the end, is not finite.
    OSError
        If the state cannot be written.
    """
    if recipe.precision not in PRECISIONS:
        raise ValueError(f"precision is {recipe.precision!r}; it must be one of {PRECISIONS}.")
    if recipe.batch_size % len(devices):
        raise ValueError(
            f"A batch of {recipe.batch_size} patches cannot be shared evenly among {len(devices)} devices."
        )
    training = _Training(network, loss, recipe, validation, Path(state_file), key)
    training.resume()
    if training.step < recipe.steps:
        training.start(patches, devices, workers, progress)
    network.cpu()
    if broken := [name for name, value in network.state_dict().items() if not value.isfinite().all()]:
        raise FloatingPointError(
            f"After step {recipe.steps}, the last, the weights {broken[0]} are not finite. Lower the learning rate, or "
            f"compute in float32, and delete {state_file}."
        )
    return pd.DataFrame(training.rows, columns=list(COLUMNS)).astype({"step": int})


@dataclass
class _Training:
    """A training between two steps."""

    network: EDSR
    loss: Loss
    recipe: Recipe
    validation: Sequence[Image]
    file: Path
    key: Mapping[str, str]
    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)  # of the loss's terms since the last row
    adam: dict[str, Any] | None = None

    def resume(self) -> None:
        """Go on from the state on disk, if there is one of this training."""
        if (found := state.resume(self.file, self.key)) is not None:
            self.network.load_state_dict(found.pop("network"))
            vars(self).update(found)

    def save(self, adam: torch.optim.Adam) -> None:
        """Write the state to disk."""
        content = {"step": self.step, "rows": self.rows, "sums": self.sums}
        state.write({**content, "network": self.network.state_dict(), "adam": adam.state_dict()}, self.file, self.key)

    def start(self, patches: Patches, devices: Sequence[str], *arguments: Any) -> None:
        """Train to the last step, in a process per device if there are several."""
        if len(devices) == 1:
            self.run(0, patches, devices, *arguments)
            return
        # new processes would run the calling script again: Snakemake's scripts have no guard against that
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            with tempfile.TemporaryDirectory() as folder:
                given = f"file://{folder}/meeting", self, patches, devices, *arguments
                multiprocessing.spawn(_join, given, len(devices))
        except multiprocessing.ProcessRaisedException as error:
            name, _, message = str(error).strip().splitlines()[-1].partition(": ")
            raise (FloatingPointError(message) if name == FloatingPointError.__name__ else error) from error
        finally:
            sys.modules["__main__"] = main
        self.resume()

    def run(self, rank: int, patches: Patches, devices: Sequence[str], workers: int, progress: Progress) -> None:
        """Train to the last step, as one of several processes that share each batch."""
        use_exact_kernels()  # here, as each device may have a process of its own
        recipe, shares, device = self.recipe, len(devices), torch.device(devices[rank])
        network = self.network.to(device)
        if self.loss.metric is not None:
            self.loss.metric.to(device)
        model = DistributedDataParallel(network) if shares > 1 else network
        adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
        if self.adam is not None:
            adam.load_state_dict(self.adam)
        if not self.rows:
            self.log({})
        saved = -math.inf  # so that a folder that cannot be written to is found before the first step
        # the processes take turns, so that together they take every batch as one alone does
        mine = range(self.step * recipe.batch_size + rank, recipe.steps * recipe.batch_size, shares)
        for batch in progress(_loader(patches, mine, recipe.batch_size // shares, workers)):
            low, high = (_as_values(codes, device) for codes in batch)
            if rank == 0 and time.monotonic() - saved > STATE_SECONDS:
                self.save(adam)
                saved = time.monotonic()
            for group in adam.param_groups:
                group["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * self.step / recipe.steps)) / 2
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                terms = self.loss.terms(model(low).float(), high)
            self.add(terms, shares)
            total = terms["l1"] + self.loss.weight * terms["distance"] if "distance" in terms else terms["l1"]
            adam.zero_grad()
            total.backward()
            adam.step()
            self.step += 1
            if self.step % recipe.log_every == 0 or self.step == recipe.steps:
                since = self.step - self.rows[-1]["step"]
                self.log({name: value / since for name, value in self.sums.items()})
                self.sums = {}
        if rank == 0:
            self.save(adam)

    def add(self, terms: Mapping[str, Tensor], shares: int) -> None:
        """Add the loss's terms to their sums, averaged over the processes: all log, and stop at, the same values."""
        values = torch.stack([term.detach() for term in terms.values()])
        if shares > 1:
            distributed.all_reduce(values)
        for name, value in zip(terms, (values / shares).tolist(), strict=True):
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"Step {self.step + 1} of {self.recipe.steps}: the term {name!r} of the loss is {value}; expected "
                    f"a finite number. Nothing was trained further; the last state is in {self.file}. Lower the "
                    f"learning rate, or compute in float32, and delete that file."
                )
            self.sums[name] = self.sums.get(name, 0.0) + value

    def log(self, terms: Mapping[str, float]) -> None:
        """Add a row to the log, with the mean PSNR-Y and MDSI of the results on the validation images."""
        row = {**dict.fromkeys(COLUMNS, math.nan), "step": self.step, **terms}
        scores = []
        for image in self.validation:
            result = edsr.enlarge(self.network, degrade(image, self.network.scale), self.network.mean.device)
            mdsi = baselines.measure(as_tensor(image), as_tensor(result), MDSI).item()
            scores.append((psnr_y(result, image, self.network.scale), mdsi))
        if scores:
            row["psnr_y"], row["mdsi"] = np.mean(scores, axis=0).tolist()
        self.rows.append(row)


def _join(
    rank: int, meeting: str, training: _Training, patches: Patches, devices: Sequence[str], workers: int, show: Progress
) -> None:
    """Train as one of several processes."""
    backend = "nccl" if torch.device(devices[rank]).type == "cuda" else "gloo"
    distributed.init_process_group(backend, meeting, rank=rank, world_size=len(devices))
    # a copy: the processes were given the same tensors in shared memory
    copy.deepcopy(training).run(rank, patches, devices, workers, show if rank == 0 else iter)
    distributed.destroy_process_group()


def _loader(patches: Patches, numbers: range, batch_size: int, workers: int = 0) -> DataLoader[Any]:
    # with a generator of its own it leaves the global random state alone
    generator = torch.Generator()
    return DataLoader(patches, batch_size, sampler=numbers, num_workers=workers, generator=generator)  # type: ignore[arg-type]


def _as_values(codes: Tensor, device: torch.device) -> Tensor:
    """Code values of 0 to 255 as values in [0, 1]."""
    return codes.to(device, torch.float32, memory_format=torch.channels_last) / 255
