"""Distances of image files: which belong together, measured in batches, whatever may be wrong with some of them."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from perceptual_efficacy import image_files, io, storage
from perceptual_efficacy.backbones.network import as_tensor
from perceptual_efficacy.metric import PerceptualMetric

Pair = tuple[Path, Path]  # an image and its reference


class Comparison(NamedTuple):
    """The distance of an image from its reference, or why there is none."""

    image: Path
    reference: Path
    distance: float  # missing if there is a problem
    problem: str | None = None


def pair_up(reference: Path, images: Sequence[Path]) -> tuple[list[Pair], list[Path]]:
    """Say which image belongs to which reference: all to one image, or two folders' by their paths without suffix.

    Returns
    -------
    The pairs, and the images of two folders that have no partner.

    Raises
    ------
    ValueError
        If a folder is given beside an image, or beside more than one other folder; if two images of a folder differ in
        their suffix only, or no image of one has the name of one in the other.
    FileNotFoundError
        If a reference or folder is missing.
    """
    if not any(path.is_dir() for path in (reference, *images)):
        if not reference.is_file():
            raise FileNotFoundError(f"There is no reference {reference}.")
        return [(image, reference) for image in images], []
    if len(images) != 1 or not reference.is_dir() or not images[0].is_dir():
        found = ", ".join(f"{path} ({'a folder' if path.is_dir() else 'no folder'})" for path in (reference, *images))
        raise ValueError(f"Compare an image with images, or a folder with one folder; found {found}.")
    theirs, ours = (_by_stem(folder) for folder in (reference, images[0]))
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        held = "; ".join(f"{folder}: {_few(files)}" for folder, files in ((reference, theirs), (images[0], ours)))
        raise ValueError(f"No image of one folder has the name of one in the other, suffix aside. {held}.")
    alone = [path for files in (theirs, ours) for stem, path in sorted(files.items()) if stem not in common]
    return [(ours[stem], theirs[stem]) for stem in common], alone


def measure(metric: PerceptualMetric, pairs: Sequence[Pair], *, batch_size: int = 8) -> Iterator[Comparison]:
    """Yield the distance of every pair of image files, in their order.

    Consecutive images of one size share a forward pass, up to `batch_size` of them; below 1 is a ValueError. What
    cannot be read, or has another size than its reference, has no distance but a problem.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    read = lru_cache(maxsize=1)(_read)  # of references: consecutive images may share one
    batch: list[tuple[Pair, Tensor, Tensor]] = []
    for image, reference in pairs:
        try:
            one, other = _read(image), read(reference)
            if one.shape != other.shape:
                found, wanted = (" x ".join(map(str, shown.shape[:1:-1])) for shown in (one, other))
                raise ValueError(f"{image} is {found} pixels, its reference {reference} {wanted}; they must be equal.")
        except (ValueError, OSError) as error:
            yield from _measured(metric, batch)
            batch = []
            yield Comparison(image, reference, math.nan, str(error))
            continue
        if len(batch) == batch_size or (batch and batch[0][1].shape != one.shape):
            yield from _measured(metric, batch)
            batch = []
        batch.append(((image, reference), one, other))
    yield from _measured(metric, batch)


def mean(rows: Sequence[Comparison]) -> float | None:
    """Return the mean of the distances that there are; None without any."""
    distances = [row.distance for row in rows if row.problem is None]
    return sum(distances) / len(distances) if distances else None


def write(rows: Sequence[Comparison], path: str | os.PathLike[str], about: Mapping[str, Any]) -> None:
    """Write comparisons and their mean as `.csv`, in a last row, or `.json`, which also says what they are `about`."""
    listed = [
        {"image": str(row.image), "reference": str(row.reference), "distance": None if row.problem else row.distance}
        for row in rows
    ]
    if Path(path).suffix == ".json":
        storage.write_record({**about, "mean": mean(rows), "images": listed}, path)
    else:
        io.write_csv(pd.DataFrame([*listed, {"image": "mean", "reference": "", "distance": mean(rows)}]), path)


def _measured(metric: PerceptualMetric, batch: Sequence[tuple[Pair, Tensor, Tensor]]) -> Iterator[Comparison]:
    if not batch:
        return
    device = metric.backbone.mean.device
    images = torch.cat([image for _, image, _ in batch]).to(device)
    shared = len({reference for (_, reference), _, _ in batch}) == 1
    references = torch.cat([reference for _, _, reference in (batch[:1] if shared else batch)]).to(device)
    try:
        with torch.inference_mode():
            distances, problem = metric(images, references).tolist(), None
    except ValueError as error:
        distances, problem = [math.nan] * len(batch), str(error)
    for ((image, reference), _, _), distance in zip(batch, distances, strict=True):
        yield Comparison(image, reference, distance, None if problem is None else f"{image}: {problem}")


def _read(path: Path) -> Tensor:
    return as_tensor(image_files.read(path))


def _by_stem(folder: Path) -> dict[str, Path]:
    """Return the images in a folder and below it by their paths in it without suffix."""
    found: dict[str, Path] = {}
    for path in image_files.find(folder)[0]:
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise ValueError(f"{folder} has {found[stem].name} and {path.name}: which of them is compared?")
        found[stem] = path
    return found


def _few(files: Mapping[str, Path], most: int = 3) -> str:
    names = [path.name for path in files.values()]
    return (", ".join(names[:most]) or "no image") + (f" and {len(names) - most} more" if len(names) > most else "")
