"""Figure: the same crop of an image as every method super-resolves it."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots.superres_plane import JUDGES, REFERENCES

MOST = 3  # images
STRIDE = 12  # pixels between crops to choose from: whole ones of the low resolution, at a scale of 2, 3 or 4
INPUT, ORIGINAL = "low resolution", "original"  # methods that nobody judges
LUMA = (0.299, 0.587, 0.114)
ORDER = ["bicubic", "start", *style.LOSSES]
CROP = ["dataset", "image", "x", "y", "width", "height"]
KEY = "PSNR-Y (dB)\nMDSI"


def place(reference: NDArray[np.uint8], size: int) -> tuple[int, int]:
    """Choose the crop with the most detail by the original alone, so that no method has a say.

    Parameters
    ----------
    reference
        The original, RGB, shape (height, width, 3).
    size
        Height and width of the crop, in pixels.

    Returns
    -------
    y and x of the crop's top left pixel, multiples of 12: where the mean magnitude of the gradient of luma is largest,
    the first of equals.

    Raises
    ------
    ValueError
        If the image is no such array, or smaller than the crop.
    """
    if reference.dtype != np.uint8 or reference.ndim != 3 or reference.shape[2] != 3:
        raise ValueError(f"The original is {reference.dtype} {reference.shape}; expected uint8 (height, width, 3).")
    if not 0 < size <= min(reference.shape[:2]):
        raise ValueError(
            f"The crop is {size} x {size} pixels; the original has {reference.shape[1]} x {reference.shape[0]}."
        )
    down, right = np.gradient(reference @ np.array(LUMA))
    total = np.pad(np.hypot(down, right), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    # rounded: the sums' own errors must not decide between equals
    choices = sums[::STRIDE, ::STRIDE].round(6)
    y, x = np.unravel_index(choices.argmax(), choices.shape)
    return int(y) * STRIDE, int(x) * STRIDE


def table(scores: pd.DataFrame, crops: pd.DataFrame) -> pd.DataFrame:
    """Choose the methods to show and their scores of the whole images.

    Parameters
    ----------
    scores
        loss, selection, seed, dataset, image, judge and value; PSNR-Y in dB and MDSI.
    crops
        One to three images and where to crop them: dataset, image, x, y, width and height, in pixels of the original.

    Returns
    -------
    One row per image and method, from left to right: dataset, image, method ("low resolution", the losses and
    references by name, "original"), selection, label (for readers), seed (the lowest), x, y, width, height, psnr_y and
    mdsi (of the whole image; missing for what is not judged). Of random halves the first one.

    Raises
    ------
    ValueError
        If there are no or too many crops, or an image has no scores.
    """
    if not 1 <= len(crops) <= MOST:
        raise ValueError(f"{len(crops)} crops; the figure shows 1 to {MOST}.")
    parts = []
    for values in crops[CROP].itertuples(index=False, name=None):
        crop = dict(zip(CROP, values, strict=True))
        of_image = scores[(scores["dataset"] == crop["dataset"]) & (scores["image"] == crop["image"])]
        judged = of_image[of_image["judge"].isin(JUDGES)]
        if judged.empty:
            known = list(scores.loc[scores["dataset"] == crop["dataset"], "image"].unique())
            raise ValueError(
                f"Image {crop['image']!r} of {crop['dataset']!r} has no scores by {list(JUDGES)}; "
                f"that set's images are {known}."
            )
        judged = judged[judged["seed"] == judged.groupby("loss")["seed"].transform("min")]
        wide = judged.pivot_table(index=["loss", "selection", "seed"], columns="judge", values="value", sort=False)
        methods = wide.reset_index().rename(columns={"loss": "method", **JUDGES})
        methods = methods.sort_values("selection", key=lambda names: names.map(ORDER.index), kind="stable")
        methods = methods[~((methods["selection"] == "random") & methods["selection"].duplicated())]
        ends = [pd.DataFrame({"method": [name], "selection": [name]}) for name in (INPUT, ORIGINAL)]
        parts.append(pd.concat([ends[0], methods, ends[1]]).assign(**crop))
    rows = pd.concat(parts, ignore_index=True)
    rows["label"] = [_label(*one) for one in rows[["method", "selection"]].itertuples(index=False, name=None)]
    several = rows.groupby(["dataset", "image", "selection"])["method"].transform("nunique") > 1
    rows["label"] = rows["label"].mask(several, rows["method"])
    columns = [*CROP[:2], "method", "selection", "label", "seed", *CROP[2:], *JUDGES.values()]
    return rows.astype({"seed": "Int64"}).reindex(columns=columns)


@style.context()
def draw(table: pd.DataFrame, images: Mapping[tuple[str, str, str], NDArray[np.uint8]], network: str) -> Figure:
    """Draw a row of crops per image, pixel by pixel, with the scores of the whole image below each.

    Parameters
    ----------
    table
        What `table` returns.
    images
        Dataset, image and method to the pixels of the crop, RGB, shape (height, width, 3); those of the low resolution
        may be fewer by a whole factor.
    network
        Whose channels the losses use, for the title.

    Raises
    ------
    ValueError
        If pixels are missing or of another shape than the table says.
    """
    rows = list(table.groupby(["dataset", "image"], sort=False))
    most = max(len(row) for _, row in rows)
    figure = style.figure(0.9 + len(rows) * (1.0 + (style.WIDTH - 0.5) / most))
    parts = figure.subfigures(len(rows), 1, squeeze=False).ravel()
    for part, ((dataset, image), row) in zip(parts, rows, strict=True):
        first = row.iloc[0]
        part.suptitle(
            f"{dataset}, {image}: {first['width']} × {first['height']} pixels at x = {first['x']}, y = {first['y']}",
            size=8,
        )
        axes = part.subplots(1, most, squeeze=False).ravel()
        for axis, method in zip(axes[: len(row)], row.to_dict("records"), strict=True):
            _draw_crop(axis, method, images)
        for axis in axes[len(row) :]:
            axis.set_visible(False)
    figure.suptitle(f"Super-resolution with losses from channels of {network}")
    trained = table.loc[~table["selection"].isin([*REFERENCES, INPUT, ORIGINAL]), "seed"]
    seeds = ", ".join(f"{seed:.0f}" for seed in trained.unique()) or "none"
    figure.supxlabel(
        "Below each: scores of the whole image, by formulas: nobody was asked. PSNR-Y: higher is better; MDSI: lower.\n"
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


def _label(method: str, selection: str) -> str:
    if selection == "random":
        return method.replace("random_", "random half ")
    return style.LOSSES[selection][0] if selection in style.LOSSES else method
