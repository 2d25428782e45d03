"""Figure: orientation tuning of example channels, at the frequency where their frequency tuning is steepest."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._examples import examples

RESPONSE = "response (share of its maximum; circles at 0.5 and 1)"


def table(curves: xr.Dataset, channels: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Collect the curves of the layer's channels with the highest, the median and the lowest mu2.

    `curves` are at the resolution that `channels` was scored at. A row per channel and orientation: the network, layer,
    example (highest, median, lowest), channel, mu2, steepest_frequency in cycles per degree, orientation in degrees in
    [-90, 90), and response (share of the curve's maximum).
    """
    rows, chosen = examples(channels, curves, layer, ("mu2", "steepest_frequency"))
    steepest = xr.DataArray(rows["steepest_frequency"].to_numpy(), dims="channel")
    response = chosen["oriented"].sel(oriented_frequency=steepest, method="nearest")
    repeated = rows.loc[rows.index.repeat(response.sizes["orientation"])].reset_index(drop=True)
    return repeated.assign(
        orientation=np.tile(response["orientation"].values, len(rows)),
        response=(response / response.max("orientation")).values.ravel(),
    )


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one polar panel per channel; a grating turned by 180 degrees is the same, so each curve goes round twice."""
    figure = style.figure(3.2)
    axes = figure.subplots(1, table["example"].nunique(), subplot_kw={"projection": "polar"}, squeeze=False)[0]
    circle = np.linspace(0, 2 * np.pi, 200)
    for axis, (example, curve) in zip(axes, table.groupby("example", sort=False), strict=True):
        half = np.deg2rad(curve["orientation"].to_numpy())
        angle = np.concatenate([half, half + np.pi, half[:1] + 2 * np.pi])
        response = np.concatenate([*[curve["response"].to_numpy()] * 2, curve["response"].to_numpy()[:1]])
        axis.plot(angle, response, "o-", color=style.COLOURS["mu2"], markersize=3, clip_on=False, label=RESPONSE)
        axis.fill(angle, response, color=style.COLOURS["mu2"], alpha=0.2, lw=0)
        mean = np.full_like(circle, curve["response"].mean())
        axis.plot(circle, mean, "--", color="#444444", linewidth=1, label="mean response, 1 − μ₂")
        axis.set_rlim(0, 1)
        axis.set_rgrids([0.5, 1], ["", ""])
        axis.set_thetagrids(range(0, 360, 45))
        axis.tick_params(pad=1)
        axis.set_title(
            f"{example} μ₂ = {curve['mu2'].iloc[0]:.2f} (channel {curve['channel'].iloc[0]})\n"
            f"at {curve['steepest_frequency'].iloc[0]:.2g} cycles/deg"
        )
    figure.suptitle(f"Orientation tuning of channels of {table['layer'].iloc[0]}, {style.network_of(table)}")
    style.legend(figure, axes[0].get_lines(), 2, "Angle: direction of modulation (0° is a vertical grating)")
    return figure
