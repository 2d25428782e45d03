"""Figure: the filters of the first convolution, ordered by perceptual efficacy."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._examples import channels_of
from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED

NO_LAYER = "not a layer of the study"


def table(weights: ArrayLike, channels: pd.DataFrame, layer: str | None) -> pd.DataFrame:
    """Order the filters by PE.

    Parameters
    ----------
    weights
        Of the first convolution, shape (channels, 3, height, width).
    channels
        What `scores.score_channels` returns.
    layer
        The layer that these filters give the channels of; None if no layer of the study has them, and so no scores.

    Returns
    -------
    One row per filter and position: the network, layer, channel, status, pe, rank (from 1, the highest PE; ties by
    channel index; missing where not scored), y (downwards), x, and the weights r, g, b. Filters that were not scored
    come last.

    Raises
    ------
    ValueError
        If the weights are not one RGB filter per channel of the layer.
    """
    values = np.asarray(weights, dtype=np.float64)
    if layer is None:
        rows = channels.iloc[[0] * len(values)].reset_index(drop=True)
        rows = rows.assign(channel=range(len(values)), layer=NO_LAYER, status=NO_LAYER)
    else:
        rows = channels_of(channels, layer).sort_values("channel")
    if values.ndim != 4 or values.shape[1] != 3 or list(rows["channel"]) != list(range(len(values))):
        raise ValueError(
            f"Weights of shape {values.shape} for {len(rows)} channels of {layer!r}; "
            f"expected ({len(rows)}, 3, height, width)."
        )
    scored = rows["status"] == SCORED
    rows = rows.assign(pe=rows["pe"].where(scored))
    rows = rows.sort_values(["pe", "channel"], ascending=[False, True], kind="stable", na_position="last")
    rows["rank"] = pd.Series(range(1, len(rows) + 1), index=rows.index, dtype="Int64").where(rows["pe"].notna())
    _, _, height, width = values.shape
    y, x = (grid.ravel() for grid in np.indices((height, width)))
    pixels = pd.DataFrame(
        {
            "channel": np.repeat(np.arange(len(values)), height * width),
            "y": np.tile(y, len(values)),
            "x": np.tile(x, len(values)),
            **{colour: values[:, number].ravel() for number, colour in enumerate("rgb")},
        }
    )
    return rows[[*OF_NETWORK, "layer", "channel", "status", "pe", "rank"]].merge(pixels, on="channel", how="left")


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw every filter as a tile, scaled to its own largest weight (grey is zero), with its PE below."""
    filters = list(table.groupby("channel", sort=False))
    columns = 16 if len(filters) > 24 else 8
    lines = -(-len(filters) // columns)
    figure = style.figure(0.65 + lines * 6.9 / columns * 1.6 / 1.12)
    axis = figure.subplots()
    for number, (_, tile) in enumerate(filters):
        row, column = divmod(number, columns)
        weights = tile.sort_values(["y", "x"])[["r", "g", "b"]].to_numpy()
        image = weights.reshape(tile["y"].max() + 1, tile["x"].max() + 1, 3)
        largest = np.abs(image).max()
        left, top = column * 1.12, row * 1.6
        axis.imshow(0.5 + 0.5 * image / (largest if largest > 0 else 1), extent=(left, left + 1, top + 1, top))
        pe = tile["pe"].iloc[0]
        axis.text(left + 0.5, top + 1.1, f"{pe:.2f}" if np.isfinite(pe) else "–", ha="center", va="top")
    axis.set_xlim(-0.06, columns * 1.12 - 0.06)
    axis.set_ylim(lines * 1.6 - 0.05, -0.05)
    axis.set_axis_off()
    unscored = sum(tile["rank"].isna().any() for _, tile in filters)
    note = f"; – marks the {unscored} not scored" if unscored else ""
    figure.supxlabel(f"PE below each filter, from high to low{note}. Each is scaled to its own largest weight.", size=8)
    layer = table["layer"].iloc[0]
    scored = layer != NO_LAYER
    order = f"of {layer} ordered by perceptual efficacy PE" if scored else f"of the first convolution, {layer}"
    figure.suptitle(f"Filters {order}, {style.network_of(table)}")
    return figure
