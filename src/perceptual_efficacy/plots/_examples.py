"""The channels of a layer, and three examples of them by rule: the highest, the median and the lowest by a score."""

import pandas as pd
import xarray as xr

from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED


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


def examples(
    channels: pd.DataFrame, curves: xr.Dataset, layer: str, columns: tuple[str, ...]
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Choose the scored channels of a layer with the highest, the median and the lowest score, ties by channel index.

    Of an even number the median is the upper one of the two in the middle.

    Parameters
    ----------
    channels
        What `scores.score_channels` returns.
    curves
        What `scores.tuning_curves` returns.
    layer
        The layer.
    columns
        The score, and other columns to keep.

    Returns
    -------
    A row per example: the network, layer, example (highest, median or lowest), channel and the columns; and the curves
    of the same channels in the same order, over the dimension `channel` instead of `unit`.
    """
    rows = channels_of(channels, layer)
    rows = rows[rows["status"] == SCORED].sort_values([columns[0], "channel"], ascending=[False, True], kind="stable")
    if rows.empty:
        raise ValueError(f"No channel of layer {layer!r} is scored, so none can be shown.")
    rows = rows.iloc[[0, (len(rows) - 1) // 2, -1]].assign(example=["highest", "median", "lowest"])
    of_layer = curves.isel(unit=(curves["layer"] == layer).values).swap_dims(unit="channel")
    kept = rows[[*OF_NETWORK, "layer", "example", "channel", *columns]].reset_index(drop=True)
    return kept, of_layer.sel(channel=rows["channel"].to_numpy())
