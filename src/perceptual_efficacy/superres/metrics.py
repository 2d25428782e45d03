"""Metrics of super-resolved images that no loss uses, and the scores of the test images."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from perceptual_efficacy import baselines, image_files
from perceptual_efficacy.backbones.network import Backbone, Progress, as_tensor
from perceptual_efficacy.lpips import FILES, NAMES, lpips_weights, weights_of
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.superres import edsr, images
from perceptual_efficacy.superres.edsr import EDSR, RUN
from perceptual_efficacy.superres.fidelity import psnr_y, ssim_y, within
from perceptual_efficacy.superres.images import Image
from perceptual_efficacy.superres.resize import degrade, upscale
from perceptual_efficacy.vocabulary import BICUBIC, MDSI, PSNR_Y


class Metric(NamedTuple):
    """A metric as published, of an image, its original and the width of the border to leave out."""

    measure: Callable[[Image, Image, int], float]
    higher_is_better: bool


def _baseline(name: str) -> Metric:
    """Metric of `baselines`, where similarities are negated."""
    similarity = baselines.BASELINES[name].best < 0

    def measure(image: Image, reference: Image, shave: int) -> float:
        ours, theirs = (as_tensor(within(shown, shave)) for shown in (image, reference))
        return (-1 if similarity else 1) * baselines.measure(theirs, ours, name).item()

    return Metric(measure, higher_is_better=similarity)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        MDSI: _baseline("MDSI"),
        PSNR_Y: Metric(psnr_y, higher_is_better=True),
        "SSIM-Y": Metric(ssim_y, higher_is_better=True),
        **{name: _baseline(name) for name in ("MS-SSIM", "FSIM", "VSI", "HaarPSI", "GMSD")},
    }
)


def lpips(backbone: Backbone) -> dict[str, Metric]:
    """Return LPIPS on a network that it is defined on, by its name.

    The weights that LPIPS learnt are not for another training of the network. On one, all channels of LPIPS's layers
    count equally, and the name says "unweighted". A backbone that lacks one of the layers is a ValueError.
    """
    architecture = backbone.card["architecture"]
    chosen = lpips_weights(architecture)
    name = NAMES[FILES[architecture]]
    if weights_of(backbone.card).empty:
        chosen, name = chosen.drop(columns="weight"), f"{name}, unweighted"
    metric = PerceptualMetric(backbone, chosen)

    def measure(image: Image, reference: Image, shave: int) -> float:
        return metric(*(as_tensor(within(shown, shave)) for shown in (image, reference))).item()

    return {name: Metric(measure, higher_is_better=False)}


def score(image: Image, reference: Image, shave: int, metrics: Mapping[str, Metric] = METRICS) -> pd.DataFrame:
    """Score one super-resolved image by metrics; see `fidelity.psnr_y` for the other parameters.

    Returns
    -------
    One row per metric: measure (its name), value (as published; missing where a metric is not defined at the size, or
    has no finite value), higher_is_better.
    """
    rows = [
        (name, metric.measure(image, reference, shave), metric.higher_is_better) for name, metric in metrics.items()
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "higher_is_better"]).replace([np.inf, -np.inf], np.nan)


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
    networks
        Those of one loss, each from another seed; none for bicubic interpolation.
    folder
        Where the enlarged images are written.

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
            image_files.write(result, file)
            about = {**identity, "dataset": row["set"], "image": row["image"]}
            parts.append(pd.DataFrame({**about, **score(result, original, scale, metrics), "file": file}))
    return pd.concat(parts, ignore_index=True).astype({"draw": "Int64"})
