"""Figure: how well high, low and random channels of every layer agree with judgements."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy import vocabulary as words
from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style

# those for images are defined for small patches, too; more could not be told apart
BASELINES = (words.RMS_CONTRAST, words.WEIGHTED_ENERGY, words.FITTED_ENERGY, "L2", "SSIM", "FSIM", "MDSI")
LINES = (*BASELINES, words.HUMAN_CEILING, words.SELF_AGREEMENT, words.LEAVE_ONE_OUT)
DASHES = ((0, (1, 1)), (0, (5, 2)), (0, (5, 1, 1, 1)), (0, (3, 3)), "solid")


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Choose what the figure shows of one network and data set, with `pixels_per_degree` if there are several.

    A row per resolution, layer, ranking and selection of the group of all comparisons: the columns of its identity,
    estimate (the primary measure), ci_low, ci_high, channels, n (stimuli or comparisons), n_clusters and
    resampled_unit. Rankings are pe, mu1 and mu2, and "none" for all channels, for random halves (whose interval is
    their central 95%) and for baselines and people, whose layer is "none". Without any score it is a ValueError.
    """
    rows = shared.primary_rows(agreement, [*shared.SELECTIONS, *LINES], words.RANKINGS)
    shared.refuse_unscored(rows)
    return rows[rows["group"] == words.EVERYTHING].filter(shared.COLUMNS).reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per resolution and ranking, correlations on Fisher's scale.

    Resolutions are below each other, rankings side by side; those of a single resolution are below each other.
    """
    parts = shared.by_data(table)
    size = (len(parts), len(words.RANKINGS)) if len(parts) > 1 else (len(words.RANKINGS), 1)
    figure = style.figure(1.75 + 2.15 * size[0])
    panels = figure.subplots(*size, sharex=True, sharey=True, squeeze=False)
    axes = panels.reshape(len(parts), len(words.RANKINGS))
    scored = set(table.loc[(table["layer"] == words.NONE) & table["estimate"].notna(), "selection"])
    looks: dict[str, dict[str, Any]] = {
        name: {"color": style.COLOURS.get(name, style.OTHER), "linestyle": DASHES[number % len(DASHES)]}
        for number, name in enumerate(name for name in LINES if name in scored)
    }
    for row, (resolution, rows) in zip(axes, parts, strict=True):
        inside = rows[rows["layer"] != words.NONE]
        heights = rows[rows["layer"] == words.NONE].set_index("selection")["estimate"]
        for axis, ranking in zip(row, words.RANKINGS, strict=True):
            _draw_layers(axis, inside[inside["ranking"].isin([ranking, words.NONE])], panels.shape[1])
            for name, look in looks.items():
                axis.axhline(heights[name], linewidth=1.2, zorder=1.5, **look)
            n = f"n = {rows['n'].iloc[0]:,}"
            axis.set_title(f"halves by {style.SCORES[ranking]}\n{', '.join(filter(None, [resolution, n]))}")
    label = shared.scale(axes[0, 0], table, "y")
    for axis in panels[:, 0]:
        axis.set_ylabel(label)
    figure.suptitle(shared.title("Agreement of channels with {}", table))
    lines = [Line2D([], [], label=name, linewidth=1.2, **look) for name, look in looks.items()]
    keys = [*shared.keys("{} half"), *lines]
    style.legend(figure, keys, -(-len(keys) // (2 if len(keys) <= 8 else 3)), shared.note_on(table))
    return figure


def _draw_layers(axis: Axes, rows: pd.DataFrame, across: int) -> None:
    """Draw the layers of one panel of so many side by side."""
    layers = list(rows["layer"].unique())
    summaries = (words.ALL_LAYERS, words.MEAN_OF_LAYERS)  # a gap is before them
    place = {layer: number + 0.5 * (layer in summaries) for number, layer in enumerate(layers)}
    crowded = len(layers) * across > 27
    shared.draw_selections(axis, rows, rows["layer"].map(place), upright=True, markersize=3 if crowded else 4)
    axis.set_xticks(list(place.values()), layers, rotation_mode="anchor", ha="right", va="center")
    axis.tick_params(axis="x", labelrotation=90 if crowded else 60, labelsize=7 if crowded else 8)
    axis.set_xlim(-0.6, max(place.values()) + 0.6)
    axis.grid(axis="y")
