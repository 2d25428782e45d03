"""Crops of test images, original and enlarged, for a figure."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from perceptual_efficacy import image_files
from perceptual_efficacy.colour import luma
from perceptual_efficacy.superres import images
from perceptual_efficacy.superres.images import Image
from perceptual_efficacy.superres.resize import degrade

SIZE = 48  # pixels of the original
STRIDE = 12  # pixels between crops to choose from: whole ones of the low resolution, at a scale of 2, 3 or 4

Pixels = dict[tuple[str, str, str], Image]  # by dataset, image and method


def choose(
    listed: pd.DataFrame, sources: Mapping[str, images.Source], scale: int, most: int
) -> tuple[pd.DataFrame, Pixels]:
    """Choose crops of a few test images: the first image of every set, then the second ones.

    Returns dataset, image, x, y, width and height of the crops, in pixels of the original; and their pixels by dataset,
    image and "original" or "low resolution".
    """
    tested = listed[listed["use"] == "test"]
    order = tested.groupby("set").cumcount().sort_values(kind="stable").index
    crops, pixels = [], Pixels()
    for row in tested.loc[order[:most]].to_dict("records"):
        original, dataset, image = images.read(row, sources, scale), row["set"], row["image"]
        y, x = most_detailed(original, SIZE)
        crops.append({"dataset": dataset, "image": image, "x": x, "y": y, "width": SIZE, "height": SIZE})
        pixels[dataset, image, "original"] = original[y : y + SIZE, x : x + SIZE]
        low = slice(y // scale, (y + SIZE) // scale), slice(x // scale, (x + SIZE) // scale)
        pixels[dataset, image, "low resolution"] = degrade(original, scale)[low]
    return pd.DataFrame(crops), pixels


def cut(table: pd.DataFrame) -> Pixels:
    """Cut the crops of a table (dataset, image, method, file, x, y, width, height) from the enlarged images' files."""
    pixels = Pixels()
    for row in table.dropna(subset="file").to_dict("records"):
        below_right = image_files.read(row["file"])[row["y"] :, row["x"] :]
        pixels[row["dataset"], row["image"], row["method"]] = below_right[: row["height"], : row["width"]]
    return pixels


def most_detailed(reference: Image, size: int) -> tuple[int, int]:
    """Choose the crop with the most detail by the original alone, so that the choice favours no method.

    Returns y and x of the top left pixel of `size` x `size` pixels, multiples of 12: where the mean magnitude of the
    gradient of luma is largest, the first of equals. A smaller image is a ValueError.
    """
    if size > min(reference.shape[:2]):
        raise ValueError(
            f"The crop is {size} x {size} pixels; the original has {reference.shape[1]} x {reference.shape[0]}."
        )
    down, right = np.gradient(luma(reference))
    total = np.pad(np.hypot(down, right), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    # rounded: the sums' own errors must not decide between equals
    choices = sums[::STRIDE, ::STRIDE].round(6)
    y, x = np.unravel_index(choices.argmax(), choices.shape)
    return int(y) * STRIDE, int(x) * STRIDE
