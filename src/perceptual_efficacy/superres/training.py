"""Training for super-resolution with L1, or L1 plus the distance of chosen channels; resumable at any step."""

import copy
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset

from perceptual_efficacy import baselines
from perceptual_efficacy.backbones.network import Progress, as_tensor
from perceptual_efficacy.superres import edsr, state
from perceptual_efficacy.superres.edsr import EDSR
from perceptual_efficacy.superres.fidelity import psnr_y
from perceptual_efficacy.superres.images import Patches
from perceptual_efficacy.superres.resize import degrade

RATIO_PATCHES = 32  # over which the weight of the distance is averaged
RATIO_BATCH = 8
STATE_SECONDS = 30.0  # between two states on disk
COLUMNS = ("step", "l1", "distance", "psnr_y", "mdsi")

Images = Sequence[NDArray[np.uint8]]


class Recipe(NamedTuple):
    """How long and how fast to train.

    Attributes
    ----------
    steps
        Updates of the weights.
    batch_size
        Patches per update, over all devices.
    learning_rate
        Adam's at the first step; it falls to 0 along half a cosine.
    log_every
        Steps between two rows of the log.
    precision
        "float32", or "bfloat16" for convolutions in bfloat16 and weights in float32 (mixed precision).
    """

    steps: int
    batch_size: int
    learning_rate: float
    log_every: int
    precision: str = "float32"


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
    """Return rho |dL1/dy| / |dd/dy|, which makes the gradient of the distance rho times as long as that of L1.

    Parameters
    ----------
    network
        Where the gradients are compared: the initial checkpoint.
    metric
        The distance d.
    patches, count
        The lengths of the gradients with respect to the output image y are averaged over the first `count` patches,
        before they are divided.
    rho
        Ratio of the lengths.

    Raises
    ------
    ValueError
        If the distance has no gradient there.
    """
    lengths = {"l1": 0.0, "distance": 0.0}
    for batch in DataLoader(Subset(patches, range(count)), batch_size=RATIO_BATCH, generator=torch.Generator()):
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
    validation: Images = (),
    state_file: str | os.PathLike[str],
    key: Mapping[str, str],
    devices: int = 0,
    workers: int = 0,
    progress: Progress = iter,
    kind: Literal["cpu", "cuda"] | None = None,
) -> pd.DataFrame:
    """Train a network in place; after an interruption, resume from the last state with the same result.

    On the processors of one machine an interrupted training ends with the same bits as one that was not; accelerators
    promise less.

    Parameters
    ----------
    network
        The network to train.
    patches
        Every step takes the next ones.
    loss, recipe
        What is minimised, and how.
    validation
        Original images, uint8 (height, width, 3), to follow the training by; no decision rests on them.
    state_file
        Where the state is kept. The last one stays: remove it once the results are safe.
    key
        What the training depends on, as `state.resume` compares it.
    devices
        Accelerators to share each batch among; 0 for the processor.
    workers
        Processes per device that cut patches in the background; 0 cuts them in between steps.
    progress
        Wraps the iteration over steps, e.g. `tqdm`.
    kind
        Kind of the devices; by default accelerators, or the processor for 0 devices.

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
    ValueError
        If a batch cannot be shared evenly among the devices, or there are fewer devices.

    Notes
    -----
    In plain PyTorch: device, precision and shared gradients are a line each there, and nothing has to be switched off.
    """
    shares, kind = max(1, devices), kind or ("cuda" if devices else "cpu")
    if recipe.batch_size % shares:
        raise ValueError(f"A batch of {recipe.batch_size} patches cannot be shared evenly among {shares} devices.")
    if kind == "cuda" and shares > torch.cuda.device_count():
        raise ValueError(
            f"superres.devices is {devices}; this machine has {torch.cuda.device_count()} accelerators. Use 0 for the "
            f"processor."
        )
    training = _Training(network, loss, recipe, validation, Path(state_file), key)
    training.resume()
    if training.step < recipe.steps and shares == 1:
        training.run(torch.device(kind), patches, workers, progress)
    elif training.step < recipe.steps:
        _share(shares, kind, training, patches, workers, progress)
        training.resume()
    network.cpu()
    if broken := [name for name, value in network.state_dict().items() if not value.isfinite().all()]:
        raise FloatingPointError(
            f"After step {recipe.steps}, the last, the weights {broken[0]} are not finite. Lower the learning rate, or "
            f"compute in float32, and delete {state_file}."
        )
    return pd.DataFrame(training.rows, columns=list(COLUMNS)).astype({"step": int})


