"""What all figures share: colours that always mean the same, sizes, axes, and the one way to write a figure."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.scale import FuncScale
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy import io, storage
from perceptual_efficacy import vocabulary as words

# Okabe and Ito's palette, with a lighter grey and darker colours that stay apart from it for protanopes and
# deuteranopes (see the tests).
COLOURS = {
    words.ALL: "#000000",
    words.HIGH: "#0072B2",
    words.LOW: "#D55E00",
    words.RANDOM_HALVES: "#BBBBBB",
    "mu1": "#E69F00",
    "mu2": "#56B4E9",
    "pe": "#CC79A7",
    "csf": "#009E73",
    words.RMS_CONTRAST: "#785A4B",
    words.WEIGHTED_ENERGY: "#009E73",  # the CSF's
    words.LEAVE_ONE_OUT: "#000069",
    words.HUMAN_CEILING: "#000069",  # people, too
    words.SELF_AGREEMENT: "#000069",
    words.RANDOM: "#BBBBBB",  # a random half by itself
    words.NONE: "#80C080",
    words.BICUBIC: "#4000C0",
    words.START: "#608080",
}
NETWORKS = ("#882255", "#F0E442", "#5A1E00")  # in the order in which networks are given
OTHER = "#785A4B"  # what has no name above
MARKERS = {words.ALL: "o", words.HIGH: "^", words.LOW: "v"}  # shapes repeat what colours say
CORRELATIONS = (  # where ticks may be; the second ones where that gives too few
    (-0.9, -0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999),
    tuple(hundredths / 100 for hundredths in (*range(-95, 95, 5), *range(95, 100))),
)
LOSSES = {  # what super-resolves, by the channels in its loss: name and marker
    words.NONE: ("L1 only", "s"),
    words.ALL: ("all channels", "o"),
    words.HIGH: ("high half", "^"),
    words.LOW: ("low half", "v"),
    words.RANDOM: ("random halves", "D"),
    words.START: ("initial checkpoint", "P"),
    words.BICUBIC: ("bicubic", "X"),
}
POINT: dict[str, Any] = {"edgecolor": "#333333", "linewidth": 0.25, "alpha": 0.8}  # one channel
SCORES = {"mu1": "μ₁", "mu2": "μ₂", "pe": "PE"}
WEIGHTS = {words.TRAINED: "", words.LEARNT: "stand-in", words.RANDOM_WEIGHTS: "random weights"}  # as readers see them

WIDTH = 7.0  # inches: both columns of a printed page, or a slide
TALLEST = 9.0  # inches, of most figures
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

_WITHOUT: dict[str, dict[str, None]] = {  # what would differ between equal figures
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


@contextmanager
def context() -> Iterator[None]:
    """Apply the figures' settings, whatever the user's matplotlibrc says; also a decorator."""
    with matplotlib.style.context(_SETTINGS, after_reset=True):
        yield


def figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure of that size in inches, laid out without overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def panels(of: Figure | SubFigure, count: int, columns: int, **sharing: Any) -> NDArray:
    """Return `count` axes in lines of `columns`, from left to right, and hide the rest of the last line."""
    axes = of.subplots(-(-count // columns), columns, squeeze=False, **sharing).ravel()
    for axis in axes[count:]:
        axis.set_visible(False)
    return axes[:count]


def legend(figure: Figure, handles: Sequence[Artist], columns: int, note: str | None = None) -> None:
    """Put the legend below all panels, under a note whose lines are centred."""
    drawn = figure.legend(handles=handles, loc="outside lower center", ncols=columns, title=note)
    drawn.get_title().set_multialignment("center")


def fixed_ticks(along: Axis, ticks: Iterable[float]) -> None:
    """Put ticks at these values and nowhere else."""
    along.set_major_locator(FixedLocator(list(ticks)))
    along.set_minor_locator(NullLocator())
    along.set_major_formatter(lambda value, _: signed(value))


def round_ticks(along: Axis, most: int, steps: Sequence[float] = (1, 2, 5, 10), *, integer: bool = False) -> None:
    """Put ticks at round values, which divide the axis into at most that many parts."""
    along.set_major_locator(MaxNLocator(most, integer=integer, steps=steps))
    along.set_major_formatter(lambda value, _: signed(value))


def octave_axis(axes: Axes, low: float, high: float, margin: float = 1.0) -> NDArray[np.float64]:
    """Make x a log2 axis from low to high, with a margin (a factor), and return the powers of 2 between the two."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(low / margin, high * margin)
    return 2.0 ** np.arange(np.ceil(np.log2(low) - 1e-9), np.floor(np.log2(high) + 1e-9) + 1)


def correlation_axis(axes: Axes, low: float, high: float, which: Literal["x", "y"] = "y") -> None:
    """Draw correlations on Fisher's scale, where artanh of r is linear, which spreads out the values near 1.

    Ticks keep a distance of a twelfth of the axis, along x of a sixth.
    """
    bottom, top = _fisher([low, high])
    margin = 0.05 * max(top - bottom, 0.1)
    along = axes.yaxis if which == "y" else axes.xaxis
    axes.set(**{f"{which}scale": FuncScale(along, (_fisher, np.tanh))})
    axes.set(**{f"{which}lim": np.tanh([bottom - margin, top + margin])})
    apart = (top - bottom) / (12 if which == "y" else 6)
    for choices in CORRELATIONS:
        ticks: list[float] = []
        for tick in reversed(choices):
            far = not ticks or _fisher(ticks[-1]) - _fisher(tick) > apart
            if bottom - margin <= _fisher(tick) <= top + margin and far:
                ticks.append(tick)
        if len(ticks) > 2:
            break
    fixed_ticks(along, ticks)


def _fisher(r: ArrayLike) -> NDArray[np.float64]:
    return np.arctanh(np.clip(r, -0.9999, 0.9999))


def signed(value: float, digits: str = "g") -> str:
    """Write a number with a minus sign rather than a hyphen, and a dash where it is missing."""
    return f"{value:{digits}}".replace("-", "−") if np.isfinite(value) else "–"


@context()
def write(figure: Figure, path: str | PathLike[str]) -> None:
    """Write a figure as PNG, PDF or SVG, by the path's suffix; equal figures give equal bytes."""
    with storage.written_atomically(path) as temporary:
        figure.savefig(temporary, metadata=_WITHOUT[Path(path).suffix])


def save(
    figure: Figure, table: pd.DataFrame, *, png: str | PathLike[str], pdf: str | PathLike[str], csv: str | PathLike[str]
) -> None:
    """Write a figure as PNG and PDF beside the table it shows, and clear it."""
    for path in (png, pdf):
        write(figure, path)
    io.write_csv(table, csv)
    figure.clear()


def name_selection(selection: str, draw: float | None = None) -> str:
    """Name a selection of channels, or what super-resolves without a loss from any."""
    return f"random half {draw:.0f}" if selection == words.RANDOM else LOSSES.get(selection, (selection,))[0]


def network_of(table: pd.DataFrame) -> str:
    """Name the one network of a table, and what its weights are unless trained.

    Rows without a network do not count. None or several networks are a ValueError.
    """
    names = table[["network", "weights"]].dropna().drop_duplicates()
    if len(names) != 1:
        raise ValueError(f"The figure shows one network; the table has rows of {len(names)}.")
    network, weights = names.iloc[0]
    return f"{network} ({WEIGHTS[weights]})" if WEIGHTS[weights] else network
