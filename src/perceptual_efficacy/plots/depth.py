"""Figure: mu1, mu2 and perceptual efficacy by depth, for all networks of the study."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import OF_NETWORK, RANDOM_WEIGHTS, SCORED

COLOURS = ("#882255", "#009F9F", "#FF9F00", "#1F00DF", "#5A1E00", "#00BFFF", "#9F5F5F", "#7FBF9F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # a network beyond the last colour has another marker
DODGE = 0.06  # octaves between networks, less if there are many
SPREAD = 0.25  # octaves that all of them take up at most
TIE = 0.05  # octaves between layers of one network that see equally far
NOTE = (
    "Points: median over the scored channels of a layer; bars: quartiles; networks are shifted slightly along x.\n"
    "Open points and dashed lines: random weights."
)


def table(channels: pd.DataFrame, controls: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Summarise the scores of every layer of every network.

    `controls` maps networks to their controls, which are drawn in the same colour. A row per
    network, layer and score, in the order of `channels`: the network, layer, receptive_field (width in pixels of the
    patch that one unit of the layer sees), score ("mu1", "mu2" or "pe"), median, q25 and q75 (over scored channels;
    missing if there are none), scored and channels (their numbers), and beside (the first network that this one is the
    control of, or itself).
    """
    beside = {control: network for network, control in reversed(list((controls or {}).items()))}
    rows = []
    for _, members in channels.groupby(["network", "layer"], sort=False):
        about = members[[*OF_NETWORK, "layer", "receptive_field"]].iloc[0]
        scored = members[members["status"] == SCORED]
        pair = beside.get(about["network"], about["network"])
        counted = {"scored": len(scored), "channels": len(members), "beside": pair}
        for score in style.SCORES:
            lower, median, upper = scored[score].quantile([0.25, 0.5, 0.75])
            rows.append({**about, "score": score, "median": median, "q25": lower, "q75": upper, **counted})
    return pd.DataFrame(rows)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per score, the layers of a network joined from shallow to deep."""
    networks = list(table["network"].unique())
    figure = style.figure(7.2)
    axes = figure.subplots(len(style.SCORES), 1, sharex=True)
    step = min(DODGE, SPREAD / len(networks))
    shown = table.assign(x=0.0)
    for number, network in enumerate(networks):
        rows = table[table["network"] == network]
        ties = rows.groupby(["score", "receptive_field"])
        place = ties.cumcount() - (ties["layer"].transform("size") - 1) / 2
        octaves = step * (number - (len(networks) - 1) / 2) + TIE * place
        shown.loc[rows.index, "x"] = rows["receptive_field"] * 2.0**octaves
    keys = []
    colours = {pair: number for number, pair in enumerate(table["beside"].unique())}
    for _, rows in shown.groupby("network", sort=False):
        look = _look(colours[rows["beside"].iloc[0]], rows["weights"].iloc[0] == RANDOM_WEIGHTS)
        keys.append(Line2D([], [], label=style.network_of(rows), **look))
        for axis, score in zip(axes, style.SCORES, strict=True):
            of_score = rows[rows["score"] == score]
            axis.vlines(of_score["x"], of_score["q25"], of_score["q75"], color=look["color"], linewidth=0.9, alpha=0.7)
            axis.plot(of_score["x"], of_score["median"], **look)
    for axis, score in zip(axes, style.SCORES, strict=True):
        axis.set_ylabel(f"{style.SCORES[score]} (dimensionless)")
        if not (table.loc[table["score"] == score, "q25"] < 0).any():
            axis.set_ylim(bottom=0)
        axis.grid()
    low, high = float(shown["x"].min()), float(shown["x"].max())
    margin = 2.0 ** max(0.15, 0.04 * np.log2(high / low))
    ticks = style.octave_axis(axes[-1], low / margin, high * margin)
    style.fixed_ticks(axes[-1].xaxis, ticks if len(ticks) > 1 else np.unique(table["receptive_field"]))
    axes[-1].set_xlabel("Receptive field of the layer (pixels)")
    figure.align_ylabels(axes)
    figure.suptitle("Scores of the channels of every network, by depth")
    longest = max(len(str(key.get_label())) for key in keys)
    across = max(1, min(len(networks), 4, 100 // (longest + 8)))
    style.legend(figure, keys, across, NOTE)
    return figure


def _look(number: int, is_random: bool) -> dict[str, Any]:
    colour = COLOURS[number % len(COLOURS)]
    return {
        "color": colour,
        "marker": MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.1,
        "linestyle": (0, (3, 2)) if is_random else "solid",
        "markerfacecolor": "white" if is_random else colour,
    }
