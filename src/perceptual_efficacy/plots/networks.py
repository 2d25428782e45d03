"""Figure: how well high-PE and low-PE channels agree with human judgements, network by network."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import EVERYTHING, HIGH_LOW, MEAN_OF_LAYERS, PEOPLE

NO_SCORE = "no score"
STEPS = [1, 2.5, 5, 10]  # between ticks


def table(agreement: pd.DataFrame, layers: Mapping[str, str]) -> pd.DataFrame:
    """Choose what the figure shows of all networks, in their order here, and of data sets that people judged.

    `layers` gives each network the layer whose channels to show, or "mean of layers". A row per data set, network and
    selection ("all"; "high" and "low", the halves by PE; "high - low"; and "random halves", whose interval is their
    central 95%): the columns of its identity, estimate (the primary measure), ci_low, ci_high, channels, n (comparisons
    or stimuli), n_clusters, resampled_unit and p_split (of the difference among random splits). A data set
    that people did not judge is a ValueError.
    """
    for dataset, judged_by in agreement[["dataset", "judged_by"]].drop_duplicates().itertuples(index=False):
        if judged_by != PEOPLE:
            raise ValueError(f"{dataset} is judged by {judged_by}; the figure shows human judgements.")
    rows = shared.primary_rows(agreement, [*shared.SELECTIONS, HIGH_LOW], ["pe"])
    rows = rows[rows["group"] == EVERYTHING]
    for (network, _), part in rows.groupby(["network", "dataset"], sort=False):
        shared.refuse_unknown(layers[str(network)], part)
    rows = rows[rows["layer"] == rows["network"].map(layers)]
    return rows.filter([*shared.COLUMNS, "p_split"]).reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw two panels per data set, the scores and the difference of high and low, a row per network.

    The panels of a data set are side by side; above one another, with the data sets side by side, if there are more
    than two. Correlations are on Fisher's scale, their differences are not.
    """
    datasets, layers = shared.by_data(table), list(table["layer"].unique())
    labels = _labels(table)
    place = {network: number for number, network in enumerate(labels)}
    abreast = len(datasets) > 2
    lines = 2 if abreast else len(datasets)
    roomy, least = (1.9 + lines * (0.85 + max(0.9, row * len(labels))) for row in (0.45, 0.23))  # what labels need
    figure = style.figure(max(min(roomy, style.TALLEST), least))
    axes = figure.subplots(lines, len(datasets) if abreast else 2, sharey=True, squeeze=False)
    for (scores, difference), (resolution, rows) in zip(axes.T if abreast else axes, datasets, strict=True):
        rows = rows.assign(y=rows["network"].map(place))
        _draw_scores(scores, rows[rows["selection"] != HIGH_LOW], ticks=3 if abreast else 5)
        _draw_difference(difference, rows[rows["selection"] == HIGH_LOW], ticks=3 if abreast else 5)
        title = _title(rows, resolution, 22 if abreast else 80)
        scores.set_title(title, loc="left", fontsize=7 if abreast else 8.5)
        for axis in (scores, difference):
            axis.set_xlabel(fill(axis.get_xlabel(), 16 if abreast else 80), fontsize=7.5 if abreast else 8.5)
            axis.tick_params(axis="x", labelsize=7 if abreast else 8)
    axes[0, 0].set_yticks(list(place.values()), list(labels.values()))
    axes[0, 0].set_ylim(len(place) - 0.45, -0.55)
    for axis in axes[:, 0]:
        axis.tick_params(axis="y", labelsize=6.5 if abreast or len(labels) > 6 else 8)
    where = f"\n{layers[0] if layers[0] == MEAN_OF_LAYERS else f'channels of {layers[0]}'}" if len(layers) == 1 else ""
    figure.suptitle(f"Agreement of high-PE and low-PE channels with human judgements{where}")
    meanings = ".\n".join(shared.MEANINGS[measure] for measure in table["measure"].unique())
    bars = "Bars: 95% bootstrap intervals. " if _has_intervals(table) else ""
    p = "p, two-sided, not corrected: place of the difference among random splits."
    style.legend(figure, shared.keys(), 4, f"{meanings}.\n{bars}{p}")
    return figure


def _labels(table: pd.DataFrame) -> dict[str, str]:
    """Name the networks, their weights below unless trained, and the layer unless it is the same for all."""
    rows = table.drop_duplicates("network")
    layers = rows["layer"] if len(rows["layer"].unique()) > 1 else [""] * len(rows)
    notes = (", ".join(filter(None, note)) for note in zip(rows["weights"].map(style.WEIGHTS), layers, strict=True))
    return {network: f"{network}\n{note}".rstrip() for network, note in zip(rows["network"], notes, strict=True)}


def _title(rows: pd.DataFrame, resolution: str, width: int) -> str:
    dataset, n, clusters, unit = rows[["dataset", "n", "n_clusters", "resampled_unit"]].iloc[0]
    intervals = f"intervals over {unit}" if _has_intervals(rows) else f"no intervals: only {clusters:,} {unit}"
    name = ", ".join(filter(None, [dataset, resolution]))
    return "\n".join([fill(name, width), fill(f"n = {n:,}; {intervals}", width)])


def _has_intervals(rows: pd.DataFrame) -> bool:
    return bool(rows.loc[rows["selection"].isin(style.MARKERS), "ci_low"].notna().any())


def _draw_scores(axis: Axes, rows: pd.DataFrame, ticks: int) -> None:
    shared.draw_rows(axis, rows, markersize=4, no_score=NO_SCORE)
    if rows["estimate"].isna().all():
        axis.set_xlabel(shared.MEASURES[rows["measure"].iloc[0]])
        axis.set_xticks([])
        return
    axis.set_xlabel(shared.scale(axis, rows, "x"))
    if axis.get_xscale() == "linear" or len(axis.get_xticks()) < 3:
        style.round_ticks(axis.xaxis, ticks, STEPS)
    elif len(axis.get_xticks()) > ticks + 1:
        style.fixed_ticks(axis.xaxis, axis.get_xticks()[::2])


def _draw_difference(axis: Axes, rows: pd.DataFrame, ticks: int) -> None:
    axis.axvline(0, color="#999999", linewidth=1, zorder=1)
    axis.hlines(rows["y"], rows["ci_low"], rows["ci_high"], color=style.OTHER, linewidth=1, zorder=2)
    axis.plot(rows["estimate"], rows["y"], "D", color=style.OTHER, markersize=4)
    where: dict[str, Any] = {"xycoords": axis.get_yaxis_transform(), "textcoords": "offset points"}
    places = ["< 0.001" if p < 0.001 else style.signed(p, ".2g") for p in rows["p_split"]]
    for y, p in [(-0.55, "p"), *zip(rows["y"], places, strict=True)]:
        axis.annotate(p, (1, y), (4, 0), va="center" if y >= 0 else "bottom", fontsize=7, **where)
    axis.grid(axis="x")
    axis.tick_params(axis="y", length=0)
    style.round_ticks(axis.xaxis, ticks, STEPS)
    axis.set_xlabel("High − low")
