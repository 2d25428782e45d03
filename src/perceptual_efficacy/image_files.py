"""Image files as people have them: found in folders, and decoded to the 8-bit sRGB that a viewer shows."""

import logging
import os
import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from perceptual_efficacy import storage
from perceptual_efficacy.io import UNWRITABLE, is_of_the_system

SUFFIXES = {".avif", ".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
LEFT_BY_SYSTEMS = {"Thumbs.db", "desktop.ini"}
SAME_COLOUR = 2  # code values: profiles that say sRGB differ by so much in their tables and black points

log = logging.getLogger(__name__)


def find(folder: str | os.PathLike[str]) -> tuple[list[Path], list[Path]]:
    """Return the image files in a folder and below it, by their suffixes, and the files that are none.

    Names that begin with a dot are neither: systems leave them behind, such as the "._" twins that macOS adds. Both
    lists are sorted; links to folders are followed.
    """
    images: list[Path] = []
    others: list[Path] = []
    for path in sorted(_visible_files(Path(folder))):
        (images if path.suffix.lower() in SUFFIXES else others).append(path)
    return images, others


def _visible_files(folder: Path) -> Iterator[Path]:
    entered = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        entered.add(os.path.realpath(place))
        # not hidden ones, and not those that a link leads back into
        kept = [name for name in folders if not name.startswith(".")]
        folders[:] = [name for name in kept if os.path.realpath(os.path.join(place, name)) not in entered]
        for name in names:
            if not name.startswith(".") and name not in LEFT_BY_SYSTEMS:
                yield Path(place, name)


def other_case(path: Path) -> Path | None:
    """Return the file in the same folder whose name differs from a missing one's in upper and lower case alone."""
    folder = path.parent
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return next((other for other in there if other.name.lower() == path.name.lower() and other != path), None)


def write(image: NDArray[np.uint8], path: str | os.PathLike[str], file_format: str = "PNG") -> None:
    """Write an RGB image, shape (height, width, 3), as 8-bit PNG, or in another of Pillow's formats."""
    with storage.written_atomically(path) as temporary:
        Image.fromarray(image).save(temporary, format=file_format)


def read(path: str | os.PathLike[str], sha256: str | None = None) -> NDArray[np.uint8]:
    """Read an image file as a viewer shows it, in 8-bit sRGB.

    It is turned upright as its EXIF orientation says, and converted to sRGB by its colour profile if it has one. Of 16
    bits a channel the upper 8 are used, which is written to the log, once for each folder.

    Parameters
    ----------
    path
        Any format Pillow reads: colour, grey, black and white, or a palette. Transparency may be declared as long as
        every pixel is opaque.
    sha256
        SHA-256 the file must have; None for a file from outside the pipeline.

    Returns
    -------
    Image of shape (height, width, 3), display code values 0 to 255.

    Raises
    ------
    storage.DamagedFileError
        If the file has another SHA-256.
    ValueError
        If the file cannot be decoded, has more pixels than Pillow takes for harmless (90 million), is transparent
        somewhere, has a colour profile that cannot be used, or has pixels whose code values for display are a matter of
        choice: 32-bit and floating-point grey, CMYK and other colour spaces; or if its path has control characters.
    """
    if UNWRITABLE.search(os.fspath(path)):
        raise ValueError(
            f"{os.fspath(path)!r}: a name with control characters or bytes that are not UTF-8, which tables and "
            f"figures cannot show. Rename it."
        )
    if sha256 is not None and (found := storage.file_sha256(path)) != sha256:
        raise storage.DamagedFileError(path, f"its SHA-256 is {found[:12]}…, expected {sha256[:12]}…")
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(path) as image,
        ):
            image.verify()  # the checksums in a PNG, which decoding does not look at; then it is to be opened again
        with Image.open(path) as image:
            stored = {str(tile[3]) for tile in image.tile}  # the file's own kind of pixel, which load() forgets
            image.load()
            kind = image.mode + (" with transparency" if "transparency" in image.info else "")
            # of 2, 4 and 16 bits Pillow scales the pixels but not the transparent colour: whether any has it is unknown
            unknown = "transparency" in image.info and image.mode in {"RGB", "L"} and stored != {image.mode}
            is_deep = any(";16" in pixel or "65535" in pixel for pixel in stored)  # the latter in PPM
            upright = ImageOps.exif_transpose(image)
            shown = None if unknown and image.format == "PNG" else _in_8_bits(upright, is_deep)
            if shown is not None:
                if is_deep:
                    _tell_of_16_bits(Path(path).parent)
                return np.asarray(_as_srgb(shown, image.info.get("icc_profile")))
    except Exception as error:  # Pillow raises all kinds of errors
        if is_of_the_system(error):
            raise
        raise ValueError(
            f"{os.fspath(path)}: cannot be read as an image ({error}). Replace the file, or leave it out; if the study "
            f"made it, delete it (of a folder of images, the folder) and run again."
        ) from error
    raise ValueError(
        f"{os.fspath(path)}: pixels of mode {kind}; expected RGB or grey of 8 or 16 bits without transparent pixels. "
        f"Convert it: scale 32-bit and floating-point values to 8 bits, CMYK to sRGB by its profile, and put "
        f"transparent pixels on a background."
    )


def _in_8_bits(image: Image.Image, is_deep: bool) -> Image.Image | None:
    """Return an image as 8-bit RGB or grey; None if it is transparent somewhere or its code values are undecided.

    Grey of 16 bits is still that; of other images that are so deep Pillow has kept the upper bits.
    """
    if "transparency" not in image.info:
        if image.mode.startswith("I") and is_deep:
            return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.mode in {"RGB", "L"}:
            return image
        if image.mode in {"P", "1"}:
            return image.convert("RGB")
    if image.mode in {"RGBA", "LA", "PA", "RGB", "L", "P", "1"}:
        full = image.convert("RGBA")
        if full.getchannel("A").getextrema() == (255, 255):
            return full.convert("RGB")
    return None


@cache
def _tell_of_16_bits(folder: Path) -> None:
    log.warning("%s: images of 16 bits a channel; the upper 8 of them are used, as 8-bit viewers do", folder)


def _as_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an RGB or grey image from its colour profile, sRGB unless it has one."""
    transform = _to_srgb(profile, image.mode) if profile else None
    return image.convert("RGB") if transform is None else ImageCms.applyTransform(image, transform) or image


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion from a profile, relative colorimetric; None from one that is sRGB but for rounding."""
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    try:
        source, target = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, "RGB", intent)
    except (OSError, ImageCms.PyCMSError) as error:
        raise ValueError(f"its colour profile cannot be used: {error}") from error
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 18, 3)
    patches = Image.fromarray(colours if mode == "RGB" else np.arange(256, dtype=np.uint8)[None])
    converted = ImageCms.applyTransform(patches, transform)
    change = np.asarray(converted).astype(int) - np.asarray(patches.convert("RGB"))
    return None if np.abs(change).max() <= SAME_COLOUR else transform
