"""Figure: perceptual efficacy of every channel, by layer, for networks side by side."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._examples import SCORED


def table(channels: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Collect PE of every scored channel.

    Parameters
    ----------
    channels
        What `scores.score_channels` returns, by the network's name for readers.

    Returns
    -------
    One row per scored channel: network, layer, channel, pe; networks and layers in the order given.

    Raises
    ------
    ValueError
        If there are more networks than colours that can be told apart.
    """
    if not 1 <= len(channels) <= len(style.NETWORKS):
        raise ValueError(f"{len(channels)} networks; the figure shows 1 to {len(style.NETWORKS)} side by side.")
    rows = [part[part["status"] == SCORED].assign(network=network) for network, part in channels.items()]
    return pd.concat(rows, ignore_index=True)[["network", "layer", "channel", "pe"]]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a box of the quartiles over a point per channel, with each median in figures."""
    networks, layers = list(table["network"].unique()), list(table["layer"].unique())
    step = 0.8 / len(networks)
    figure = style.figure(3.6)
    axis = figure.subplots()
    for number, network in enumerate(networks):
        colour = style.NETWORKS[number]
        for place, layer in enumerate(layers):
            rows = table[(table["network"] == network) & (table["layer"] == layer)]
            if rows.empty:
                continue
            x = place + step * (number - (len(networks) - 1) / 2)
            # multiples of the golden ratio spread points evenly, and always in the same way
            spread = (rows["channel"].to_numpy() * 0.618034 % 1 - 0.5) * 0.75 * step
            axis.scatter(x + spread, rows["pe"], s=7, color=colour, edgecolor="#333333", linewidth=0.25, alpha=0.8)
            axis.boxplot(
                rows["pe"],
                positions=[x],
                widths=0.85 * step,
                manage_ticks=False,
                showfliers=False,
                showcaps=False,
                whiskerprops={"linewidth": 0},
                medianprops={"color": "black", "linewidth": 1.8},
                boxprops={"linewidth": 0.9},
            )
            axis.annotate(
                f"{rows['pe'].median():.2f}",
                (x, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                rotation=90 if len(networks) * len(layers) > 16 else 0,
            )
    axis.annotate("median", (0, 1), xycoords="axes fraction", xytext=(-4, 6), textcoords="offset points", ha="right")
    axis.set_xticks(np.arange(len(layers)), layers)
    if len(layers) > 8:
        axis.tick_params(axis="x", labelrotation=90)
    axis.set_xlim(-0.55, len(layers) - 0.45)
    axis.grid(axis="y")
    axis.set_xlabel("Layer, from shallow to deep")
    axis.set_ylabel("Perceptual efficacy PE\n(dimensionless)")
    figure.suptitle("Perceptual efficacy of every scored channel, by layer (boxes: quartiles)")
    keys = [Patch(facecolor=style.NETWORKS[i], edgecolor="#333333", label=name) for i, name in enumerate(networks)]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(networks))
    return figure
