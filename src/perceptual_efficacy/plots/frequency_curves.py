"""Figure: frequency tuning of example channels against the contrast sensitivity function."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._examples import examples


def table(curves: xr.Dataset, channels: pd.DataFrame, sensitivity: ArrayLike, layer: str) -> pd.DataFrame:
    """Collect the curves of the layer's channels with the highest, the median and the lowest mu1.

    `sensitivity` is contrast sensitivity at the frequencies of `curves`, in any unit, shape (frequency,). A row per
    channel and frequency: the network, layer, example (highest, median, lowest), channel, mu1, frequency in cycles per
    degree, response (share of the curve's largest magnitude), slope (|d response / d log2 frequency|, per octave) and
    sensitivity (share of its largest value here).
    """
    rows, chosen = examples(channels, curves, layer, ("mu1",))
    weight = np.asarray(sensitivity, dtype=np.float64)
    repeated = rows.loc[rows.index.repeat(chosen.sizes["frequency"])].reset_index(drop=True)
    return repeated.assign(
        frequency=np.tile(chosen["frequency"].values, len(rows)),
        response=chosen["normalised"].values.ravel(),
        slope=chosen["slope"].values.ravel(),
        sensitivity=np.tile(weight / weight.max(), len(rows)),
    )


@style.context()
def draw(table: pd.DataFrame, csf: str) -> Figure:
    """Draw one column per channel: its response above, the slope that mu1 weights below; `csf` names the function."""
    figure = style.figure(4.4)
    axes = figure.subplots(2, table["example"].nunique(), sharex=True, sharey="row", squeeze=False)
    for column, (example, curve) in zip(axes.T, table.groupby("example", sort=False), strict=True):
        for axis, quantity in zip(column, ("response", "slope"), strict=True):
            axis.fill_between(curve["frequency"], curve["sensitivity"], color=style.COLOURS["csf"], alpha=0.15, lw=0)
            axis.plot("frequency", "sensitivity", "--", data=curve, color=style.COLOURS["csf"])
            axis.plot("frequency", quantity, "o-", data=curve, color=style.COLOURS["mu1"], markersize=3)
            axis.grid(axis="y")
        octaves = style.octave_axis(column[0], curve["frequency"].min(), curve["frequency"].max(), margin=1.1)
        style.fixed_ticks(column[0].xaxis, octaves)
        column[0].set_title(f"{example} μ₁ = {curve['mu1'].iloc[0]:.2f}\n(channel {curve['channel'].iloc[0]})")
    axes[0, 0].set_ylabel("Response $a(f)$\n(share of maximum)", parse_math=True)
    axes[1, 0].set_ylabel("Slope $|da\\,/\\,d\\,\\log_2 f|$\n(per octave)", parse_math=True)
    for axis in axes[1]:
        axis.set_xlabel("Spatial frequency (cycles/deg)")
    figure.suptitle(f"Frequency tuning of channels of {table['layer'].iloc[0]}, {style.network_of(table)}")
    sensitivity, channel = axes[0, 0].get_lines()
    channel.set_label("channel")
    sensitivity.set_label(f"contrast sensitivity ({csf}; share of its peak, the weight in μ₁)")
    style.legend(figure, [channel, sensitivity], 2)
    return figure
