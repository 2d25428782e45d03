"""What the figures about agreement share: which rows they show, names for readers, and how selections are drawn."""

from collections.abc import Sequence
from textwrap import fill
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from perceptual_efficacy import vocabulary as words
from perceptual_efficacy.plots import style

NAMES = ("2AFC score", "Mean average precision", "Spearman correlation", "Pearson correlation")
MEASURES = dict(zip(words.PRIMARY_MEASURES, NAMES, strict=True))
MEANINGS = {
    "2afc": "2AFC score: share of judgements for the image at the smaller distance",
    "map": "Mean average precision: how well the smallest distances find the images called the same",
    "srcc": "Spearman correlation of the negative distance with the judged quality",
    "r": "Pearson correlation of predicted with measured log thresholds",
}
ON_FISHERS_SCALE = ("r", "srcc")
BY_CONSTRUCTION = "by construction: known ordering, no human ratings"
SELECTIONS = (words.ALL, words.HIGH, words.LOW, words.RANDOM_HALVES)
COLUMNS = (*words.IDENTITY, *words.INTERVAL, "channels", "n", "n_clusters", "resampled_unit")
OFFSETS = {words.LOW: -0.25, words.ALL: 0.0, words.HIGH: 0.25}


def primary_rows(agreement: pd.DataFrame, selections: Sequence[str], rankings: Sequence[str]) -> pd.DataFrame:
    """Return the primary scores by raw distances of these selections, halves by these rankings, baselines, people."""
    return agreement[
        agreement["measure"].isin(MEASURES)
        & (agreement["cube"] != words.STANDARDISED)
        & agreement["ranking"].isin([words.NONE, *rankings])
        & agreement["selection"].isin(selections)
    ].reset_index(drop=True)


def refuse_unscored(rows: pd.DataFrame) -> None:
    """Raise ValueError if no distance of a network has a score on all comparisons."""
    if rows.loc[(rows["group"] == words.EVERYTHING) & (rows["layer"] != words.NONE), "estimate"].isna().all():
        raise ValueError(
            f"No distance has a score ({rows['measure'].iloc[0]}) on {rows['dataset'].iloc[0]}, so there is nothing "
            f"to show. Its judgements do not vary, or none says that two images are the same."
        )


def by_data(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Divide a table by data set and resolution; name the resolution, if there is one."""
    resolution = table.get("pixels_per_degree", pd.Series(np.nan, table.index))
    names = resolution.map("{:g} px/deg".format, na_action="ignore").fillna("")
    return [(str(name), rows) for (_, name), rows in table.groupby(["dataset", names], sort=False)]


def refuse_unknown(layer: str, rows: pd.DataFrame) -> None:
    """Raise ValueError if these rows of one network and data set have no such layer."""
    layers = list(rows.loc[rows["layer"] != words.NONE, "layer"].unique())
    if layer not in layers:
        network, dataset = rows[["network", "dataset"]].iloc[0]
        raise ValueError(
            f"Layer {layer!r} of {network} is not in the table of agreement with {dataset}; it has {layers}."
        )


def title(what: str, table: pd.DataFrame) -> str:
    """Name what is shown, the network and the data set; only judgements of people are called human."""
    dataset, judged_by = table[["dataset", "judged_by"]].iloc[0]
    judgements, note = ("human judgements", "") if judged_by == words.PEOPLE else ("judgements", f"; {BY_CONSTRUCTION}")
    return "\n".join([what.format(judgements), fill(f"{style.network_of(table)}, {dataset}{note}", 80)])


def scale(axis: Axes, table: pd.DataFrame, which: Literal["x", "y"]) -> str:
    """Set the limits of a score's axis, on Fisher's scale for correlations, and return its label.

    Estimates without a network count; their intervals, which are not drawn, do not.
    """
    inside, measure = table[table["layer"] != words.NONE], table["measure"].iloc[0]
    shown = pd.concat([inside["ci_low"], inside["ci_high"], table["estimate"]])
    low, high = float(shown.min()), float(shown.max())
    if measure in ON_FISHERS_SCALE:
        style.correlation_axis(axis, low, high, which)
        return f"{MEASURES[measure]}\n(Fisher scale)"
    margin = 0.05 * max(high - low, 0.02)
    axis.set(**{f"{which}lim": (low - margin, high + margin)})
    return MEASURES[measure]


def note_on(table: pd.DataFrame) -> str:
    """Say what the measure is, and what the intervals are over."""
    measure, unit = table[["measure", "resampled_unit"]].iloc[0]
    scores = table.loc[(table["selection"] != words.RANDOM_HALVES) & table["estimate"].notna(), "ci_low"].notna()
    if scores.any():
        bars = f"Bars: 95% bootstrap intervals over {unit}{'' if scores.all() else ', if at least 10'}"
    else:
        bars = f"No intervals: only {table['n_clusters'].max()} {unit}"
    return f"{MEANINGS[measure]}.\n{bars}."


def draw_selections(axis: Axes, rows: pd.DataFrame, place: pd.Series, *, upright: bool, markersize: float) -> None:
    """Draw random halves as grey bars and, over them, the selections as points with intervals.

    `place` says where each row is: along x if scores go upright, else along y, which points downwards.
    """
    bar, along, across = (axis.bar, axis.vlines, axis.hlines) if upright else (axis.barh, axis.hlines, axis.vlines)
    halves = rows[rows["selection"] == words.RANDOM_HALVES]
    at = place[halves.index]
    bar(at, halves["ci_high"] - halves["ci_low"], 0.86, halves["ci_low"], color=style.COLOURS[words.RANDOM_HALVES])
    across(halves["estimate"], at - 0.43, at + 0.43, color="white", linewidth=1, zorder=1.2)
    for selection, offset in OFFSETS.items():
        chosen, colour = rows[rows["selection"] == selection], style.COLOURS[selection]
        at = place[chosen.index] + (offset if upright else -offset)
        along(at, chosen["ci_low"], chosen["ci_high"], color=colour, linewidth=1, zorder=2)
        points = (at, chosen["estimate"]) if upright else (chosen["estimate"], at)
        axis.plot(*points, style.MARKERS[selection], color=colour, markersize=markersize)


def draw_rows(axis: Axes, rows: pd.DataFrame, *, markersize: float, no_score: str) -> None:
    """Draw selections one below another, at the column `y`, and write where none has a score."""
    draw_selections(axis, rows, rows["y"], upright=False, markersize=markersize)
    best = rows.groupby("y")["estimate"].max()
    for y in best.index[best.isna()]:
        axis.text(0.5, y, no_score, transform=axis.get_yaxis_transform(), ha="center", va="center")
    axis.grid(axis="x")
    axis.tick_params(axis="y", length=0)


def keys(half: str = "{}-PE channels") -> list[Artist]:
    """Legend handles of the selections: both halves, under these names, all channels, and last random halves."""
    names = ((words.HIGH, half.format("high")), (words.ALL, "all channels"), (words.LOW, half.format("low")))
    points = [
        Line2D([], [], color=style.COLOURS[name], marker=style.MARKERS[name], markersize=5, label=label)
        for name, label in names
    ]
    return [*points, Patch(color=style.COLOURS[words.RANDOM_HALVES], label="random halves (central 95%)")]
