"""A ladder of standard distortions of photographs, in the layouts of TID2013 and BAPPS, for the same loaders to read.

It checks loaders and distances: more distortion must give a larger distance, and a change that nobody sees a smaller
one than any visible distortion. Its "judgements" are known by construction: nobody was asked, and they say nothing
about people.

TID2013 (Ponomarenko et al. 2015) names and numbers the types of distortion. BAPPS (Zhang et al. 2018) holds patches of
64 by 64 pixels: of two, people chose the one nearer to a third, or they said whether two are the same.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from itertools import count, pairwise, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from perceptual_efficacy import image_files, storage
from perceptual_efficacy.colour import luma

Picture = NDArray[np.uint8]
Values = NDArray[np.float64]

DITHER = 26  # the change that nobody sees


class Distortion(NamedTuple):
    """A type of distortion, and what it does to display code values."""

    name: str
    # at level 1, 2 and so on: from just visible to strong, and more than at the level before
    amounts: tuple[float, ...]
    change: Callable[[Values, float, np.random.Generator], Values]


def distort(image: Picture, kind: int, level: int, random: np.random.Generator) -> Picture:
    """Distort an image.

    Parameters
    ----------
    image
        Display code values, shape (height, width, 3).
    kind, level
        Number of the type of distortion, one of `DISTORTIONS`, and its level, from 1.
    random
        Where noise and dither come from. In one state it gives the same noise at every level, only stronger; other
        distortions leave it alone.

    Raises
    ------
    ValueError
        If the image is of another shape or kind of number, or there is no such type or level.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"The image to distort is {image.dtype} of shape {image.shape}; expected uint8 of shape (height, width, 3)."
        )
    if kind not in DISTORTIONS:
        raise ValueError(
            f"There is no distortion {kind}; expected one of {', '.join(f'{n} ({name})' for n, name in TYPES.items())}."
        )
    name, amounts, change = DISTORTIONS[kind]
    if not 1 <= level <= len(amounts):
        raise ValueError(f"Distortion {kind} ({name}) has the levels 1 to {len(amounts)}; found {level}.")
    return _code_values(change(image.astype(np.float64), amounts[level - 1], random))


def reference(photograph: Picture, size: int) -> Picture:
    """Cut the central square out of a photograph and shrink it with Pillow's Lanczos filter to `size` by `size`.

    Every size thus shows the same picture.

    Raises
    ------
    ValueError
        If the photograph is smaller than that.
    """
    height, width = photograph.shape[:2]
    side = min(height, width)
    if side < size:
        raise ValueError(
            f"{width} by {height} pixels are too few; expected at least {size} by {size}. "
            f"Choose a larger photograph or a smaller size."
        )
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))


def opinions(photographs: Mapping[str, Picture], folder: str | Path, *, size: int, seed: int) -> None:
    """Write every level of every distortion of photographs in the layout of TID2013.

    The "mean opinion score" is 6 - level, and 6 for the dither, by construction.

    Parameters
    ----------
    photographs
        By name, each of shape (height, width, 3). The first is I01, the next I02 and so on.
    folder
        Where `reference_images/I01.BMP`, `distorted_images/i01_01_1.bmp` (photograph, type, level) and so on, and
        `mos_with_names.txt` go.
    size
        Width and height of the images in pixels.
    seed
        Seed of the noise, which also depends on the photograph's name and the type, not on the level.

    Raises
    ------
    ValueError
        If a photograph is smaller than `size`, or two give the same reference.
    """
    folder = Path(folder)
    lines = []
    for number, (name, original) in enumerate(_references(photographs, size).items(), start=1):
        image_files.write(original, folder / "reference_images" / f"I{number:02}.BMP", "BMP")
        for kind, distortion in DISTORTIONS.items():
            for level in range(1, len(distortion.amounts) + 1):
                file = f"i{number:02}_{kind:02}_{level}.bmp"
                image = _distorted(original, name, kind, level, seed)
                image_files.write(image, folder / "distorted_images" / file, "BMP")
                lines.append(f"{6 if kind == DITHER else 6 - level:.5f} {file}\n")
    storage.write_text("".join(lines), folder / "mos_with_names.txt")


