"""Judges of super-resolved images that share nothing with the losses, and what each says of every image."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from perceptual_efficacy import baselines
from perceptual_efficacy import lpips as calibrated
from perceptual_efficacy.backbones.network import Backbone, as_tensor
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.superres import PRIMARY
from perceptual_efficacy.superres.fidelity import psnr_y, ssim_y

Image = NDArray[np.uint8]


class Judge(NamedTuple):
    """One judge: values (of an image, its original and the border to leave out), as published."""

    measure: Callable[[Image, Image, int], float]
    higher_is_better: bool


def _similarity(name: str) -> Judge:
    """Judge by a metric of `baselines` that is a negated similarity there."""
    return Judge(lambda image, reference, shave: -_distance(name, image, reference, shave), higher_is_better=True)


def _difference(name: str) -> Judge:
    return Judge(
        lambda image, reference, shave: _distance(name, image, reference, shave),
        higher_is_better=False,
    )


def _distance(name: str, image: Image, reference: Image, shave: int) -> float:
    return baselines.measure(_within(reference, shave), _within(image, shave), name).item()


def _within(image: Image, shave: int) -> Tensor:
    height, width = image.shape[:2]
    return as_tensor(image[shave : height - shave, shave : width - shave])


JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        PRIMARY: _difference("MDSI"),
        "PSNR-Y": Judge(psnr_y, higher_is_better=True),
        "SSIM-Y": Judge(ssim_y, higher_is_better=True),
        "MS-SSIM": _similarity("MS-SSIM"),
        "FSIM": _similarity("FSIM"),
        "VSI": _similarity("VSI"),
        "HaarPSI": _similarity("HaarPSI"),
        "GMSD": _difference("GMSD"),
    }
)


def lpips(backbone: Backbone) -> tuple[str, Judge]:
    """Judge by LPIPS on a network that it is defined on; its name says so where the network is not LPIPS's training.

    LPIPS's learnt weights say nothing of another training's channels: then all channels of its layers count alike.

    Raises
    ------
    ValueError
        If LPIPS is not defined on the network, or the backbone lacks one of its layers.
    """
    architecture = backbone.card["architecture"]
    chosen = calibrated.lpips_weights(architecture)
    name = calibrated.NAMES[calibrated.FILES[architecture]]
    if calibrated.weights_of(backbone.card).empty:
        chosen, name = chosen.drop(columns="weight"), f"{name}, unweighted"
    metric = PerceptualMetric(backbone, chosen)

    def measure(image: Image, reference: Image, shave: int) -> float:
        return metric(_within(image, shave), _within(reference, shave)).item()

    return name, Judge(measure, higher_is_better=False)


def judge(image: Image, reference: Image, shave: int, judges: Mapping[str, Judge] = JUDGES) -> pd.DataFrame:
    """Score one super-resolved image.

    Parameters
    ----------
    image, reference
        The result and the original, uint8 RGB, shape (height, width, 3).
    shave
        Pixels that no judge sees at each side; by convention the scale.
    judges
        By name.

    Returns
    -------
    One row per judge: judge, value (as published; missing where a judge is not defined at the size, or has no finite
    value), higher_is_better.
    """
    rows = []
    for name, one in judges.items():
        value = one.measure(image, reference, shave)
        rows.append(
            {
                "judge": name,
                "value": value if np.isfinite(value) else np.nan,
                "higher_is_better": one.higher_is_better,
            }
        )
    return pd.DataFrame(rows)
