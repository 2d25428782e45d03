"""PIPAL: opinions of restored and distorted images, as ratings of a tournament between pairs; its public training part.

Gu, Cai, Chen, Ye, Ren, Dong: PIPAL: a Large-Scale Image Quality Assessment Dataset for Perceptual Image Restoration,
ECCV 2020. A rating is Elo's: an image rated higher by 400 wins ten times as often. It has no standard deviation.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from perceptual_efficacy.datasets.opinions import Opinion, by_name, compared, needed

REFERENCES = 200
FAMILIES = (12, 16, 10, 24, 13, 14, 27)  # distorted images of each reference, by the first number in their names

_LABELS = re.compile(r"A[0-9]{4}\.txt", re.IGNORECASE)
_NAME = re.compile(r"(A[0-9]{4})_([0-9]{2})_([0-9]{2})\.bmp", re.IGNORECASE)


def rows(folder: Path, *, subset: bool = False) -> Iterator[dict[str, object]]:
    """Read the ratings of distorted images, and check that every image is there and can be read.

    Parameters
    ----------
    folder
        Holds, itself or in subfolders of any names, the references `A0001.bmp`, distorted images `A0001_00_00.bmp` and
        ratings `A0001.txt`, lines of a name and a number.
    subset
        Whether references and images may be missing.

    Yields
    ------
    As `opinions.compared`, by reference and name. The groups are the numbered families of distortions.

    Raises
    ------
    ValueError
        If the ratings cannot be read or are incomplete, or an image is missing, cannot be read or has another size than
        its reference.
    """
    there = by_name(folder, "PIPAL")
    labels = sorted(path for name, path in there.items() if _LABELS.fullmatch(name))
    if not labels or (len(labels) != REFERENCES and not subset):
        raise ValueError(
            f"PIPAL: {folder} holds {len(labels)} files of ratings such as A0001.txt; expected {REFERENCES}, as "
            f"published. Give `path`, the folder that holds them, or set `subset: true` if a part is meant."
        )
    yield from compared(_opinions(labels, there, folder, subset), folder, "PIPAL")


def _opinions(labels: list[Path], there: dict[str, Path], folder: Path, subset: bool) -> Iterator[Opinion]:
    for path in labels:
        rated = _read(path)
        counts = [sum(name.split("_")[1] == f"{family:02d}" for name in rated) for family in range(len(FAMILIES))]
        if not subset and (tuple(counts) != FAMILIES or sum(counts) != len(rated)):
            raise ValueError(
                f"PIPAL: {path} rates {len(rated)} images, {counts} by family; expected {sum(FAMILIES)}, "
                f"{list(FAMILIES)}, as published. Complete it, or set `subset: true` if a part is meant."
            )
        for name in sorted(rated):
            yield Opinion(
                image=needed(name, there, folder, "PIPAL"),
                reference=needed(f"{path.stem}.bmp", there, folder, "PIPAL"),
                group=f"family {name.split('_')[1]}",
                judgement=rated[name],
            )


def _read(path: Path) -> dict[str, float]:
    rated: dict[str, float] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        name, _, rating = line.strip().partition(",")
        match = _NAME.fullmatch(name)
        if not match or match[1].lower() != path.stem.lower() or name.lower() in rated or not _is_number(rating):
            raise ValueError(
                f"PIPAL: {path}, line {number}: {line!r}; expected an image of {path.stem} that no other line "
                f"names, such as {path.stem}_00_00.bmp, a comma and a rating. Correct the line."
            )
        rated[name.lower()] = float(rating)
    return rated


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?\s*", text, re.IGNORECASE) is not None
