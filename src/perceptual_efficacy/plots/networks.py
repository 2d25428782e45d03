"""Figure: how well channels of high and low perceptual efficacy agree with people, network by network."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from perceptual_efficacy.plots import _judged, style
from perceptual_efficacy.plots._layers import SELECTIONS, keys

MEAN = "mean of layers"
DIFFERENCE = "high - low"  # the name that `selections` gives
MEASURES = {**_judged.MEASURES, "r": "Pearson correlation"}
MEANINGS = {**_judged.MEANINGS, "r": "Pearson correlation of predicted with measured log thresholds"}
ON_FISHERS_SCALE = ("r", "srcc")
NO_SCORE = "no score"
STEPS = [1, 2.5, 5, 10]  # between ticks
TALLEST = 9.0  # inches


def table(
    agreement: Mapping[str, Sequence[pd.DataFrame]],
    cards: Mapping[str, Mapping[str, Any]],
    layers: Mapping[str, str],
) -> pd.DataFrame:
    """Choose what the figure shows from the tables of agreement.

    Parameters
    ----------
    agreement
        Network to one table per data set that people judged: what `agreement.compare_selections` returns, with
        `dataset` and `judged_by`, and for ModelFest `pixels_per_degree`.
    cards
        Network to what is known of it: name, origin and pretrained.
    layers
        Network to the layer whose channels to show, or "mean of layers".

    Returns
    -------
    One row per data set, network and selection: dataset (with the resolution if it has one), network (its name for
    readers), origin, layer, selection ("all"; "high" and "low", the halves by PE; "high - low"; and "random halves",
    whose interval is their central 95%), measure (the data set's primary one), estimate, ci_low, ci_high, p_holm (of
    the difference among random splits, corrected), n (comparisons or stimuli), n_clusters and resampled_unit.

    Raises
    ------
    ValueError
        If a data set was not judged by people, or a network has no such layer.
    """
    parts = []
    for network, of_network in agreement.items():
        for part in of_network:
            data, layer = _data(part), layers[network]
            if (part["judged_by"] != "people").any():
                raise ValueError(
                    f"{data} is judged by {part['judged_by'].iloc[0]}; the figure shows people's judgements."
                )
            if layer not in set(part["layer"]):
                raise ValueError(
                    f"Layer {layer!r} of {network} is not in the table of agreement with {data}; it has "
                    f"{list(part['layer'].unique())}."
                )
            rows = part[
                (part["measure"] == part["measure"].iloc[0])
                & (part["cube"] == "raw")
                & (part["group"] == "all")
                & (part["layer"] == layer)
                & part["ranking"].isin(["none", "pe"])
                & part["selection"].isin([*SELECTIONS, DIFFERENCE])
            ]
            about = {"network": style.network_label(cards[network]), "origin": cards[network]["origin"]}
            parts.append(rows.assign(dataset=data, **about))
    columns = [
        "dataset",
        "network",
        "origin",
        "layer",
        "selection",
        "measure",
        "estimate",
        "ci_low",
        "ci_high",
        "p_holm",
    ]
    return pd.concat(parts, ignore_index=True)[[*columns, "n", "n_clusters", "resampled_unit"]]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw two panels per data set, the scores and the difference of high and low, a row per network.

    The panels of a data set are side by side; above one another, with the data sets side by side, if there are more
    than two. Correlations are on Fisher's scale, their differences are not.
    """
    datasets, layers = list(table["dataset"].unique()), list(table["layer"].unique())
    labels = _labels(table)
    place = {network: number for number, network in enumerate(labels)}
    abreast = len(datasets) > 2
    lines = 2 if abreast else len(datasets)
    figure = style.figure(_height(len(labels), lines))
    axes = figure.subplots(lines, len(datasets) if abreast else 2, sharey=True, squeeze=False)
    for (scores, difference), dataset in zip(axes.T if abreast else axes, datasets, strict=True):
        rows = table[table["dataset"] == dataset]
        rows = rows.assign(y=rows["network"].map(place))
        _draw_scores(scores, rows, ticks=3 if abreast else 5)
        _draw_difference(difference, rows, ticks=3 if abreast else 5)
        scores.set_title(_title(rows, 22 if abreast else 80), loc="left", fontsize=7 if abreast else 8.5)
        for axis in (scores, difference):
            axis.set_xlabel(fill(axis.get_xlabel(), 16 if abreast else 80), fontsize=7.5 if abreast else 8.5)
            axis.tick_params(axis="x", labelsize=7 if abreast else 8)
    axes[0, 0].set_yticks(list(place.values()), list(labels.values()))
    axes[0, 0].set_ylim(len(place) - 0.45, -0.55)
    for axis in axes[:, 0]:
        axis.tick_params(axis="y", labelsize=6.5 if abreast or len(labels) > 6 else 8)
    where = f"\n{layers[0] if layers[0] == MEAN else f'channels of {layers[0]}'}" if len(layers) == 1 else ""
    figure.suptitle(f"Agreement of high and low PE with people, network by network{where}")
    legend = figure.legend(handles=keys(), loc="outside lower center", ncols=4, title=_note(table))
    legend.get_title().set_multialignment("center")
    return figure


