"""The example channels of a layer, chosen by rule: the highest, the median and the lowest by a score."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

SCORED = "scored"  # the status that `scores.score_channels` gives


def channels_of(channels: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Return the rows of one layer.

    Raises
    ------
    ValueError
        If the table has no such layer.
    """
    rows = channels[channels["layer"] == layer]
    if rows.empty:
        raise ValueError(f"Layer {layer!r} is not in the table of channels; it has {list(channels['layer'].unique())}.")
    return rows


def examples(channels: pd.DataFrame, layer: str, score: str) -> pd.DataFrame:
    """Return the scored channels of a layer with the highest, the median and the lowest score, ties by channel index.

    Of an even number the median is the upper one of the two in the middle. The column `example` names them.
    """
    rows = channels_of(channels, layer)
    rows = rows[rows["status"] == SCORED].sort_values([score, "channel"], ascending=[False, True], kind="stable")
    if rows.empty:
        raise ValueError(f"No channel of layer {layer!r} is scored, so none can be shown.")
    return rows.iloc[[0, (len(rows) - 1) // 2, -1]].assign(example=["highest", "median", "lowest"])


def response_of(tuning: xr.Dataset, kind: str, layer: str, channel: int, baseline: str) -> NDArray[np.float64]:
    """One channel's "radial" or "oriented" response, averaged over phases, less that to the uniform field if asked."""
    unit = int(np.flatnonzero((tuning["layer"].values == layer) & (tuning["channel"].values == channel))[0])
    one = tuning.isel(unit=unit)
    mean = one[f"{kind}_response"].astype(np.float64).mean("phase").values
    return mean - float(one["blank_response"]) if baseline == "blank" else mean
