"""Figure: how well high, low and random channels of every layer predict detection thresholds."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy.plots import style

SELECTIONS = ("all", "high", "low", "random halves")
SUMMARIES = ("all layers", "mean of layers")
OFFSETS = {"low": -0.25, "all": 0.0, "high": 0.25}
DASHES = ((0, (1, 1)), (0, (5, 2)), (0, (5, 1, 1, 1)), (0, (3, 3)))
NOTE = "r: correlation of predicted with measured log thresholds of n stimuli. Bars: 95% bootstrap intervals"
TICKS = (-0.9, -0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)


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
    """Draw one row of panels per resolution and one column per ranking, on Fisher's scale: artanh of r is linear."""
    resolutions, rankings = list(table["pixels_per_degree"].unique()), ("pe", "mu1", "mu2")
    figure = style.figure(1.6 + 2.2 * len(resolutions))
    axes = figure.subplots(len(resolutions), len(rankings), sharex=True, sharey=True, squeeze=False)
    baselines = list(table.loc[table["layer"] == "none", "selection"].unique())
    inside = table[table["layer"] != "none"]
    shown = pd.concat([inside["ci_low"], inside["ci_high"], table["estimate"]]).dropna()
    for row, resolution in zip(axes, resolutions, strict=True):
        rows = table[table["pixels_per_degree"] == resolution]
        for axis, ranking in zip(row, rankings, strict=True):
            _draw_layers(axis, rows[rows["ranking"].isin([ranking, "none"])])
            for number, name in enumerate(baselines):
                for value in rows.loc[(rows["layer"] == "none") & (rows["selection"] == name), "estimate"]:
                    axis.axhline(value, **_line(name, number))
            axis.set_title(f"halves by {style.SCORES[ranking]}\n{resolution:g} pixels/deg, n = {rows['n'].iloc[0]}")
        row[0].set_ylabel("Pearson r\n(Fisher scale)")
    _fisher_axis(axes[0, 0], float(shown.min()), float(shown.max()))
    figure.suptitle(f"Agreement of channels with ModelFest thresholds, {network}")
    keys: list[Artist] = [
        Line2D([], [], color=style.COLOURS[name], marker=style.MARKERS[name], markersize=5, label=label)
        for name, label in (("high", "high half"), ("all", "all channels"), ("low", "low half"))
    ]
    keys.append(Patch(color=style.COLOURS["random halves"], label="random halves (central 95%)"))
    keys += [Line2D([], [], label=name, **_line(name, number)) for number, name in enumerate(baselines)]
    figure.legend(handles=keys, loc="outside lower center", ncols=4, title=NOTE)
    return figure


def _draw_layers(axis: Axes, rows: pd.DataFrame) -> None:
    layers = [layer for layer in rows["layer"].unique() if layer != "none"]
    # a gap before what summarises the layers
    place = {layer: number + 0.5 * (layer in SUMMARIES) for number, layer in enumerate(layers)}
    crowded = len(layers) > 9
    rows = rows[rows["layer"] != "none"]
    halves = rows[rows["selection"] == "random halves"]
    x = halves["layer"].map(place)
    axis.bar(x, halves["ci_high"] - halves["ci_low"], 0.86, halves["ci_low"], color=style.COLOURS["random halves"])
    axis.hlines(halves["estimate"], x - 0.43, x + 0.43, color="white", linewidth=1, zorder=1.2)
    for selection, offset in OFFSETS.items():
        chosen = rows[rows["selection"] == selection]
        x = chosen["layer"].map(place) + offset
        axis.vlines(x, chosen["ci_low"], chosen["ci_high"], color=style.COLOURS[selection], linewidth=1, zorder=2)
        axis.plot(
            x,
            chosen["estimate"],
            style.MARKERS[selection],
            color=style.COLOURS[selection],
            markersize=3 if crowded else 4,
        )
    axis.set_xticks(list(place.values()), layers, rotation_mode="anchor", ha="right", va="center")
    axis.tick_params(axis="x", labelrotation=90 if crowded else 60, labelsize=7 if crowded else 8)
    axis.set_xlim(-0.6, max(place.values()) + 0.6)
    axis.grid(axis="y")


def _line(name: str, number: int) -> dict:
    colour = style.COLOURS.get(name, style.OTHER)
    return {"color": colour, "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.2, "zorder": 1.5}


def _fisher(r: ArrayLike) -> NDArray[np.float64]:
    return np.arctanh(np.clip(r, -0.9999, 0.9999))


def _fisher_axis(axis: Axes, low: float, high: float) -> None:
    """Spread out the values near 1; ticks keep a distance of a twelfth of the axis."""
    bottom, top = _fisher([low, high])
    margin = 0.05 * max(top - bottom, 0.1)
    axis.set_yscale("function", functions=(_fisher, np.tanh))
    axis.set_ylim(*np.tanh([bottom - margin, top + margin]))
    ticks: list[float] = []
    for tick in reversed(TICKS):
        far = not ticks or _fisher(ticks[-1]) - _fisher(tick) > (top - bottom) / 12
        if bottom - margin <= _fisher(tick) <= top + margin and far:
            ticks.append(tick)
    axis.yaxis.set_major_locator(FixedLocator(ticks))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
