"""Figure: perceptual efficacy of every channel, by layer, for networks side by side."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED


def table(channels: pd.DataFrame) -> pd.DataFrame:
    """Keep the PE of every scored channel.

    Parameters
    ----------
    channels
        What `scores.score_channels` returns, of one or more networks.

    Returns
    -------
    One row per scored channel: the network, layer, channel, pe.

    Raises
    ------
    ValueError
        If there are more networks than colours that can be told apart.
    """
    if not 1 <= channels["network"].nunique() <= len(style.NETWORKS):
        raise ValueError(
            f"{channels['network'].nunique()} networks; the figure shows 1 to {len(style.NETWORKS)} side by side."
        )
    return channels.loc[channels["status"] == SCORED, [*OF_NETWORK, "layer", "channel", "pe"]].reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a box of the quartiles over a point per channel, with each median in figures."""
    networks = dict(table[["network", "weights"]].drop_duplicates().itertuples(index=False, name=None))
    layers = list(table["layer"].unique())
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
    keys = [
        Patch(facecolor=colour, edgecolor="#333333", label=style.name_network(*network))
        for colour, network in zip(style.NETWORKS[: len(networks)], networks.items(), strict=True)
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(networks))
    return figure
