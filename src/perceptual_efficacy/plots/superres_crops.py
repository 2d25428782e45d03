"""Figure: the same crop of an image as every method super-resolves it."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots.superres_plane import METRICS, REFERENCES
from perceptual_efficacy.vocabulary import BICUBIC, RANDOM, START

MOST = 3  # images
INPUT, ORIGINAL = "low resolution", "original"  # methods without scores
ORDER = [BICUBIC, START, *style.LOSSES]
CROP = ["dataset", "image", "x", "y", "width", "height"]
METHOD = ["network", "weights", "loss", "selection", "draw", "seed", "file"]
KEY = "PSNR-Y (dB)\nMDSI"


def table(scores: pd.DataFrame, crops: pd.DataFrame) -> pd.DataFrame:
    """Choose the methods to show and their scores of the whole images.

    `crops` are one to three images and where to crop them: dataset, image, x, y, width and height, in pixels of the
    original. Another number of them, or an image without scores, is a ValueError. A row per image and method, from left
    to right: network, weights, dataset, image, method ("low resolution", the losses and references by name,
    "original"), selection, label (for readers), seed (the lowest), file (the whole enlarged image), x, y, width,
    height, psnr_y (dB) and mdsi (of the whole image; missing for what has no scores). Of random halves the first one.
    """
    if not 1 <= len(crops) <= MOST:
        raise ValueError(f"{len(crops)} crops; the figure shows 1 to {MOST}.")
    scores = scores[scores["measure"].isin(METRICS)]
    ends = [pd.DataFrame({"method": [name], "selection": [name], "label": [name]}) for name in (INPUT, ORIGINAL)]
    parts = []
    for place in crops[CROP].itertuples(index=False, name=None):
        crop = dict(zip(CROP, place, strict=True))
        scored = scores[(scores["dataset"] == crop["dataset"]) & (scores["image"] == crop["image"])]
        if scored.empty:
            known = list(scores.loc[scores["dataset"] == crop["dataset"], "image"].unique())
            what = f"Image {crop['image']!r} of {crop['dataset']!r} has no scores by {list(METRICS)}"
            raise ValueError(f"{what}; that set's images are {known}.")
        scored = scored[scored["seed"] == scored.groupby("loss")["seed"].transform("min")]
        values = scored.pivot_table(index="loss", columns="measure", values="value").rename(columns=METRICS)
        methods = scored[METHOD].drop_duplicates("loss").merge(values, on="loss").rename(columns={"loss": "method"})
        methods = methods.sort_values("selection", key=lambda names: names.map(ORDER.index), kind="stable")
        methods = methods[~((methods["selection"] == RANDOM) & methods["selection"].duplicated())]
        labels = methods[["selection", "draw"]].itertuples(index=False, name=None)
        methods["label"] = [style.name_selection(*one) for one in labels]
        methods["label"] = methods["label"].mask(methods["selection"].duplicated(keep=False), methods["method"])
        parts.append(pd.concat([ends[0], methods, ends[1]]).assign(**crop))
    columns = ["network", "weights", *CROP[:2], "method", "selection", "label", "seed", "file", *CROP[2:]]
    rows = pd.concat(parts, ignore_index=True).reindex(columns=[*columns, *METRICS.values()])
    return rows.astype({"seed": "Int64"})


@style.context()
def draw(table: pd.DataFrame, images: Mapping[tuple[str, str, str], NDArray[np.uint8]]) -> Figure:
    """Draw a row of crops per image, pixel by pixel, with the scores of the whole image below each.

    `images` gives dataset, image and method the pixels of the crop, RGB, shape (height, width, 3); those of the low
    resolution may be fewer by a whole factor. Missing pixels, or another shape than the table says, are a ValueError.
    """
    rows = list(table.groupby(["dataset", "image"], sort=False))
    most = max(len(row) for _, row in rows)
    figure = style.figure(0.9 + len(rows) * (1.0 + (style.WIDTH - 0.5) / most))
    parts = figure.subfigures(len(rows), 1, squeeze=False).ravel()
    for part, ((dataset, image), row) in zip(parts, rows, strict=True):
        x, y, width, height = row[CROP[2:]].iloc[0]
        part.suptitle(f"{dataset}, {image}: {width} × {height} pixels at x = {x}, y = {y}", size=8)
        axes = style.panels(part, len(row), most)
        for axis, method in zip(axes, row.to_dict("records"), strict=True):
            _draw_crop(axis, method, images)
    figure.suptitle(f"Super-resolution with losses from channels of {style.network_of(table)}")
    trained = table.loc[~table["selection"].isin([*REFERENCES, INPUT, ORIGINAL]), "seed"]
    seeds = ", ".join(f"{seed:.0f}" for seed in trained.unique()) or "none"
    figure.supxlabel(
        "Below each: scores of the whole image by formulas; no human ratings. PSNR-Y: higher is better; MDSI: lower.\n"
        f"Crops are where the original has most detail. Trained networks: seed {seeds}.",
        size=8,
    )
    return figure


def _draw_crop(axis: Axes, method: dict, images: Mapping[tuple[str, str, str], NDArray[np.uint8]]) -> None:
    key = (method["dataset"], method["image"], method["method"])
    if key not in images:
        raise ValueError(f"There are no pixels of {key}; there are of {list(images)}.")
    pixels = np.asarray(images[key])
    width, height = method["width"], method["height"]
    factor = height // len(pixels) if method["method"] == INPUT and len(pixels) else 1
    if pixels.dtype != np.uint8 or pixels.shape != (height // factor, width // factor, 3) or height % factor:
        raise ValueError(f"The pixels of {key} are {pixels.dtype} {pixels.shape}; expected uint8 {(height, width, 3)}.")
    axis.imshow(pixels, interpolation="nearest", extent=(0, width, height, 0))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_title(fill(method["label"], 10), fontsize=7)
    if method["method"] == ORIGINAL:
        axis.set_xlabel(KEY, size=6.5)
    elif method["method"] != INPUT:
        axis.set_xlabel(f"{method['psnr_y']:.2f}\n{method['mdsi']:.4f}", size=6.5)