def choices(photographs: Mapping[str, Picture], folder: str | Path, *, size: int, seed: int) -> None:
    """Write pairs of adjacent levels of one distortion in the layout of the two-alternative choices of BAPPS.

    The "judge" is 1 where p1 is the less distorted patch, else 0, by construction. For every photograph and distortion
    p1 is the less distorted one in half of the pairs, at random which.

    Parameters
    ----------
    photographs, size, seed
        As for `opinions`, with the same noise, and the same ValueErrors; the sides depend on the seed too.
    folder
        Where `val/{category}/{ref,p0,p1}/000000.png` and `val/{category}/judge/000000.npy` and so on go: one category
        per distortion, without the dither, named after it; in it photograph after photograph, with levels 1 and 2,
        2 and 3, and so on.
    """
    references = _references(photographs, size)
    for kind, distortion in DISTORTIONS.items():
        if kind == DITHER:
            continue
        category = Path(folder) / "val" / re.sub(r"\W+", "_", distortion.name.lower())
        pairs = list(pairwise(range(1, len(distortion.amounts) + 1)))
        numbers = count()
        for name, original in references.items():
            judges = _generator(seed, name, kind, "sides").permutation(np.arange(len(pairs)) % 2)
            for (less, more), judge in zip(pairs, judges, strict=True):
                levels = (more, less) if judge else (less, more)
                p0, p1 = (_distorted(original, name, kind, level, seed) for level in levels)
                _write_patches({"ref": original, "p0": p0, "p1": p1}, {"judge": judge}, category, next(numbers))


def same(photographs: Mapping[str, Picture], folder: str | Path, *, size: int, seed: int) -> None:
    """Write photographs beside barely distorted ones in the layout of the just noticeable differences of BAPPS.

    "Same" is 1 for the dither and 0 for level 1 of every distortion, by construction.

    Parameters
    ----------
    photographs, size, seed
        As for `opinions`, with the same noise, and the same ValueErrors.
    folder
        Where `val/ladder/{p0,p1}/000000.png` and `val/ladder/same/000000.npy` and so on go: p0 is the photograph, p1
        its dither or level 1 of a distortion; photograph after photograph, in the order of `DISTORTIONS`.
    """
    category = Path(folder) / "val" / "ladder"
    pairs = product(_references(photographs, size).items(), DISTORTIONS)
    for number, ((name, original), kind) in enumerate(pairs):
        distorted = _distorted(original, name, kind, 1, seed)
        _write_patches({"p0": original, "p1": distorted}, {"same": kind == DITHER}, category, number)


def _references(photographs: Mapping[str, Picture], size: int) -> dict[str, Picture]:
    """References of all photographs, by name, before anything is written."""
    references: dict[str, Picture] = {}
    names: dict[bytes, str] = {}
    for name, photograph in photographs.items():
        try:
            references[name] = reference(photograph, size)
        except ValueError as error:
            raise ValueError(f"Photograph {name!r}: {error}") from None
        twin = names.setdefault(references[name].tobytes(), name)
        if twin != name:
            raise ValueError(
                f"The photographs {twin!r} and {name!r} give the same reference; expected different ones. Drop one."
            )
    return references


def _distorted(original: Picture, name: str, kind: int, level: int, seed: int) -> Picture:
    return distort(original, kind, level, _generator(seed, name, kind))


def _generator(seed: int, *purpose: object) -> np.random.Generator:
    """Random numbers for one purpose, the same on every machine and in every order of calls."""
    text = "\0".join(str(part) for part in (seed, *purpose))
    entropy = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return np.random.default_rng(np.random.SeedSequence(entropy))


def _write_patches(patches: Mapping[str, Picture], judgement: Mapping[str, float], category: Path, number: int) -> None:
    for role, patch in patches.items():
        image_files.write(patch, category / role / f"{number:06}.png")
    for role, value in judgement.items():
        with storage.written_atomically(category / role / f"{number:06}.npy") as temporary:
            np.save(temporary, np.array([value], dtype=np.float64), allow_pickle=False)


def _code_values(values: Values) -> Picture:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _gaussian_noise(values: Values, decibels: float, random: np.random.Generator) -> Values:
    return values + 255 * 10 ** (-decibels / 20) * random.standard_normal(values.shape)


def _impulse_noise(values: Values, share: float, random: np.random.Generator) -> Values:
    """Values hit at a small share are hit at every larger one, and become the same."""
    hit = random.random(values.shape) < share
    return np.where(hit, np.where(random.random(values.shape) < 0.5, 0.0, 255.0), values)


