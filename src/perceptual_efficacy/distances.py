"""The distance cube: the distance of two images by every single channel. A selection's distance is a sum of it.

A channel's distance is the mean over positions of the squared difference of unit-normalised activations: all channels
of LPIPS's layers add up to LPIPS's uncalibrated distance (Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable
Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from perceptual_efficacy.backbones.network import Backbone, Progress, grey_images
from perceptual_efficacy.stimuli import GREY
from perceptual_efficacy.vocabulary import OF_DATASET

DISTANCE = "mean over positions of the squared difference of unit-normalised maps"
STRIP = 2**18  # activations in hand at once
LARGEST_OVERSHOOT = 1.5  # times its peak, of a pattern
EPSILON = 1e-10  # inside the root, so that the gradient stays finite where all channels are silent

Image = NDArray[np.uint8]
Reader = Callable[[str, str], Image]


def unit_normalised(activation: Tensor) -> Tensor:
    """Divide activations (N, channels, H, W) by their length over the channels at each position."""
    images = _by_position(activation)
    unit = torch.empty_like(images, memory_format=torch.contiguous_format)
    for image, result in zip(images, unit, strict=True):
        for strip, target in zip(_strips(image), _strips(result), strict=True):
            torch.mul(strip, _inverse_length(strip, -1), out=target)
    return unit.unflatten(1, activation.shape[2:]).permute(0, 3, 1, 2)


def weighted_differences(activation: Tensor, reference: Tensor, weight: Tensor) -> Tensor:
    """Weighted sum over channels of the squared differences at each position, shape (N, H, W); gradients pass.

    The activations, (N, channels, H, W), are not yet unit-normalised; there may be one reference for all of them. The
    weight has shape (channels,). Autocast is off in here: float16 overflows, and bfloat16 has three digits.
    """
    with torch.autocast(activation.device.type, enabled=False):
        difference = activation * _inverse_length(activation, 1) - reference * _inverse_length(reference, 1)
        return (weight.to(difference) @ difference.square().flatten(2)).unflatten(1, activation.shape[2:])


def contrast_distances(
    backbone: Backbone,
    pattern: ArrayLike,
    contrasts: Sequence[float],
    *,
    batch_size: int = 8,
    progress: Progress = iter,
) -> xr.Dataset:
    """Measure each channel's distance between patterns and the uniform field, at every contrast.

    Parameters
    ----------
    backbone
        The network; it runs where its weights are.
    pattern
        Contrast relative to the peak's, shape (stimuli, y, x): in [-1, 1], or a little beyond where a band-limited edge
        overshoots.
    contrasts
        Peak contrasts, in (0, 1], rising; others, or a pattern beyond [-1.5, 1.5], are a ValueError.
    batch_size, progress
        Images per forward pass; wraps the iteration over batches, e.g. `tqdm`.

    Returns
    -------
    `distance` (stimulus, contrast, unit), float32, with the coordinate `contrast` and, over `unit`, the plain
    coordinates `layer` and `channel`. The images are 0.5 + 0.5 c pattern, display code values, cut off at 0 and 1 as on
    a display, and padded with background to the widest receptive field so that every unit that sees the pattern counts,
    but at most by half its own size.
    """
    shown = np.asarray(pattern, dtype=np.float32)
    contrast = _rising(contrasts)
    if not np.abs(shown).max() <= LARGEST_OVERSHOOT:
        raise ValueError(
            f"A pattern reaches {np.abs(shown).max()}; its largest magnitude should be 1, and may be "
            f"{LARGEST_OVERSHOOT} where an edge overshoots."
        )
    # a unit's weights fall off towards the rim of its receptive field: in deep layers far less than all of it counts
    margin = min(max(backbone.receptive_fields.values()), max(shown.shape[1:]) // 2)
    padded = np.pad(shown, ((0, 0), (margin, margin), (margin, margin)))

    def images(contrasts: NDArray[np.float32]) -> Tensor:
        return grey_images(torch.from_numpy(GREY + GREY * contrasts.clip(-1, 1)))

    blank = images(padded[:1] * 0)
    order = [(stimulus, level) for stimulus in range(len(padded)) for level in range(len(contrast))]
    batches = (
        (images(np.stack([padded[stimulus] * np.float32(contrast[level]) for stimulus, level in part])), blank)
        for part in (order[start : start + batch_size] for start in progress(range(0, len(order), batch_size)))
    )
    units = {"units": "peak contrast, (L_peak - L_0) / L_0"}
    cube = _contrast_cube(backbone, batches, contrast, units)
    return cube.assign_attrs(padding=margin, distance=DISTANCE)


def coloured_contrast_distances(
    backbone: Backbone,
    draw: Sequence[Callable[[ArrayLike], NDArray[np.float32]]],
    contrasts: Sequence[float],
    *,
    progress: Progress = iter,
) -> xr.Dataset:
    """Measure each channel's distance between stimuli and their backgrounds, at every contrast.

    Parameters
    ----------
    backbone
        The network; it runs where its weights are.
    draw
        Of every stimulus a function of contrasts, shape (contrasts,), that returns its pictures, (contrasts, 3, height,
        width), as code values in [0, 1]. All have one size; a contrast of 0 shows the background.
    contrasts
        In (0, 1], rising; others are a ValueError. Those of one stimulus share a forward pass.
    progress
        Wraps the iteration over stimuli, e.g. `tqdm`.

    Returns
    -------
    As of `contrast_distances`.
    """
    contrast = _rising(contrasts)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        blank = torch.empty(0)
        for one in progress(draw):
            background = _channels_last(one([0.0]))
            if not torch.equal(background, blank):
                blank = background
            yield _channels_last(one(contrast)), blank

    units = {"units": "relative to the largest that the display shows"}
    return _contrast_cube(backbone, batches(), contrast, units).assign_attrs(distance=DISTANCE)


def _rising(contrasts: Sequence[float]) -> NDArray[np.float64]:
    contrast = np.asarray(contrasts, dtype=np.float64)
    if contrast.size == 0 or contrast[0] <= 0 or contrast[-1] > 1 or np.any(np.diff(contrast) <= 0):
        raise ValueError(f"contrasts are {contrast.tolist()}; they must rise within (0, 1].")
    return contrast


def _channels_last(images: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(images).contiguous(memory_format=torch.channels_last)


def _contrast_cube(
    backbone: Backbone,
    batches: Iterable[tuple[Tensor, Tensor]],
    contrast: NDArray[np.float64],
    units: Mapping[str, str],
) -> xr.Dataset:
    """Distances of batches of images, stimulus by stimulus at every contrast, to the blank that comes with each."""
    device = next(backbone.parameters()).device
    network = backbone.channels_last()
    shown: Tensor | None = None
    rows = []
    with torch.inference_mode():
        for images, blank in batches:
            if blank is not shown:
                shown = blank
                nothing = [unit_normalised(activation) for _, activation in network.activations(blank.to(device))]
            distance = [
                channel_distances(activation, of_layer, [0] * len(images))
                for (_, activation), of_layer in zip(network.activations(images.to(device)), nothing, strict=True)
            ]
            rows.append(torch.cat(distance, dim=1).cpu().numpy())
    cube = np.concatenate(rows)
    return xr.Dataset(
        {"distance": (("stimulus", "contrast", "unit"), cube.reshape(-1, len(contrast), cube.shape[-1]))},
        coords={"contrast": ("contrast", contrast, dict(units)), **backbone.units},
        attrs=backbone.identity,
    )


def image_distances(
    backbone: Backbone,
    comparisons: pd.DataFrame,
    read: Reader,
    *,
    batch_size: int = 8,
    progress: Progress = iter,
) -> xr.Dataset:
    """Measure each channel's distance between images and their references.

    Parameters
    ----------
    backbone
        The network; it runs where its weights are.
    comparisons
        One row per comparison (see `datasets.comparisons`). The activations of a reference are computed once for
        consecutive rows that share it.
    read
        Returns the image (height, width, 3), 0 to 255, of a path and its SHA-256, as the table gives them. An image of
        another size than its reference is a ValueError.
    batch_size
        Minimum number of images per forward pass; images of one pass have one size.
    progress
        Wraps the iteration over comparisons, e.g. `tqdm`.

    Returns
    -------
    `distance` (comparison, side, unit), float32, with the plain coordinates `layer` and `channel` over `unit`; sides
    are the first image and, where the table has one, the second.
    """
    device = next(backbone.parameters()).device
    network = backbone.channels_last()
    held: list[Tensor] = []  # the last reference's maps, by layer
    rows = []
    with torch.inference_mode():
        for batch in _batches(compared_images(comparisons, read, progress), batch_size):
            images = torch.from_numpy(np.stack([*batch.references, *batch.images])).to(device)
            images = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last) / 255
            count = len(batch.references)
            distance, maps = [], []
            for number, (_, activation) in enumerate(network.activations(images)):
                references = unit_normalised(activation[:count])
                if batch.goes_on:
                    references = torch.cat([held[number], references]) if count else held[number]
                distance.append(channel_distances(activation[count:], references, batch.reference_of))
                maps.append(references[-1:].clone() if len(references) > 1 else references)
            held = maps
            rows.append(torch.cat(distance, dim=1).cpu().numpy())
    cube = np.concatenate(rows).reshape(len(comparisons), -1, sum(backbone.layers.values()))
    return xr.Dataset(
        {"distance": (("comparison", "side", "unit"), cube)},
        coords=backbone.units,
        attrs={**backbone.identity, **{name: comparisons[name].iloc[0] for name in OF_DATASET}, "distance": DISTANCE},
    )


def means_by_channel(cube: xr.Dataset) -> pd.DataFrame:
    """Average the distances of `image_distances` over comparisons and sides: layer, channel, mean_image_distance."""
    mean = cube["distance"].mean(("comparison", "side"), dtype=np.float64)
    return pd.DataFrame(
        {"layer": cube["layer"].values.astype(str), "channel": cube["channel"].values, "mean_image_distance": mean}
    )


def compared_images(
    comparisons: pd.DataFrame, read: Reader, progress: Progress = iter
) -> Iterator[tuple[str, Image, list[Image]]]:
    """Yield the name and image of each comparison's reference and the images of its sides; see `image_distances`."""
    sides = ["first"] if comparisons["second"].isna().all() else ["first", "second"]
    name: Any = None
    for row in progress(comparisons.to_dict("records")):
        if row["reference"] != name:
            name, reference = row["reference"], read(row["reference"], row["reference_sha256"])
        images = [read(row[side], row[f"{side}_sha256"]) for side in sides]
        for side, image in zip(sides, images, strict=True):
            if image.shape != reference.shape:
                raise ValueError(
                    f"{row[side]} is {image.shape[1]} x {image.shape[0]} pixels, its reference {name} "
                    f"{reference.shape[1]} x {reference.shape[0]}; they must have one size."
                )
        yield name, reference, images


