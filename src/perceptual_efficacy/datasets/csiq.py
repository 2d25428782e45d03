"""CSIQ: opinions of 30 images with 6 types of distortion, at 5 levels or, of contrast, at 3 or 4.

Larson, Chandler: Most apparent distortion: full-reference image quality assessment and the role of strategy, Journal of
Electronic Imaging 19(1), 2010. Its opinions are differences from the reference (DMOS), 0 to 1, and higher is worse.
"""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from perceptual_efficacy.datasets.opinions import Opinion, by_name, compared, needed
from perceptual_efficacy.extras import extra

# the name in the spreadsheet to the word in the names of files, and a name to read
TYPES = {
    "noise": ("AWGN", "white noise"),
    "blur": ("BLUR", "Gaussian blur"),
    "contrast": ("contrast", "contrast decrement"),
    "fnoise": ("fnoise", "pink noise"),
    "jpeg": ("JPEG", "JPEG compression"),
    "jpeg 2000": ("jpeg2000", "JPEG2000 compression"),
}
PUBLISHED = 866
REFERENCES = 30

LARGEST = 64 * 2**20  # bytes of the spreadsheet unpacked; the published one has far fewer

_LIST, _SHEET = "csiq.DMOS.xlsx", "all_by_image"
_COLUMNS = ["image", "dst_type", "dst_lev", "dmos_std", "dmos"]


def rows(folder: Path, *, subset: bool = False) -> Iterator[dict[str, object]]:
    """Read the opinions of distorted images, and check that every image is there and can be read.

    Parameters
    ----------
    folder
        Holds, itself or in subfolders, `csiq.DMOS.xlsx`, references such as `1600.png` and distorted images such as
        `1600.AWGN.1.png`.
    subset
        Whether images of the published data set may be missing from the spreadsheet.

    Yields
    ------
    As `opinions.compared`, by reference, type and level; the judgement is minus DMOS.

    Raises
    ------
    ValueError
        If the spreadsheet cannot be read or is incomplete, or an image is missing, cannot be read or has another size
        than its reference.
    """
    there = by_name(folder, "CSIQ")
    path = needed(_LIST, there, folder, "CSIQ")
    listed = _read(path)
    found = len(listed), listed["image"].nunique()
    if found != (PUBLISHED, REFERENCES) and not subset:
        raise ValueError(
            f"CSIQ: {path} has opinions of {found[0]} images of {found[1]} references; expected {PUBLISHED} of "
            f"{REFERENCES}, as published. Complete it, or set `subset: true` if a part is meant."
        )
    yield from compared((_opinion(row, there, folder) for row in listed.to_dict("records")), folder, "CSIQ")


def _read(path: Path) -> pd.DataFrame:
    """Read the sheet; its table begins somewhere below a title, at the row that names the columns."""
    with extra("datasets"):
        import defusedxml  # noqa: F401 - what openpyxl then parses with
        import openpyxl  # noqa: F401 - what pandas reads spreadsheets with

    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > LARGEST:
            raise ValueError(f"unpacked it has {size} bytes, more than {LARGEST}")
        cells = pd.read_excel(path, sheet_name=_SHEET, header=None)
    except Exception as error:  # of a damaged archive, of damaged XML, of a missing sheet
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(f"CSIQ: {path} cannot be read as a spreadsheet with the sheet {_SHEET}: {reason}.") from error
    heads = [row for row, values in enumerate(cells.values.tolist()) if set(_COLUMNS) <= set(values)]
    if not heads:
        raise ValueError(f"CSIQ: {path}, sheet {_SHEET}: no row names {', '.join(_COLUMNS)}. Get the file again.")
    listed = cells.iloc[heads[0] + 1 :].set_axis(cells.iloc[heads[0]], axis=1)[_COLUMNS].dropna(how="all")
    numbers = listed[["dst_lev", "dmos_std", "dmos"]].apply(pd.to_numeric, errors="coerce")
    known = listed["dst_type"].isin(TYPES) & numbers["dmos"].between(0, 1) & numbers["dst_lev"].between(1, 5)
    if (wrong := listed[~known]).size:
        raise ValueError(
            f"CSIQ: {path}, sheet {_SHEET}: {', '.join(map(str, wrong.iloc[0]))}; expected a type of "
            f"{', '.join(TYPES)}, a level from 1 to 5 and a DMOS from 0 to 1. Get the file again."
        )
    listed = listed.assign(**numbers, image=listed["image"].astype(str).str.strip())
    if (twice := listed.duplicated(["image", "dst_type", "dst_lev"])).any():
        raise ValueError(f"CSIQ: {path} has two opinions of {', '.join(map(str, listed[twice].iloc[0, :3]))}.")
    return listed.sort_values(["image", "dst_type", "dst_lev"])


def _opinion(row: Mapping[Any, Any], there: dict[str, Path], folder: Path) -> Opinion:
    word, kind = TYPES[str(row["dst_type"])]
    level, opinion, spread = (float(str(row[name])) for name in ("dst_lev", "dmos", "dmos_std"))
    return Opinion(
        image=needed(f"{row['image']}.{word}.{level:.0f}.png", there, folder, "CSIQ"),
        reference=needed(f"{row['image']}.png", there, folder, "CSIQ"),
        group=kind,
        judgement=-opinion,
        spread=spread,
        level=int(level),
    )
