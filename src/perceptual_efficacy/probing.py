"""Measure the response of every channel of a backbone to every grating."""

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from perceptual_efficacy.backbones.network import Backbone, Progress, check_backbone, grey_images
from perceptual_efficacy.stimuli import Gratings

LARGEST = 512  # pixels, of a picture

Draw = Callable[[float, int], NDArray[np.float32]]  # of a frequency and the size in pixels


def probe(
    backbone: Backbone,
    gratings: Gratings,
    *,
    size: int | None = None,
    largest: int = LARGEST,
    colour: bool = True,
    batch_size: int = 4,
    progress: Progress = iter,
) -> xr.Dataset:
    """Measure the mean response of every channel to every grating, over the gratings' central field.

    Unless `size` is given, the pictures are larger than the field by the largest receptive field, so that no unit in
    the field sees padding, but at most `largest` pixels wide. Oriented gratings have a smaller field, and pictures that
    are smaller by the difference.

    Parameters
    ----------
    backbone
        The network; it runs where its weights are.
    gratings
        What `stimuli.gratings` returns.
    size
        Width and height of the pictures in pixels; for a network that takes only one, that one unless given.
    largest
        Width and height in pixels that a picture has at most. In layers whose receptive field needs larger ones, units
        see padding.
    colour
        Whether isoluminant gratings are shown, too; only the chromatic index needs them.
    batch_size
        Gratings per forward pass. On a processor a few are fastest, as their activations stay in its cache.
    progress
        Wraps the iteration over batches, e.g. `tqdm`.

    Returns
    -------
    Tuning curves, float32: `radial_response`, with colour also `red_green_response` and `blue_yellow_response` (unit,
    frequency, phase), `oriented_response` (unit, oriented_frequency, orientation, phase), `blank_response` (unit) and
    `rectified` (unit), whether negative activations were set to zero. A unit has the coordinates `layer`, `channel`,
    `receptive_field`, `sees_padding` and `weights_sha256` (of the weights that its layer is computed from); the other
    axes are those of the gratings.

    Raises
    ------
    ValueError
        If the batch size is below 1, or `size` or `largest` is smaller than the field.
    """
    check_backbone(backbone)
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    size = backbone.only_size if size is None else size
    for name, limit in (("largest", largest), ("size", size)):
        if limit is not None and limit < gratings.pixels:
            raise ValueError(f"{name} is {limit} pixels; the field alone has {gratings.pixels}.")
    smaller = 0 if size is not None else gratings.pixels - gratings.oriented_pixels
    size = picture_size(backbone, gratings, largest) if size is None else size
    device = next(backbone.parameters()).device
    network = backbone.channels_last()
    found: dict[str, list[NDArray[np.float32]]] = {}
    rectified = []
    batches = _batches(gratings, size, size - smaller, colour, batch_size)
    with torch.inference_mode():
        for kind, draw in progress(batches):
            field = gratings.oriented_pixels if kind == "oriented" else gratings.pixels
            response, negative = _responses(network, torch.from_numpy(draw()).to(device), field)
            found.setdefault(kind, []).append(response.cpu().numpy().astype(np.float32))
            rectified.append(negative.cpu().numpy())
    axes = {
        "radial": ("frequency", "phase"),
        "red_green": ("frequency", "phase"),
        "blue_yellow": ("frequency", "phase"),
        "oriented": ("oriented_frequency", "orientation", "phase"),
        "blank": (),
    }
    responses = {kind: np.concatenate(parts).T for kind, parts in found.items()}
    units = backbone.units
    layer_of, field_size = units["layer"][1], xr.DataArray(units["receptive_field"][1])
    hashes = backbone.weights_sha256
    return xr.Dataset(
        {
            f"{kind}_response": (
                ("unit", *names),
                np.ascontiguousarray(responses[kind]).reshape(-1, *(len(getattr(gratings, name)) for name in names)),
            )
            for kind, names in axes.items()
            if kind in responses
        }
        | {"rectified": ("unit", np.any(rectified, axis=0))},
        coords={
            **units,
            **gratings.axes,
            "sees_padding": ("unit", (field_size > size - gratings.pixels + 1).values),
            "weights_sha256": ("unit", np.array([hashes[layer] for layer in layer_of])),
        },
        attrs={
            **backbone.identity,
            **gratings.attributes,
            "response": "spatial mean of the channel after its nonlinearity",
            "picture_size": size,
        },
    )


def picture_size(backbone: Backbone, gratings: Gratings, largest: int = LARGEST) -> int:
    """Width and height in pixels of the pictures that a backbone is shown: the field and a margin all around it."""
    margin = math.ceil(max(backbone.receptive_fields.values()) / 2)
    # on both sides alike, so that the field keeps its place on the pixels
    return gratings.pixels + 2 * min(margin, (largest - gratings.pixels) // 2)


def _batches(
    gratings: Gratings, size: int, oriented_size: int, colour: bool, batch_size: int
) -> list[tuple[str, Callable[[], NDArray[np.float32]]]]:
    """Kinds of gratings, with what draws a batch of them: each of one frequency, so that few are in memory at once."""
    phases, turns = len(gratings.phase), len(gratings.orientation)
    kinds: list[tuple[str, Draw, tuple[float, ...], int, int, tuple[int, ...]]] = [
        ("radial", gratings.radial, gratings.frequency, phases, size, ()),
        ("oriented", gratings.oriented, gratings.oriented_frequency, turns * phases, oriented_size, ()),
    ]
    if colour:
        kinds += [
            ("red_green", partial(gratings.isoluminant, "red_green"), gratings.frequency, phases, size, (3,)),
            ("blue_yellow", partial(gratings.isoluminant, "blue_yellow"), gratings.frequency, phases, size, (3,)),
        ]
    found: list[tuple[str, Callable[[], NDArray[np.float32]]]] = [
        (kind, partial(_part, drawn, frequency, side, colours, slice(start, start + batch_size)))
        for kind, draw, frequencies, count, side, colours in kinds
        for drawn in [lru_cache(maxsize=1)(draw)]  # the batches of one frequency are parts of one drawing
        for frequency in frequencies
        for start in range(0, count, batch_size)
    ]
    return [*found, ("blank", lambda: gratings.blank(size)[None])]


def _part(draw: Draw, frequency: float, size: int, colours: tuple[int, ...], chosen: slice) -> NDArray[np.float32]:
    return np.ascontiguousarray(draw(frequency, size).reshape(-1, *colours, size, size)[chosen])


def _responses(backbone: Backbone, images: Tensor, field: int) -> tuple[Tensor, Tensor]:
    """Mean response (stimuli, units) to images (stimuli, [rgb,] y, x), and which units went below zero (units,).

    `field` is the width and height of the field in their middle, in pixels.
    """
    responses, negative = [], []
    shown = grey_images(images) if images.ndim == 3 else images.contiguous(memory_format=torch.channels_last)
    for _, inner in backbone.activations(shown, field):
        negative.append(inner.amin(dim=(0, 2, 3)) < 0)
        responses.append(inner.clamp_min(0).mean(dim=(2, 3)) if negative[-1].any() else inner.mean(dim=(2, 3)))
    return torch.cat(responses, dim=1), torch.cat(negative)
