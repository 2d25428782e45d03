"""Figure: how well high, low and random channels of every layer agree with judgements."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import (
    ALL_LAYERS,
    EVERYTHING,
    HUMAN_CEILING,
    LEAVE_ONE_OUT,
    MEAN_OF_LAYERS,
    NONE,
    RANKINGS,
)

# those for images are defined for small patches, too; more could not be told apart
BASELINES = ("RMS contrast", "CSF-weighted energy", "L2", "SSIM", "FSIM", "MDSI")
LINES = (*BASELINES, HUMAN_CEILING, LEAVE_ONE_OUT)
DASHES = ((0, (1, 1)), (0, (5, 2)), (0, (5, 1, 1, 1)), (0, (3, 3)), "solid")


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Choose what the figure shows.

    Parameters
    ----------
    agreement
        Tables of `agreement.compare_selections` of one network and data set, with the column `judged_by`, and
        `pixels_per_degree` if there are several resolutions, concatenated.

    Returns
    -------
    One row per resolution, layer, ranking and selection of the group of all comparisons: the columns of its identity,
    estimate (the primary measure), ci_low, ci_high, channels, n (stimuli or comparisons), n_clusters and
    resampled_unit. Rankings are pe, mu1 and mu2, and "none" for all channels, for random halves (whose interval is
    their central 95%) and for baselines and people, whose layer is "none".

    Raises
    ------
    ValueError
        If there are no scores.
    """
    rows = shared.primary_rows(agreement, [*shared.SELECTIONS, *LINES])
    shared.refuse_unscored(rows)
    return rows[rows["group"] == EVERYTHING].filter(shared.COLUMNS).reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one row of panels per resolution and one column per ranking, correlations on Fisher's scale."""
    parts = shared.by_data(table)
    figure = style.figure(1.75 + 2.15 * len(parts))
    axes = figure.subplots(len(parts), len(RANKINGS), sharex=True, sharey=True, squeeze=False)
    scored = set(table.loc[(table["layer"] == NONE) & table["estimate"].notna(), "selection"])
    looks = {name: _look(name, number) for number, name in enumerate(name for name in LINES if name in scored)}
    for row, (resolution, rows) in zip(axes, parts, strict=True):
        inside = rows[rows["layer"] != NONE]
        lines = rows[rows["layer"] == NONE].set_index("selection")["estimate"]
        for axis, ranking in zip(row, RANKINGS, strict=True):
            _draw_layers(axis, inside[inside["ranking"].isin([ranking, NONE])])
            for name, look in looks.items():
                axis.axhline(lines[name], **look)
            n = f"n = {rows['n'].iloc[0]:,}"
            axis.set_title(f"halves by {style.SCORES[ranking]}\n{', '.join(filter(None, [resolution, n]))}")
    label = shared.scale(axes[0, 0], table, "y")
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    figure.suptitle(shared.title("Agreement of channels with {}", table))
    handles = [*shared.keys("{} half"), *(Line2D([], [], label=name, **look) for name, look in looks.items())]
    columns = -(-len(handles) // 2)
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=columns, title=shared.note_on(table))
    legend.get_title().set_multialignment("center")
    return figure


def _draw_layers(axis: Axes, rows: pd.DataFrame) -> None:
    layers = list(rows["layer"].unique())
    # a gap before what summarises the layers
    place = {layer: number + 0.5 * (layer in (ALL_LAYERS, MEAN_OF_LAYERS)) for number, layer in enumerate(layers)}
    crowded = len(layers) > 9
    shared.draw_selections(axis, rows, rows["layer"].map(place), upright=True, markersize=3 if crowded else 4)
    axis.set_xticks(list(place.values()), layers, rotation_mode="anchor", ha="right", va="center")
    axis.tick_params(axis="x", labelrotation=90 if crowded else 60, labelsize=7 if crowded else 8)
    axis.set_xlim(-0.6, max(place.values()) + 0.6)
    axis.grid(axis="y")


def _look(name: str, number: int) -> dict:
    """How to draw the line of something without a network, the numberth one of the figure."""
    colour = style.COLOURS.get(name, style.OTHER)
    return {"color": colour, "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.2, "zorder": 1.5}
