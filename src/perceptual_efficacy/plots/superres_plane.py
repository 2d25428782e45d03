"""Figure: super-resolution by PSNR and MDSI, one panel per set of test images."""

from textwrap import fill
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import BICUBIC, MDSI, PSNR_Y, RANDOM, START

METRICS = {PSNR_Y: "psnr_y", MDSI: "mdsi"}  # as the scores name them, and the columns here
REFERENCES = (BICUBIC, START)  # not fine-tuned with any of the losses
MEAN = "mean"
ACROSS = 4  # panels
LEAST = {"psnr_y": 0.1, "mdsi": 0.004}  # of the spread that axes are made for: dB, and MDSI
LARGE, SMALL = 7.0, 2.2  # points
FORMULAS = "Scores are formulas that compare with the originals; no human ratings."


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the scores over the images of every set, and over seeds.

    The table has network, weights, dataset, loss, selection, seed (its number, or "mean" of all the seeds of a loss),
    psnr_y (dB), mdsi (lower is better) and images (their number). Losses are in the order of the scores. A metric that
    is missing, or that an image of a set lacks, is a ValueError: such means would not compare.
    """
    keys = ["network", "weights", "dataset", "loss", "selection", "seed"]
    if missing := [name for name in METRICS if name not in set(scores["measure"])]:
        raise ValueError(f"The scores are by {list(scores['measure'].unique())}; the figure needs {missing[0]}.")
    rows = scores[scores["measure"].isin(METRICS)]
    wide = rows.pivot(index=[*keys, "image"], columns="measure", values="value")  # noqa: PD010, it drops missing keys
    wide = wide.dropna().rename(columns=METRICS)
    means = {column: (column, "mean") for column in METRICS.values()}
    seeds = wide.reset_index().groupby(keys, dropna=False).agg(**means, images=("image", "size")).reset_index()
    seeds = scores[keys].drop_duplicates().merge(seeds, on=keys, how="left").fillna({"images": 0})
    expected = seeds["dataset"].map(scores.groupby("dataset")["image"].nunique())
    if len(lacking := seeds[seeds["images"] != expected]):
        row = lacking.assign(expected=expected).iloc[0]
        raise ValueError(
            f"{row['dataset']}, loss {row['loss']!r}, seed {row['seed']}: {row['images']:.0f} images have both of "
            f"{list(METRICS)}; expected all {row['expected']}, so that means compare."
        )
    of_loss = seeds.groupby(keys[:-1], sort=False, dropna=False)
    averaged = of_loss.agg(**means, images=("images", "first")).reset_index().assign(seed=MEAN)
    seeds["seed"] = seeds["seed"].astype(str)
    return pd.concat([seeds, averaged], ignore_index=True).astype({"images": int})


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw PSNR-Y along x and MDSI along y, a small point per seed and a large one for their mean.

    Where bicubic interpolation or the initial checkpoint is far from the rest, an arrow at the panel's edge points to
    it, beside its values.
    """
    datasets = list(table["dataset"].unique())
    across = min(len(datasets), ACROSS)
    down = -(-len(datasets) // across)
    figure = style.figure(1.5 + (3.0 if across == 1 else 2.6 if across == 2 else 2.2) * down)
    axes = style.panels(figure, len(datasets), across)
    for axis, dataset in zip(axes, datasets, strict=True):
        _draw_dataset(axis, table[table["dataset"] == dataset], 27 if across > 2 else 60)
        axis.set_xlabel("PSNR-Y (dB), better →", size=7.5)
    for axis in axes[::across]:
        axis.set_ylabel("← better, MDSI (dimensionless)", size=7.5)
    figure.suptitle(f"Super-resolution with losses from channels of {style.network_of(table)}")
    seeds = table.loc[~table["selection"].isin(REFERENCES), "seed"].nunique() > 2
    points = "Large points: mean over seeds; small: one seed." if seeds else "One seed."
    arrows = "Arrows point to what lies outside a panel, beside its values.\n" if any(a.texts for a in axes) else ""
    note = f"{points} Each is a mean over images; down and to the right is better.\n{arrows}{FORMULAS}"
    style.legend(figure, keys(table, "none"), 4, note)
    return figure


def keys(table: pd.DataFrame, linestyle: Literal["-", "none"]) -> list[Artist]:
    """Legend handles of the selections that a table has."""
    present = set(table["selection"])
    return [
        Line2D([], [], linestyle=linestyle, color=style.COLOURS[selection], marker=marker, markersize=5, label=name)
        for selection, (name, marker) in style.LOSSES.items()
        if selection in present
    ]


def _draw_dataset(axis: Axes, rows: pd.DataFrame, width: int) -> None:
    means = rows[rows["seed"] == MEAN]
    inside, outside = _within(rows, means)
    for _, of_loss in inside.groupby("loss", sort=False):
        selection = of_loss["selection"].iloc[0]
        order = {RANDOM: 2, BICUBIC: 4, START: 4}.get(selection, 3)
        marker, colour = style.LOSSES[selection][1], style.COLOURS[selection]
        look: dict[str, Any] = {"linestyle": "none", "marker": marker, "color": colour}
        large = of_loss[of_loss["seed"] == MEAN]
        axis.plot(large["psnr_y"], large["mdsi"], markersize=LARGE, markeredgecolor="white", zorder=order, **look)
        if of_loss["seed"].nunique() > 2:
            small = of_loss[of_loss["seed"] != MEAN]
            axis.plot(small["psnr_y"], small["mdsi"], markersize=SMALL, zorder=order + 0.5, **look)
    for along, column in ((axis.xaxis, "psnr_y"), (axis.yaxis, "mdsi")):
        low, high = _ends(inside, column)
        margin = 0.08 * (high - low)
        axis.set(**{f"{along.axis_name}lim": (low - margin, high + margin)})
        style.round_ticks(along, 3 if along is axis.xaxis else 5)
    count = rows["images"].iloc[0]
    axis.set_title(fill(f"{rows['dataset'].iloc[0]}, {count} image{'s' if count > 1 else ''}", width), fontsize=7.5)
    beyond = outside[["selection", "psnr_y", "mdsi"]].itertuples(index=False, name=None)
    for number, (selection, psnr_y, mdsi) in enumerate(beyond):
        _point_at(axis, number, selection, psnr_y, mdsi)
    axis.grid()


def _within(rows: pd.DataFrame, means: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide a set's rows into those that the axes are made for, and the means of references far from all of them."""
    trained = rows[~rows["selection"].isin(REFERENCES)]
    references = means[means["selection"].isin(REFERENCES)]
    far = np.zeros(len(references), dtype=bool)
    for column in LEAST:
        low, high = _ends(trained, column)
        far |= ~references[column].between(low - (high - low), high + (high - low)).to_numpy()
    return pd.concat([trained, references[~far]]), references[far]


def _ends(rows: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return the lowest and the highest value, further apart where they differ by less than an axis should."""
    low, high = float(rows[column].min()), float(rows[column].max())
    more = max(0.0, LEAST[column] - (high - low)) / 2
    return low - more, high + more


def _point_at(axis: Axes, number: int, selection: str, psnr_y: float, mdsi: float) -> None:
    """Write what lies beyond the panel at its edge, with an arrow towards it; a second one apart from the first."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    place = np.array([(psnr_y - left) / (right - left), (mdsi - bottom) / (top - bottom)])
    tip, tail = np.clip(place, 0, 1), np.clip(place, 0.08, 0.92)
    apart = np.array([0, 0.16 * number * (1 if place[1] < 0.5 else -1)])
    colour = style.COLOURS[selection]
    axis.annotate(
        f"{style.LOSSES[selection][0]}\n{psnr_y:.2f} dB, {mdsi:.3f}",
        *(tuple(tip + apart), tuple(tail + apart), "axes fraction", "axes fraction"),
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1, "shrinkA": 0, "shrinkB": 0},
        color=colour,
        fontsize=7,
        horizontalalignment="left" if place[0] < 0.5 else "right",
        verticalalignment="center",
        zorder=4,
    )
