"""Figure: perceptual efficacy of every channel, by layer, for networks side by side."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED

BOX: dict[str, Any] = {  # the quartiles alone
    "boxprops": {"linewidth": 0.9},
    "medianprops": {"color": "black", "linewidth": 1.8},
    "whiskerprops": {"linewidth": 0},
    **dict.fromkeys(("showcaps", "showfliers", "manage_ticks"), False),
}


def table(channels: pd.DataFrame) -> pd.DataFrame:
    """Keep the PE of every scored channel: a row each with the network, layer, channel and pe.

    More networks than colours that can be told apart are a ValueError.
    """
    count = channels["network"].nunique()
    if not 1 <= count <= len(style.NETWORKS):
        raise ValueError(f"{count} networks; the figure shows 1 to {len(style.NETWORKS)} side by side.")
    return channels.loc[channels["status"] == SCORED, [*OF_NETWORK, "layer", "channel", "pe"]].reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a box of the quartiles over a point per channel, with each median in figures."""
    networks = [rows for _, rows in table.groupby("network", sort=False)]
    layers = list(table["layer"].unique())
    step = 0.8 / len(networks)
    figure = style.figure(3.6)
    axis = figure.subplots()
    keys = []
    for number, of_network in enumerate(networks):
        colour = style.NETWORKS[number]
        keys.append(Patch(facecolor=colour, edgecolor="#333333", label=style.network_of(of_network)))
        for layer, rows in of_network.groupby("layer", sort=False):
            x = layers.index(layer) + step * (number - (len(networks) - 1) / 2)
            # multiples of the golden ratio spread points evenly, and always in the same way
            spread = (rows["channel"].to_numpy() * 0.618034 % 1 - 0.5) * 0.75 * step
            axis.scatter(x + spread, rows["pe"], s=7, color=colour, **style.POINT)
            axis.boxplot(rows["pe"], positions=[x], widths=0.85 * step, **BOX)
            where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            turned = 90 if len(networks) * len(layers) > 16 else 0
            axis.annotate(f"{rows['pe'].median():.2f}", (x, 1), (0, 6), ha="center", rotation=turned, **where)
    axis.annotate("median", (0, 1), (-4, 6), xycoords="axes fraction", textcoords="offset points", ha="right")
    axis.set_xticks(np.arange(len(layers)), layers)
    if len(layers) > 8:
        axis.tick_params(axis="x", labelrotation=90)
    axis.set_xlim(-0.55, len(layers) - 0.45)
    axis.grid(axis="y")
    axis.set_xlabel("Layer, from shallow to deep")
    axis.set_ylabel("Perceptual efficacy PE\n(dimensionless)")
    figure.suptitle("Perceptual efficacy of every scored channel, by layer (boxes: quartiles)")
    style.legend(figure, keys, len(networks))
    return figure
