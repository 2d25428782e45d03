"""Figure: how well high-PE and low-PE channels agree with judgements, by kind of image or by study."""

from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import EVERYTHING, HUMAN_CEILING, MEAN_OF_LAYERS, NONE, SELF_AGREEMENT

SIGNS = {"L2": "x", "SSIM": "+", HUMAN_CEILING: "|", SELF_AGREEMENT: "4"}
NAMES = {  # of BAPPS, for readers
    "cnn": "CNN",
    "superres": "super-resolution",
    "deblur": "deblurring",
    "color": "colourisation",
    "frameinterp": "frame interpolation",
}
NO_SCORE = "no score: the judgements do not vary"


def table(agreement: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Choose what the figure shows of one network and data set: a layer, and the mean of the layers.

    A row per group, layer and selection by PE: the columns of its identity, estimate (the primary measure), ci_low,
    ci_high, channels, n (comparisons), n_clusters and resampled_unit. The layer of baselines and people is "none"; the
    interval of random halves is their central 95%. Without any score it is a ValueError.
    """
    rows = shared.primary_rows(agreement, [*shared.SELECTIONS, *SIGNS], ["pe"])
    shared.refuse_unscored(rows)
    shared.refuse_unknown(layer, rows)
    return rows[rows["layer"].isin([layer, MEAN_OF_LAYERS, NONE])].filter(shared.COLUMNS).reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel for the layer and one for the mean of the layers, a row per kind of image, correlations on Fisher's
    scale.
    """
    groups = list(table["group"].unique())
    # a gap after what holds all the others
    place = {group: number + 0.4 * (group != EVERYTHING) for number, group in enumerate(groups)}
    figure = style.figure(min(2.2 + (0.45 if len(groups) <= 8 else 0.3) * len(groups), style.TALLEST))
    layers = [layer for layer in table["layer"].unique() if layer != NONE]
    axes = figure.subplots(1, len(layers), sharex=True, sharey=True)
    for axis, layer in zip(axes, layers, strict=True):
        rows = table[table["layer"].isin([layer, NONE])].assign(y=lambda rows: rows["group"].map(place))
        shared.draw_rows(axis, rows, markersize=3.5, no_score=NO_SCORE)
        for name in SIGNS:
            chosen = rows[rows["selection"] == name]
            axis.plot(chosen["estimate"], chosen["y"], zorder=1.8, **_sign(name))
        axis.set_title(layer)
        axis.set_xlabel(shared.scale(axis, table, "x"))
    everything = "all" if table["measure"].iloc[0] == "srcc" or len(groups) == 1 else "all (mean)"
    names = {EVERYTHING: everything, **NAMES}
    axes[0].set_yticks(list(place.values()), [fill(names.get(group, group.replace("_", " ")), 38) for group in groups])
    axes[0].set_ylim(max(place.values()) + 0.6, -0.6)
    kind = "study" if table["measure"].iloc[0] == "r" else "kind of image"
    figure.suptitle(shared.title(f"Agreement of high-PE and low-PE channels with {{}}, by {kind}", table))
    present = set(table.loc[table["estimate"].notna(), "selection"])
    signs = [Line2D([], [], label=name, **_sign(name)) for name in SIGNS if name in present]
    style.legend(figure, [*shared.keys(), *signs], 4, shared.note_on(table))
    return figure


def _sign(name: str) -> dict[str, Any]:
    look = {"marker": SIGNS[name], "markersize": 13 if name == HUMAN_CEILING else 5, "markeredgewidth": 1.2}
    return {"linestyle": "none", "color": style.COLOURS.get(name, style.OTHER), **look}
