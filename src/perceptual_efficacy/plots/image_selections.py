"""Figure: how well high, low and random channels of every layer agree with judgements of images."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._judged import CEILING, name_of, note_on, primary_rows, scale
from perceptual_efficacy.plots._layers import draw_layers, keys, line

BASELINES = ("L2", "SSIM", "FSIM", "MDSI")  # more could not be told apart; all are defined for small patches


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Choose what the figure shows from the table of agreement.

    Parameters
    ----------
    agreement
        What `agreement.compare_selections` returns, with the columns `dataset` and `judged_by`.

    Returns
    -------
    dataset, judged_by, group ("all"), layer, ranking, selection, measure (the primary one), estimate, ci_low, ci_high,
    channels, n (comparisons), n_clusters and resampled_unit. Rankings are pe, mu1 and mu2, and "none" for all channels,
    for random halves (whose interval is their central 95%) and for what uses no network, whose layer is "none".

    Raises
    ------
    ValueError
        If there are no scores.
    """
    rows = primary_rows(agreement, BASELINES)
    return rows[rows["group"] == "all"].reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame, network: str) -> Figure:
    """Draw one panel per ranking, correlations on Fisher's scale."""
    figure = style.figure(3.9)
    axes = figure.subplots(1, len(style.SCORES), sharex=True, sharey=True)
    without_network = table[(table["layer"] == "none") & table["estimate"].notna()].set_index("selection")["estimate"]
    lines = [name for name in (*BASELINES, CEILING) if name in without_network.index]
    styles = {name: line(name, number) for number, name in enumerate(lines)}
    inside = table[table["layer"] != "none"]
    for axis, ranking in zip(axes, ("pe", "mu1", "mu2"), strict=True):
        draw_layers(axis, inside[inside["ranking"].isin([ranking, "none"])])
        for name in lines:
            axis.axhline(without_network[name], **styles[name])
        axis.set_title(f"halves by {style.SCORES[ranking]}")
    axes[0].set_ylabel(scale(axes[0], table, "y"))
    count = f"{table['n'].iloc[0]:,} comparisons"
    figure.suptitle(f"Agreement of channels with judgements of images\n{network}, {name_of(table)}, {count}")
    handles = [*keys(), *(Line2D([], [], label=name, **styles[name]) for name in lines)]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=5, title=note_on(table))
    legend.get_title().set_multialignment("center")
    return figure
