"""The channels of a layer, and three examples of them by rule: the highest, the median and the lowest by a score."""

import pandas as pd
import xarray as xr

from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED


def channels_of(channels: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Return the rows of one layer."""
    rows = channels[channels["layer"] == layer]
    if rows.empty:
        raise ValueError(f"Layer {layer!r} is not in the table of channels; it has {list(channels['layer'].unique())}.")
    return rows


def ranked(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    """Sort channels by a score: `rank` is 1 for the highest, ties are by index; those not scored are last, without."""
    rows = rows.sort_values("channel", kind="stable")
    values = rows[score].where(rows["status"] == SCORED)
    rank = values.rank(method="first", ascending=False).astype("Int64")
    return rows.assign(**{score: values}, rank=rank).sort_values("rank", kind="stable", na_position="last")


def examples(
    channels: pd.DataFrame, curves: xr.Dataset, layer: str, columns: tuple[str, ...]
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Choose the channels with the highest, the median (of two the upper) and the lowest score, the first of `columns`.

    Returns a row per example: the network, layer, example (highest, median or lowest), channel and the columns; and the
    curves of the same channels in the same order, over the dimension `channel` instead of `unit`.
    """
    rows = ranked(channels_of(channels, layer), columns[0])
    rows = rows[rows["status"] == SCORED]
    if rows.empty:
        raise ValueError(f"No channel of layer {layer!r} is scored, so none can be shown.")
    rows = rows.iloc[[0, (len(rows) - 1) // 2, -1]].assign(example=["highest", "median", "lowest"])
    of_layer = curves.isel(unit=(curves["layer"] == layer).values).swap_dims(unit="channel")
    kept = rows[[*OF_NETWORK, "layer", "example", "channel", *columns]].reset_index(drop=True)
    return kept, of_layer.sel(channel=rows["channel"].to_numpy())
