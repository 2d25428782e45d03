"""Figure: perceptual efficacy of every channel against the weight that LPIPS learnt for it from human judgements."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._correlations import correlation, place
from perceptual_efficacy.vocabulary import MEAN_OF_LAYERS, OF_NETWORK, SCORED

LINEAR = 0.001  # weights below it, zeros among them, are on a linear scale
TICKS = (0, 0.001, 0.01, 0.1, 1, 10)
NONE = "LPIPS learnt no weights for the channels that this study scores of this network."
NOTE = (
    "ρ: Spearman correlation of PE with the weight (95% interval over channels)\n"
    "p, two-sided: where ρ lies among shuffles of the weights"
)


def table(correlations: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    """Put every channel's PE beside its weight in LPIPS, with the correlation of the two in its layer.

    Parameters
    ----------
    correlations
        What `lpips.compare_with_weights` returns.
    channels
        What `scores.score_channels` returns, with the `weight` that `lpips.lpips_weights` gives.

    Returns
    -------
    One row per scored channel of the layers that LPIPS uses: the network, layer, channel, pe, weight (both
    dimensionless); and for its layer n (channels), rho (Spearman's correlation of PE with the weight), rho_low and
    rho_high (95% interval over channels), p (of rho among shuffles of the weights) and p_holm (corrected over layers
    and scores). The last row has the mean of the layers' rho, and no channel. No rows if there is no such layer.
    """
    names = {"estimate": "rho", "ci_low": "rho_low", "ci_high": "rho_high", "p_split": "p"}
    plain = (correlations["ranking"] == "pe") & (correlations["measure"] == "srcc")
    rows = correlations[plain].rename(columns=names)
    shown = channels.loc[channels["status"] == SCORED, ["layer", "channel", "pe", "weight"]].astype(
        {"channel": "Int64"}
    )
    columns = [*OF_NETWORK, "layer", "channel", "pe", "weight", "n", *names.values(), "p_holm"]
    return rows.merge(shown, on="layer", how="left")[columns]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per layer, all on the same axes; a note if there are none."""
    title = "PE of every channel and its weight in LPIPS"
    layers = [layer for layer in table["layer"].unique() if layer != MEAN_OF_LAYERS]
    if not layers:
        figure = style.figure(1.6)
        figure.suptitle(title)
        axis = figure.subplots()
        axis.set_axis_off()
        axis.text(0.5, 0.5, NONE, ha="center", va="center", transform=axis.transAxes)
        return figure
    title += f"\n{style.network_of(table)}"
    columns = min(len(layers), 3 if len(layers) <= 6 else 4)
    lines = -(-len(layers) // columns)
    figure = style.figure(1.8 + lines * (2.4 if columns < 4 else 2.1))
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    weights = table["weight"].dropna()
    for number, (axis, layer) in enumerate(zip(axes.flat[: len(layers)], layers, strict=True)):
        rows = table[table["layer"] == layer]
        axis.scatter(
            rows["pe"],
            rows["weight"],
            s=12 if len(rows) <= 150 else 6,
            color=style.COLOURS["pe"],
            edgecolor="#333333",
            linewidth=0.25,
            alpha=0.8,
            clip_on=False,
        )
        zeros = f"\n{(rows['weight'] == 0).sum()} of weight 0" if (weights == 0).any() else ""
        axis.set_title(
            f"{layer}, {rows['channel'].notna().sum()} channels{zeros}\n{correlation(rows)}\n{place(rows)}",
            fontsize=8.5 if columns < 4 else 8,
        )
        axis.grid()
        axis.tick_params(labelbottom=number + columns >= len(layers))  # none is below
    for axis in axes.flat[len(layers) :]:
        axis.set_visible(False)
    scale = _weights(axes[0, 0], float(weights.min()), float(weights.max()))
    figure.supxlabel(f"Perceptual efficacy PE (dimensionless)\n{NOTE}", fontsize=8.5)
    figure.supylabel(f"Weight in LPIPS (dimensionless)\n{scale}", fontsize=8.5)
    mean = table[table["layer"] == MEAN_OF_LAYERS]
    figure.suptitle(f"{title}\nmean of layers: {correlation(mean)}, {place(mean)}")
    return figure


def _weights(axis: Axes, low: float, high: float) -> str:
    """Make y an axis of weights, logarithmic but for the smallest ones, and return how to call that."""
    small = low < LINEAR
    top = 1.3 * max(high, LINEAR)
    if small:
        axis.set_yscale("symlog", linthresh=LINEAR, linscale=0.5)
        axis.set_ylim(-0.1 * LINEAR, top)
    else:
        axis.set_yscale("log")
        axis.set_ylim(low / 1.3, top)
    bottom = 0 if small else low / 1.3
    ticks = [tick for tick in TICKS if bottom <= tick <= top]
    if len(ticks) < 2:
        ticks = [float(f"{value:.1g}") for value in np.geomspace(low, high, 3)]
    axis.yaxis.set_major_locator(FixedLocator(ticks))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return f"logarithmic, linear below {LINEAR:g}" if small else "logarithmic"
