"""Comparisons of images that were judged: the table that all data sets are read as, and the images that it names."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from perceptual_efficacy import image_files, storage

COLUMNS = {
    "dataset": "object",
    "judged_by": "object",
    "judgement_type": "object",
    "group": "object",
    "cluster": "object",  # what is resampled
    "reference": "object",
    "first": "object",  # of opinions, the distorted image
    "second": "string",  # of two alternatives
    "reference_sha256": "object",
    "first_sha256": "object",
    "second_sha256": "string",
    "shown_at": "Int64",  # width and height in pixels; missing if images are shown as they are
    "level": "Int64",  # of distortion, where there are such
    "judgement": "float64",  # of opinions: higher is better
    "spread": "float64",  # standard deviation of a mean opinion
    "observers": "Int64",
    "unit": "object",
}
NEEDED = ("group", "cluster", "reference", "first", "judgement")  # in every row; other columns where they apply


class Picture(NamedTuple):
    """An image file that can be read."""

    path: str  # below the data set's folder
    sha256: str
    size: tuple[int, int]  # height and width


def picture(folder: Path, path: Path) -> Picture:
    """Decode an image file, so that a truncated one is found.

    Raises
    ------
    ValueError
        If the file cannot be decoded or has pixels of another kind than 8-bit RGB or grey.
    """
    height, width, _ = image_files.read(path).shape
    return Picture(path.relative_to(folder).as_posix(), storage.file_sha256(path), (height, width))


def check_size(shown: Picture, reference: Picture, folder: Path, dataset: str) -> None:
    """Raise a ValueError, which begins with the data set's name, if an image has another size than its reference."""
    if shown.size != reference.size:
        raise ValueError(
            f"{dataset}: {folder / shown.path} has {shown.size[1]} x {shown.size[0]} pixels; expected "
            f"{reference.size[1]} x {reference.size[0]}, as its reference {reference.path} has. Replace it."
        )


def files(**pictures: Picture) -> dict[str, str]:
    """Part of a row that names images, by role, with the SHA-256 of each."""
    named = {role: one.path for role, one in pictures.items()}
    return named | {f"{role}_sha256": one.sha256 for role, one in pictures.items()}


def table(rows: Iterable[Mapping[str, object]], **same: object) -> pd.DataFrame:
    """Table of `COLUMNS`; values that rows do not have are the same in all rows, or missing. Others: a ValueError."""
    found = pd.DataFrame([{**row, **same} for row in rows])
    if unknown := [str(name) for name in found if name not in COLUMNS]:
        raise ValueError(f"Comparisons have no column {unknown[0]!r}; expected some of {', '.join(COLUMNS)}.")
    return found.reindex(columns=list(COLUMNS)).astype(COLUMNS)


def parts(comparisons: pd.DataFrame, size: int) -> dict[str, pd.DataFrame]:
    """Cut a table into parts of `size` rows, the last one smaller, under names that sort in their order."""
    return {f"{start:07d}": comparisons.iloc[start : start + size] for start in range(0, len(comparisons), size)}


def reader(folder: str | Path, comparisons: pd.DataFrame) -> Callable[[str, str], NDArray[np.uint8]]:
    """Return a function that reads an image (height, width, 3) by its path in the table and its SHA-256.

    All images are scaled to the size `shown_at` of the table. The function raises a ValueError if a file in the data
    set's folder is not the one that the table was made from.
    """
    sizes = comparisons["shown_at"].dropna().unique()

    def read(path: str, sha256: str) -> NDArray[np.uint8]:
        file = Path(folder) / path
        found = storage.file_sha256(file) if file.is_file() else "missing"
        if found != sha256:
            raise ValueError(
                f"{file}: its SHA-256 is {found[:12]}, but was {sha256[:12]} when the judgements were read: the data "
                f"set has changed. Restore the file, or, if the study made or downloaded it, delete {folder}; if the "
                f"change was meant, delete this data set's comparisons.parquet. Then run again."
            )
        image = image_files.read(file)
        return scaled(image, int(sizes[0])) if len(sizes) else image

    return read


def scaled(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale a square image, shape (height, width, 3), to `side` by `side` pixels, bilinear as in BAPPS's evaluation.

    Raises
    ------
    ValueError
        If the image is not square.
    """
    height, width, _ = image.shape
    if height != width:
        raise ValueError(f"An image has {width} x {height} pixels; expected a square, to be shown at {side} x {side}.")
    if width == side:
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