def _dither(values: Values, share: float, random: np.random.Generator) -> Values:
    """As many values move up as down; 0 and 255 have only one way to go."""
    draw = random.random(values.shape)
    return values + (draw < share / 2) - (draw >= 1 - share / 2)


def _quantised(values: Values, left: float, _: np.random.Generator) -> Values:
    """Evenly spaced values, 0 and 255 among them."""
    step = 255 / (left - 1)
    return np.rint(values / step) * step


def _blurred(values: Values, deviation: float, _: np.random.Generator) -> Values:
    return ndimage.gaussian_filter(values, (deviation, deviation, 0), mode="nearest")


def _jpeg(values: Values, quality: float, _: np.random.Generator) -> Values:
    return _coded(values, format="JPEG", quality=int(quality), subsampling="4:2:0")


def _jpeg2000(values: Values, decibels: float, _: np.random.Generator) -> Values:
    """To a quality, not a rate: at high rates of compression the file of a small image holds only its header."""
    return _coded(values, format="JPEG2000", quality_mode="dB", quality_layers=[decibels], irreversible=True)


def _coded(values: Values, **options: Any) -> Values:
    file = BytesIO()
    Image.fromarray(_code_values(values)).save(file, **options)
    with Image.open(file) as image:
        return np.asarray(image, dtype=np.float64)


def _less_contrast(values: Values, left: float, _: np.random.Generator) -> Values:
    """Around the mean of each channel, so that the mean colour stays."""
    mean = values.mean(axis=(0, 1))
    return mean + left * (values - mean)


def _less_saturated(values: Values, left: float, _: np.random.Generator) -> Values:
    """Towards the grey of the same luma (ITU-R BT.601)."""
    grey = luma(values)[:, :, None]
    return grey + left * (values - grey)


def _chromatic_aberration(values: Values, shift: float, _: np.random.Generator) -> Values:
    """Red moves right and blue left; between pixels by linear interpolation; the edge repeats."""
    red, green, blue = np.moveaxis(values, 2, 0)
    red = ndimage.shift(red, (0, shift), order=1, mode="nearest")
    blue = ndimage.shift(blue, (0, -shift), order=1, mode="nearest")
    return np.stack([red, green, blue], axis=2)


def _resampled(values: Values, factor: float, _: np.random.Generator) -> Values:
    """Bicubic both ways, by Pillow: on the way down over as wide a neighbourhood as needed."""
    image = Image.fromarray(_code_values(values))
    small = image.resize([max(1, round(side / factor)) for side in image.size], Image.Resampling.BICUBIC)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float64)


# By TID2013's numbers where it has the type; 25 and 26 are not TID2013's.
DISTORTIONS: dict[int, Distortion] = {
    1: Distortion("additive Gaussian noise", (33, 30, 27, 24, 21), _gaussian_noise),  # peak signal-to-noise ratio in dB
    6: Distortion("impulse noise", (0.0015, 0.003, 0.006, 0.012, 0.024), _impulse_noise),  # share of values 0 or 255
    7: Distortion("quantisation", (26, 16, 10, 6, 4), _quantised),  # values of each channel that are left
    8: Distortion("Gaussian blur", (0.6, 0.9, 1.4, 2.2, 3.5), _blurred),  # standard deviation in pixels
    10: Distortion("JPEG compression", (80, 45, 22, 11, 6), _jpeg),  # Pillow's quality
    11: Distortion("JPEG2000 compression", (36, 33, 30, 27, 24), _jpeg2000),  # peak signal-to-noise ratio in dB
    16: Distortion("mean shift", (8, 13, 20, 30, 45), lambda values, shift, _: values + shift),  # code values added
    17: Distortion("contrast change", (0.9, 0.75, 0.6, 0.45, 0.3), _less_contrast),  # share of the contrast left
    18: Distortion("change of colour saturation", (0.85, 0.65, 0.45, 0.25, 0), _less_saturated),  # share left
    23: Distortion("chromatic aberrations", (0.35, 0.7, 1.2, 2, 3), _chromatic_aberration),  # pixels; see there
    25: Distortion("down- and up-sampling", (1.5, 2, 3, 4, 6), _resampled),  # factor by which width and height shrink
    DITHER: Distortion("dither of one code value", (0.5,), _dither),  # share of values that move by one
}
TYPES: dict[int, str] = {number: distortion.name for number, distortion in DISTORTIONS.items()}
