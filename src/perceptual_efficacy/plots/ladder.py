"""Figure: distances of photographs distorted step by step; their order is known by construction."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._agreement import BY_CONSTRUCTION, OFFSETS, keys
from perceptual_efficacy.plots._examples import channels_of
from perceptual_efficacy.vocabulary import ALL_LAYERS

DITHER = "dither of one code value"  # the name that `datasets.ladder` gives a change that nobody sees
SERIES = ["layer", "selection", "group", "photograph"]
CHECKS = {"in_order": "every step is larger than the last", "above_dither": "level 1 is larger than the dither"}
COLUMNS = 4


def table(
    distances: Mapping[tuple[str, str], NDArray[np.float64]], comparisons: pd.DataFrame, network: Mapping[str, Any]
) -> pd.DataFrame:
    """Say how the distances by the channels of each selection follow the steps.

    `distances` is what `agreement.selection_distances` returns, by layer and selection, each of shape (comparisons, 1);
    another shape is a ValueError. `comparisons` is what `datasets.tid2013` reads of a ladder, in the same order;
    `network` says what the network and the data set are, by the names of columns. A row per layer, selection, group
    (kind of distortion), photograph and level: the columns of its identity, and the distance, divided by the
    selection's mean over the data set. in_order says whether the photograph's distances rise from every level to the
    next, above_dither whether that at level 1 is larger than the dither's; both are missing for the dither itself.
    """
    about = comparisons[["group", "cluster", "level"]].rename(columns={"cluster": "photograph"}).assign(**network)
    parts = []
    for (layer, selection), distance in distances.items():
        if distance.shape != (len(comparisons), 1):
            raise ValueError(f"The distances have shape {distance.shape}; expected ({len(comparisons)}, 1).")
        if layer != ALL_LAYERS and distance.any():
            parts.append(about.assign(layer=layer, selection=selection, distance=distance[:, 0] / distance.mean()))
    found = pd.concat(parts, ignore_index=True)
    by_level = found.pivot_table(index=SERIES, columns="level", values="distance")
    is_dither = by_level.index.get_level_values("group").str.endswith(DITHER)
    dither = by_level.loc[is_dither, 1].droplevel("group").reindex(by_level.index.droplevel("group")).to_numpy()
    in_order = ~(by_level.diff(axis=1) <= 0).any(axis=1)
    checks = pd.DataFrame({"in_order": in_order, "above_dither": by_level[1] > dither}).astype("boolean")
    checks.loc[is_dither] = pd.NA
    checks.loc[np.isnan(dither), "above_dither"] = pd.NA
    return found.join(checks, on=SERIES)[[*network, *SERIES, "level", "distance", *CHECKS]]


@style.context()
def draw(table: pd.DataFrame, layer: str) -> Figure:
    """Draw one layer's distances by level, a panel per kind of distortion, and below how often each layer's follow."""
    rows = channels_of(table, layer)
    is_dither = rows["group"].str.endswith(DITHER)
    groups = list(rows[~is_dither].groupby("group", sort=False))
    lines = -(-(len(groups) + 1) // COLUMNS)  # the last place is the key's
    figure = style.figure(2.6 + 1.7 * lines)
    grid = figure.add_gridspec(2, 1, height_ratios=[0.6 + 1.7 * lines, 2.0])
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    *axes, key = style.panels(above, len(groups) + 1, COLUMNS, sharex=True, sharey=True)
    for number, (axis, (group, part)) in enumerate(zip(axes, groups, strict=True)):
        _draw_steps(axis, part, rows[is_dither])
        axis.set_title(fill(str(group), 22, break_on_hyphens=False))
        axis.tick_params(labelbottom=number + COLUMNS >= len(groups))  # none is below
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_major_formatter("{x:g}")
    photograph = Line2D([], [], color="#666666", linewidth=0.5, label="one photograph")
    dither = Line2D([], [], color="#666666", linewidth=1, linestyle="--", label=DITHER.replace("one ", "one\n"))
    key.set_axis_off()
    key.legend(handles=[*keys()[:3], photograph, dither], loc="center left", bbox_to_anchor=(-0.1, 0.5))
    above.supxlabel("Level of distortion", fontsize=8.5)
    above.supylabel("Distance / its mean over the data set", fontsize=8.5)
    about = f"{style.network_of(table)}, {layer}; {BY_CONSTRUCTION}"
    above.suptitle(f"Distances of photographs distorted step by step\n{about}")
    checked = table[table["in_order"].notna()].drop_duplicates(SERIES)
    panels = below.subplots(1, len(CHECKS), sharey=True)
    for axis, (check, title) in zip(panels, CHECKS.items(), strict=True):
        _draw_check(axis, checked, check)
        axis.set_title(title)
    panels[0].set_ylim(min(80, *(axis.dataLim.ymin for axis in panels)) - 2, 102)
    count = len(checked) // len(checked[["layer", "selection"]].drop_duplicates())
    panels[0].set_ylabel(f"Share of {count} photographs\n× distortions (%)")
    below.supxlabel("Layer, from shallow to deep", fontsize=8.5)
    return figure


def _draw_steps(axis: Axes, rows: pd.DataFrame, dither: pd.DataFrame) -> None:
    """Draw a line per photograph and, stronger, their mean; the mean of the dither across."""
    for selection in OFFSETS:
        colour = style.COLOURS[selection]
        chosen = rows[rows["selection"] == selection]
        if chosen.empty:  # a layer of one channel has no high half
            continue
        lines = chosen.pivot_table(index="level", columns="photograph", values="distance")
        axis.plot(lines.index, lines, color=colour, linewidth=0.5, alpha=0.35)
        axis.plot(lines.index, lines.mean(axis=1), f"-{style.MARKERS[selection]}", color=colour, markersize=4)
        nothing = dither.loc[dither["selection"] == selection, "distance"].mean()
        axis.axhline(nothing, color=colour, linestyle="--", linewidth=1)
    axis.set_yscale("log")
    axis.xaxis.set_major_locator(FixedLocator(sorted(rows["level"].unique())))
    axis.grid(axis="y")


def _draw_check(axis: Axes, checked: pd.DataFrame, check: str) -> None:
    """Draw by layer for what share of photographs and kinds of distortion a check holds."""
    layers = list(checked["layer"].unique())
    crowded = len(layers) > 7
    for selection, offset in OFFSETS.items():
        chosen = checked[checked["selection"] == selection]
        share = 100 * chosen[check].astype(float).groupby(chosen["layer"]).mean().reindex(layers)
        place, size = np.arange(len(layers)) + offset, 3 if crowded else 4
        axis.plot(place, share, style.MARKERS[selection], color=style.COLOURS[selection], markersize=size)
    axis.set_xticks(range(len(layers)), layers)
    axis.tick_params(axis="x", labelrotation=90 if crowded else 0, labelsize=7 if crowded else 8)
    axis.grid(axis="y")
