"""Figure: what a network answers to gratings to which people's answers are known."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import (
    ALL,
    HIGH,
    LOW,
    MEAN_OF_LAYERS,
    OF_FREQUENCY,
    OF_ORIENTATION,
    OF_WAVEFORM,
)
from perceptual_efficacy.waveforms import ABOVE_THRESHOLD, NEAR_THRESHOLD

PANELS = {
    (OF_WAVEFORM, NEAR_THRESHOLD): "Square against sine waves",
    (OF_ORIENTATION, NEAR_THRESHOLD): "Oblique against vertical\nand horizontal gratings",
    (OF_FREQUENCY, NEAR_THRESHOLD): "Against 5 cycles per degree,\nnear the threshold (contrast 1%)",
    (OF_FREQUENCY, ABOVE_THRESHOLD): "Against 5 cycles per degree,\nfar above it (contrast 30%)",
}
OBLIQUE_FROM = 2.5  # cycles per degree, of the gratings that people were shown
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5, 10)
PEOPLE, CONTROL, LAYER = "#009E73", "#882255", "#CCCCCC"
NAMES = {ALL: "all channels", HIGH: "high PE", LOW: "low PE"}


def table(subject: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """Put the mean of the control's layers below what `known_answers.answers` finds for a network.

    A row per network, layer, selection, answer, standard and frequency: its identity, answer, standard, frequency,
    sensitivity, people and extrapolated.
    """
    return pd.concat([subject, control[control["layer"] == MEAN_OF_LAYERS]], ignore_index=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per answer: layers in grey, their mean by selection, the control's, and people."""
    figure = style.figure(5.6)
    axes = style.panels(figure, len(PANELS), 2)
    name, control = table["network"].unique()
    for axis, ((answer, standard), title) in zip(axes, PANELS.items(), strict=True):
        rows = table[(table["answer"] == answer) & (table["standard"] == standard)]
        own, others = rows[rows["network"] == name], rows[rows["network"] == control]
        for layer, of_layer in own[own["selection"] == ALL].groupby("layer", sort=False):
            if layer != MEAN_OF_LAYERS:
                axis.plot(of_layer["frequency"], of_layer["sensitivity"], color=LAYER, linewidth=0.8, zorder=1)
        means = own[own["layer"] == MEAN_OF_LAYERS]
        for selection in (ALL, HIGH, LOW):
            _line(axis, means[means["selection"] == selection], style.COLOURS[selection], style.MARKERS[selection])
        _line(axis, others[others["selection"] == ALL], CONTROL, "s", linestyle="--")
        people = own[own["selection"] == ALL].drop_duplicates("frequency").dropna(subset="people")
        if answer == OF_ORIENTATION:
            axis.fill_between([OBLIQUE_FROM, 100], 0.01, 1, color=PEOPLE, alpha=0.12, linewidth=0)
        elif len(people):
            axis.plot(
                people["frequency"], people["people"], color=PEOPLE, marker="*", linewidth=2.5, alpha=0.6, zorder=2
            )
        style.octave_axis(axis, rows["frequency"].min(), rows["frequency"].max(), 1.2)
        shown = table[table["answer"] == answer]  # one scale for both contrasts of the standard
        values = pd.concat([shown["sensitivity"], shown["people"]]).replace(0, np.nan)
        low, high = np.nanmin([values.min() / 1.05, 0.9]), np.nanmax([values.max() * 1.05, 1.1])
        axis.set_yscale("log")
        axis.set_ylim(low, high)
        style.fixed_ticks(axis.yaxis, [tick for tick in TICKS if low <= tick <= high])
        axis.axhline(1, color="#999999", linewidth=0.7, zorder=0)
        style.fixed_ticks(axis.xaxis, sorted(rows["frequency"].unique()))
        axis.set_title(title)
        axis.grid(axis="y")
    for axis in axes[2:]:
        axis.set_xlabel("Spatial frequency (cycles per degree)")
    for axis in axes[::2]:
        axis.set_ylabel("Relative sensitivity")
    figure.suptitle(f"Known answers of human vision: {style.network_of(table[table['network'] == name])}")
    keys: list[Artist] = [
        Line2D([], [], color=PEOPLE, marker="*", linewidth=2.5, alpha=0.6, label="people; near the threshold, a model"),
        Patch(color=PEOPLE, alpha=0.12, linewidth=0, label="people: below 1"),
        *(
            Line2D([], [], color=style.COLOURS[it], marker=style.MARKERS[it], label=label)
            for it, label in NAMES.items()
        ),
        Line2D([], [], color=LAYER, linewidth=0.8, label="single layers, all channels"),
        Line2D([], [], color=CONTROL, marker="s", linestyle="--", label=f"all channels of {control}"),
    ]
    style.legend(figure, keys, 3)
    return figure


def _line(axis: Axes, rows: pd.DataFrame, colour: str, marker: str, linestyle: str = "-") -> None:
    axis.plot(rows["frequency"], rows["sensitivity"], color=colour, linestyle=linestyle, zorder=3)
    filled = np.where(rows["extrapolated"], "white", colour)
    axis.scatter(rows["frequency"], rows["sensitivity"], s=18, c=filled, edgecolor=colour, marker=marker, zorder=4)
