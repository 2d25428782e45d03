"""LIVE, release 2: opinions of 29 images with 5 types of distortion, realigned over its sessions.

Sheikh, Sabir, Bovik: A statistical evaluation of recent full reference image quality assessment algorithms, IEEE
Transactions on Image Processing 15(11), 2006. Its opinions are differences from the reference (DMOS), and higher is
worse. 203 of its 982 images are copies of references, and left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import io as matlab

from perceptual_efficacy.datasets.opinions import Opinion, compared

# folder: number of images and name of the distortion, in the order of the opinions
TYPES = {
    "jp2k": (227, "JPEG2000 compression"),
    "jpeg": (233, "JPEG compression"),
    "wn": (174, "white noise"),
    "gblur": (174, "Gaussian blur"),
    "fastfading": (174, "fast fading"),
}
COPIES = 203  # of references

_OPINIONS, _NAMES = "dmos_realigned.mat", "refnames_all.mat"


def rows(folder: Path, *, subset: bool = False) -> Iterator[dict[str, object]]:
    """Read the opinions of distorted images, and check that every image is there and can be read.

    Parameters
    ----------
    folder
        Holds, itself or in a subfolder, `dmos_realigned.mat` (a download of its own), `refnames_all.mat`, `refimgs/`
        and a folder of `img1.bmp`, `img2.bmp` and so on for each type of distortion.
    subset
        Whether images may be missing: those that are there are read.

    Yields
    ------
    As `opinions.compared`, by type and number; the judgement is minus the realigned DMOS.

    Raises
    ------
    ValueError
        If a file of opinions or names is missing, cannot be read or is not of the published length, or an image is
        missing, cannot be read or has another size than its reference.
    """
    places = [folder, *sorted(path for path in folder.glob("[!.]*") if path.is_dir())]
    place = next((place for place in places if (place / _NAMES).is_file()), None)
    if place is None:
        raise ValueError(f"LIVE: there is no {folder / _NAMES}. Give `path`, the folder that holds it.")
    yield from compared(_opinions(place, subset), folder, "LIVE")


def _opinions(place: Path, subset: bool) -> Iterator[Opinion]:
    names = [str(np.squeeze(name)) for name in _variable(place / _NAMES, "refnames_all")]
    dmos, spread, copies = (_variable(place / _OPINIONS, name) for name in ("dmos_new", "dmos_std", "orgs"))
    if int(copies.sum()) != COPIES:
        raise ValueError(f"LIVE: {place / _OPINIONS} marks {copies.sum():g} copies of references; expected {COPIES}.")
    at = 0
    for kind, (count, distortion) in TYPES.items():
        for number in range(1, count + 1):
            image, reference = place / kind / f"img{number}.bmp", place / "refimgs" / names[at]
            if not copies[at] and not (subset and not image.is_file()):
                for path in (image, reference):
                    if not path.is_file():
                        raise ValueError(
                            f"LIVE: there is no {path}. Complete the folder, or set `subset: true` if a part is meant."
                        )
                yield Opinion(image, reference, distortion, judgement=-float(dmos[at]), spread=float(spread[at]))
            at += 1


def _variable(path: Path, name: str) -> Any:
    """Read one variable of a file of MATLAB's, a row of 982 values."""
    if not path.is_file():
        raise ValueError(f"LIVE: there is no {path}; the realigned opinions are a download of their own.")
    try:
        values = matlab.loadmat(path, variable_names=[name])[name]
    except Exception as error:  # of arbitrary bytes: all kinds of errors
        raise ValueError(f"LIVE: {path} cannot be read as MATLAB's, with {name}: {error}. Get it again.") from error
    values, expected = np.ravel(values), sum(count for count, _ in TYPES.values())
    if len(values) != expected:
        raise ValueError(f"LIVE: {path}: {name} has {len(values)} values; expected {expected}. Get it again.")
    return values