class _Training:
    """A training between two steps, as a state on disk holds it."""

    def __init__(
        self, network: EDSR, loss: Loss, recipe: Recipe, validation: Images, file: Path, key: Mapping[str, str]
    ) -> None:
        self.network, self.loss, self.recipe = network, loss, recipe
        self.validation, self.file, self.key = validation, file, key
        self.step = 0
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}  # of the loss's terms since the last row
        self.adam: dict[str, Any] | None = None

    def resume(self) -> None:
        """Go on from the state on disk, if there is one of this training."""
        if (found := state.resume(self.file, self.key)) is not None:
            self.network.load_state_dict(found.pop("network"))
            vars(self).update(found)

    def run(
        self,
        device: torch.device,
        patches: Patches,
        workers: int = 0,
        progress: Progress = iter,
        rank: int = 0,
        shares: int = 1,
    ) -> None:
        """Train to the last step, as one of several processes that share each batch."""
        batch_size, steps = self.recipe.batch_size, self.recipe.steps
        network = self.network.to(device)
        if self.loss.metric is not None:
            self.loss.metric.to(device)
        model = DistributedDataParallel(network) if shares > 1 else network
        adam = torch.optim.Adam(network.parameters(), lr=self.recipe.learning_rate)
        if self.adam is not None:
            adam.load_state_dict(self.adam)
        # the processes take turns, so that together they take every batch as one alone does
        mine = Subset(patches, range(self.step * batch_size + rank, steps * batch_size, shares))
        # with a generator of its own the loader leaves the global random state alone
        loader = DataLoader(mine, batch_size // shares, num_workers=workers, generator=torch.Generator())
        if not self.rows:
            self._log({})
        saved = self._save(adam, rank)  # now, so that a folder that cannot be written to is found before the first step
        for batch in progress(loader):
            low, high = (_as_values(codes, device) for codes in batch)
            for group in adam.param_groups:
                group["lr"] = self.recipe.learning_rate * (1 + math.cos(math.pi * self.step / steps)) / 2
            with torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
                terms = self.loss.terms(model(low).float(), high)
            self._add(terms, shares)
            total = terms["l1"] + self.loss.weight * terms["distance"] if "distance" in terms else terms["l1"]
            adam.zero_grad()
            total.backward()
            adam.step()
            self.step += 1
            if self.step % self.recipe.log_every == 0 or self.step == steps:
                since = self.step - int(self.rows[-1]["step"])
                self._log({name: value / since for name, value in self.sums.items()})
                self.sums = {}
            if time.monotonic() - saved > STATE_SECONDS:
                saved = self._save(adam, rank)
        self._save(adam, rank)

    def _add(self, terms: Mapping[str, Tensor], shares: int) -> None:
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

    def _log(self, terms: Mapping[str, float]) -> None:
        row: dict[str, float] = {**dict.fromkeys(COLUMNS, math.nan), "step": self.step, **terms}
        self.rows.append(row | follow(self.network, self.validation))

    def _save(self, adam: torch.optim.Adam, rank: int) -> float:
        """Write the state, once for all processes, and return the time."""
        if rank == 0:
            content = {name: getattr(self, name) for name in ("step", "rows", "sums")}
            content |= {"network": self.network.state_dict(), "adam": adam.state_dict()}
            state.write(content, self.file, self.key)
        return time.monotonic()


def follow(network: EDSR, validation: Images) -> dict[str, float]:
    """Mean PSNR-Y and MDSI of a network's results on original images; nothing if there are none."""
    scores = []
    for image in validation:
        result = edsr.enlarge(network, degrade(image, network.scale), network.mean.device)
        mdsi = baselines.measure(as_tensor(image), as_tensor(result), "MDSI").item()
        scores.append((psnr_y(result, image, network.scale), mdsi))
    if not scores:
        return {}
    psnr, mdsi = np.mean(scores, axis=0)
    return {"psnr_y": float(psnr), "mdsi": float(mdsi)}


def _share(shares: int, kind: str, training: _Training, *arguments: Any) -> None:
    """Run a training in several processes; values that are not finite are reported as in one."""
    with tempfile.TemporaryDirectory() as folder, _without_main():
        try:
            multiprocessing.spawn(_join, (f"{folder}/meeting", shares, kind, training, *arguments), nprocs=shares)
        except multiprocessing.ProcessRaisedException as error:
            name, _, message = str(error).strip().splitlines()[-1].partition(": ")
            if name == FloatingPointError.__name__:
                raise FloatingPointError(message) from error
            raise


def _join(
    rank: int,
    meeting: str,
    shares: int,
    kind: str,
    training: _Training,
    patches: Patches,
    workers: int,
    progress: Progress,
) -> None:
    """Train as one of several processes."""
    device = torch.device(kind, rank) if kind == "cuda" else torch.device(kind)
    backend = "nccl" if kind == "cuda" else "gloo"
    distributed.init_process_group(backend, f"file://{meeting}", rank=rank, world_size=shares)
    # a copy: the processes were given the same tensors in shared memory
    copy.deepcopy(training).run(device, patches, workers, progress if rank == 0 else iter, rank, shares)
    distributed.destroy_process_group()


@contextmanager
def _without_main() -> Iterator[None]:
    """Let new processes not run the calling script again: Snakemake's scripts have no guard against that."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _as_values(codes: Tensor, device: torch.device) -> Tensor:
    """Code values of 0 to 255 as values in [0, 1]."""
    return codes.to(device, torch.float32, memory_format=torch.channels_last) / 255
