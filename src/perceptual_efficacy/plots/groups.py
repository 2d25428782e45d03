"""Figure: how well channels of high and low perceptual efficacy agree with judgements, by kind of image."""

from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._judged import CEILING, draw_selections, name_of, note_on, primary_rows, scale
from perceptual_efficacy.plots._layers import keys

BASELINES = ("L2", "SSIM")
MEAN = "mean of layers"
SIGNS = {"L2": "x", "SSIM": "+", CEILING: "|"}
NAMES = {  # of BAPPS, for readers
    "cnn": "CNN",
    "superres": "super-resolution",
    "deblur": "deblurring",
    "color": "colourisation",
    "frameinterp": "frame interpolation",
}
NO_SCORE = "no score: the judgements do not vary"
TALLEST = 9.0  # inches


def table(agreement: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Choose what the figure shows from the table of agreement.

    Parameters
    ----------
    agreement
        What `agreement.compare_selections` returns, with the columns `dataset` and `judged_by`.
    layer
        Whose channels to show, beside the mean of the layers.

    Returns
    -------
    dataset, judged_by, group, layer, ranking ("pe" or "none"), selection, measure (the primary one), estimate, ci_low,
    ci_high, channels, n (comparisons), n_clusters and resampled_unit. The layer of what uses no network is "none"; the
    interval of random halves is their central 95%.

    Raises
    ------
    ValueError
        If there is no such layer, or there are no scores.
    """
    rows = primary_rows(agreement, BASELINES)
    if layer not in set(rows["layer"]):
        raise ValueError(f"Layer {layer!r} is not in the table of agreement; it has {list(rows['layer'].unique())}.")
    shown = rows["ranking"].isin(["none", "pe"]) & rows["layer"].isin([layer, MEAN, "none"])
    return rows[shown].reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame, network: str) -> Figure:
    """Draw a panel for the layer and one for the mean of the layers, a row per kind of image, correlations on Fisher's
    scale.
    """
    groups = list(table["group"].unique())
    # a gap after what holds all the others
    place = {group: number + 0.4 * (group != "all") for number, group in enumerate(groups)}
    figure = style.figure(min(2.2 + (0.45 if len(groups) <= 8 else 0.3) * len(groups), TALLEST))
    layers = [layer for layer in table["layer"].unique() if layer != "none"]
    axes = figure.subplots(1, len(layers), sharex=True, sharey=True)
    for axis, layer in zip(axes, layers, strict=True):
        rows = table[table["layer"].isin([layer, "none"])]
        _draw_groups(axis, rows.assign(y=rows["group"].map(place)))
        axis.set_title(layer)
        axis.set_xlabel(scale(axis, table, "x"))
    everything = "all" if table["measure"].iloc[0] == "srcc" or len(groups) == 1 else "all (mean)"
    axes[0].set_yticks(list(place.values()), [everything if group == "all" else _label(group) for group in groups])
    axes[0].set_ylim(max(place.values()) + 0.6, -0.6)
    figure.suptitle(f"Channels of high and low PE, by kind of image\n{network}, {name_of(table)}")
    present = set(table.loc[table["estimate"].notna(), "selection"])
    signs = [
        Line2D([], [], linestyle="none", label=name, **_sign(name)) for name in (*BASELINES, CEILING) if name in present
    ]
    legend = figure.legend(handles=[*keys(), *signs], loc="outside lower center", ncols=4, title=note_on(table))
    legend.get_title().set_multialignment("center")
    return figure


def _draw_groups(axis: Axes, rows: pd.DataFrame) -> None:
    draw_selections(axis, rows, 3.5)
    for name in SIGNS:
        chosen = rows[rows["selection"] == name]
        axis.plot(chosen["estimate"], chosen["y"], linestyle="none", zorder=1.8, **_sign(name))
    best = rows.groupby("y")["estimate"].max()
    for y in best.index[best.isna()]:
        axis.text(0.5, y, NO_SCORE, transform=axis.get_yaxis_transform(), ha="center", va="center")
    axis.grid(axis="x")
    axis.tick_params(axis="y", length=0)


def _sign(name: str) -> dict:
    size = 13 if name == CEILING else 5
    colour = style.COLOURS.get(name, style.OTHER)
    return {"marker": SIGNS[name], "color": colour, "markersize": size, "markeredgewidth": 1.2}


def _label(group: str) -> str:
    return fill(NAMES.get(group, group.replace("_", " ")), 38)
