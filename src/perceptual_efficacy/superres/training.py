"""Training for super-resolution with L1, or with L1 and the distance by chosen channels; stopped, resumed at will."""

import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import lightning.pytorch as lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from numpy.typing import NDArray
from torch import Tensor, multiprocessing, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler

from perceptual_efficacy import baselines
from perceptual_efficacy.backbones.network import as_tensor
from perceptual_efficacy.superres import edsr, state
from perceptual_efficacy.superres.edsr import EDSR
from perceptual_efficacy.superres.fidelity import psnr_y
from perceptual_efficacy.superres.images import Patches, stacked
from perceptual_efficacy.superres.resize import degrade

PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed"}
RATIO_PATCHES = 32  # over which the weight of the distance is averaged
BATCH = 8  # of them at a time
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
        "float32", or "bfloat16" for the convolutions (mixed precision).
    """

    steps: int
    batch_size: int
    learning_rate: float
    log_every: int
    precision: str = "float32"


class Loss(NamedTuple):
    """Mean absolute error plus `weight` times the distance by a selection of channels; without one, L1 alone."""

    metric: nn.Module | None = None
    weight: float = 0.0

    def terms(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Mean absolute error and, if there is a metric, mean distance, of images (N, 3, H, W), values in [0, 1]."""
        terms = {"l1": functional.l1_loss(output, target)}
        if self.metric is not None:
            terms["distance"] = self.metric(output, target).mean()
        return terms


def weigh(network: EDSR, metric: nn.Module, patches: Patches, rho: float) -> float:
    """Return rho |dL1/dy| / |dd/dy|: the weight at which the distance pulls at the output rho times as hard as L1 does.

    Parameters
    ----------
    network
        Where the comparison is made: the network that training starts from.
    metric
        The distance d.
    patches
        The lengths of the gradients with respect to the output image y are averaged over these patches, before they
        are divided.
    rho
        How hard.

    Raises
    ------
    ValueError
        If the distance has no gradient there.
    """
    lengths = {"l1": 0.0, "distance": 0.0}
    device = network.mean.device
    for begin in range(0, len(patches), BATCH):
        part = [patches[number] for number in range(begin, min(begin + BATCH, len(patches)))]
        low, high = (_as_values(torch.from_numpy(batch).to(device)) for batch in stacked(part))
        with torch.no_grad():
            output = network(low)
        output.requires_grad_()
        for name, term in Loss(metric).terms(output, high).items():
            (gradient,) = torch.autograd.grad(term, output)
            # the mean over the batch divided each patch's gradient by the number of patches
            lengths[name] += float(len(part) * gradient.flatten(1).norm(dim=1).sum())
    if not 0 < lengths["distance"] < math.inf:
        raise ValueError(
            f"The gradient of the distance at the network's output has length {lengths['distance']} on {len(patches)} "
            f"patches, so it cannot be weighed against L1. Choose other channels or layers."
        )
    return rho * lengths["l1"] / lengths["distance"]


def train(
    network: EDSR,
    patches: Callable[[range], Patches],
    loss: Loss,
    recipe: Recipe,
    *,
    validation: Images = (),
    state_file: str | os.PathLike[str],
    key: Mapping[str, str],
    devices: int = 0,
    workers: int = 0,
    progress: bool = False,
    accelerator: Literal["cpu", "gpu"] | None = None,
) -> pd.DataFrame:
    """Train a network in place. A training that was killed goes on from its last state, and ends as if it had not been.

    On one machine's processor it ends with the same bits; accelerators promise less.

    Parameters
    ----------
    network
        The network to train, at its start.
    patches
        Returns the patches of these numbers; every step takes the next ones.
    loss, recipe
        What is minimised, and how.
    validation
        Original images, uint8 (height, width, 3), to follow the training by: no decision rests on them.
    state_file
        Where the state is kept. The last one stays: remove it once the results are safe.
    key
        What the training depends on, as `state.resume` compares it.
    devices
        Accelerators to share each batch among; 0 for the processor.
    workers
        Processes that cut patches beside the training; 0 cuts them in between.
    progress
        Whether to show a progress bar.
    accelerator
        What the devices are, if not what their number says; several processes on the processor take "cpu".

    Returns
    -------
    The log, one row every `log_every` steps, one before the first and one after the last: step; l1 and distance, means
    since the row before; psnr_y (dB) and mdsi, means over the validation images. Missing where there is nothing to say.

    Raises
    ------
    FloatingPointError
        If a term of the loss is not finite, and the message says which and at which step, or a weight at the end.
    OSError
        If the state cannot be written.
    ValueError
        If a batch cannot be shared evenly among the devices.
    """
    shares = max(1, devices)
    if recipe.batch_size % shares:
        raise ValueError(f"A batch of {recipe.batch_size} patches cannot be shared evenly among {shares} devices.")
    training = _Training(network, loss, recipe, validation, Path(state_file), key)
    if (begun := state.resume(state_file, key)) is not None:
        training.restore(begun)
    first, last = training.step * recipe.batch_size, recipe.steps * recipe.batch_size
    due = patches(range(first, last))
    loader = DataLoader(
        due,
        batch_size=recipe.batch_size // shares,
        sampler=_Share(len(due), shares),
        num_workers=workers,
    )
    # PyTorch draws seeds for workers, which nothing rests on: the global random state is left alone
    with _quiet(), torch.random.fork_rng(devices=[]):
        trainer = lightning.Trainer(
            accelerator=accelerator or ("gpu" if devices else "cpu"),
            devices=shares,
            # not processes that run the calling script again
            strategy="ddp_spawn" if shares > 1 else "auto",
            # not one guessed from the environment of a cluster's job
            plugins=[LightningEnvironment()],
            # Lightning's own would shuffle
            use_distributed_sampler=False,
            precision=PRECISIONS[recipe.precision],  # type: ignore[arg-type]
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
        )
        if training.step < recipe.steps:
            _fit(trainer, training, loader)
    if shares > 1:  # it happened in other processes
        training.restore(cast("state.State", state.resume(state_file, key)))
    network.cpu()
    if broken := [name for name, value in network.state_dict().items() if not value.isfinite().all()]:
        raise FloatingPointError(
            f"After step {recipe.steps}, the last, the weights {broken[0]} are not finite. Lower the learning rate, or "
            f"compute in float32, and delete {state_file}."
        )
    return pd.DataFrame(training.rows, columns=list(COLUMNS)).astype({"step": int})


