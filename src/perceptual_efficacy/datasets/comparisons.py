"""Comparisons of images that were judged: the table that all data sets are read as, and the images it names."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perceptual_efficacy import io, storage

COLUMNS = {
    "dataset": "object",
    "group": "object",
    "cluster": "object",  # what is resampled
    "reference": "object",
    "first": "object",
    "second": "string",
    "reference_sha256": "object",
    "first_sha256": "object",
    "second_sha256": "string",
    "level": "Int64",
    "judgement": "float64",
    "spread": "float64",
    "observers": "Int64",
    "unit": "object",
    "source": "object",
}


class Picture(NamedTuple):
    """An image file that can be read."""

    path: str  # below the data set's folder
    sha256: str
    size: tuple[int, int]  # height and width


def picture(folder: Path, path: Path) -> Picture:
    """Decode an image file once, so that one that was cut is found.

    Raises
    ------
    ValueError
        If the file cannot be decoded or has pixels of another kind than 8-bit RGB or grey.
    """
    height, width, _ = io.read_image(path).shape
    return Picture(path.relative_to(folder).as_posix(), storage.file_sha256(path), (height, width))


def table(rows: Iterable[Mapping[str, object]], **same: str) -> pd.DataFrame:
    """Table of `COLUMNS`; what a row does not give is the same in all rows, or missing."""
    frame = pd.DataFrame([{**row, **same} for row in rows], columns=list(COLUMNS))
    return frame.astype(COLUMNS)


def parts(comparisons: pd.DataFrame, size: int) -> dict[str, pd.DataFrame]:
    """Cut a table into parts of `size` rows, the last one smaller, by name in order."""
    return {f"{start:07d}": comparisons.iloc[start : start + size] for start in range(0, len(comparisons), size)}


def reader(
    folder: str | Path, prepare: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None
) -> Callable[[str, str], NDArray[np.uint8]]:
    """Return what reads an image (height, width, 3) of a data set by its path in the table and its SHA-256.

    Parameters
    ----------
    folder
        Where the data set lies.
    prepare
        Applied to every image, as `bapps.patch`.

    Raises
    ------
    ValueError
        By the function returned: if a file is not the one that the table was made of.
    """

    def read(path: str, sha256: str) -> NDArray[np.uint8]:
        file = Path(folder) / path
        found = storage.file_sha256(file) if file.is_file() else "missing"
        if found != sha256:
            raise ValueError(
                f"{file}: its SHA-256 is {found[:12]}, but was {sha256[:12]} when the judgements were read: the data "
                f"set has changed. Restore the file, or, if the study made or downloaded it, delete {folder}; if the "
                f"change was meant, delete this data set's comparisons.parquet. Then run again."
            )
        image = io.read_image(file)
        return image if prepare is None else prepare(image)

    return read
