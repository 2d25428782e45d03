"""What all figures share: colours that always mean the same, sizes, and the one way to write a figure."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.scale import FuncScale
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy import io, storage
from perceptual_efficacy.vocabulary import (
    ALL,
    HIGH,
    HUMAN_CEILING,
    LEARNT,
    LEAVE_ONE_OUT,
    LOW,
    NONE,
    RANDOM,
    RANDOM_HALVES,
    RANDOM_WEIGHTS,
    TRAINED,
)

# Okabe and Ito's palette, with a lighter grey and darker colours that stay apart from it for protanopes and
# deuteranopes (see the tests).
COLOURS = {
    ALL: "#000000",
    HIGH: "#0072B2",
    LOW: "#D55E00",
    RANDOM_HALVES: "#BBBBBB",
    "mu1": "#E69F00",
    "mu2": "#56B4E9",
    "pe": "#CC79A7",
    "csf": "#009E73",
    "RMS contrast": "#785A4B",
    "CSF-weighted energy": "#009E73",  # the CSF's
    LEAVE_ONE_OUT: "#000069",
    HUMAN_CEILING: "#000069",  # people, too
    RANDOM: "#BBBBBB",  # a random half by itself
    NONE: "#80C080",
    "bicubic": "#4000C0",
    "start": "#608080",
}
NETWORKS = ("#882255", "#F0E442", "#5A1E00")  # in the order in which networks are given
OTHER = "#785A4B"  # what has no name above
MARKERS = {ALL: "o", HIGH: "^", LOW: "v"}  # shapes repeat what colours say
CORRELATIONS = (  # where ticks may be; the second ones where that gives too few
    (-0.9, -0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999),
    tuple(hundredths / 100 for hundredths in (*range(-95, 95, 5), *range(95, 100))),
)
LOSSES = {  # what super-resolves, by the channels in its loss: name and marker
    NONE: ("L1 only", "s"),
    ALL: ("all channels", "o"),
    HIGH: ("high half", "^"),
    LOW: ("low half", "v"),
    RANDOM: ("random halves", "D"),
    "start": ("initial checkpoint", "P"),
    "bicubic": ("bicubic", "X"),
}
SCORES = {"mu1": "μ₁", "mu2": "μ₂", "pe": "PE"}
WEIGHTS = {TRAINED: "", LEARNT: "stand-in", RANDOM_WEIGHTS: "random weights"}  # as readers see them

WIDTH = 7.0  # inches: both columns of a printed page, or a slide
_SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "legend.fontsize": 8.0,
    "figure.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "figure.constrained_layout.h_pad": 0.06,
    "savefig.dpi": 200.0,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "pdf.fonttype": 42,  # text stays text, and journals refuse Type 3
    "svg.hashsalt": "perceptual-efficacy",
}


@contextmanager
def context() -> Iterator[None]:
    """Apply the figures' settings, whatever the user's matplotlibrc says; also a decorator."""
    with matplotlib.style.context(_SETTINGS, after_reset=True):
        yield


def figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure of that size in inches, laid out without overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def frequency_axis(axes: Axes, frequency: pd.Series) -> None:
    """Make x a log2 axis of spatial frequency in cycles per degree, with a tick at every octave."""
    low, high = float(frequency.min()), float(frequency.max())
    axes.set_xscale("log", base=2)
    axes.set_xlim(low / 1.1, high * 1.1)
    octaves = 2.0 ** np.arange(np.ceil(np.log2(low) - 1e-9), np.floor(np.log2(high) + 1e-9) + 1)
    axes.xaxis.set_major_locator(FixedLocator(octaves.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def correlation_axis(axes: Axes, low: float, high: float, which: Literal["x", "y"] = "y") -> None:
    """Draw correlations on Fisher's scale, where artanh of r is linear, which spreads out the values near 1.

    Ticks keep a distance of a twelfth of the axis, along x of a sixth.
    """
    bottom, top = _fisher([low, high])
    margin = 0.05 * max(top - bottom, 0.1)
    along = axes.yaxis if which == "y" else axes.xaxis
    axes.set(
        **{
            f"{which}scale": FuncScale(along, (_fisher, np.tanh)),
            f"{which}lim": np.tanh([bottom - margin, top + margin]),
        }
    )
    apart = (top - bottom) / (12 if which == "y" else 6)
    for choices in CORRELATIONS:
        ticks: list[float] = []
        for tick in reversed(choices):
            far = not ticks or _fisher(ticks[-1]) - _fisher(tick) > apart
            if bottom - margin <= _fisher(tick) <= top + margin and far:
                ticks.append(tick)
        if len(ticks) > 2:
            break
    along.set_major_locator(FixedLocator(ticks))
    along.set_minor_locator(NullLocator())
    along.set_major_formatter(FuncFormatter(lambda value, _: signed(value)))


def _fisher(r: ArrayLike) -> NDArray[np.float64]:
    return np.arctanh(np.clip(r, -0.9999, 0.9999))


def signed(value: float, digits: str = "g") -> str:
    """Write a number with a minus sign rather than a hyphen, and a dash where it is missing."""
    return f"{value:{digits}}".replace("-", "−") if np.isfinite(value) else "–"


@context()
def save(
    figure: Figure,
    table: pd.DataFrame,
    *,
    png: str | os.PathLike[str],
    pdf: str | os.PathLike[str],
    csv: str | os.PathLike[str],
) -> None:
    """Write a figure as PNG and PDF beside the table it shows, and clear it.

    Equal figures give equal bytes: no date, no version of matplotlib in the PNG.
    """
    for path, metadata in ((png, {"Software": None}), (pdf, {"CreationDate": None})):
        with storage.written_atomically(path) as temporary:
            figure.savefig(temporary, metadata=metadata)
    io.write_csv(table, csv)
    figure.clear()


def name_network(network: str, weights: str) -> str:
    """Name a network and, where its weights are not trained ones, say so."""
    return f"{network} ({WEIGHTS[weights]})" if WEIGHTS[weights] else network


def name_selection(selection: str, draw: float | None = None) -> str:
    """Name a selection of channels, or what super-resolves without a loss from any."""
    return f"random half {draw:.0f}" if selection == RANDOM else LOSSES.get(selection, (selection,))[0]


def network_of(table: pd.DataFrame) -> str:
    """Name the one network that the rows of a table are of; rows without a network are of none.

    Raises
    ------
    ValueError
        If there is no row, or there are rows of several networks.
    """
    names = table[["network", "weights"]].dropna().drop_duplicates()
    if len(names) != 1:
        raise ValueError(f"The figure shows one network; the table has rows of {len(names)}.")
    return name_network(*names.iloc[0])
