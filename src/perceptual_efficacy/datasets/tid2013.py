"""TID2013: mean opinion scores of 25 images with 24 types of distortion at 5 levels.

Ponomarenko et al.: Image database TID2013: peculiarities, results and perspectives, Signal Processing: Image
Communication 30, 2015.
"""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import pandas as pd

from perceptual_efficacy.datasets.opinions import Opinion, compared, few

TYPES: dict[int, str] = {
    1: "additive Gaussian noise",
    2: "noise in colour components",
    3: "spatially correlated noise",
    4: "masked noise",
    5: "high-frequency noise",
    6: "impulse noise",
    7: "quantisation noise",
    8: "Gaussian blur",
    9: "image denoising",
    10: "JPEG compression",
    11: "JPEG2000 compression",
    12: "JPEG transmission errors",
    13: "JPEG2000 transmission errors",
    14: "non-eccentricity pattern noise",
    15: "local block-wise distortions",
    16: "mean shift",
    17: "contrast change",
    18: "change of colour saturation",
    19: "multiplicative Gaussian noise",
    20: "comfort noise",
    21: "lossy compression of noisy images",
    22: "colour quantisation with dither",
    23: "chromatic aberrations",
    24: "sparse sampling and reconstruction",
}
REFERENCES = range(1, 26)
LEVELS = range(1, 6)

_OPINIONS = "mos_with_names.txt"
_NAME = re.compile(r"i([0-9]{2})_([0-9]{2})_([0-9])\.bmp", re.IGNORECASE)


def opinions(folder: Path, *, names: Mapping[int, str] = TYPES, subset: bool = False) -> Iterator[dict[str, object]]:
    """Read the opinions of distorted images, and check that every image is there and can be read.

    Parameters
    ----------
    folder
        Holds, itself or in a subfolder, `mos_with_names.txt`, `distorted_images/`, `reference_images/` and perhaps
        `mos_std.txt`, a standard deviation per opinion in the same order. Names of image files may be in upper or lower
        case.
    names
        Name of every type of distortion.
    subset
        Whether references, types and levels may be missing from the list, and the folder hold other images. Every type
        must then have the same levels for all references.

    Yields
    ------
    One row per distorted image, by reference, type and level: group (number and name of the type), cluster (the
    reference, as "i01"), reference and first (the distorted image) with the SHA-256 of each, level, judgement (the mean
    opinion score) and spread (missing without `mos_std.txt`).

    Raises
    ------
    ValueError
        If a list cannot be read, an image is missing, is not in the list, cannot be read, or has another size than its
        reference; or if the design is incomplete.
    """
    places = [folder / _OPINIONS, *sorted(folder.glob(f"*/{_OPINIONS}"))]
    path = next((path for path in places if path.is_file()), None)
    if path is None:
        raise ValueError(f"TID2013: there is no {places[0]}. Give `path`, the folder that holds it.")
    listed = read_opinions(path, names)
    listed["spread"] = _spreads(path.with_name("mos_std.txt"), len(listed))
    _check_design(path, listed, names, subset)
    distorted, references = (_bitmaps(path.with_name(f"{kind}_images")) for kind in ("distorted", "reference"))
    unlisted = sorted(set(distorted) - set(listed["file"].str.lower()))
    if unlisted and not subset:
        raise ValueError(
            f"TID2013: {path.with_name('distorted_images')} holds {few(unlisted)}, which {_OPINIONS} does not list; "
            f"expected an opinion of every image. Complete the list, or set `subset: true` if a part is meant."
        )
    yield from compared(_opinions(path, listed, names, distorted, references), folder, "TID2013")


def _opinions(
    path: Path, listed: pd.DataFrame, names: Mapping[int, str], distorted: dict[str, Path], references: dict[str, Path]
) -> Iterator[Opinion]:
    for opinion in listed.sort_values(["reference", "type", "level"]).to_dict("records"):
        original, name = f"i{opinion['reference']:02d}.bmp", opinion["file"].lower()
        for kind, wanted, there in ("distorted", name, distorted), ("reference", original, references):
            if wanted not in there:
                raise ValueError(
                    f"TID2013: {path}, line {opinion['line']}: there is no {kind} image {wanted} in "
                    f"{path.with_name(f'{kind}_images')}. Complete the folder, or take the line out."
                )
        yield Opinion(
            image=distorted[name],
            reference=references[original],
            group=f"{opinion['type']:02d} {names[opinion['type']]}",
            judgement=opinion["mos"],
            spread=opinion["spread"],
            level=opinion["level"],
        )


