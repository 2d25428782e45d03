"""Measure the response of every channel of a backbone to every grating."""

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from perceptual_efficacy.backbones.network import Backbone, Progress
from perceptual_efficacy.stimuli import Gratings


def probe(
    backbone: Backbone, gratings: Gratings, *, border: float = 0.1, batch_size: int = 32, progress: Progress = iter
) -> xr.Dataset:
    """Measure the mean response of every channel to every grating.

    Parameters
    ----------
    backbone
        The network; it runs where its weights are.
    gratings
        See `stimuli.gratings`.
    border
        Share of a map's height and width left out at each side, in [0, 0.5): there a unit sees padding.
    batch_size
        Gratings per forward pass.
    progress
        Wraps the iteration over batches, e.g. `tqdm`.

    Returns
    -------
    Tuning curves over the dimension `unit`, with plain coordinates `layer` and `channel`:
    `radial_response` (unit, frequency, phase), `oriented_response` (unit, frequency, orientation, phase),
    `blank_response` (unit) and `rectified` (unit), which tells whether negative activations were set to zero.
    Frequency in cycles per pixel, orientation and phase in degrees.

    Raises
    ------
    ValueError
        If the border leaves nothing, the gratings do not fill their grid of frequencies, orientations and phases, or
        radial and oriented gratings are not on one grid.
    """
    if not 0 <= border < 0.5:
        raise ValueError(f"border is {border}; it is a share of the map on each side and must lie in [0, 0.5).")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    radial_grid = _grid(gratings.radial, ("frequency", "phase"))
    oriented_grid = _grid(gratings.oriented, ("frequency", "orientation", "phase"))
    for name, values in radial_grid.items():
        if not np.array_equal(values, oriented_grid[name]):
            raise ValueError(f"The radial and oriented gratings differ in {name}; draw both sets in one call.")
    images = [gratings.radial.image, gratings.oriented.image, gratings.radial.blank.expand_dims("stimulus")]
    batches = [
        stack.values[start : start + batch_size] for stack in images for start in range(0, len(stack), batch_size)
    ]
    device = next(backbone.parameters()).device
    network = backbone.to(memory_format=torch.channels_last)
    responses, rectified = [], []
    with torch.inference_mode():
        for batch in progress(batches):
            response, negative = _responses(network, torch.from_numpy(batch).to(device), border)
            responses.append(response.cpu().numpy())
            rectified.append(negative.cpu().numpy())
    response = np.concatenate(responses).astype(np.float32)
    radial_count, oriented_count = len(images[0]), len(images[1])
    return xr.Dataset(
        {
            "radial_response": _on_grid(response[:radial_count], radial_grid),
            "oriented_response": _on_grid(response[radial_count : radial_count + oriented_count], oriented_grid),
            "blank_response": ("unit", response[-1]),
            "rectified": ("unit", np.any(rectified, axis=0)),
        },
        coords={
            **backbone.units,
            **{name: (name, values) for name, values in oriented_grid.items()},
        },
        attrs={
            **backbone.identity,
            "frequency_units": "cycles per pixel",
            "orientation_units": "degrees",
            "phase_units": "degrees",
            "response": "spatial mean of the channel after its nonlinearity",
            "border": border,
            "pixels_per_degree": gratings.radial.attrs["pixels_per_degree"],
            "contrast": gratings.radial.attrs["contrast"],
            "encoding": gratings.radial.attrs["encoding"],
        },
    )


def _responses(backbone: Backbone, images: Tensor, border: float) -> tuple[Tensor, Tensor]:
    """Mean response (stimuli, units) to grey images (stimuli, y, x), and which units went below zero (units,)."""
    colour = images[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    responses, negative = [], []
    for _, activation in backbone.taps(colour):
        height, width = activation.shape[-2:]
        top, left = int(border * height), int(border * width)
        inner = activation[..., top : height - top, left : width - left]
        negative.append(inner.amin(dim=(0, 2, 3)) < 0)
        responses.append(inner.clamp_min(0).mean(dim=(2, 3)) if negative[-1].any() else inner.mean(dim=(2, 3)))
    return torch.cat(responses, dim=1), torch.cat(negative)


def _grid(stimuli: xr.Dataset, dimensions: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    """Values of each dimension; the stimuli must be the full grid in row-major order."""
    values = {name: np.unique(stimuli[name].values) for name in dimensions}
    expected = np.meshgrid(*values.values(), indexing="ij")
    for name, grid in zip(dimensions, expected, strict=True):
        if not np.array_equal(stimuli[name].values, grid.ravel()):
            raise ValueError(
                f"The {len(stimuli[name])} gratings are not the full grid of "
                f"{' x '.join(f'{len(v)} {k}' for k, v in values.items())} in this order; draw them again."
            )
    return values


def _on_grid(
    response: NDArray[np.float32], grid: dict[str, NDArray[np.float64]]
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    shape = [len(values) for values in grid.values()]
    return ("unit", *grid), np.ascontiguousarray(response.T).reshape(-1, *shape)
