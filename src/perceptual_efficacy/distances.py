"""The distance cube: how far apart each single channel finds two images. Every selection of channels is a sum of it."""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from perceptual_efficacy.backbones import Backbone, Progress
from perceptual_efficacy.stimuli import GREY

EPSILON = 1e-10  # inside the root, so that the gradient stays finite where all channels are silent


def unit_normalised(activation: Tensor) -> Tensor:
    """Divide activations (N, channels, H, W) by their length over the channels at each position.

    A channel's distance of two images is the mean over positions of the squared difference of these, and a selection's
    distance the sum over its channels: all channels of LPIPS's layers give LPIPS's uncalibrated distance.

    References
    ----------
    Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR
    2018.
    """
    return activation / (activation.square().sum(dim=1, keepdim=True) + EPSILON).sqrt()


def contrast_distances(
    backbone: Backbone,
    pattern: ArrayLike,
    contrasts: Sequence[float],
    *,
    batch_size: int = 8,
    progress: Progress = iter,
) -> xr.Dataset:
    """Measure each channel's distance of patterns to the uniform field, at every contrast.

    Parameters
    ----------
    backbone
        The network; it runs where its weights are.
    pattern
        Contrast relative to the peak's, in [-1, 1], shape (stimuli, y, x).
    contrasts
        Peak contrasts, in (0, 1], rising.
    batch_size
        Images per forward pass.
    progress
        Wraps the iteration over batches, e.g. `tqdm`.

    Returns
    -------
    `distance` (stimulus, contrast, unit), float32, with the coordinate `contrast` and, over `unit`, the plain
    coordinates `layer` and `channel`. The images are 0.5 + 0.5 c pattern, display code values, padded with background
    to the deepest receptive field so that every unit that sees the pattern counts.

    Raises
    ------
    ValueError
        If the contrasts do not rise within (0, 1] or a pattern exceeds 1 in magnitude.
    """
    shown = np.asarray(pattern, dtype=np.float32)
    contrast = np.asarray(contrasts, dtype=np.float64)
    if contrast.size == 0 or contrast[0] <= 0 or contrast[-1] > 1 or np.any(np.diff(contrast) <= 0):
        raise ValueError(f"contrasts are {contrast.tolist()}; they must rise within (0, 1].")
    if np.abs(shown).max() > 1 + 1e-6:
        raise ValueError(f"A pattern reaches {np.abs(shown).max()}; its largest magnitude may be 1.")
    margin = backbone.receptive_field
    padded = np.pad(shown, ((0, 0), (margin, margin), (margin, margin)))
    device = next(backbone.parameters()).device
    network = backbone.to(memory_format=torch.channels_last)
    order = [(stimulus, level) for stimulus in range(len(padded)) for level in range(len(contrast))]
    rows = []
    with torch.inference_mode():
        blank = [unit_normalised(activation) for _, activation in network.taps(_colour(padded[:1] * 0, device))]
        for start in progress(range(0, len(order), batch_size)):
            part = order[start : start + batch_size]
            batch = np.stack([padded[stimulus] * np.float32(contrast[level]) for stimulus, level in part])
            distance = [
                (unit_normalised(activation) - nothing).square().mean(dim=(2, 3))
                for (_, activation), nothing in zip(network.taps(_colour(batch, device)), blank, strict=True)
            ]
            rows.append(torch.cat(distance, dim=1).cpu().numpy())
    return xr.Dataset(
        {
            "distance": (
                ("stimulus", "contrast", "unit"),
                np.concatenate(rows).reshape(len(padded), len(contrast), -1),
            )
        },
        coords={
            "contrast": ("contrast", contrast, {"units": "peak contrast, (L_peak - L_0) / L_0"}),
            **backbone.units,
        },
        attrs={"padding": margin, "distance": "mean over positions of the squared difference of unit-normalised maps"},
    )


def _colour(contrast: NDArray[np.float32], device: torch.device) -> Tensor:
    """Grey images (N, 3, y, x) of contrast patterns (N, y, x)."""
    images = torch.from_numpy(GREY + GREY * contrast).to(device)
    return images[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
