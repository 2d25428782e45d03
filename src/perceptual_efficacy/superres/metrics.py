"""Metrics of super-resolved images, which share nothing with the losses, and the scores of the test images."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from perceptual_efficacy import baselines, io
from perceptual_efficacy.backbones.network import Backbone, Progress, as_tensor
from perceptual_efficacy.lpips import FILES, NAMES, lpips_weights, weights_of
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.superres import edsr, images
from perceptual_efficacy.superres.edsr import EDSR, RUN
from perceptual_efficacy.superres.fidelity import psnr_y, ssim_y
from perceptual_efficacy.superres.images import Image
from perceptual_efficacy.superres.resize import degrade, upscale
from perceptual_efficacy.vocabulary import BICUBIC, MDSI, PSNR_Y


class Metric(NamedTuple):
    """A metric as published, of an image, its original and the width of the border to leave out."""

    measure: Callable[[Image, Image, int], float]
    higher_is_better: bool


def _baseline(name: str, *, higher_is_better: bool) -> Metric:
    """Metric of `baselines`, where similarities are negated."""
    sign = -1 if higher_is_better else 1

    def measure(image: Image, reference: Image, shave: int) -> float:
        return sign * baselines.measure(_within(reference, shave), _within(image, shave), name).item()

    return Metric(measure, higher_is_better)


def _within(image: Image, shave: int) -> Tensor:
    height, width = image.shape[:2]
    return as_tensor(image[shave : height - shave, shave : width - shave])


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        MDSI: _baseline("MDSI", higher_is_better=False),
        PSNR_Y: Metric(psnr_y, higher_is_better=True),
        "SSIM-Y": Metric(ssim_y, higher_is_better=True),
        "MS-SSIM": _baseline("MS-SSIM", higher_is_better=True),
        "FSIM": _baseline("FSIM", higher_is_better=True),
        "VSI": _baseline("VSI", higher_is_better=True),
        "HaarPSI": _baseline("HaarPSI", higher_is_better=True),
        "GMSD": _baseline("GMSD", higher_is_better=False),
    }
)


def lpips(backbone: Backbone) -> dict[str, Metric]:
    """Return LPIPS on a network that it is defined on, by its name.

    The weights that LPIPS learnt are not for another training of the network. On one, all channels of LPIPS's layers
    count equally, and the name says "unweighted".

    Raises
    ------
    ValueError
        If LPIPS is not defined on the network, or the backbone lacks one of its layers.
    """
    architecture = backbone.card["architecture"]
    chosen = lpips_weights(architecture)
    name = NAMES[FILES[architecture]]
    if weights_of(backbone.card).empty:
        chosen, name = chosen.drop(columns="weight"), f"{name}, unweighted"
    metric = PerceptualMetric(backbone, chosen)

    def measure(image: Image, reference: Image, shave: int) -> float:
        return metric(_within(image, shave), _within(reference, shave)).item()

    return {name: Metric(measure, higher_is_better=False)}


def score(image: Image, reference: Image, shave: int, metrics: Mapping[str, Metric] = METRICS) -> pd.DataFrame:
    """Score one super-resolved image.

    Parameters
    ----------
    image, reference
        The result and the original, uint8 RGB, shape (height, width, 3).
    shave
        Pixels to leave out at each side; by convention the scale.
    metrics
        By name.

    Returns
    -------
    One row per metric: measure (its name), value (as published; missing where a metric is not defined at the size, or
    has no finite value), higher_is_better.
    """
    values = {name: metric.measure(image, reference, shave) for name, metric in metrics.items()}
    return pd.DataFrame(
        {
            "measure": list(values),
            "value": [value if np.isfinite(value) else np.nan for value in values.values()],
            "higher_is_better": [metric.higher_is_better for metric in metrics.values()],
        }
    )


def score_images(
    listed: pd.DataFrame,
    sources: Mapping[str, images.Source],
    networks: Sequence[EDSR],
    folder: str | os.PathLike[str],
    *,
    scale: int,
    metrics: Mapping[str, Metric] = METRICS,
    device: torch.device | str = "cpu",
    progress: Progress = iter,
) -> pd.DataFrame:
    """Enlarge the degraded test images by networks, write the results and score them against the originals.

    Parameters
    ----------
    listed, sources
        What `images.list_images` and `images.sources` return.
    networks, device
        The networks of one loss, each from another seed, and where they compute; none for bicubic interpolation.
    folder
        Where the enlarged images are written.
    scale
        How many times smaller the degraded images are.
    metrics, progress
        Metrics by name; wraps the iteration over images.

    Returns
    -------
    One row per image, network and metric: the network's identity (`EDSR.identity`; seed 0 for interpolation), dataset,
    image, measure, value, higher_is_better, and file, that of the enlarged image.
    """
    methods = [(network.identity, partial(edsr.enlarge, network.to(device), device=device)) for network in networks]
    if not networks:
        bicubic = {**dict.fromkeys(RUN), "scale": scale, "loss": BICUBIC, "selection": BICUBIC, "seed": 0}
        methods = [(bicubic, partial(upscale, scale=scale))]
    parts = []
    for row in progress(listed[listed["use"] == "test"].to_dict("records")):
        original = images.read(row, sources, scale)
        small = degrade(original, scale)
        for identity, enlarge in methods:
            result, file = enlarge(small), f"{folder}/seed{identity['seed']}/{row['set']}/{row['image']}.png"
            io.write_image(result, file)
            about = {**identity, "dataset": row["set"], "image": row["image"]}
            parts.append(pd.DataFrame({**about, **score(result, original, scale, metrics), "file": file}))
    return pd.concat(parts, ignore_index=True).astype({"draw": "Int64"})
