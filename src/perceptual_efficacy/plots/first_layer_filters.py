"""Figure: the filters of the first convolution, ordered by perceptual efficacy."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._examples import channels_of, ranked
from perceptual_efficacy.vocabulary import OF_NETWORK

NO_LAYER = "not a layer of the study"


def table(weights: ArrayLike, channels: pd.DataFrame, layer: str | None) -> pd.DataFrame:
    """Order the filters by PE.

    `weights` are those of the first convolution, shape (channels, 3, height, width); other than one RGB filter per
    channel is a ValueError. `layer` is the layer whose channels they give; None if the study has no such layer, and so
    no scores. A row per filter and position: the network, layer, channel, status, pe, rank (from 1, the highest PE;
    ties by channel index; missing where not scored), y (downwards), x, and the weights r, g, b. Filters that were not
    scored come last.
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
    channel, y, x = np.indices(values[:, 0].shape).reshape(3, -1)
    colours = dict(zip("rgb", np.moveaxis(values, 1, 0).reshape(3, -1), strict=True))
    pixels = pd.DataFrame({"channel": channel, "y": y, "x": x, **colours})
    shown = ranked(rows, "pe")[[*OF_NETWORK, "layer", "channel", "status", "pe", "rank"]]
    return shown.merge(pixels, on="channel", how="left")


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw every filter as a tile, scaled to its own largest weight (grey is zero), with its PE below."""
    filters = [tile for _, tile in table.groupby("channel", sort=False)]
    columns = 16 if len(filters) > 24 else 8
    lines = -(-len(filters) // columns)
    figure = style.figure(0.65 + lines * 6.9 / columns * 1.6 / 1.12)
    axis = figure.subplots()
    for number, tile in enumerate(filters):
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
    unscored = sum(tile["rank"].isna().any() for tile in filters)
    note = f"; – marks the {unscored} not scored" if unscored else ""
    figure.supxlabel(f"PE below each filter, from high to low{note}. Each is scaled to its own largest weight.", size=8)
    layer = table["layer"].iloc[0]
    order = f"the first convolution, {layer}" if layer == NO_LAYER else f"{layer} ordered by perceptual efficacy PE"
    figure.suptitle(f"Filters of {order}, {style.network_of(table)}")
    return figure
