"""Figure: perceptual efficacy of every channel against the weight that LPIPS learnt for it from human judgements."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._correlations import RHO, draw_layers, mean_of_layers
from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED

LINEAR = 0.001  # weights below it, zeros among them, are on a linear scale
TICKS = (0, 0.001, 0.01, 0.1, 1, 10)
NONE = "LPIPS learnt no weights for the channels that this study scores of this network."
NOTE = (
    "ρ: Spearman correlation of PE with the weight (95% interval over channels)\n"
    "p, two-sided: where ρ lies among shuffles of the weights"
)


def table(correlations: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    """Put every channel's PE beside its weight in LPIPS, with the correlation of the two in its layer.

    `correlations` is what `lpips.compare_with_weights` returns; `channels` has the `weight` that `lpips.lpips_weights`
    gives. A row per scored channel of the layers that LPIPS uses: the network, layer, channel, pe, weight (both
    dimensionless); and for its layer n (channels), rho (Spearman's correlation of PE with the weight), rho_low and
    rho_high (95% interval over channels), p (of rho among shuffles of the weights) and p_holm (corrected over layers
    and scores). The last row has the mean of the layers' rho, and no channel. No rows if there is no such layer.
    """
    rows = correlations[(correlations["ranking"] == "pe") & (correlations["measure"] == "srcc")].rename(columns=RHO)
    own = ["layer", "channel", "pe", "weight"]
    scored = channels.loc[channels["status"] == SCORED, own].astype({"channel": "Int64"})
    return rows.merge(scored, on="layer", how="left")[[*OF_NETWORK, *own, "n", *RHO.values(), "p_holm"]]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per layer, all on the same axes; a note if there are none."""
    title = "PE of every channel and its weight in LPIPS"
    count = table["layer"].nunique() - 1  # the last is their mean
    if count < 1:
        figure = style.figure(1.6)
        figure.suptitle(title)
        axis = figure.subplots()
        axis.set_axis_off()
        axis.text(0.5, 0.5, NONE, ha="center", va="center", transform=axis.transAxes)
        return figure
    weights = table["weight"].dropna()

    def zeros(rows: pd.DataFrame) -> str:
        return f"\n{(rows['weight'] == 0).sum()} of weight 0" if (weights == 0).any() else ""

    columns = min(count, 3 if count <= 6 else 4)
    each = 2.4 if columns < 4 else 2.1
    figure, axes = draw_layers(table, "weight", columns, lambda lines: 1.8 + lines * each, about=zeros, clip_on=False)
    scale = _weights(axes[0], float(weights.min()), float(weights.max()))
    figure.supxlabel(f"Perceptual efficacy PE (dimensionless)\n{NOTE}", fontsize=8.5)
    figure.supylabel(f"Weight in LPIPS (dimensionless)\n{scale}", fontsize=8.5)
    figure.suptitle(f"{title}\n{style.network_of(table)}\n{mean_of_layers(table)}")
    return figure


def _weights(axis: Axes, low: float, high: float) -> str:
    """Make y an axis of weights, logarithmic but for the smallest ones, and return how to call that."""
    small = low < LINEAR
    if small:
        axis.set_yscale("symlog", linthresh=LINEAR, linscale=0.5)
    else:
        axis.set_yscale("log")
    bottom, top = -0.1 * LINEAR if small else low / 1.3, 1.3 * max(high, LINEAR)
    axis.set_ylim(bottom, top)
    ticks = [tick for tick in TICKS if bottom <= tick <= top]
    if len(ticks) < 2:
        ticks = [float(f"{value:.1g}") for value in np.geomspace(low, high, 3)]
    style.fixed_ticks(axis.yaxis, ticks)
    return f"logarithmic, linear below {LINEAR:g}" if small else "logarithmic"
