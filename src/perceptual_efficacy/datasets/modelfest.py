"""ModelFest: 43 foveal patterns and the contrast at which each of 16 observers detects them.

Carney et al.: Development of an image/threshold database for designing and testing human vision models, Proceedings
of SPIE 3644, 1999. Patterns and thresholds come in as arrays; this module does not know where from.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy.vocabulary import EVERYTHING, PEOPLE, THRESHOLDS, identity

NAME = "modelfest"
NATIVE_PIXELS_PER_DEGREE = 120.0
LOBES = 8  # of the resampling kernel, on each side
LEAST_ENERGY = 0.9  # share of its energy that a pattern must keep to be used at a coarser resolution


def patterns(names: Sequence[str], images: Sequence[ArrayLike], zeros: Sequence[float]) -> xr.Dataset:
    """Turn images into contrast patterns: 0 is the background, and the largest magnitude is 1.

    Parameters
    ----------
    names, images, zeros
        Of every stimulus its name, its image at 120 pixels per degree (all of one shape, luminance on a linear scale),
        and the luminance of its background on that scale.

    Returns
    -------
    `pattern` (stimulus, y, x) with the coordinates `number` (from 1) and `name`.

    Raises
    ------
    ValueError
        If an image is uniform.
    """
    relative = []
    for name, image, zero in zip(names, images, zeros, strict=True):
        pattern = np.asarray(image, dtype=np.float64) - zero
        peak = np.abs(pattern).max()
        if peak == 0:
            raise ValueError(f"ModelFest stimulus {name} is uniform; a pattern needs contrast.")
        relative.append(pattern / peak)
    return xr.Dataset(
        {"pattern": (("stimulus", "y", "x"), np.stack(relative), {"units": "contrast relative to the peak's"})},
        coords={"number": ("stimulus", np.arange(1, len(names) + 1)), "name": ("stimulus", np.array(list(names)))},
        attrs={"dataset": NAME, "judged_by": PEOPLE, "pixels_per_degree": NATIVE_PIXELS_PER_DEGREE},
    )


def comparisons(table: pd.DataFrame, names: Sequence[str], source: str) -> pd.DataFrame:
    """Arrange ModelFest's table of thresholds as judgements.

    Parameters
    ----------
    table
        One row per observer: a label, then four thresholds of each stimulus in order, as -log10 contrast. The columns
        go by number: stimulus i has columns 1 + 4 (i - 1) to 4 + 4 (i - 1).
    names, source
        Name of every stimulus, in order; where the table is from.

    Returns
    -------
    One row per stimulus and observer: dataset, judged_by, judgement_type, group, cluster, reference, first, second,
    observer, judgement (log10 threshold contrast, the mean of the four), spread (their standard deviation), observers,
    unit, source.

    Raises
    ------
    ValueError
        If the table has not four numbers per stimulus.
    """
    expected = 1 + 4 * len(names)
    if table.shape[1] != expected:
        raise ValueError(
            f"ModelFest's table has {table.shape[1]} columns; expected {expected}, an observer's label and four "
            f"thresholds of each of {len(names)} stimuli."
        )
    thresholds = -table.iloc[:, 1:].to_numpy(dtype=np.float64).reshape(len(table), len(names), 4)
    if not np.isfinite(thresholds).all():
        raise ValueError("ModelFest's table holds a threshold that is not a number.")
    shown = np.tile(np.asarray(names), len(table))
    return pd.DataFrame(
        {
            "dataset": NAME,
            "judged_by": PEOPLE,
            "judgement_type": THRESHOLDS,
            "group": EVERYTHING,
            "cluster": shown,
            "reference": "blank",
            "first": shown,
            "second": None,
            "observer": np.repeat(table.iloc[:, 0].astype(str).to_numpy(), len(names)),
            "judgement": thresholds.mean(axis=2).ravel(),
            "spread": thresholds.std(axis=2, ddof=1).ravel(),
            "observers": 1,
            "unit": "log10 threshold contrast",
            "source": source,
        }
    ).astype({"second": "string"})


def at_resolution(native: xr.Dataset, pixels_per_degree: float) -> xr.Dataset:
    """Resample patterns to coarser pixels, band-limited: what the pixels can show keeps its contrast.

    The kernel is Lanczos's with eight lobes, whose passband ends just below the new Nyquist frequency. Averaging over
    the area of a pixel would weaken frequencies well below it, of 4 cycles per degree at 32 pixels per degree by 2.5%
    in each direction of modulation.

    Parameters
    ----------
    native, pixels_per_degree
        What `patterns` returns; the target resolution, at most the native one.

    Returns
    -------
    `pattern` (stimulus, y, x), centred, around it background; `energy_kept` (stimulus), the share of the pattern's
    energy (contrast squared, integrated over area) that the coarser pixels show; `used` (stimulus), whether that is at
    least 90%.

    References
    ----------
    Lanczos: Applied Analysis, 1956; as a resampling kernel Duchon: Lanczos Filtering in One and Two Dimensions, Journal
    of Applied Meteorology 18(8), 1979.

    Raises
    ------
    ValueError
        If the target is finer than the native resolution.
    """
    scale = native.attrs["pixels_per_degree"] / pixels_per_degree
    if scale < 1:
        raise ValueError(
            f"{pixels_per_degree} pixels per degree is finer than the patterns' own "
            f"{native.attrs['pixels_per_degree']}; they can only be resampled to coarser pixels."
        )
    pattern = native["pattern"].values
    rows, columns = (_resampling_matrix(size, scale) for size in pattern.shape[1:])
    coarse = rows @ pattern @ columns.T
    kept = scale**2 * (coarse**2).sum(axis=(1, 2)) / (pattern**2).sum(axis=(1, 2))
    return xr.Dataset(
        {
            "pattern": (("stimulus", "y", "x"), coarse, native["pattern"].attrs),
            "energy_kept": ("stimulus", kept),
            "used": ("stimulus", kept >= LEAST_ENERGY),
        },
        coords={name: native[name] for name in ("number", "name")},
        attrs={**identity(native.attrs), "pixels_per_degree": float(pixels_per_degree)},
    )


def _resampling_matrix(size: int, scale: float) -> NDArray[np.float64]:
    """Rows that interpolate `size` pixels at wider ones, `scale` old pixels each, centred; outside is zero."""
    count = int(np.ceil(size / scale - 1e-9))
    centre = (size - 1) / 2 + scale * (np.arange(count) - (count - 1) / 2)
    outside = int(np.ceil(LOBES * scale))
    distance = (np.arange(-outside, size + outside) - centre[:, None]) / scale
    kernel = np.where(np.abs(distance) < LOBES, np.sinc(distance) * np.sinc(distance / LOBES), 0)
    return (kernel / kernel.sum(axis=1, keepdims=True))[:, outside : outside + size]
