"""Measure the response of every channel of a backbone to every grating."""

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from perceptual_efficacy.backbones.network import Backbone, Progress, grey_images

GRID = ("frequency", "orientation", "phase")


def probe(
    backbone: Backbone, gratings: xr.Dataset, *, border: float = 0.1, batch_size: int = 32, progress: Progress = iter
) -> xr.Dataset:
    """Measure the mean response of every channel to every grating.

    Parameters
    ----------
    backbone
        The network; it runs where its weights are.
    gratings
        What `stimuli.gratings` returns.
    border
        Share of a map's height and width left out at each side, in [0, 0.5): there a unit sees padding.
    batch_size
        Gratings per forward pass.
    progress
        Wraps the iteration over batches, e.g. `tqdm`.

    Returns
    -------
    Tuning curves, float32: `radial_response` (unit, frequency, phase), `oriented_response` (unit, frequency,
    orientation, phase), `blank_response` (unit) and `rectified` (unit), whether negative activations were set to zero.
    A unit has the coordinates `layer`, `channel` and `receptive_field`; the other axes are those of the gratings.

    Raises
    ------
    ValueError
        If the border leaves nothing of a map, or the batch size is below 1.
    """
    if not 0 <= border < 0.5:
        raise ValueError(f"border is {border}; it is a share of the map on each side and must lie in [0, 0.5).")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    ordered = gratings.transpose(*GRID, "y", "x")
    sets = [ordered[name] for name in ("radial", "oriented", "blank")]
    stacks = [images.values.reshape(-1, *images.shape[-2:]) for images in sets]
    batches = [stack[start : start + batch_size] for stack in stacks for start in range(0, len(stack), batch_size)]
    device = next(backbone.parameters()).device
    network = backbone.to(memory_format=torch.channels_last)
    responses, rectified = [], []
    with torch.inference_mode():
        for batch in progress(batches):
            response, negative = _responses(network, torch.from_numpy(batch).to(device), border)
            responses.append(response.cpu().numpy())
            rectified.append(negative.cpu().numpy())
    found = np.split(np.concatenate(responses).astype(np.float32), np.cumsum([len(stack) for stack in stacks])[:-1])
    return xr.Dataset(
        {
            f"{images.name}_response": (
                ("unit", *images.dims[:-2]),
                np.ascontiguousarray(response.T).reshape(-1, *images.shape[:-2]),
            )
            for images, response in zip(sets, found, strict=True)
        }
        | {"rectified": ("unit", np.any(rectified, axis=0))},
        coords={**backbone.units, **{name: gratings[name] for name in GRID}},
        attrs={
            **backbone.identity,
            **{name: gratings.attrs[name] for name in ("pixels_per_degree", "contrast", "encoding")},
            "response": "spatial mean of the channel after its nonlinearity",
            "border": border,
        },
    )


def _responses(backbone: Backbone, images: Tensor, border: float) -> tuple[Tensor, Tensor]:
    """Mean response (stimuli, units) to grey images (stimuli, y, x), and which units went below zero (units,)."""
    responses, negative = [], []
    for _, activation in backbone.activations(grey_images(images)):
        height, width = activation.shape[-2:]
        top, left = int(border * height), int(border * width)
        inner = activation[..., top : height - top, left : width - left]
        negative.append(inner.amin(dim=(0, 2, 3)) < 0)
        responses.append(inner.clamp_min(0).mean(dim=(2, 3)) if negative[-1].any() else inner.mean(dim=(2, 3)))
    return torch.cat(responses, dim=1), torch.cat(negative)
