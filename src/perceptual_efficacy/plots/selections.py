"""Figure: how well high, low and random channels of every layer predict detection thresholds."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._layers import SELECTIONS, draw_layers, keys, line

NOTE = "r: correlation of predicted with measured log thresholds of n stimuli. Bars: 95% bootstrap intervals"


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Choose what the figure shows from the table of agreement.

    Parameters
    ----------
    agreement
        What `agreement.compare_selections` returns, with a column `pixels_per_degree`; tables at several resolutions
        may be concatenated.

    Returns
    -------
    pixels_per_degree, layer, ranking, selection, estimate (Pearson r with the measured thresholds), ci_low, ci_high,
    channels and n (stimuli). Rankings are pe, mu1 and mu2, and "none" for all channels, for random halves (whose
    interval is their central 95%) and for what uses no network, whose layer is "none".
    """
    rows = agreement[(agreement["measure"] == "r") & (agreement["cube"] != "standardised")]
    without_network = rows["layer"] == "none"
    shown = rows["ranking"].isin(["none", *style.SCORES]) & rows["selection"].isin(SELECTIONS)
    columns = ["pixels_per_degree", "layer", "ranking", "selection", "estimate", "ci_low", "ci_high", "channels", "n"]
    return rows.loc[shown | without_network, columns].reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame, network: str) -> Figure:
    """Draw one row of panels per resolution and one column per ranking, on Fisher's scale."""
    resolutions, rankings = list(table["pixels_per_degree"].unique()), ("pe", "mu1", "mu2")
    figure = style.figure(1.6 + 2.2 * len(resolutions))
    axes = figure.subplots(len(resolutions), len(rankings), sharex=True, sharey=True, squeeze=False)
    baselines = list(table.loc[table["layer"] == "none", "selection"].unique())
    inside = table[table["layer"] != "none"]
    shown = pd.concat([inside["ci_low"], inside["ci_high"], table["estimate"]]).dropna()
    for row, resolution in zip(axes, resolutions, strict=True):
        rows = table[table["pixels_per_degree"] == resolution]
        for axis, ranking in zip(row, rankings, strict=True):
            draw_layers(axis, rows[rows["ranking"].isin([ranking, "none"])])
            for number, name in enumerate(baselines):
                for value in rows.loc[(rows["layer"] == "none") & (rows["selection"] == name), "estimate"]:
                    axis.axhline(value, **line(name, number))
            axis.set_title(f"halves by {style.SCORES[ranking]}\n{resolution:g} pixels/deg, n = {rows['n'].iloc[0]}")
        row[0].set_ylabel("Pearson r\n(Fisher scale)")
    style.correlation_axis(axes[0, 0], float(shown.min()), float(shown.max()))
    figure.suptitle(f"Agreement of channels with ModelFest thresholds, {network}")
    lines = [Line2D([], [], label=name, **line(name, number)) for number, name in enumerate(baselines)]
    figure.legend(handles=[*keys(), *lines], loc="outside lower center", ncols=4, title=NOTE)
    return figure
