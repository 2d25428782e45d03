"""Contrast energy of patterns: what predicts detection thresholds without a network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy import csf
from perceptual_efficacy.vocabulary import FITTED_ENERGY, RMS_CONTRAST, WEIGHTED_ENERGY

POOLING = 2.5  # Watson and Ahumada's exponent


def baselines(
    patterns: xr.DataArray, contrasts: ArrayLike, pixels_per_degree: float, sensitivity: csf.ContrastSensitivity
) -> dict[str, NDArray[np.float64]]:
    """Distances of patterns (stimulus, y, x) to the blank by their energy, by name, each (stimuli, contrasts).

    RMS contrast; energy weighted by a contrast sensitivity function; and by Watson and Ahumada's, which was fitted to
    the ModelFest thresholds themselves.
    """

    def distance(**weighting: Any) -> NDArray[np.float64]:
        return distance_of_energy(contrast_energy(patterns, pixels_per_degree, **weighting), contrasts)

    return {
        RMS_CONTRAST: distance(),
        WEIGHTED_ENERGY: distance(sensitivity=sensitivity, exponent=POOLING),
        FITTED_ENERGY: distance(sensitivity=csf.watson_ahumada, exponent=POOLING),
    }


def contrast_energy(
    pattern: ArrayLike,
    pixels_per_degree: float,
    *,
    sensitivity: Callable[[ArrayLike], NDArray[np.float64]] | None = None,
    exponent: float = 2.0,
) -> NDArray[np.float64]:
    """Minkowski norm of a pattern over its area, of its frequency components weighted by a sensitivity if one is given.

    Parameters
    ----------
    pattern
        Contrast, shape (stimuli, y, x).
    sensitivity
        Function of spatial frequency in cycles per degree.
    exponent
        2 gives RMS contrast times the root of the area; 2.5 is Watson and Ahumada's.

    Returns
    -------
    Shape (stimuli,). A pattern of contrast c has c times this energy: its inverse is the predicted threshold, up to
    one factor for all.

    References
    ----------
    Watson, Ahumada: A standard model for foveal detection of spatial contrast, Journal of Vision 5(9), 2005.
    """
    values = np.asarray(pattern, dtype=np.float64)
    if sensitivity is not None:
        height, width = values.shape[1:]
        # background around the pattern, so that the filter does not wrap
        shape = (2 * height, 2 * width)
        vertical = np.fft.fftfreq(shape[0], 1 / pixels_per_degree)[:, None]
        horizontal = np.fft.rfftfreq(shape[1], 1 / pixels_per_degree)
        spectrum = np.fft.rfft2(values, s=shape) * sensitivity(np.hypot(vertical, horizontal))
        values = np.fft.irfft2(spectrum, s=shape)
    return (np.abs(values) ** exponent).sum(axis=(1, 2)) ** (1 / exponent) / pixels_per_degree ** (2 / exponent)


def distance_of_energy(energy: ArrayLike, contrasts: ArrayLike) -> NDArray[np.float64]:
    """Quadratic distance to the blank of patterns of known energy, shape (stimuli, contrasts)."""
    return np.outer(np.asarray(energy, dtype=np.float64), np.asarray(contrasts, dtype=np.float64)) ** 2