class _Batch(NamedTuple):
    """Images of one size for one forward pass."""

    references: list[Image]
    images: list[Image]  # all sides of one comparison after those of another
    reference_of: list[int]  # per image; counted with the last batch's reference in front if that goes on
    goes_on: bool


def _batches(compared: Iterable[tuple[str, Image, list[Image]]], batch_size: int) -> Iterator[_Batch]:
    batch = _Batch([], [], [], goes_on=False)
    last = None
    for name, reference, images in compared:
        size = len(batch.references) + len(batch.images)
        other_size = size and batch.images[0].shape != reference.shape
        if size >= batch_size or other_size:
            yield batch
            batch = _Batch([], [], [], goes_on=name == last)
        if name != last:
            batch.references.append(reference)
        last = name
        number = len(batch.references) + batch.goes_on - 1
        batch.images.extend(images)
        batch.reference_of.extend([number] * len(images))
    if batch.images:
        yield batch


def channel_distances(activation: Tensor, references: Tensor, reference_of: Sequence[int]) -> Tensor:
    """Each channel's distance of activations (N, channels, H, W) to a reference, shape (N, channels).

    The references are unit-normalised already; `reference_of` is the number of each image's. It works strip by strip:
    data that stay in the processor's cache are some ten times faster than whole maps.
    """
    images, targets = _by_position(activation), _by_position(references)
    positions, channels = images.shape[1:]
    distance = torch.zeros(len(images), channels, device=activation.device, dtype=activation.dtype)
    for total, image, number in zip(distance, images, reference_of, strict=True):
        for strip, target in zip(_strips(image), _strips(targets[number]), strict=True):
            total += (strip * _inverse_length(strip, -1)).sub_(target).square_().sum(dim=0)
    return distance / positions


def _by_position(maps: Tensor) -> Tensor:
    """View maps (N, channels, H, W), channels last in memory, as (N, positions, channels)."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


def _strips(maps: Tensor) -> Sequence[Tensor]:
    """Cut (positions, channels) into strips that fit a processor's cache; an accelerator takes all at once."""
    return maps.split(max(1, STRIP // maps.shape[-1]) if maps.device.type == "cpu" else len(maps))


def _inverse_length(maps: Tensor, channels: int) -> Tensor:
    """One over the length along the dimension of channels."""
    return (maps.square().sum(dim=channels, keepdim=True) + EPSILON).rsqrt()
