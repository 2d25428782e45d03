"""Images to train and test super-resolution with: listed, checked, degraded, and packed to be read by patch."""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perceptual_efficacy import image_files, storage
from perceptual_efficacy.superres.resize import cropped, degrade

COLUMNS = ("set", "use", "image", "path", "width", "height", "sha256", "content_sha256")

LEAST_SCORED = 32  # pixels that every metric, also LPIPS on AlexNet, needs between the borders left out

log = logging.getLogger(__name__)

AnyPath = str | os.PathLike[str]
Image = NDArray[np.uint8]


class Source(NamedTuple):
    """Folder of the images of a set, and the size of the central square to use of each, in pixels."""

    folder: Path
    size: int | None


def list_images(sets: Sequence[Mapping[str, Any]], folders: Sequence[AnyPath], *, progress: Any = iter) -> pd.DataFrame:
    """List the images of all sets, in the order of their names.

    Parameters
    ----------
    sets
        Each with `name`, `use` (train, validation or test), and optionally `size`: only the central square of so many
        pixels is used of each image.
    folders, progress
        The folder of each set, which may have subfolders; wraps the iteration over files, e.g. `tqdm`. Files that are
        no images are left out, and named in the log.

    Returns
    -------
    One row per image: set, use, image (the path in the folder without its suffix), path (with it), width and height (of
    what is used), sha256 (of the file) and content_sha256 (of the whole image, decoded). It is a ValueError if two sets
    have one name; if a set has no image, two of one name, one smaller than its `size` or one that cannot be read; or if
    images of the training sets are also in a set of another use.
    """
    rows = []
    if twice := _repeated(entry["name"] for entry in sets):
        raise ValueError(f"superres.images: there are several sets called {twice[0]!r}. Rename one.")
    for entry, folder in zip(sets, folders, strict=True):
        files, others = image_files.find(folder)
        for other in others:
            log.warning("superres.images: %s: left out, as it is no image: %s", entry["name"], other)
        if not files:
            raise ValueError(
                f"superres.images: {entry['name']}: {folder} holds no image "
                f"({', '.join(sorted(image_files.SUFFIXES))}). Correct its path."
            )
        places = {path: path.relative_to(folder) for path in files}
        if twice := _repeated(place.with_suffix("").as_posix() for place in places.values()):
            raise ValueError(
                f"superres.images: {entry['name']}: {folder} holds several images called {twice[0]!r}. Rename one."
            )
        for path, place in progress(places.items()):
            whole = image_files.read(path)
            image = _part(whole, entry.get("size"), path)
            content = hashlib.sha256(repr(whole.shape).encode() + whole.tobytes()).hexdigest()
            name = place.with_suffix("").as_posix()
            about = (entry["name"], entry["use"], name, place.as_posix(), image.shape[1], image.shape[0])
            rows.append((*about, storage.file_sha256(path), content))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    learnt = table["use"] == "train"
    twins = table[~learnt].merge(table[learnt], on="content_sha256", suffixes=("", "_learnt"))
    for twin in twins.head(1).to_dict("records"):
        raise ValueError(
            f"{twin['path']} ({twin['set']}, {twin['use']}) and {twin['path_learnt']} ({twin['set_learnt']}, train) "
            f"are the same image: what is learnt from it would be tested on it. Take it out of one of them."
        )
    return table


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def check_sizes(table: pd.DataFrame, scale: int, patch: int) -> None:
    """Check before training that every listed image can be used; the width of a patch is that in the original.

    It is a ValueError if there is no training image, one is smaller than a patch, the patch is not a multiple of the
    scale, a test image is too small for the metrics, or a validation image has next to nothing within its border.
    """
    if patch % scale:
        raise ValueError(f"superres.patch is {patch}; it must be a multiple of the scale {scale}.")
    if not (table["use"] == "train").any():
        raise ValueError("superres.images names no image to train with: give at least one set of use train.")
    needed = {"train": patch, "validation": 3 * scale, "test": LEAST_SCORED + 2 * scale}
    for row in table.to_dict("records"):
        least = needed[row["use"]]
        width, height = (row[side] - row[side] % scale for side in ("width", "height"))
        if min(width, height) < least:
            raise ValueError(
                f"{row['path']} ({row['set']}, {row['use']}) is {width} x {height} pixels, cropped to multiples of "
                f"the scale {scale}; expected at least {least} x {least}"
                + (": choose a smaller superres.patch, or leave it out." if row["use"] == "train" else ".")
            )


