"""Panels of a score by layer: all, high and low channels over random halves, and lines of what uses no network."""

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from perceptual_efficacy.plots import style

SELECTIONS = ("all", "high", "low", "random halves")
SUMMARIES = ("all layers", "mean of layers")
OFFSETS = {"low": -0.25, "all": 0.0, "high": 0.25}
DASHES = ((0, (1, 1)), (0, (5, 2)), (0, (5, 1, 1, 1)), (0, (3, 3)), "solid")


def draw_layers(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw the scores of one ranking's halves, of all channels and of random halves; other rows have the layer "none".

    Parameters
    ----------
    axis
        Axes to draw on.
    rows
        layer, selection, estimate, ci_low and ci_high.
    """
    layers = [layer for layer in rows["layer"].unique() if layer != "none"]
    # a gap before what summarises the layers
    place = {layer: number + 0.5 * (layer in SUMMARIES) for number, layer in enumerate(layers)}
    crowded = len(layers) > 9
    rows = rows[rows["layer"] != "none"]
    halves = rows[rows["selection"] == "random halves"]
    x = halves["layer"].map(place)
    axis.bar(x, halves["ci_high"] - halves["ci_low"], 0.86, halves["ci_low"], color=style.COLOURS["random halves"])
    axis.hlines(halves["estimate"], x - 0.43, x + 0.43, color="white", linewidth=1, zorder=1.2)
    for selection, offset in OFFSETS.items():
        chosen = rows[rows["selection"] == selection]
        x = chosen["layer"].map(place) + offset
        axis.vlines(x, chosen["ci_low"], chosen["ci_high"], color=style.COLOURS[selection], linewidth=1, zorder=2)
        axis.plot(
            x,
            chosen["estimate"],
            style.MARKERS[selection],
            color=style.COLOURS[selection],
            markersize=3 if crowded else 4,
        )
    axis.set_xticks(list(place.values()), layers, rotation_mode="anchor", ha="right", va="center")
    axis.tick_params(axis="x", labelrotation=90 if crowded else 60, labelsize=7 if crowded else 8)
    axis.set_xlim(-0.6, max(place.values()) + 0.6)
    axis.grid(axis="y")


def line(name: str, number: int) -> dict[str, Any]:
    """How to draw the line of something without a network, the numberth one of the figure."""
    colour = style.COLOURS.get(name, style.OTHER)
    return {"color": colour, "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.2, "zorder": 1.5}


def channel_keys() -> list[Artist]:
    """Legend handles of both halves and of all channels."""
    names = (("high", "high half"), ("all", "all channels"), ("low", "low half"))
    return [
        Line2D([], [], color=style.COLOURS[name], marker=style.MARKERS[name], markersize=5, label=label)
        for name, label in names
    ]


def keys() -> list[Artist]:
    """Legend handles of these and of random halves."""
    return [*channel_keys(), Patch(color=style.COLOURS["random halves"], label="random halves (central 95%)")]
