"""Classic image quality metrics as distances of an image to its reference: baselines beside the networks' distances.

Input and settings of each metric are those that reproduce published values on real pairs of TID2013, see
tests/real_data/test_calibrated_metrics.py; FSIM without colour, MDSI and HaarPSI are as piq computes them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from perceptual_efficacy.backbones.network import Progress
from perceptual_efficacy.colour import LUMA_WEIGHTS
from perceptual_efficacy.distances import Image, Reader, compared_images
from perceptual_efficacy.extras import extra
from perceptual_efficacy.vocabulary import OF_DATASET

with extra("superres"):
    import piq
    from piq.functional import rgb2xyz, xyz2lab

LEAST_SQUARED_ERROR = 1e-12  # PSNR's floor, 120 dB: one code value in one colour of one of 5 million pixels


class Baseline(NamedTuple):
    """One metric."""

    compute: Callable[[Tensor, Tensor], Tensor]  # (N,) of references and images (N, 3, H, W) in [0, 1]: unchecked
    description: str  # what exactly is computed: input, scale, downsampling, library
    least_side: int  # smallest height and width, in pixels, at which the metric is defined
    best: float  # the distance of identical images; no distance is smaller


def _grey(images: Tensor) -> Tensor:
    """Grey images (N, 1, H, W) in [0, 1], rounded to whole code values."""
    images64 = images.double()
    grey = 255 * (images64 * images64.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    # to thousandths first, the weights' step: else rounding errors would decide where halves go
    return (grey.round(decimals=3).round() / 255).to(images.dtype)


def _cielab(images: Tensor) -> Tensor:
    """CIELAB under D65 of sRGB images."""
    return xyz2lab(rgb2xyz(images.double()), illuminant="D65")


def _squared_error(reference: Tensor, image: Tensor) -> Tensor:
    return (reference.double() - image.double()).square().mean(dim=(1, 2, 3))


def _negated_psnr(reference: Tensor, image: Tensor) -> Tensor:
    return 10 * _squared_error(reference, image).clamp(min=LEAST_SQUARED_ERROR).log10()


_GREY = "on grey (BT.601, rounded to whole code values)"
_POOLED = "averaged over squares of side round(min(H, W) / 256) first"
_PIQ = f"by piq {piq.__version__}"


def _by_piq(
    metric: Callable[..., Tensor],
    description: str,
    *,
    least_side: int,
    prepare: Callable[[Tensor], Tensor] = lambda images: images,
    similarity: bool = True,
    **settings: Any,
) -> Baseline:
    """A metric of piq, of prepared images: of similarity, which is negated, or of distance."""
    sign = -1 if similarity else 1

    def compute(reference: Tensor, image: Tensor) -> Tensor:
        # the image first: MDSI is not symmetric
        return sign * metric(prepare(image), prepare(reference), data_range=1.0, reduction="none", **settings)

    description = f"{'negated ' if similarity else ''}{description}; {_PIQ}"
    return Baseline(compute, description, least_side, best=-1 if similarity else 0)


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "L2": Baseline(
            _squared_error, "mean squared error over pixels and channels of RGB in [0, 1], at full size", 1, best=0
        ),
        "L2 (Lab)": Baseline(
            lambda reference, image: _squared_error(_cielab(reference), _cielab(image)),
            "mean squared error over pixels and the three coordinates of CIELAB (D65; L* 0 to 100), at full size; "
            f"conversion {_PIQ}; the lpips package of Zhang et al. 2018 divides it by 20,000",
            least_side=1,
            best=0,
        ),
        "PSNR": Baseline(
            _negated_psnr,
            "negated PSNR in dB over pixels and channels of RGB, at full size; "
            f"a mean squared error below {LEAST_SQUARED_ERROR:g} counts as {LEAST_SQUARED_ERROR:g}, 120 dB",
            least_side=1,
            best=-120,
        ),
        "SSIM": _by_piq(
            piq.ssim,
            f"SSIM {_GREY}, 11 x 11 Gaussian window of 1.5 px, at full size, without the border",
            least_side=11,
            prepare=_grey,
            downsample=False,
        ),
        "MS-SSIM": _by_piq(
            piq.multi_scale_ssim,
            f"MS-SSIM {_GREY}, 5 scales from full size, negative terms count as 0",
            least_side=161,
            prepare=_grey,
        ),
        "FSIM": _by_piq(piq.fsim, f"FSIM on the Y of YIQ, {_POOLED}", least_side=2, chromatic=False),
        "FSIMc": _by_piq(piq.fsim, f"FSIMc, FSIM with colour, on YIQ, {_POOLED}", least_side=2, chromatic=True),
        "VSI": _by_piq(piq.vsi, f"VSI on RGB (LMN inside), {_POOLED}, its saliency always at 256 x 256", least_side=2),
        "MDSI": _by_piq(
            piq.mdsi,
            f"MDSI on RGB (LHM inside), terms combined by their sum, {_POOLED}",
            least_side=2,
            prepare=Tensor.double,  # its fourth roots turn a rounding error of 1e-7 into 0.02
            similarity=False,
        ),
        "HaarPSI": _by_piq(
            piq.haarpsi,
            "HaarPSI on RGB (YIQ inside), averaged over squares of 2 x 2 first",
            least_side=16,
            prepare=Tensor.double,  # its logit magnifies rounding errors next to 1
        ),
        "GMSD": _by_piq(
            piq.gmsd,
            f"GMSD {_GREY}, averaged over squares of 2 x 2 first",
            least_side=3,
            prepare=_grey,
            similarity=False,
        ),
    }
)


@torch.no_grad()
def measure(reference: Tensor, image: Tensor, name: str) -> Tensor:
    """Measure how far images are from their references by a classic metric.

    Parameters
    ----------
    reference, image
        Shape (N, 3, H, W), RGB display code values in [0, 1], float32 or float64.
    name
        A key of `BASELINES`, whose description says what is computed.

    Returns
    -------
    Distances, shape (N,), float64, lower is better: a metric of similarity is negated, so that the negated distance is
    the published score. NaN where the images are smaller than the metric's `least_side`.

    Raises
    ------
    ValueError
        If there is no such metric, the shapes differ or are others, or a value lies outside [0, 1].

    Notes
    -----
    Identical images are at the metric's `best` distance, even where its formula has no value (HaarPSI of black). Other
    distances are finite too, but some mean little where an image is uniform: VSI finds any two uniform images alike,
    and the phases that FSIM compares are rounding errors there. SSIM, MS-SSIM and GMSD see no difference that leaves
    the rounded grey values as they are. Of float32 images, distances are right to four decimals; L2, PSNR, MDSI
    and HaarPSI, which would lose more, are always computed in float64. FSIM takes about 50 MB of memory per pair of
    256 x 256, VSI 15 MB per pair of any size.
    """
    if name not in BASELINES:
        raise ValueError(f"There is no metric {name!r}; expected one of {', '.join(BASELINES)}.")
    baseline = BASELINES[name]
    if reference.shape != image.shape or image.ndim != 4 or image.shape[1] != 3 or image.numel() == 0:
        raise ValueError(
            f"{name}: the references have shape {tuple(reference.shape)}, the images {tuple(image.shape)}; "
            f"expected (N, 3, H, W), the same for both."
        )
    for role, images in (("references", reference), ("images", image)):
        low, high = (value.item() for value in images.aminmax())
        if images.dtype not in (torch.float32, torch.float64) or not (low >= 0 and high <= 1):
            raise ValueError(
                f"{name}: the {role} are {str(images.dtype).removeprefix('torch.')} in [{low}, {high}]; expected "
                f"float32 or float64 in [0, 1]. Divide code values by 255 and clip what resizing pushed beyond."
            )
    if min(image.shape[-2:]) < baseline.least_side:
        return image.new_full((len(image),), torch.nan, dtype=torch.float64)
    # CUDA's convolutions of float32 keep 10 bits only (TF32), too few for small variances
    precision = torch.float64 if image.is_cuda else torch.promote_types(reference.dtype, image.dtype)
    distance = baseline.compute(reference.to(precision), image.to(precision)).double()
    identical = (reference == image).flatten(start_dim=1).all(dim=1)
    return torch.where(identical, baseline.best, distance.clamp(min=baseline.best))


def baseline_distances(
    comparisons: pd.DataFrame, read: Reader, *, batch_size: int = 8, progress: Progress = iter
) -> xr.Dataset:
    """Measure by every metric how far images are from their references.

    Parameters
    ----------
    comparisons, read, progress
        See `distances.image_distances`.
    batch_size
        Pairs measured at once; those of one batch have one size.

    Returns
    -------
    `distance` (comparison, side, metric), float64, with the coordinates `metric`, the names in `BASELINES`, and
    `description`; NaN where a metric is not defined at an image's size.
    """
    values: list[NDArray[np.float64]] = []
    pairs: list[tuple[Image, Image]] = []

    def flush() -> None:
        reference, image = torch.from_numpy(np.stack(pairs, axis=1)).permute(0, 1, 4, 2, 3).to(torch.float32) / 255
        values.append(torch.stack([measure(reference, image, name) for name in BASELINES], dim=1).numpy())
        pairs.clear()

    for _, reference, images in compared_images(comparisons, read, progress):
        for image in images:
            if pairs and (len(pairs) >= batch_size or pairs[0][0].shape != reference.shape):
                flush()
            pairs.append((reference, image))
    if pairs:
        flush()
    distance = np.concatenate(values).reshape(len(comparisons), -1, len(BASELINES))
    descriptions = [baseline.description for baseline in BASELINES.values()]
    return xr.Dataset(
        {"distance": (("comparison", "side", "metric"), distance)},
        coords={"metric": list(BASELINES), "description": ("metric", descriptions)},
        attrs={name: comparisons[name].iloc[0] for name in OF_DATASET},
    )