def _data(part: pd.DataFrame) -> str:
    first = part.iloc[0]
    resolution = first.get("pixels_per_degree", np.nan)
    return str(first["dataset"]) if pd.isna(resolution) else f"{first['dataset']}, {resolution:g} px/deg"


def _labels(table: pd.DataFrame) -> dict[str, str]:
    """Name the networks, what they stand for below, and the layer unless it is the same for all."""
    layers = dict(table[["network", "layer"]].itertuples(index=False, name=None))
    labels = {}
    for network, layer in layers.items():
        name, _, stands_for = network.removesuffix(")").partition(" (")
        below = [stands_for, layer if len(set(layers.values())) > 1 else ""]
        labels[network] = f"{name}\n{', '.join(filter(None, below))}".rstrip()
    return labels


def _height(networks: int, lines: int) -> float:
    """Height of the figure in inches: roomy for a few networks, as much as labels need for many."""
    roomy, least = (1.9 + lines * (0.85 + max(0.9, row * networks)) for row in (0.45, 0.23))
    return max(min(roomy, TALLEST), least)


def _title(rows: pd.DataFrame, width: int) -> str:
    first = rows.iloc[0]
    if rows.loc[rows["selection"].isin(style.MARKERS), "ci_low"].notna().any():
        intervals = f"intervals over {first['resampled_unit']}"
    else:
        intervals = f"no intervals: only {first['n_clusters']:,} {first['resampled_unit']}"
    return "\n".join([fill(first["dataset"], width), fill(f"n = {first['n']:,}; {intervals}", width)])


def _draw_scores(axis: Axes, rows: pd.DataFrame, ticks: int) -> None:
    _judged.draw_selections(axis, rows, 4)
    scores = rows[rows["selection"] != DIFFERENCE]
    best = scores.groupby("y")["estimate"].max()
    for y in best.index[best.isna()]:
        axis.text(0.5, y, NO_SCORE, transform=axis.get_yaxis_transform(), ha="center", va="center")
    axis.grid(axis="x")
    axis.tick_params(axis="y", length=0)
    measure = rows["measure"].iloc[0]
    ends = pd.concat([scores["estimate"], scores["ci_low"], scores["ci_high"]])
    low, high = float(ends.min()), float(ends.max())
    axis.set_xlabel(MEASURES[measure])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.signed(value)))
    if not np.isfinite(low):
        axis.set_xticks([])
    elif measure in ON_FISHERS_SCALE:
        style.correlation_axis(axis, low, high, "x")
        axis.set_xlabel(f"{MEASURES[measure]} (Fisher scale)")
        if len(axis.get_xticks()) < 3:
            axis.xaxis.set_major_locator(MaxNLocator(ticks, steps=STEPS))
    else:
        margin = 0.05 * max(high - low, 0.02)
        axis.set_xlim(low - margin, high + margin)
        axis.xaxis.set_major_locator(MaxNLocator(ticks, steps=STEPS))


def _draw_difference(axis: Axes, rows: pd.DataFrame, ticks: int) -> None:
    chosen = rows[rows["selection"] == DIFFERENCE]
    axis.axvline(0, color="#999999", linewidth=1, zorder=1)
    axis.hlines(chosen["y"], chosen["ci_low"], chosen["ci_high"], color=style.OTHER, linewidth=1, zorder=2)
    axis.plot(chosen["estimate"], chosen["y"], "D", color=style.OTHER, markersize=4)
    for y, p in [(-0.55, "p"), *((y, _p(p)) for y, p in chosen[["y", "p_holm"]].itertuples(index=False))]:
        axis.annotate(
            p,
            (1, y),
            xycoords=axis.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center" if y >= 0 else "bottom",
            fontsize=7,
        )
    axis.grid(axis="x")
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(ticks, steps=STEPS))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.signed(value)))
    axis.set_xlabel("High − low")


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else style.signed(p, ".2g")


def _note(table: pd.DataFrame) -> str:
    meanings = ".\n".join(MEANINGS[measure] for measure in table["measure"].unique())
    scores = table[table["selection"] != "random halves"]
    bars = "Bars: 95% bootstrap intervals. " if scores["ci_low"].notna().any() else ""
    return f"{meanings}.\n{bars}p, two-sided: place of the difference among random splits, corrected after Holm."
