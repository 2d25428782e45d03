"""What the figures of judged images share: which rows of the table of agreement they show, and names for readers."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._layers import OFFSETS, SELECTIONS

CEILING = "human ceiling"  # the name that `agreement` gives
MEASURES = {"2afc": "2AFC score", "map": "Mean average precision", "srcc": "Spearman correlation"}
MEANINGS = {
    "2afc": "2AFC score: share of judgements for the image at the smaller distance",
    "map": "Mean average precision: how well the smallest distances find the images called the same",
    "srcc": "Spearman correlation of the negative distance with the judged quality",
}
COLUMNS = [
    *("dataset", "judged_by", "group", "layer", "ranking", "selection", "measure", "estimate", "ci_low", "ci_high"),
    *("channels", "n", "n_clusters", "resampled_unit"),
]


def primary_rows(agreement: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """Choose the primary scores of the raw distances: all, high and low channels, random halves, baselines, people.

    Parameters
    ----------
    agreement
        What `agreement.compare_selections` returns, with the columns `dataset` and `judged_by`. Its first measure is
        the primary one.
    baselines
        Which ones to show.

    Raises
    ------
    ValueError
        If none of the scores of all comparisons exists.
    """
    measure = agreement["measure"].iloc[0]
    rows = agreement[(agreement["measure"] == measure) & (agreement["cube"] != "standardised")]
    halves = rows["ranking"].isin(["none", *style.SCORES]) & rows["selection"].isin(SELECTIONS)
    without_network = (rows["layer"] == "none") & rows["selection"].isin([*baselines, CEILING])
    rows = rows.loc[halves | without_network, COLUMNS].reset_index(drop=True)
    if rows.loc[(rows["group"] == "all") & (rows["layer"] != "none"), "estimate"].isna().all():
        raise ValueError(
            f"No distance has a score ({measure}) on {rows['dataset'].iloc[0]}, so there is nothing to show. Its "
            f"judgements do not vary, or none says that two images are the same."
        )
    return rows


def name_of(table: pd.DataFrame) -> str:
    """Name the data set, and say so where nobody was asked."""
    name, judged_by = table[["dataset", "judged_by"]].iloc[0]
    return f"{name} (judged by construction)" if judged_by == "construction" else str(name)


def measure_of(table: pd.DataFrame) -> str:
    """Name the measure for an axis."""
    return MEASURES[table["measure"].iloc[0]]


def scale(axis: Axes, table: pd.DataFrame, which: Literal["x", "y"]) -> str:
    """Set the limits of a score's axis, on Fisher's scale for correlations, and return its label.

    Estimates of what uses no network count, their intervals, which are not drawn, do not.
    """
    inside = table[table["layer"] != "none"]
    shown = pd.concat([inside["ci_low"], inside["ci_high"], table["estimate"]])
    low, high = float(shown.min()), float(shown.max())
    if table["measure"].iloc[0] == "srcc":
        style.correlation_axis(axis, low, high, which)
        return f"{measure_of(table)}\n(Fisher scale)"
    margin = 0.05 * max(high - low, 0.02)
    axis.set(**{f"{which}lim": (low - margin, high + margin)})
    return measure_of(table)


def note_on(table: pd.DataFrame) -> str:
    """Say what the measure is, and what the intervals are over."""
    measure, unit = table[["measure", "resampled_unit"]].iloc[0]
    scores = table[table["selection"] != "random halves"]
    if scores["ci_low"].notna().all():
        bars = f"Bars: 95% bootstrap intervals over {unit}"
    elif scores["ci_low"].notna().any():
        bars = f"Bars: 95% bootstrap intervals over {unit}, if at least 10"
    else:
        bars = f"No intervals: only {table['n_clusters'].max()} {unit}"
    return f"{MEANINGS[measure]}.\n{bars}."


def draw_selections(axis: Axes, rows: pd.DataFrame, markersize: float) -> None:
    """Draw random halves as grey bars and, over them, the selections as points with intervals; y points downwards."""
    halves = rows[rows["selection"] == "random halves"]
    width = halves["ci_high"] - halves["ci_low"]
    axis.barh(halves["y"], width, 0.86, halves["ci_low"], color=style.COLOURS["random halves"])
    axis.vlines(halves["estimate"], halves["y"] - 0.43, halves["y"] + 0.43, color="white", linewidth=1, zorder=1.2)
    for selection, offset in OFFSETS.items():
        chosen = rows[rows["selection"] == selection]
        colour, y = style.COLOURS[selection], chosen["y"] - offset
        axis.hlines(y, chosen["ci_low"], chosen["ci_high"], color=colour, linewidth=1, zorder=2)
        axis.plot(chosen["estimate"], y, style.MARKERS[selection], color=colour, markersize=markersize)