def sources(sets: Sequence[Mapping[str, Any]], folders: Sequence[AnyPath]) -> dict[str, Source]:
    """Return the folder of each set and the part to use of its images, by the set's name; see `list_images`."""
    return {entry["name"]: Source(Path(folder), entry.get("size")) for entry, folder in zip(sets, folders, strict=True)}


def read(row: Mapping[Any, Any], sources: Mapping[str, Source], scale: int) -> Image:
    """Read the used part of a listed image, cropped to multiples of the scale; another file is a DamagedFileError."""
    folder, size = sources[row["set"]]
    path = folder / row["path"]
    return cropped(_part(image_files.read(path, row["sha256"]), size, path), scale)


def _part(image: Image, size: int | None, path: AnyPath) -> Image:
    """Central square of an image."""
    if size is None:
        return image
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise ValueError(f"{path} is {width} x {height} pixels; its set asks for a central square of {size}.")
    top, left = (height - size) // 2, (width - size) // 2
    return image[top : top + size, left : left + size]


def pack(
    table: pd.DataFrame, sources: Mapping[str, Source], scale: int, high: AnyPath, low: AnyPath, *, progress: Any = iter
) -> pd.DataFrame:
    """Write the training images, and their degraded forms, as two flat arrays, to read patches from without decoding.

    Parameters
    ----------
    table, sources
        Rows of `list_images`, and what `sources` returns.
    high, low
        The `.npy` files to write.

    Returns
    -------
    One row per image: set, image, height and width of the degraded image, and start of both in the flat arrays (in
    pixels of the degraded one).
    """
    packed = table[["set", "image"]].assign(height=table["height"] // scale, width=table["width"] // scale)
    ends = (packed["height"] * packed["width"]).cumsum()
    with (
        storage.written_atomically(high) as large,
        storage.written_atomically(low) as small,
        # not memory maps: where the disk is full these raise an OSError, those kill the process
        storage.naming(low),
        small.open("wb") as small_file,
        storage.naming(high),
        large.open("wb") as large_file,
    ):
        for file, factor in ((large_file, scale**2), (small_file, 1)):
            shape = (3 * int(ends.iloc[-1]) * factor,)
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for row in progress(table.to_dict("records")):
            image = read(row, sources, scale)
            large_file.write(image.tobytes())
            with storage.naming(low):
                small_file.write(degrade(image, scale).tobytes())
    return packed.assign(start=ends.shift(fill_value=0))


class Patches:
    """Pairs of a degraded patch and its original, without end: patch i is a function of the seed and i alone.

    So a resumed or multi-device training sees the same patches as an uninterrupted one on one device. A dataset for
    torch's DataLoader.

    Parameters
    ----------
    table, high, low, scale
        What `pack` returned and wrote, and the scale it did that for.
    patch, seed
        Width and height of the original patch, in pixels; seed of the choice of image, place, and one of eight flips
        and quarter turns.
    """

    def __init__(self, table: pd.DataFrame, high: AnyPath, low: AnyPath, *, scale: int, patch: int, seed: int) -> None:
        self.paths = os.fspath(high), os.fspath(low)
        self.table = table[["height", "width", "start"]].to_numpy()
        self.scale, self.size, self.seed = scale, patch // scale, seed

    @cached_property
    def arrays(self) -> list[Image]:
        """Both flat arrays, on disk."""
        return [np.load(path, mmap_mode="r", allow_pickle=False) for path in self.paths]

    def __getstate__(self) -> dict[str, Any]:
        # another process opens the files itself; pickled, a memory map would be a copy of all images
        return {name: value for name, value in vars(self).items() if name != "arrays"}

    def __getitem__(self, number: int) -> tuple[Image, Image]:
        """Return the degraded patch (3, patch / scale, patch / scale) and its original (3, patch, patch), uint8."""
        random = np.random.default_rng((self.seed, number))
        height, width, start = self.table[random.integers(len(self.table))]
        top, left = random.integers(height - self.size + 1), random.integers(width - self.size + 1)
        turns, flipped = random.integers(4), random.integers(2)
        pair = []
        for array, factor in zip(self.arrays, (self.scale, 1), strict=True):
            begin = 3 * start * factor**2
            image = array[begin : begin + 3 * height * width * factor**2].reshape(height * factor, width * factor, 3)
            y, x, side = top * factor, left * factor, self.size * factor
            cut = np.rot90(image[y : y + side, x : x + side], int(turns))
            pair.append(np.array((cut[:, ::-1] if flipped else cut).transpose(2, 0, 1), order="C"))
        return pair[1], pair[0]