def read_opinions(path: str | Path, names: Mapping[int, str] = TYPES) -> pd.DataFrame:
    """Read a list of mean opinion scores of these types of distortion, lines like "5.51429 I01_01_1.bmp".

    Returns
    -------
    One row per line, in order: file, reference, type and level (numbers), mos, line (number from 1).

    Raises
    ------
    ValueError
        If the list is empty, a line is of another form, a score is not between 0 and 9, or an image is listed twice.
    """
    rows: list[dict[str, object]] = []
    seen: dict[str, int] = {}
    for number, line in _lines(Path(path)):
        fields = line.split()
        match = _NAME.fullmatch(fields[-1])
        score = _number(fields[0])
        if len(fields) != 2 or match is None or score is None:
            raise _bad_line(path, number, f"{line!r}", "a score and a name of the form iRR_TT_L.bmp")
        reference, type_, level = (int(part) for part in match.groups())
        if not 0 <= score <= 9:
            raise _bad_line(path, number, f"a score of {score:g}", "one between 0 and 9")
        if type_ not in names:
            raise _bad_line(path, number, f"type {type_}", f"one of {', '.join(map(str, names))}")
        if (before := seen.setdefault(match[0].lower(), number)) != number:
            raise _bad_line(path, number, f"{match[0]} again, after line {before}", "every image once")
        row = {"file": match[0], "reference": reference, "type": type_, "level": level, "mos": score, "line": number}
        rows.append(row)
    if not rows:
        raise ValueError(f"TID2013: {path} is empty; expected a score and a name in each line. Replace it.")
    return pd.DataFrame(rows)


def _bad_line(path: str | Path, number: int, found: str, expected: str) -> ValueError:
    return ValueError(f"TID2013: {path}, line {number}: {found}; expected {expected}. Correct the line.")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return ((number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _spreads(path: Path, count: int) -> list[float] | float:
    """Read a standard deviation per line; none are known without the file."""
    if not path.is_file():
        return math.nan
    values = []
    for number, line in _lines(path):
        value = _number(line)
        if value is None or not 0 <= value < math.inf:
            raise _bad_line(path, number, f"{line!r}", "a standard deviation")
        values.append(value)
    if len(values) != count:
        raise ValueError(
            f"TID2013: {path} holds {len(values)} numbers; expected {count}, one for each line of {_OPINIONS}. Replace "
            f"it, or remove it."
        )
    return values


def _bitmaps(folder: Path) -> dict[str, Path]:
    """Bitmaps of a folder by their names in lower case."""
    if not folder.is_dir():
        raise ValueError(f"TID2013: there is no folder {folder}. Give `path`, the folder that holds it.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue  # what a system left behind
        if path.suffix.lower() == ".bmp" and (other := found.setdefault(path.name.lower(), path)) != path:
            raise ValueError(
                f"TID2013: {folder} holds {other.name} and {path.name}; expected names that differ in more than upper "
                f"and lower case. Delete the file that is not part of the published data set."
            )
    return found


def _check_design(path: Path, listed: pd.DataFrame, names: Mapping[int, str], subset: bool) -> None:
    """Types and levels are compared over references, so a part must have the same ones for each of its references."""
    found = set(listed[["reference", "type", "level"]].itertuples(index=False, name=None))
    if subset:
        kinds = {(type_, level) for _, type_, level in found}
        expected = {(reference, *kind) for reference in listed["reference"] for kind in kinds}
        wanted = "the same types and levels of each reference"
        advice = "Complete the part, or take out what others have of these types and levels"
    else:
        expected = set(product(REFERENCES, names, LEVELS))
        wanted = f"{len(REFERENCES)} references x {len(names)} types x {len(LEVELS)} levels = {len(expected)}"
        advice = "Complete it, or set `subset: true` if a part is meant"
    wrong = [
        f"it {verb} {few([f'i{reference:02d}_{type_:02d}_{level}.bmp' for reference, type_, level in sorted(part)])}"
        for verb, part in (("lacks", expected - found), ("lists", found - expected))
        if part
    ]
    if wrong:
        raise ValueError(f"TID2013: {path}: {'; '.join(wrong)}; expected {wanted}. {advice}.")
