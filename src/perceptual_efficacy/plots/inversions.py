"""Figure: images with the same activations of chosen channels as photographs, layer by layer."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import ALL, HIGH, LOW, RANDOM

MOST = 3  # photographs
ORIGINAL = "original"
SELECTIONS = (ORIGINAL, ALL, HIGH, LOW, RANDOM)
READABLE = {  # by measure: name below an image, unit or formula, decimals
    "structure": ("structure", "GMSD", 3),
    "colour": ("colour", "CIEDE2000", 1),
    "texture spectrum": ("spectrum", "decades, of the texture", 2),
    "texture contrast": ("contrast", "decades, of the texture", 2),
}


def table(scores: pd.DataFrame, photographs: Sequence[str] | None = None) -> pd.DataFrame:
    """Choose the inversions to show.

    `scores` has network, weights, layer, image (the photograph), selection ("all", "high", "low", "random"), draw,
    seed, file, reference (the photograph's file), measure ("structure", "colour", "texture spectrum", "texture
    contrast") and value, an error. `photographs` names one to three, other numbers and names without scores are a
    ValueError; by default they are the first ones, two if there are three layers or more. A row per layer, photograph
    and selection, from left to right: network, weights, layer, image, selection ("original", all channels, both halves
    and the first random half, as far as they exist), draw, seed (the lowest), file, and the errors by name (missing
    where not measured, and for the original).
    """
    known, layers = list(scores["image"].unique()), list(scores["layer"].unique())
    photographs = known[: MOST if len(layers) < 3 else 2] if photographs is None else photographs
    if not 1 <= len(photographs) <= MOST:
        raise ValueError(f"{len(photographs)} photographs; the figure shows 1 to {MOST}.")
    if unknown := [name for name in photographs if name not in known]:
        raise ValueError(f"Photograph {unknown[0]!r} has no scores; there are {known}.")
    rows = scores[
        scores["image"].isin(photographs)
        & scores["selection"].isin(SELECTIONS)
        & scores["measure"].isin(READABLE)
        & (scores["draw"].isna() | (scores["draw"] == scores["draw"].min()))
    ]
    keys = ["layer", "image", "selection"]
    rows = rows[rows["seed"] == rows.groupby(keys)["seed"].transform("min")]
    errors = rows.pivot_table(index=keys, columns="measure", values="value").reset_index()
    about = rows[["network", "weights", *keys, "draw", "seed", "file", "reference"]].drop_duplicates(keys)
    originals = about.drop_duplicates(keys[:2]).assign(selection=ORIGINAL, file=lambda first: first["reference"])
    wide = pd.concat([originals, about.merge(errors, on=keys)], ignore_index=True)
    wide.loc[wide["selection"] == ORIGINAL, ["draw", "seed"]] = pd.NA
    order = {"layer": layers, "image": list(photographs), "selection": SELECTIONS}
    wide = wide.sort_values(keys, key=lambda names: names.map(order[str(names.name)].index), ignore_index=True)
    columns = [*about.columns.drop("reference"), *READABLE]
    return wide.reindex(columns=columns).astype({"draw": "Int64", "seed": "Int64"})


@style.context()
def draw(table: pd.DataFrame, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Draw a block per layer, a row per photograph: itself, then its inversions with their errors below.

    `images` are RGB by file, shape (height, width, 3); a missing image or another array is a ValueError.
    """
    layers, photographs = list(table["layer"].unique()), list(table["image"].unique())
    selections = table[["selection", "draw"]].drop_duplicates("selection")
    measures = [name for name in READABLE if table[name].notna().any()]
    across = 2 if len(layers) > 1 and len(layers) * len(photographs) > 2 else 1
    down = -(-len(layers) // across)
    cell = style.WIDTH / across / len(selections)
    figure = style.figure(min(0.9 + down * (0.65 + (cell + 0.4) * len(photographs)), style.TALLEST))
    parts = figure.subfigures(down, across, squeeze=False).ravel()
    for part, layer in zip(parts[: len(layers)], layers, strict=True):
        part.suptitle(layer, size=8.5)
        axes = part.subplots(len(photographs), len(selections), squeeze=False)
        for line, photograph in zip(axes, photographs, strict=True):
            of_photograph = table[(table["layer"] == layer) & (table["image"] == photograph)].set_index("selection")
            for axis, selection in zip(line, selections["selection"], strict=True):
                if selection not in of_photograph.index:
                    axis.set_visible(False)
                    continue
                row = of_photograph.loc[selection]
                _show(axis, images, row["file"])
                name = _short(photograph, 12 if across > 1 else 24)
                axis.set_xlabel(name if selection == ORIGINAL else _numbers(row, measures), size=6)
        for axis, (selection, draw) in zip(axes[0], selections.itertuples(index=False, name=None), strict=True):
            label = "photograph" if selection == ORIGINAL else style.name_selection(selection, draw)
            axis.set_title(fill(label, 10), fontsize=6.5)
    figure.suptitle(f"Feature inversions, {style.network_of(table)}")
    names = ["{} ({})".format(*READABLE[name][:2]) for name in measures]
    note = f"Errors against the photograph, lower is better: {', '.join(names)}."
    figure.supxlabel(f"{fill(note, 115)}\nErrors are formulas; no human ratings.", size=7.5)
    return figure


def _show(axis: Axes, images: Mapping[str, NDArray[np.uint8]], file: str) -> None:
    if file not in images:
        raise ValueError(f"There is no image {file!r}; there are {list(images)}.")
    image = np.asarray(images[file])
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"The image {file!r} is {image.dtype} {image.shape}; expected uint8 (height, width, 3).")
    axis.imshow(image, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _numbers(errors: pd.Series, measures: Sequence[str]) -> str:
    """One error a line, with its name."""
    shown = [(READABLE[column][0], style.signed(errors[column], f".{READABLE[column][2]}f")) for column in measures]
    return "\n".join(f"{name} {value}" for name, value in shown)


def _short(name: str, width: int) -> str:
    """At most two lines of a name."""
    lines = fill(name, width).split("\n")
    return "\n".join(lines[:2]) if len(lines) <= 2 else f"{lines[0]}\n{lines[1][: width - 1]}…"
