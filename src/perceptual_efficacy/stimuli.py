"""The gratings that a backbone is probed with: radial ones for spatial frequency, oriented ones for orientation."""

from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

GREY = 0.5
CODE_VALUE = {"units": "display code value, 0 to 1"}
Encoding = Literal["display", "srgb"]


def gratings(
    *,
    pixels_per_degree: float = 32.0,
    size: int = 128,
    frequencies: int = 24,
    lowest_frequency: float = 0.5,
    highest_frequency: float | None = None,
    orientations: int = 16,
    phases: int = 4,
    contrast: float = 0.5,
    encoding: Encoding = "display",
) -> xr.Dataset:
    """Draw every grating of the probing set.

    Parameters
    ----------
    pixels_per_degree
        Pixels per degree of visual angle.
    size
        Width and height in pixels.
    frequencies
        Number of spatial frequencies, spaced evenly in log2.
    lowest_frequency, highest_frequency
        Range in cycles per degree; by default up to 0.85 of the Nyquist frequency.
    orientations
        Number of orientations, spaced evenly over [-90, 90) degrees. The orientation is the direction of modulation,
        counterclockwise from horizontal: 0 degrees is a vertical grating.
    phases
        Number of phases, spaced evenly over [0, 360) degrees.
    contrast
        Michelson contrast, in (0, 1].
    encoding
        "display": the sinusoid is in display code values, as networks are trained; "srgb": it is in relative
        luminance, encoded by the sRGB transfer function (IEC 61966-2-1).

    Returns
    -------
    `radial` (frequency, phase, y, x), `oriented` (frequency, orientation, phase, y, x) and `blank` (y, x), the uniform
    field: float32 display code values in [0, 1]. Frequency is in cycles per degree, orientation and phase in degrees, x
    and y in degrees of visual angle from the centre, x to the right and y upwards.

    Raises
    ------
    ValueError
        If a number is out of its range, or the highest frequency exceeds the Nyquist frequency.
    """
    nyquist = pixels_per_degree / 2
    highest = 0.85 * nyquist if highest_frequency is None else highest_frequency
    if not 0 < lowest_frequency < highest <= nyquist:
        raise ValueError(
            f"Frequencies from {lowest_frequency} to {highest} cycles per degree: they must rise from above 0 to at "
            f"most the Nyquist frequency, {nyquist} cycles per degree at {pixels_per_degree} pixels per degree."
        )
    counts = {"size": size, "frequencies": frequencies, "orientations": orientations, "phases": phases}
    for (name, value), least in zip(counts.items(), (8, 3, 2, 1), strict=True):
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}.")
    if not 0 < contrast <= 1:
        raise ValueError(f"contrast is {contrast}; it must lie in (0, 1].")

    frequency = np.geomspace(lowest_frequency, highest, frequencies)
    phase = np.arange(phases) * 360.0 / phases
    orientation = -90.0 + np.arange(orientations) * 180.0 / orientations
    x, y = pixel_coordinates(size, pixels_per_degree)

    def draw(distance: NDArray[np.float64], f: float, p: float) -> NDArray[np.float32]:
        wave = GREY + GREY * contrast * np.cos(2 * np.pi * f * distance + np.deg2rad(p))
        return _encoded(wave, encoding).astype(np.float32)

    radius = np.hypot(x, y)
    radial = [[draw(radius, f, p) for p in phase] for f in frequency]
    oriented = [[[draw(along(x, y, o), f, p) for p in phase] for o in orientation] for f in frequency]
    return xr.Dataset(
        {
            "radial": (("frequency", "phase", "y", "x"), np.array(radial), CODE_VALUE),
            "oriented": (("frequency", "orientation", "phase", "y", "x"), np.array(oriented), CODE_VALUE),
            "blank": (("y", "x"), np.full((size, size), _encoded(GREY, encoding), np.float32), CODE_VALUE),
        },
        coords={
            "frequency": ("frequency", frequency, {"units": "cycles per degree"}),
            "orientation": ("orientation", orientation, {"units": "degrees"}),
            "phase": ("phase", phase, {"units": "degrees"}),
            "y": ("y", y[:, 0], {"units": "degrees of visual angle"}),
            "x": ("x", x[0], {"units": "degrees of visual angle"}),
        },
        attrs={"pixels_per_degree": pixels_per_degree, "contrast": contrast, "encoding": encoding},
    )


def pixel_coordinates(size: int, pixels_per_degree: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position of every pixel in degrees from the image's centre, x to the right and y upwards, shape (size, size)."""
    position = (np.arange(size) - (size - 1) / 2) / pixels_per_degree
    x, y = np.meshgrid(position, -position)
    return x, y


def along(x: NDArray[np.float64], y: NDArray[np.float64], orientation: float) -> NDArray[np.float64]:
    """Distance in degrees along the direction `orientation` (degrees, counterclockwise from horizontal)."""
    angle = np.deg2rad(orientation)
    return x * np.cos(angle) + y * np.sin(angle)


def _encoded(luminance: ArrayLike, encoding: Encoding) -> NDArray[np.float64]:
    value = np.asarray(luminance, dtype=np.float64)
    if encoding == "display":
        return value
    if encoding == "srgb":
        return np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    raise ValueError(f"encoding is {encoding!r}; it must be 'display' or 'srgb'.")
