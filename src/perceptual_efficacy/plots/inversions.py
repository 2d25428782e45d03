"""Figure: the images that chosen channels of one network cannot tell from photographs, layer by layer."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perceptual_efficacy.plots import style

MOST = 3  # photographs
ORIGINAL = "original"
SELECTIONS = ("all", "high", "low")  # and the first random half
MEASURES = ("structure", "colour", "texture spectrum", "texture contrast")
READABLE = {  # by column: name for readers and decimals
    "structure": ("structure (GMSD)", 3),
    "colour": ("colour (CIEDE2000)", 1),
    "texture_spectrum": ("texture spectrum (decades)", 2),
    "texture_contrast": ("texture contrast (decades)", 2),
}
TALLEST = 9.0  # inches


def table(scores: pd.DataFrame, photographs: Sequence[str]) -> pd.DataFrame:
    """Choose the inversions to show.

    Parameters
    ----------
    scores
        layer, photograph, selection ("all", "high", "low", "random_1" and so on), seed, measure ("structure", "colour",
        "texture spectrum", "texture contrast") and value, an error.
    photographs
        Names of one to three photographs.

    Returns
    -------
    One row per layer, photograph and selection: all channels, both halves and the first random half, as far as there
    are any; seed (the lowest), and structure, colour, texture_spectrum and texture_contrast (missing where not
    measured).

    Raises
    ------
    ValueError
        If there are no or too many photographs, or one has no scores.
    """
    if not 1 <= len(photographs) <= MOST:
        raise ValueError(f"{len(photographs)} photographs; the figure shows 1 to {MOST}.")
    unknown = [name for name in photographs if name not in set(scores["photograph"])]
    if unknown:
        raise ValueError(f"Photograph {unknown[0]!r} has no scores; there are {list(scores['photograph'].unique())}.")
    known = list(scores["selection"].unique())
    shown = [name for name in SELECTIONS if name in known] + [name for name in known if name.startswith("random")][:1]
    rows = scores[
        scores["photograph"].isin(photographs) & scores["selection"].isin(shown) & scores["measure"].isin(MEASURES)
    ]
    keys = ["layer", "photograph", "selection"]
    rows = rows[rows["seed"] == rows.groupby(keys)["seed"].transform("min")]
    wide = rows.pivot_table(index=[*keys, "seed"], columns="measure", values="value").reset_index()
    wide = wide.rename(columns=lambda name: name.replace(" ", "_"))
    order = {"layer": list(scores["layer"].unique()), "photograph": list(photographs), "selection": shown}
    wide = wide.sort_values(keys, key=lambda names: names.map(order[str(names.name)].index), ignore_index=True)
    return wide.reindex(columns=[*keys, "seed", *READABLE]).rename_axis(columns=None)


@style.context()
def draw(table: pd.DataFrame, images: Mapping[tuple[str, str, str], NDArray[np.uint8]], network: str) -> Figure:
    """Draw a block per layer, a row per photograph: itself, then its inversions with their errors below.

    Parameters
    ----------
    table
        What `table` returns.
    images
        Layer, photograph and selection or "original" to an image, RGB, shape (height, width, 3).
    network
        Whose channels they are, for the title.

    Raises
    ------
    ValueError
        If an image is missing or is no such array.
    """
    layers, photographs = list(table["layer"].unique()), list(table["photograph"].unique())
    selections = list(table["selection"].unique())
    measures = [column for column in READABLE if table[column].notna().any()]
    across = 2 if len(layers) > 1 and len(layers) * len(photographs) > 2 else 1
    down = -(-len(layers) // across)
    cell = style.WIDTH / across / (1 + len(selections))
    figure = style.figure(min(0.9 + down * (0.65 + (cell + 0.2) * len(photographs)), TALLEST))
    parts = figure.subfigures(down, across, squeeze=False).ravel()
    for part, layer in zip(parts[: len(layers)], layers, strict=True):
        part.suptitle(layer, size=8.5)
        axes = part.subplots(len(photographs), 1 + len(selections), squeeze=False)
        for line, photograph in zip(axes, photographs, strict=True):
            of_photograph = table[(table["layer"] == layer) & (table["photograph"] == photograph)]
            _show(line[0], images, (layer, photograph, ORIGINAL))
            line[0].set_xlabel(_short(photograph, 12 if across > 1 else 24), size=6)
            for axis, selection in zip(line[1:], selections, strict=True):
                errors = of_photograph[of_photograph["selection"] == selection]
                if errors.empty:
                    axis.set_visible(False)
                    continue
                _show(axis, images, (layer, photograph, selection))
                axis.set_xlabel(_numbers(errors.iloc[0], measures), size=6)
        for axis, selection in zip(axes[0], ("photograph", *selections), strict=True):
            axis.set_title(fill(_label(selection), 10), fontsize=6.5)
    figure.suptitle(f"Images that channels of {network} hardly tell from photographs")
    names = [READABLE[column][0] for column in measures]
    note = f"Numbers, line by line: {', '.join(names)}. They are errors against the photograph; lower is better."
    figure.supxlabel(f"{fill(note, 115)}\nThey are formulas: nobody was asked.", size=7.5)
    return figure


def _show(axis: Axes, images: Mapping[tuple[str, str, str], NDArray[np.uint8]], key: tuple[str, str, str]) -> None:
    if key not in images:
        raise ValueError(f"There is no image of {key}; there are of {list(images)}.")
    image = np.asarray(images[key])
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"The image of {key} is {image.dtype} {image.shape}; expected uint8 (height, width, 3).")
    axis.imshow(image, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _numbers(errors: pd.Series, measures: Sequence[str]) -> str:
    """Two numbers a line, in the order of the note."""
    numbers = [style.signed(errors[column], f".{READABLE[column][1]}f") for column in measures]
    return "\n".join("   ".join(numbers[first : first + 2]) for first in range(0, len(numbers), 2))


def _short(name: str, width: int) -> str:
    """At most two lines of a name."""
    lines = fill(name, width).split("\n")
    return "\n".join(lines[:2]) if len(lines) <= 2 else f"{lines[0]}\n{lines[1][: width - 1]}…"


def _label(selection: str) -> str:
    if selection in style.LOSSES:
        return style.LOSSES[selection][0]
    return selection.replace("random_", "random half ")
