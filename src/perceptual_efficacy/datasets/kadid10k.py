"""KADID-10k: mean opinions of 81 images with 25 types of distortion at 5 levels.

Lin, Hosu, Saupe: KADID-10k: A Large-scale Artificially Distorted IQA Database, QoMEX 2019. Each image was rated by 30
people. Its file calls the opinions DMOS, from 1 to 5, and higher is better; what it calls `var` is their standard
deviation: with whole-number ratings, 1,232 of the values cannot be variances.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from perceptual_efficacy.datasets.opinions import Opinion, by_name, check_whole, compared, needed

TYPES = (
    *("Gaussian blur", "lens blur", "motion blur", "colour diffusion", "colour shift", "colour quantisation"),
    *("colour saturation 1", "colour saturation 2", "JPEG2000 compression", "JPEG compression", "white noise"),
    *("white noise in colour component", "impulse noise", "multiplicative noise", "denoise", "brighten", "darken"),
    *("mean shift", "jitter", "non-eccentricity patch", "pixelate", "quantisation", "colour block", "high sharpen"),
    "contrast change",
)
OBSERVERS = 30

_LIST = "dmos.csv"
_COLUMNS = ["dist_img", "ref_img", "dmos", "var"]
_NAME = re.compile(r"(I[0-9]{2})_([0-9]{2})_([0-9]{2})\.png", re.IGNORECASE)


def rows(folder: Path, *, subset: bool = False) -> Iterator[dict[str, object]]:
    """Read the opinions of distorted images, and check that every image is there and can be read.

    Parameters
    ----------
    folder
        Holds, itself or in a subfolder, `dmos.csv`, and the images that it names.
    subset
        Whether images of the published data set may be missing from the list.

    Yields
    ------
    As `opinions.compared`, by reference, type and level.

    Raises
    ------
    ValueError
        If the list cannot be read or is incomplete, or an image is missing, cannot be read or has another size than its
        reference.
    """
    there = by_name(folder, "KADID-10k")
    path = needed(_LIST, there, folder, "KADID-10k")
    listed = _read(path)
    if not subset:
        everything = product(range(1, 82), range(1, len(TYPES) + 1), range(1, 6))
        check_whole(
            set(listed["dist_img"].str.lower()),
            [f"i{i:02d}_{t:02d}_{n:02d}.png" for i, t, n in everything],
            *(path, "KADID-10k"),
        )
    yield from compared((_opinion(row, there, folder) for row in listed.to_dict("records")), folder, "KADID-10k")


def _read(path: Path) -> pd.DataFrame:
    try:
        listed = pd.read_csv(path, encoding="utf-8-sig")
    except ValueError as error:
        raise ValueError(f"KADID-10k: {path} cannot be read as a table: {error}. Replace it.") from error
    if list(listed) != _COLUMNS or listed.empty:
        raise ValueError(
            f"KADID-10k: {path} has the columns {', '.join(map(str, listed))} and {len(listed)} rows; expected "
            f"{', '.join(_COLUMNS)}, and a row per image. Replace it."
        )
    for number, row in enumerate(listed.itertuples(index=False), start=2):
        match = _NAME.fullmatch(str(row.dist_img))
        fits = match and str(row.ref_img).lower() == f"{match[1]}.png".lower() and 1 <= int(match[2]) <= len(TYPES)
        if not fits or not (1 <= _number(row.dmos) <= 5 and _number(row.var) >= 0):
            raise ValueError(
                f"KADID-10k: {path}, line {number}: {', '.join(map(str, row))}; expected an image IRR_TT_LL.png, its "
                f"reference IRR.png, an opinion from 1 to 5 and a standard deviation. Correct the line."
            )
    if (twice := listed["dist_img"].str.lower().duplicated()).any():
        raise ValueError(f"KADID-10k: {path} lists {listed.loc[twice, 'dist_img'].iloc[0]} twice. Correct it.")
    return listed.sort_values("dist_img", key=lambda names: names.str.lower())


def _number(value: object) -> float:
    return float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])


def _opinion(row: Mapping[Any, Any], there: dict[str, Path], folder: Path) -> Opinion:
    reference, kind, level = _NAME.fullmatch(str(row["dist_img"])).groups()  # type: ignore[union-attr]
    return Opinion(
        image=needed(str(row["dist_img"]), there, folder, "KADID-10k"),
        reference=needed(f"{reference}.png", there, folder, "KADID-10k"),
        group=f"{kind} {TYPES[int(kind) - 1]}",
        judgement=_number(row["dmos"]),
        spread=_number(row["var"]),
        level=int(level),
        observers=OBSERVERS,
    )
