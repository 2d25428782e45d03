"""What the channel explorer shows of every channel, small enough for a page: scores, halves, curves and filters."""

import base64
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy.scores import SCORED, select_channels
from perceptual_efficacy.vocabulary import HIGH, LOW

SHADES = 255  # of a curve between 0 and 1: finer than a pixel of the page
HALVES = ("", LOW, HIGH)


def network(
    channels: pd.DataFrame,
    curves: xr.Dataset,
    sensitivity: ArrayLike,
    filters: ArrayLike | None,
    filters_of: str | None,
) -> dict[str, Any]:
    """Collect what the page shows of the channels of one network.

    Parameters
    ----------
    channels
        What `scores.score_channels` returns.
    curves
        What `scores.tuning_curves` returns for the same channels, in the same order.
    sensitivity
        Contrast sensitivity at the frequencies of `curves`, in any unit, shape (frequency,).
    filters, filters_of
        Weights of the first convolution, (channels, 3, height, width), and the layer whose channels they give; None
        where there is none.

    Returns
    -------
    A mapping that JSON can hold. Per channel, in the order of `channels`: `layer` (index into `layers`), `channel`,
    `mu1`, `mu2`, `pe` (None where not scored), `half` (index into `halves`), `status`. `frequency`, `sensitivity`
    (share of its peak) and `orientation` are axes; `radial` (channels x frequencies, shares of the curve's largest
    magnitude) and `oriented` (channels x orientations, at `oriented_at`, the
    frequency nearest to the steepest, shares of the largest) are bytes in
    base64, 255 for 1. `filters` has `layer`, `width`, `height` and `pixels` (channels x height x width x RGB, each
    filter scaled to its own largest weight, grey is zero), likewise.

    Raises
    ------
    ValueError
        If the curves are not of these channels.
    """
    if not np.array_equal(curves["layer"], channels["layer"]) or not np.array_equal(
        curves["channel"], channels["channel"]
    ):
        raise ValueError("The tuning curves and the scores are of different channels.")
    half = pd.Series(0, index=channels.index)
    for number, name in enumerate(HALVES[1:], start=1):
        half[select_channels(channels, name).index] = number
    layers = list(channels["layer"].unique())
    weight = np.asarray(sensitivity, dtype=np.float64)
    scored = channels["status"] == SCORED
    oriented, at = _at_the_steepest(channels, curves)
    return {
        "network": str(channels["network"].iloc[0]),
        "weights": str(channels["weights"].iloc[0]),
        "layers": layers,
        "halves": HALVES,
        "layer": [layers.index(layer) for layer in channels["layer"]],
        "channel": channels["channel"].tolist(),
        **{name: _numbers(channels[name].where(scored)) for name in ("mu1", "mu2", "pe")},
        "half": half.tolist(),
        "status": channels["status"].tolist(),
        "oriented_at": _numbers(at, 2),
        "frequency": _numbers(curves["frequency"].values, 4),
        "sensitivity": _numbers(weight / weight.max(), 4),
        "orientation": _numbers(curves["orientation"].values, 2),
        "radial": _bytes(np.abs(curves["normalised"].values)),
        "oriented": _bytes(oriented),
        "filters": None if filters is None or filters_of is None else _filters(np.asarray(filters), filters_of),
    }


def _at_the_steepest(channels: pd.DataFrame, curves: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orientation curves nearest to each channel's steepest frequency, as shares of their largest, and at which.

    The frequency is missing for a channel that has no steepest one.
    """
    shown = curves["oriented_frequency"].values
    steepest = channels["steepest_frequency"].to_numpy()
    nearest = np.abs(shown[:, None] - np.nan_to_num(steepest)).argmin(axis=0)
    response = curves["oriented"].values[np.arange(len(channels)), nearest]
    largest = response.max(axis=1, keepdims=True)
    shares = np.divide(response, largest, out=np.zeros_like(response), where=largest > 0)
    return shares, np.where(np.isnan(steepest), np.nan, shown[nearest])


def _filters(weights: NDArray[Any], layer: str) -> dict[str, Any] | None:
    if weights.ndim != 4 or weights.shape[1] != 3:
        return None  # not filters for RGB
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    scaled = np.divide(weights, largest, out=np.zeros_like(weights), where=largest > 0)
    height, width = weights.shape[2:]
    return {"layer": layer, "height": height, "width": width, "pixels": _bytes(np.moveaxis(0.5 + scaled / 2, 1, -1))}


def _numbers(values: ArrayLike, digits: int = 3) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), digits) for value in np.asarray(values, dtype=np.float64)]


def _bytes(shares: NDArray[Any]) -> str:
    shades = np.rint(np.clip(shares, 0, 1) * SHADES).astype(np.uint8)
    return base64.b64encode(shades.tobytes()).decode("ascii")