class _Share(Sampler[int]):
    """One process's share of the patches: all take turns, so that together they take every batch as one alone does."""

    def __init__(self, patches: int, shares: int) -> None:
        self.patches, self.shares = patches, shares

    def __len__(self) -> int:
        return self.patches // self.shares

    def __iter__(self) -> Iterator[int]:
        rank = torch.distributed.get_rank() if self.shares > 1 else 0
        yield from range(rank, self.patches, self.shares)


def _fit(trainer: lightning.Trainer, training: "_Training", loader: DataLoader[Any]) -> None:
    """Fit; what is not finite in another process is told as in this one."""
    try:
        trainer.fit(training, loader)
    except multiprocessing.ProcessRaisedException as error:
        kind, _, message = str(error).strip().splitlines()[-1].partition(": ")
        if kind == FloatingPointError.__name__:
            raise FloatingPointError(message) from error
        raise


class _Training(lightning.LightningModule):
    """What happens in a step, what is logged, and what a state holds."""

    def __init__(
        self, network: EDSR, loss: Loss, recipe: Recipe, validation: Images, file: Path, key: Mapping[str, str]
    ) -> None:
        super().__init__()
        self.network = network
        self.metric = loss.metric  # a module, so that it moves to the device
        self.loss, self.recipe = loss, recipe
        self.validation, self.file, self.key = validation, file, key
        self.step = 0
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.momentum: dict[str, Tensor] = {}  # Adam's state, until there is an optimiser
        self.saved = time.monotonic()

    def restore(self, begun: state.State) -> None:
        """Go on from a state."""
        weights = {name: begun.tensors[f"network.{name}"] for name in self.network.state_dict()}
        self.network.load_state_dict(weights, strict=True)
        self.momentum = {name: value for name, value in begun.tensors.items() if name.startswith("adam.")}
        self.step, self.rows, self.sums = (begun.record[name] for name in ("step", "rows", "sums"))

    def save(self) -> None:
        """Write the state."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for number, values in self._adam().state_dict()["state"].items():
            tensors |= {f"adam.{number}.{name}": value for name, value in values.items()}
        record = {"step": self.step, "rows": self.rows, "sums": self.sums}
        state.write(state.State(tensors, record), self.file, self.key)
        self.saved = time.monotonic()

    def configure_optimizers(self) -> torch.optim.Adam:
        adam = torch.optim.Adam(self.network.parameters(), lr=self.recipe.learning_rate)
        values: dict[int, dict[str, Tensor]] = {}
        for name, value in self.momentum.items():
            _, number, what = name.split(".")
            # a copy: processes share the memory of what they are given, and would all count the same steps
            values.setdefault(int(number), {})[what] = value.clone()
        adam.load_state_dict({**adam.state_dict(), "state": values})
        return adam

    def on_fit_start(self) -> None:
        if self.step == 0:
            self._log({})
        if self.trainer.is_global_zero:
            self.save()  # a folder that cannot be written to is found out now

    def on_fit_end(self) -> None:
        if self.trainer.is_global_zero:
            self.save()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        rate = self.recipe.learning_rate * (1 + math.cos(math.pi * self.step / self.recipe.steps)) / 2
        for group in self._adam().param_groups:
            group["lr"] = rate

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        low, high = (_as_values(part) for part in batch)
        terms = self.loss.terms(self.network(low).float(), high)
        for name, term in terms.items():
            # the mean over all devices, so that all of them log, and stop at, the same
            value = self.trainer.strategy.reduce(term.detach().clone(), reduce_op="mean").item()
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"Step {self.step + 1} of {self.recipe.steps}: the term {name!r} of the loss is {value}; expected "
                    f"a finite number. Nothing was trained further; the last state is in {self.file}. Lower the "
                    f"learning rate, or compute in float32, and delete that file."
                )
            self.sums[name] = self.sums.get(name, 0.0) + value
        total = terms["l1"]
        return total + self.loss.weight * terms["distance"] if "distance" in terms else total

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.step += 1
        if self.step % self.recipe.log_every == 0 or self.step == self.recipe.steps:
            since = self.step - int(self.rows[-1]["step"])
            self._log({name: value / since for name, value in self.sums.items()})
            self.sums = {}
        if self.trainer.is_global_zero and time.monotonic() - self.saved > STATE_SECONDS:
            self.save()

    def _adam(self) -> torch.optim.Optimizer:
        return self.trainer.optimizers[0]

    def _log(self, terms: Mapping[str, float]) -> None:
        row: dict[str, float] = {**dict.fromkeys(COLUMNS, math.nan), "step": self.step, **terms}
        self.rows.append(row | follow(self.network, self.validation))


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


def _as_values(codes: Tensor) -> Tensor:
    """Code values of 0 to 255 as values in [0, 1]."""
    return codes.to(torch.float32, memory_format=torch.channels_last) / 255


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice and announcements, which are about choices made here on purpose."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
