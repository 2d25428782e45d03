"""Figure: improvement by a loss from the high half over one from the low half, by image and metric."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots.superres_plane import FORMULAS
from perceptual_efficacy.vocabulary import HIGH, LOW, MDSI, PSNR_Y

UNITS = {PSNR_Y: "dB"}
NO_UNIT = "dimensionless"
NONE = "No network was trained with the high half and, from the same seed, another with the low half."
COLUMNS = ["network", "weights", "dataset", "image", "measure", "improvement", "seeds", "unit"]
ACROSS = 3  # panels
JITTER = 0.24  # rows
POINT: dict[str, Any] = {"linestyle": "none", "marker": "o"}
IMAGE = POINT | {"color": style.OTHER, "markersize": 2.8, "markeredgewidth": 0, "alpha": 0.55}
MEAN = POINT | {"marker": "D", "markerfacecolor": "white", "markeredgecolor": "black", "markersize": 5, "zorder": 4}


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """Subtract the scores of the low half from those of the high half.

    The table has network, weights, dataset, image, measure (MDSI, the primary one, first), improvement (positive where
    high is better; the mean over the seeds that both have), seeds (their number) and unit ("dB" or "dimensionless"). A
    metric without a value is left out. Without both halves there is one row, of the network alone. Several losses with
    the same half, or a metric without one better direction, are a ValueError.
    """
    for half in (HIGH, LOW):
        losses = list(scores.loc[scores["selection"] == half, "loss"].unique())
        if len(losses) > 1:
            raise ValueError(f"{len(losses)} losses use the {half} half: {losses}. Give the scores of one.")
    directions = scores.groupby("measure")["higher_is_better"].nunique()
    if (directions > 1).any():
        raise ValueError(f"For {directions.idxmax()} higher is better in some rows and worse in others.")
    keys = ["network", "weights", "dataset", "image", "measure", "seed"]
    high, low = (scores.loc[scores["selection"] == half, [*keys, "value", "higher_is_better"]] for half in (HIGH, LOW))
    pairs = high.merge(low.drop(columns="higher_is_better"), on=keys, suffixes=("_high", "_low"), validate="1:1")
    pairs = pairs.dropna(subset=["value_high", "value_low"])  # a metric that is not defined at an image's size
    if pairs.empty:
        return scores.dropna(subset="network").head(1)[["network", "weights"]].reindex(columns=COLUMNS)
    sign = np.where(pairs["higher_is_better"].astype(bool), 1.0, -1.0)
    pairs["improvement"] = sign * (pairs["value_high"] - pairs["value_low"])
    rows = pairs.groupby(keys[:-1], sort=False).agg(improvement=("improvement", "mean"), seeds=("seed", "nunique"))
    rows = rows.reset_index().sort_values("measure", key=lambda names: names != MDSI, kind="stable")
    unit = rows["measure"].map(UNITS).fillna(NO_UNIT)
    return rows.assign(unit=unit)[COLUMNS].reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per metric, a row of points per set of test images and a diamond at their mean."""
    title = f"High half against low half in the loss of super-resolution\nchannels of {style.network_of(table)}"
    if table["improvement"].isna().all():
        figure = style.figure(1.5)
        figure.suptitle(title)
        figure.text(0.5, 0.35, NONE, ha="center", va="center")
        return figure
    measures, datasets = list(table["measure"].unique()), list(table["dataset"].unique())
    place = {dataset: number for number, dataset in enumerate(datasets)}
    across = min(ACROSS, len(measures))
    down = -(-len(measures) // across)
    figure = style.figure(min(1.5 + down * (0.75 + 0.32 * len(datasets)), style.TALLEST))
    axes = style.panels(figure, len(measures), across, sharey=True)
    for axis, measure in zip(axes, measures, strict=True):
        rows = table[table["measure"] == measure]
        _draw_measure(axis, rows.assign(y=rows["dataset"].map(place)))
        unit = rows["unit"].iloc[0]
        about = ["primary"] * (measure == MDSI) + [unit] * (unit != NO_UNIT)
        axis.set_title(f"{measure} ({', '.join(about)})" if about else measure)
        axis.set_xlabel("← low better    high better →", size=7)
    axes[0].set_yticks(list(place.values()), datasets)
    axes[0].set_ylim(len(place) - 0.5, -0.5)
    figure.suptitle(title)
    few, many = table["seeds"].min(), table["seeds"].max()
    over = "one paired seed" if many == 1 else f"mean over {few if few == many else f'{few} to {many}'} paired seeds"
    note = f"Difference of the scores, {over}; each panel has its own scale, without unit if none is given.\n{FORMULAS}"
    keys = [Line2D([], [], label="one image", **IMAGE), Line2D([], [], label="mean over images", **MEAN)]
    style.legend(figure, keys, 2, note)
    return figure


def _draw_measure(axis: Axes, rows: pd.DataFrame) -> None:
    axis.axvline(0, color="#999999", linewidth=1, zorder=1)
    # spread up and down, so that equal points can be told apart
    aside = JITTER * (rows.groupby("y").cumcount() % 5 - 2) / 2
    aside = aside.where(rows.groupby("y")["image"].transform("size") > 1, 0.0)
    axis.plot(rows["improvement"], rows["y"] + aside, **IMAGE)
    means = rows.groupby("y")["improvement"].mean()
    axis.plot(means, means.index, **MEAN)
    reach = 1.12 * max(float(rows["improvement"].abs().max()), 1e-9)
    axis.set_xlim(-reach, reach)
    decade = 10.0 ** np.floor(np.log10(reach))
    tick = decade * max(step for step in (1, 2, 5) if step * decade <= reach)
    axis.set_xticks([-tick, 0, tick], [style.signed(-tick), "0", style.signed(tick)])
    axis.tick_params(axis="x", labelsize=7)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")
