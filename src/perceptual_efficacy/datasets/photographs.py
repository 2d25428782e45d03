"""Real photographs: those inside well-known Python packages, and a user's own."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perceptual_efficacy import image_files, storage
from perceptual_efficacy.extras import extra


class Packaged(NamedTuple):
    """A photograph that an installed package carries."""

    package: str
    resource: str
    credit: str
    licence: str
    scene: str


_MIDDLEBURY = "Middlebury Stereo Datasets 2014, Daniel Scharstein et al."

# Credits and licences as the packages state them.
PACKAGED: dict[str, Packaged] = {
    "astronaut": Packaged("skimage.data", "astronaut.png", "NASA", "public domain", "astronaut"),
    "chelsea": Packaged("skimage.data", "chelsea.png", "Stefan van der Walt", "CC0", "chelsea"),
    "coffee": Packaged("skimage.data", "coffee.png", "Rachel Michetti", "CC0", "coffee"),
    "rocket": Packaged("skimage.data", "rocket.jpg", "SpaceX", "public domain", "rocket"),
    "motorcycle_left": Packaged("skimage.data", "motorcycle_left.png", _MIDDLEBURY, "CC0", "motorcycle"),
    "motorcycle_right": Packaged("skimage.data", "motorcycle_right.png", _MIDDLEBURY, "CC0", "motorcycle"),
    "china": Packaged("sklearn.datasets.images", "china.jpg", "danielbuechele", "CC BY 2.0", "china"),
    "flower": Packaged("sklearn.datasets.images", "flower.jpg", "vultilion", "CC BY 2.0", "flower"),
    "grace_hopper": Packaged(
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        "James S. Davis, US Navy",
        "public domain",
        "grace_hopper",
    ),
}


def export(entries: Sequence[Mapping[str, str]], folder: str | Path) -> pd.DataFrame:
    """Write every photograph as `{split}/{name}.png` below a folder.

    Parameters
    ----------
    entries
        Each with `name` and `split`; a photograph of the user's own also with `path`, and if known `licence` and
        `credit`. Without a path the name is one of `PACKAGED`.
    folder
        Where the split folders go.

    Returns
    -------
    One row per photograph: name, split, scene, package_or_path, credit, licence, width, height, sha256 (of the PNG).

    Raises
    ------
    ValueError
        If a photograph is not known or cannot be read, or if one scene is on both sides of the split.
    """
    rows = [_row(entry) for entry in entries]
    sides: dict[object, object] = {}
    for row in rows:
        if (side := sides.setdefault(row["scene"], row["split"])) != row["split"]:
            raise ValueError(
                f"The scene {row['scene']!r} is in the splits {side!r} and {row['split']!r}: what is learnt from one "
                f"photograph would be tested on its twin. Put all of its photographs into one split."
            )
    images = [_read(entry) for entry in entries]  # all can be read, or nothing is written
    for row, image in zip(rows, images, strict=True):
        target = Path(folder) / str(row["split"]) / f"{row['name']}.png"
        image_files.write(image, target)
        row |= {"width": image.shape[1], "height": image.shape[0], "sha256": storage.file_sha256(target)}
    return pd.DataFrame(rows)


def bundled(names: Sequence[str]) -> dict[str, NDArray[np.uint8]]:
    """Return photographs of `PACKAGED` by name, RGB, shape (height, width, 3)."""
    return {name: _read({"name": name}) for name in names}


def read(table: pd.DataFrame, folder: str | Path, split: str) -> dict[str, NDArray[np.uint8]]:
    """Read the exported photographs of one split, by name, each of shape (height, width, 3).

    A file that has changed since it was exported raises a `storage.DamagedFileError`.
    """
    chosen = table[table["split"] == split]
    return {
        str(name): image_files.read(Path(folder) / split / f"{name}.png", sha256)
        for name, sha256 in zip(chosen["name"], chosen["sha256"], strict=True)
    }


def _row(entry: Mapping[str, str]) -> dict[str, object]:
    name = entry["name"]
    if "path" in entry:
        scene, place = f"{name} (own)", Path(entry["path"]).name
        credit, licence = entry.get("credit", "not stated"), entry.get("licence", "not stated")
    elif name in PACKAGED:
        package, _, credit, licence, scene = PACKAGED[name]
        place = package.split(".")[0]
    else:
        raise ValueError(
            f"Photograph {name!r} has no path and is none of the bundled ones ({', '.join(PACKAGED)}). "
            f"Give its path, or take it out of the list."
        )
    about = {"name": name, "split": entry["split"], "scene": scene, "package_or_path": place}
    return {**about, "credit": credit, "licence": licence}


def _read(entry: Mapping[str, str]) -> NDArray[np.uint8]:
    if "path" in entry:
        path = Path(entry["path"])
        if not path.is_file():
            raise ValueError(f"Photograph {entry['name']!r}: there is no file {path}. Correct its path in the list.")
        return image_files.read(path)
    source = PACKAGED[entry["name"]]
    with extra("datasets"):
        folder = files(source.package)
    return image_files.read(Path(str(folder / source.resource)))
