"""Metrics of super-resolved images, which share nothing with the losses, and the scores of the test images.

PSNR and SSIM are by the field's convention: of the luma of 8-bit images, without their border.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from perceptual_efficacy import baselines, io
from perceptual_efficacy.backbones.network import Backbone, Progress, as_tensor
from perceptual_efficacy.lpips import FILES, NAMES, lpips_weights, weights_of
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.superres import edsr, images
from perceptual_efficacy.superres.edsr import EDSR, RUN
from perceptual_efficacy.superres.images import Image
from perceptual_efficacy.superres.resize import degrade, upscale
from perceptual_efficacy.vocabulary import BICUBIC, MDSI, PSNR_Y


class Metric(NamedTuple):
    """A metric as published, of an image, its original and the width of the border to leave out."""

    measure: Callable[[Image, Image, int], float]
    higher_is_better: bool


def psnr_y(image: Image, reference: Image, shave: int) -> float:
    """Peak signal-to-noise ratio of the luma, in dB, as published for super-resolution.

    Parameters
    ----------
    image, reference
        RGB, shape (height, width, 3), uint8: rounded, as it would be saved.
    shave
        Pixels left out at each side; by convention the scale.

    Returns
    -------
    10 log10(255² / mean squared difference of `luma`); infinity for equal luma.

    Raises
    ------
    ValueError
        If an image is not such an array, the two differ in size, or nothing is left within the border.
    """
    first, second = _luma_within(image, reference, shave)
    error = np.mean((first - second) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def ssim_y(image: Image, reference: Image, shave: int) -> float:
    """Structural similarity of the luma, as published for super-resolution; see `psnr_y` for the parameters.

    An 11 x 11 Gaussian window of 1.5 pixels, population statistics, at full size; the mean over where the window fits.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli: Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE
    Transactions on Image Processing 13(4), 2004.
    """
    pair = _luma_within(image, reference, shave)
    if min(pair[0].shape) < 11:
        raise ValueError(f"Within its border the image is {pair[0].shape}; SSIM's window needs 11 x 11 pixels.")
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(*pair, data_range=255, **window))


def luma(image: Image) -> NDArray[np.float64]:
    """Luma of 8-bit RGB by BT.601, 16 to 235, as MATLAB's rgb2ycbcr on double images: not rounded."""
    return 16 + image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


def _luma_within(image: Image, reference: Image, shave: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    for role, array in (("image", image), ("reference", reference)):
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            raise ValueError(f"The {role} is {array.dtype} {array.shape}; expected uint8 (height, width, 3).")
    if image.shape != reference.shape:
        raise ValueError(f"The image has shape {image.shape}, the reference {reference.shape}; they must be equal.")
    if shave < 0 or min(image.shape[:2]) <= 2 * shave:
        raise ValueError(f"shave is {shave}; of {image.shape[1]} x {image.shape[0]} pixels that leaves nothing.")
    return luma(_within(image, shave)), luma(_within(reference, shave))


def _within(image: Image, shave: int) -> Image:
    return image[shave : len(image) - shave, shave : image.shape[1] - shave]


def _baseline(name: str) -> Metric:
    """Metric of `baselines`, where similarities are negated."""
    similarity = baselines.BASELINES[name].best < 0

    def measure(image: Image, reference: Image, shave: int) -> float:
        ours, theirs = (as_tensor(_within(shown, shave)) for shown in (image, reference))
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
        return metric(*(as_tensor(_within(shown, shave)) for shown in (image, reference))).item()

    return {name: Metric(measure, higher_is_better=False)}


def score(image: Image, reference: Image, shave: int, metrics: Mapping[str, Metric] = METRICS) -> pd.DataFrame:
    """Score one super-resolved image by metrics; see `psnr_y` for the other parameters.

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
            io.write_image(result, file)
            about = {**identity, "dataset": row["set"], "image": row["image"]}
            parts.append(pd.DataFrame({**about, **score(result, original, scale, metrics), "file": file}))
    return pd.concat(parts, ignore_index=True).astype({"draw": "Int64"})
