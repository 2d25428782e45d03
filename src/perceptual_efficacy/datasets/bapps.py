"""BAPPS: which of two distorted patches people find nearer to a reference (2AFC), and whether two look the same (JND).

Zhang et al.: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018; its validation part.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from perceptual_efficacy.datasets.comparisons import check_size, files, picture


class Part(NamedTuple):
    """One of the two data sets that BAPPS consists of."""

    published: Mapping[str, int | None]  # comparisons in each category, as released; None if that is not published
    images: Mapping[str, str]  # role to folder of PNG files
    judgements: str  # folder of NumPy files of the same names
    meaning: str  # what the share of observers, which is a judgement, did
    observers: int | None  # of each comparison, as published


CATEGORIES_2AFC = {
    "traditional": 4720,
    "cnn": 4720,
    "superres": 10856,
    "deblur": 9440,
    "color": 4720,
    "frameinterp": 1888,
}
CATEGORIES_JND = {"traditional": None, "cnn": None}
PARTS = {
    "2afc": Part(CATEGORIES_2AFC, {"reference": "ref", "first": "p0", "second": "p1"}, "judge", "preferring p1", 5),
    "jnd": Part(CATEGORIES_JND, {"reference": "p0", "first": "p1"}, "same", "saying same", None),
}
SIDE = 64  # pixels, at least

_ADVICE = "Complete it, or set `subset: true` if a part, or other data in this layout, is meant."


def rows(folder: Path, part: str, *, subset: bool = False) -> Iterator[dict[str, object]]:
    """Read which of two patches observers found nearer to a reference, or whether they saw two patches as the same.

    Parameters
    ----------
    folder
        Holds `val/`, or `{part}/val/`: per category the folders of PNG files and of NumPy files with the same names
        that `PARTS` says.
    part
        "2afc" or "jnd".
    subset
        Whether categories and comparisons may be missing or others added.

    Yields
    ------
    One row per comparison, by category and name: group (the category), cluster (the SHA-256 of the reference),
    reference, first and, of "2afc", second with the SHA-256 of each, observers (where known), judgement (the share of
    observers preferring p1, or saying "same").

    Raises
    ------
    ValueError
        If a category, a comparison or a file of one is missing, a judgement is not one number from 0 to 1, or an image
        cannot be read, is not square, is smaller than 64 pixels or has another size than its reference.
    """
    published, images, judgements, meaning, observers = PARTS[part]
    for category in _categories(folder, part, published, subset):
        stems = _stems(category, {**dict.fromkeys(images.values(), ".png"), judgements: ".npy"})
        expected = None if subset else published[category.name]
        if expected not in (None, len(stems)):
            raise ValueError(
                f"BAPPS: {category} holds {len(stems)} judgements; expected {expected}, as published. {_ADVICE}"
            )
        for stem in stems:
            shown = {role: picture(folder, category / name / f"{stem}.png") for role, name in images.items()}
            reference = shown["reference"]
            height, width = reference.size
            if height != width or width < SIDE:
                raise ValueError(
                    f"BAPPS: {folder / reference.path} has {width} x {height} pixels; expected a square of at least "
                    f"{SIDE}. Replace it by the published file."
                )
            for other in shown.values():
                check_size(other, reference, folder, "BAPPS")
            yield {
                **files(**shown),
                "group": category.name,
                "cluster": reference.sha256,
                "judgement": _judgement(category / judgements / f"{stem}.npy", meaning),
                "observers": None if subset else observers,
            }


def _categories(folder: Path, part: str, published: Iterable[str], subset: bool) -> list[Path]:
    """Folders of the categories: the published ones in their order, then others."""
    places = [folder / "val", folder / part / "val"]
    val = next((place for place in places if place.is_dir()), None)
    if val is None:
        raise ValueError(
            f"BAPPS: there is no folder {places[0]} or {places[1]}. Give `path`, the folder that holds it."
        )
    found = {path.name: path for path in val.iterdir() if path.is_dir() and not path.name.startswith(".")}
    missing = [name for name in published if name not in found]
    wrong = [f"has no {', '.join(missing)}"] if missing else []
    wrong += [f"has {', '.join(other)}"] if (other := sorted(set(found) - set(published))) else []
    if not found or (wrong and not subset):
        raise ValueError(
            f"BAPPS: {val} {' and '.join(wrong)}; expected a folder for each of {', '.join(published)}. {_ADVICE}"
        )
    return [found.pop(name) for name in published if name in found] + [found[name] for name in sorted(found)]


def _stems(category: Path, kinds: dict[str, str]) -> list[str]:
    """Names, without their ends, that every kind of file has."""
    # names that begin with a dot are what systems leave behind
    stems = {kind: {path.stem for path in (category / kind).glob(f"[!.]*{end}")} for kind, end in kinds.items()}
    everything = set().union(*stems.values())
    lacking = [f"{stem} has no {kind}" for stem in sorted(everything) for kind in kinds if stem not in stems[kind]]
    if lacking or not everything:
        some = f"{', '.join(lacking[:3])}{', …' if len(lacking) > 3 else ''} ({len(lacking)} missing in all)"
        found = some if lacking else "no files"
        raise ValueError(
            f"BAPPS: {category}: {found}; expected for every name one file in each of "
            f"{', '.join(f'{kind}/*{end}' for kind, end in kinds.items())}. Complete the folder, or remove the rest of "
            f"what is incomplete."
        )
    return sorted(everything)


def _judgement(path: Path, meaning: str) -> float:
    expected = f"a judgement is the share of observers {meaning} and lies in [0, 1]. Replace it by the published file."
    try:
        with path.open("rb") as file:
            # first what the header says: no memory is taken for what is not there, and no pickle is opened
            is_first = np.lib.format.read_magic(file) == (1, 0)
            read_header = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
            shape, _, dtype = read_header(file)
            if shape not in {(), (1,)} or dtype.kind not in "iuf":
                raise ValueError(f"it holds {dtype} values of shape {shape}")
            share = float(np.frombuffer(file.read(dtype.itemsize), dtype).item())
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"BAPPS: {path} cannot be read as one number of NumPy's ({error}); {expected}") from error
    if not 0 <= share <= 1:
        raise ValueError(f"BAPPS: {path} holds {share:g}; {expected}")
    return share
