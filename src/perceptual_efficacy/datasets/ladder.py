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
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from perceptual_efficacy import io, storage

Picture = NDArray[np.uint8]
Values = NDArray[np.float64]

DITHER = 26
# TID2013's numbers where it has the type; 25 and 26 are not TID2013's.
TYPES: dict[int, str] = {
    1: "additive Gaussian noise",
    6: "impulse noise",
    7: "quantisation",
    8: "Gaussian blur",
    10: "JPEG compression",
    11: "JPEG2000 compression",
    16: "mean shift",
    17: "contrast change",
    18: "change of colour saturation",
    23: "chromatic aberrations",
    25: "down- and up-sampling",
    DITHER: "dither of one code value",
}
# The amount at level 1, 2 and so on: from just visible to strong, and more than at the level before.
LEVELS: dict[int, tuple[float, ...]] = {
    1: tuple(255 * 10 ** (-decibels / 20) for decibels in (33, 30, 27, 24, 21)),  # standard deviation in code values
    6: (0.0015, 0.003, 0.006, 0.012, 0.024),  # share of values that become 0 or 255
    7: (26, 16, 10, 6, 4),  # values of each channel that are left
    8: (0.6, 0.9, 1.4, 2.2, 3.5),  # standard deviation in pixels
    10: (80, 45, 22, 11, 6),  # Pillow's quality
    11: (36, 33, 30, 27, 24),  # peak signal-to-noise ratio in decibels
    16: (8, 13, 20, 30, 45),  # code values added
    17: (0.9, 0.75, 0.6, 0.45, 0.3),  # share of the contrast that is left
    18: (0.85, 0.65, 0.45, 0.25, 0),  # share of the colour saturation that is left
    23: (0.35, 0.7, 1.2, 2, 3),  # pixels by which red moves right and blue left
    25: (1.5, 2, 3, 4, 6),  # factor by which width and height shrink in between
    DITHER: (0.5,),  # share of values that move by one code value
}


