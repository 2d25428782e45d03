"""Judgements in a table of one's own: opinions of images, choices between two images, or whether two look the same.

A CSV or Parquet file has one row per comparison, with the paths of its images relative to the table.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from perceptual_efficacy import image_files, io
from perceptual_efficacy.datasets.comparisons import Picture, files, picture

OPTIONAL = ("spread", "observers", "group", "cluster")
ONE_GROUP = "one group"

log = logging.getLogger(__name__)


def rows(
    path: Path, images: Mapping[str, str], *, scale: tuple[float, float], higher_is_better: bool = True
) -> Iterator[dict[str, object]]:
    """Read the comparisons of a table, and check that every image is there and can be read.

    Parameters
    ----------
    path
        A `.csv` or `.parquet` file with the columns of `images` and `judgement`, and optionally `spread` (the standard
        deviation of a judgement), `observers` (their number), `group` (by which agreement is told apart) and `cluster`
        (what a comparison is resampled with; its reference unless given). Other columns are left out, which is logged.
    images
        Role in a comparison (reference, first, second) to the column with the paths.
    scale
        The lowest and the highest judgement.
    higher_is_better
        Whether a higher judgement is of a better image, or of a nearer one; if not, judgements are turned over.

    Yields
    ------
    One row per comparison, sorted by its images: reference, first and perhaps second with the SHA-256 of each, group,
    cluster, judgement, spread and observers.

    Raises
    ------
    ValueError
        If the file cannot be read as a table, lacks a column, or has no row; if a judgement is not a number of the
        scale, a spread is negative or a number of observers is not a whole number above 0; if images are not below the
        table's folder, are missing, cannot be read or have another size than their reference; if two rows compare the
        same images, or a choice is between an image and itself.
    """
    table = _read(path, images)
    wanted = [*images.values(), "judgement"]
    if lacking := [name for name in wanted if name not in table]:
        only = str(table.columns[0]) if len(table.columns) == 1 else ""
        separator = next((f" Separate columns by commas, not {sign!r}." for sign in (";", "\t") if sign in only), "")
        raise ValueError(
            f"{path} lacks {', '.join(lacking)}; its columns are {', '.join(map(str, table))}. Expected "
            f"{', '.join(wanted)}, and optionally {', '.join(OPTIONAL)}.{separator}"
        )
    first_line = 2 if path.suffix.lower() == ".csv" else 1  # a CSV begins with its columns
    table = table.assign(row=range(first_line, len(table) + first_line)).dropna(how="all", subset=wanted)
    if table.empty:
        raise ValueError(f"{path} has no rows; expected one for each comparison.")
    if others := [str(name) for name in table if name not in (*wanted, *OPTIONAL, "row")]:
        log.info("%s: columns that are not used: %s", path, ", ".join(others))
    listed = table.sort_values([*images.values(), "row"])
    seen: dict[tuple[str, ...], int] = {}
    for entry in table.to_dict("records"):
        original, *others = (str(entry[column]) for column in images.values())
        if (before := seen.setdefault((original, *sorted(others)), entry["row"])) != entry["row"]:
            raise ValueError(
                f"{path}, line {entry['row']}: the images of line {before} again; expected one row per comparison. "
                f"Give the mean judgement of all observers."
            )
        if len(others) > 1 and len(set(others)) == 1:
            raise _wrong(path, entry, f"the two images are one, {others[0]}", "two to choose from")
    known: dict[str, Picture] = {}
    for entry in listed.to_dict("records"):
        shown = {role: _picture(path, entry, column, known) for role, column in images.items()}
        reference = shown["reference"]
        for other in shown.values():
            if other.size != reference.size:
                raise _wrong(
                    *(path, entry, f"{other.path} has {other.size[1]} x {other.size[0]} pixels"),
                    f"{reference.size[1]} x {reference.size[0]}, as its reference {reference.path} has",
                )
        judgement = _number(path, entry, "judgement", *scale)
        spread, observers = (_number(path, entry, name, 0) if _given(entry, name) else None for name in OPTIONAL[:2])
        if observers is not None and (observers < 1 or observers % 1):
            raise _wrong(path, entry, f"observers is {observers:g}", "a whole number above 0")
        yield {
            **files(**shown),
            "group": str(entry["group"]) if _given(entry, "group") else ONE_GROUP,
            "cluster": str(entry["cluster"]) if _given(entry, "cluster") else reference.path,
            "judgement": judgement if higher_is_better else sum(scale) - judgement,
            "spread": spread,
            "observers": observers,
        }


def _read(path: Path, images: Mapping[str, str]) -> pd.DataFrame:
    if not path.is_file():
        there = image_files.other_case(path)
        raise ValueError(f"There is no table {path}.{f' There is {there.name}.' if there else ''} Correct `path`.")
    if path.suffix.lower() == ".parquet":
        return io.read_table(path)
    try:
        table = pd.read_csv(
            path,
            encoding="utf-8-sig",
            dtype=dict.fromkeys([*images.values(), "group", "cluster"], str),
            skipinitialspace=True,
        )
    except (ValueError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"{path} cannot be read as a table of UTF-8 text: {reason}. Save it as CSV UTF-8.") from error
    return table.rename(columns=lambda name: str(name).strip())


def _picture(path: Path, entry: Mapping[Any, Any], column: str, known: dict[str, Picture]) -> Picture:
    name = entry[column]
    if not isinstance(name, str) or not name.strip():
        raise _wrong(path, entry, f"{column} is empty", "the path of an image")
    place = PurePosixPath(name.strip().replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts:
        raise _wrong(path, entry, f"{column} is {name}", "a path below the table's folder")
    if name not in known:
        file = path.parent / place
        if not file.is_file():
            there = image_files.other_case(file)
            near = f"; there is {there.name}, and names must agree in upper and lower case" if there else ""
            raise _wrong(path, entry, f"there is no image {file}{near}", f"the file that {column} names")
        known[name] = picture(path.parent, file)
    return known[name]


def _given(entry: Mapping[Any, Any], name: str) -> bool:
    return name in entry and not pd.isna(entry[name])


def _number(path: Path, entry: Mapping[Any, Any], name: str, low: float, high: float = float("inf")) -> float:
    value = pd.to_numeric(entry[name], errors="coerce")
    if not low <= value <= high or value == float("inf"):
        within = f"a number from {low:g} to {high:g}, the range of judgements"
        found = entry[name] if _given(entry, name) else "empty"
        raise _wrong(path, entry, f"{name} is {found}", within if high < float("inf") else f"at least {low:g}")
    return float(value)


def _wrong(path: Path, entry: Mapping[Any, Any], found: str, expected: str) -> ValueError:
    return ValueError(f"{path}, line {entry['row']}: {found}; expected {expected}. Correct the row, or take it out.")