def distort(image: Picture, kind: int, level: int, random: np.random.Generator) -> Picture:
    """Distort an image.

    Parameters
    ----------
    image
        Display code values, shape (height, width, 3).
    kind
        Number of the type of distortion, one of `TYPES`.
    level
        Its level, from 1; `LEVELS` says how much that is.
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
    if kind not in LEVELS:
        raise ValueError(
            f"There is no distortion {kind}; expected one of {', '.join(f'{n} ({name})' for n, name in TYPES.items())}."
        )
    if not 1 <= level <= len(LEVELS[kind]):
        raise ValueError(f"Distortion {kind} ({TYPES[kind]}) has the levels 1 to {len(LEVELS[kind])}; found {level}.")
    amount = LEVELS[kind][level - 1]
    values = image.astype(np.float64)
    changed = _NOISES[kind](values, amount, random) if kind in _NOISES else _CHANGES[kind](values, amount)
    return _code_values(changed)


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
        _write_bitmap(original, folder / "reference_images" / f"I{number:02}.BMP")
        for kind, amounts in LEVELS.items():
            for level in range(1, len(amounts) + 1):
                file = f"i{number:02}_{kind:02}_{level}.bmp"
                _write_bitmap(_distorted(original, name, kind, level, seed), folder / "distorted_images" / file)
                lines.append(f"{6 if kind == DITHER else 6 - level:.5f} {file}\n")
    storage.write_text("".join(lines), folder / "mos_with_names.txt")


def choices(photographs: Mapping[str, Picture], folder: str | Path, *, size: int, seed: int) -> None:
    """Write pairs of adjacent levels of one distortion in the layout of the two-alternative choices of BAPPS.

    The "judge" is 1 where p1 is the less distorted patch, else 0, by construction. For every photograph and distortion
    p1 is the less distorted one in half of the pairs, at random which.

    Parameters
    ----------
    photographs
        By name, each of shape (height, width, 3).
    folder
        Where `val/{category}/{ref,p0,p1}/000000.png` and `val/{category}/judge/000000.npy` and so on go: one category
        per distortion, without the dither, named after it; in it photograph after photograph, with levels 1 and 2,
        2 and 3, and so on.
    size
        Width and height of the patches in pixels.
    seed
        Seed of the noise, which is that of `same` and of `opinions`, and of the sides.

    Raises
    ------
    ValueError
        If a photograph is smaller than `size`, or two give the same reference.
    """
    references = _references(photographs, size)
    for kind in sorted(TYPES.keys() - {DITHER}):
        category = Path(folder) / "val" / _category(TYPES[kind])
        pairs = list(pairwise(range(1, len(LEVELS[kind]) + 1)))
        number = 0
        for name, original in references.items():
            judges = _generator(seed, name, kind, "sides").permutation(np.arange(len(pairs)) % 2)
            for (less, more), judge in zip(pairs, judges, strict=True):
                first, second = (more, less) if judge else (less, more)
                io.write_image(original, category / "ref" / f"{number:06}.png")
                for side, level in (("p0", first), ("p1", second)):
                    patch = _distorted(original, name, kind, level, seed)
                    io.write_image(patch, category / side / f"{number:06}.png")
                _write_judgement(judge, category / "judge" / f"{number:06}.npy")
                number += 1


def same(photographs: Mapping[str, Picture], folder: str | Path, *, size: int, seed: int) -> None:
    """Write photographs beside barely distorted ones in the layout of the just noticeable differences of BAPPS.

    "Same" is 1 for the dither and 0 for level 1 of every distortion, by construction.

    Parameters
    ----------
    photographs
        By name, each of shape (height, width, 3).
    folder
        Where `val/ladder/{p0,p1}/000000.png` and `val/ladder/same/000000.npy` and so on go: p0 is the photograph, p1
        its dither or level 1 of a distortion; photograph after photograph, in the order of `TYPES`.
    size
        Width and height of the patches in pixels.
    seed
        Seed of the noise.

    Raises
    ------
    ValueError
        If a photograph is smaller than `size`, or two give the same reference.
    """
    category = Path(folder) / "val" / "ladder"
    number = 0
    for name, original in _references(photographs, size).items():
        for kind in TYPES:
            io.write_image(original, category / "p0" / f"{number:06}.png")
            io.write_image(_distorted(original, name, kind, 1, seed), category / "p1" / f"{number:06}.png")
            _write_judgement(kind == DITHER, category / "same" / f"{number:06}.npy")
            number += 1


def _category(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower())


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


def _write_bitmap(image: Picture, path: Path) -> None:
    with storage.written_atomically(path) as temporary:
        Image.fromarray(image).save(temporary, format="BMP")


def _write_judgement(judgement: float, path: Path) -> None:
    with storage.written_atomically(path) as temporary:
        np.save(temporary, np.array([judgement], dtype=np.float64), allow_pickle=False)


def _code_values(values: Values) -> Picture:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _gaussian_noise(values: Values, deviation: float, random: np.random.Generator) -> Values:
    return values + deviation * random.standard_normal(values.shape)


def _impulse_noise(values: Values, share: float, random: np.random.Generator) -> Values:
    """Values hit at a small share are hit at every larger one, and become the same."""
    hit = random.random(values.shape) < share
    return np.where(hit, np.where(random.random(values.shape) < 0.5, 0.0, 255.0), values)


def _dither(values: Values, share: float, random: np.random.Generator) -> Values:
    """As many values move up as down; 0 and 255 have only one way to go."""
    draw = random.random(values.shape)
    return values + (draw < share / 2) - (draw >= 1 - share / 2)


def _quantised(values: Values, count: float) -> Values:
    """Evenly spaced values, 0 and 255 among them."""
    step = 255 / (count - 1)
    return np.rint(values / step) * step


def _blurred(values: Values, deviation: float) -> Values:
    return ndimage.gaussian_filter(values, (deviation, deviation, 0), mode="nearest")


def _jpeg(values: Values, quality: float) -> Values:
    return _coded(values, format="JPEG", quality=int(quality), subsampling="4:2:0")


def _jpeg2000(values: Values, decibels: float) -> Values:
    """To a quality, not a rate: at high rates of compression the file of a small image holds only its header."""
    return _coded(values, format="JPEG2000", quality_mode="dB", quality_layers=[decibels], irreversible=True)


def _coded(values: Values, **options: Any) -> Values:
    file = BytesIO()
    Image.fromarray(_code_values(values)).save(file, **options)
    with Image.open(file) as image:
        return np.asarray(image, dtype=np.float64)


def _shifted_mean(values: Values, shift: float) -> Values:
    return values + shift


def _less_contrast(values: Values, left: float) -> Values:
    """Around the mean of each channel, so that the mean colour stays."""
    mean = values.mean(axis=(0, 1))
    return mean + left * (values - mean)


def _less_saturated(values: Values, left: float) -> Values:
    """Towards the grey of the same luma (ITU-R BT.601)."""
    luma = (values @ np.array([0.299, 0.587, 0.114]))[:, :, None]
    return luma + left * (values - luma)


def _chromatic_aberration(values: Values, shift: float) -> Values:
    """Between pixels by linear interpolation; the edge repeats."""
    red, green, blue = np.moveaxis(values, 2, 0)
    red = ndimage.shift(red, (0, shift), order=1, mode="nearest")
    blue = ndimage.shift(blue, (0, -shift), order=1, mode="nearest")
    return np.stack([red, green, blue], axis=2)


def _resampled(values: Values, factor: float) -> Values:
    """Bicubic both ways, by Pillow: on the way down over as wide a neighbourhood as needed."""
    image = Image.fromarray(_code_values(values))
    small = image.resize([max(1, round(side / factor)) for side in image.size], Image.Resampling.BICUBIC)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float64)


_NOISES: dict[int, Callable[[Values, float, np.random.Generator], Values]] = {
    1: _gaussian_noise,
    6: _impulse_noise,
    DITHER: _dither,
}
_CHANGES: dict[int, Callable[[Values, float], Values]] = {
    7: _quantised,
    8: _blurred,
    10: _jpeg,
    11: _jpeg2000,
    16: _shifted_mean,
    17: _less_contrast,
    18: _less_saturated,
    23: _chromatic_aberration,
    25: _resampled,
}
