"""The gratings that a backbone is probed with: radial ones for spatial frequency, oriented ones for orientation."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

GREY = 0.5
LEAST_CYCLES = 2  # of the lowest frequency in the field
CODE_VALUE = {"units": "display code value, 0 to 1"}
# linear sRGB to CIE XYZ (IEC 61966-2-1), and XYZ to cones (Hunt, Pointer, Estevez; normalised to D65)
RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
XYZ_TO_LMS = np.array([[0.40024, 0.7076, -0.08081], [-0.2263, 1.16532, 0.0457], [0.0, 0.0, 0.91822]])
Encoding = Literal["display", "srgb", "gamma2.2"]
ENCODINGS: tuple[Encoding, ...] = ("display", "srgb", "gamma2.2")
GAMMA = 2.2
Direction = Literal["red_green", "blue_yellow"]
Images = NDArray[np.float32]


@dataclass(frozen=True)
class Gratings:
    """The gratings of a probing set. Pictures of any size show the same ones, around the same centre.

    Attributes
    ----------
    pixels_per_degree
        Pixels per degree of visual angle.
    field
        Width and height, in degrees, of the central field over which responses are averaged; half of it for oriented
        gratings.
    frequency, oriented_frequency
        Of radial and of oriented gratings, in cycles per degree, rising.
    orientation, phase
        In degrees. The orientation is the direction of modulation, counterclockwise from horizontal: 0 degrees is a
        vertical grating.
    contrast
        Michelson contrast of grey gratings; of isoluminant ones, the share of the largest modulation in sRGB's gamut.
    encoding
        "display": the sinusoid is in display code values, as networks are trained; "srgb": it is in relative
        luminance, encoded by the sRGB transfer function (IEC 61966-2-1), as it always is in isoluminant gratings;
        "gamma2.2": the same for a display whose luminance is the code value to the power of 2.2.
    """

    pixels_per_degree: float
    field: float
    frequency: tuple[float, ...]
    oriented_frequency: tuple[float, ...]
    orientation: tuple[float, ...]
    phase: tuple[float, ...]
    contrast: float
    encoding: Encoding

    @property
    def pixels(self) -> int:
        """Width and height of the field in pixels."""
        return round(self.field * self.pixels_per_degree)

    @property
    def oriented_pixels(self) -> int:
        """Width and height of the field of oriented gratings: half of it, which holds a cycle of every frequency.

        A larger one would only cost time: such a grating is the same everywhere but for its phase, and responses are
        averaged over phases. Radial gratings need the whole field for all orientations.
        """
        return round(self.pixels / 2)

    def radial(self, frequency: float, size: int) -> Images:
        """Draw the radial gratings of one frequency, (phase, y, x), display code values in [0, 1]."""
        angle = 2 * np.pi * frequency * np.hypot(*pixel_coordinates(size, self.pixels_per_degree))
        return self._encoded(np.cos(angle + np.deg2rad(self.phase)[:, None, None]))

    def oriented(self, frequency: float, size: int) -> Images:
        """Draw the oriented gratings of one frequency, (orientation, phase, y, x), display code values in [0, 1]."""
        x, y = pixel_coordinates(size, self.pixels_per_degree)
        turn = np.deg2rad(self.orientation)[:, None]
        # cos(a + b) = cos a cos b - sin a sin b, with a along x and b along y: two products per pixel
        across = 2 * np.pi * frequency * np.cos(turn) * x[0]
        up = 2 * np.pi * frequency * np.sin(turn) * y[:, 0]
        up = up[:, None] + np.deg2rad(self.phase)[:, None]  # (orientation, phase, y)
        wave = (
            np.cos(up)[..., None] * np.cos(across)[:, None, None]
            - np.sin(up)[..., None] * np.sin(across)[:, None, None]
        )
        return self._encoded(wave)

    def isoluminant(self, direction: Direction, frequency: float, size: int) -> Images:
        """Draw radial gratings of one frequency that modulate colour alone, (phase, rgb, y, x), display code values.

        "red_green" modulates L and M cones against each other, "blue_yellow" S cones alone; luminance is that of the
        blank. The sinusoid is in linear light, with `contrast` as a share of the largest modulation in sRGB's gamut.
        """
        angle = 2 * np.pi * frequency * np.hypot(*pixel_coordinates(size, self.pixels_per_degree))
        wave = np.cos(angle + np.deg2rad(self.phase)[:, None, None])
        grey = srgb_decoded(self.blank(1).item())
        change = isoluminant_change(direction, float(grey))[:, None, None]
        return srgb_encoded(grey + self.contrast * wave[:, None] * change).astype(np.float32)

    def blank(self, size: int) -> Images:
        """Draw the uniform field, (y, x)."""
        return self._encoded(np.zeros((size, size)))

    def images(self, size: int | None = None) -> xr.Dataset:
        """Draw the grey gratings and the blank, of the field's size unless another is given.

        Returns
        -------
        `radial` (frequency, phase, y, x), `oriented` (oriented_frequency, orientation, phase, y, x) and `blank` (y, x),
        the uniform field: float32 display code values in [0, 1]. Frequency is in cycles per degree, orientation and
        phase in degrees, x and y in degrees of visual angle from the centre, x to the right and y upwards.
        """
        side = self.pixels if size is None else size
        x, y = pixel_coordinates(side, self.pixels_per_degree)
        position = {"units": "degrees of visual angle"}
        return xr.Dataset(
            {
                "radial": (("frequency", "phase", "y", "x"), np.stack([self.radial(f, side) for f in self.frequency])),
                "oriented": (
                    ("oriented_frequency", "orientation", "phase", "y", "x"),
                    np.stack([self.oriented(f, side) for f in self.oriented_frequency]),
                ),
                "blank": (("y", "x"), self.blank(side)),
            },
            coords={**self.axes, "y": ("y", y[:, 0], position), "x": ("x", x[0], position)},
            attrs=self.attributes,
        ).map(lambda image: image.assign_attrs(CODE_VALUE))

    @property
    def axes(self) -> dict[str, tuple[str, NDArray[np.float64], dict[str, str]]]:
        """Coordinates of the images and of responses to them."""
        units = dict.fromkeys(("frequency", "oriented_frequency"), "cycles per degree")
        units |= dict.fromkeys(("orientation", "phase"), "degrees")
        return {name: (name, np.array(getattr(self, name)), {"units": unit}) for name, unit in units.items()}

    @property
    def attributes(self) -> dict[str, float | str]:
        """What images and responses to them say of the gratings."""
        return {name: getattr(self, name) for name in ("pixels_per_degree", "field", "contrast", "encoding")}

    def _encoded(self, wave: NDArray[np.float64]) -> Images:
        value = GREY + GREY * self.contrast * wave
        if self.encoding == "srgb":
            value = srgb_encoded(value)
        elif self.encoding == "gamma2.2":
            value = value.clip(0) ** (1 / GAMMA)  # rounding may leave a little below 0
        return value.astype(np.float32)


def gratings(
    *,
    pixels_per_degree: float = 32.0,
    field: float = 4.0,
    frequencies: int = 47,
    lowest_frequency: float = 0.5,
    highest_frequency: float | None = None,
    orientations: int = 16,
    oriented_every: int = 2,
    phases: int = 4,
    contrast: float = 0.5,
    encoding: Encoding = "display",
) -> Gratings:
    """Choose the gratings of a probing set.

    Parameters
    ----------
    pixels_per_degree, field
        See `Gratings`.
    frequencies
        Number of spatial frequencies, spaced evenly in log2.
    lowest_frequency, highest_frequency
        Range in cycles per degree, from two cycles in the field to below the Nyquist frequency, half the pixels per
        degree; by default up to 0.85 of it.
    orientations
        Number of orientations, spaced evenly over [-90, 90) degrees.
    oriented_every
        Oriented gratings have every n-th frequency, starting with the first.
    phases
        Number of phases, spaced evenly over [0, 360) degrees.
    contrast, encoding
        See `Gratings`.

    Returns
    -------
    What `probing.probe` shows; its pictures are drawn when they are needed.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    nyquist = pixels_per_degree / 2
    highest = 0.85 * nyquist if highest_frequency is None else highest_frequency
    if not 0 < lowest_frequency < highest < nyquist:
        # at the Nyquist frequency itself, a grating with a phase of 90 degrees would be uniform
        raise ValueError(
            f"Frequencies from {lowest_frequency} to {highest} cycles per degree: they must rise from above 0 to below "
            f"the Nyquist frequency, {nyquist} cycles per degree at {pixels_per_degree} pixels per degree."
        )
    if not field * lowest_frequency >= LEAST_CYCLES:
        raise ValueError(
            f"The field is {field} degrees, which holds {field * lowest_frequency:g} cycles of the lowest frequency, "
            f"{lowest_frequency} cycles per degree; it must hold at least {LEAST_CYCLES}: make the field "
            f"{LEAST_CYCLES / lowest_frequency:g} degrees."
        )
    counts = {"frequencies": frequencies, "orientations": orientations, "phases": phases}
    counts |= {"oriented_every": oriented_every}
    for (name, value), least in zip(counts.items(), (3, 2, 1, 1), strict=True):
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}.")
    if not 0 < contrast <= 1:
        raise ValueError(f"contrast is {contrast}; it must lie in (0, 1].")
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding is {encoding!r}; it must be one of {', '.join(ENCODINGS)}.")
    frequency = tuple(np.geomspace(lowest_frequency, highest, frequencies).tolist())
    inside = [f for f in frequency[::oriented_every] if frequency[0] < f < frequency[-1]]
    if not inside:
        raise ValueError(
            f"oriented_every is {oriented_every}; that leaves no frequency between the first and the last."
        )
    return Gratings(
        pixels_per_degree=pixels_per_degree,
        field=field,
        frequency=frequency,
        oriented_frequency=frequency[::oriented_every],
        orientation=tuple(-90.0 + number * 180.0 / orientations for number in range(orientations)),
        phase=tuple(number * 360.0 / phases for number in range(phases)),
        contrast=contrast,
        encoding=encoding,
    )


def pixels_per_degree(distance: float, screen_width: float, pixels_across: int) -> float:
    """Return the pixels in the central degree of visual angle of a screen.

    Parameters
    ----------
    distance, screen_width
        Of the eye from the screen, and of the screen; both in the same unit.
    pixels_across
        Pixels in a row of the screen.

    Returns
    -------
    Pixels per degree, for `gratings`.

    Raises
    ------
    ValueError
        If a number is not above 0.
    """
    if not min(distance, screen_width, pixels_across) > 0:
        raise ValueError(
            f"distance, screen_width and pixels_across are {distance}, {screen_width} and {pixels_across}; each must "
            f"be above 0."
        )
    return pixels_across / screen_width * distance * 2 * math.tan(math.radians(0.5))


def pixel_coordinates(size: int, pixels_per_degree: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position of every pixel in degrees from the image's centre, x to the right and y upwards, shape (size, size)."""
    position = (np.arange(size) - (size - 1) / 2) / pixels_per_degree
    x, y = np.meshgrid(position, -position)
    return x, y


def isoluminant_change(direction: Direction, grey: float) -> NDArray[np.float64]:
    """Largest change of linear RGB around a grey, within the gamut both ways, that modulates colour alone, shape (3,).

    Raises
    ------
    ValueError
        If there is no such direction.
    """
    luminance, (long, middle, short) = RGB_TO_XYZ[1], XYZ_TO_LMS @ RGB_TO_XYZ
    constant = {"red_green": (luminance, short), "blue_yellow": (long, middle)}
    if direction not in constant:
        raise ValueError(f"direction is {direction!r}; it must be one of {', '.join(constant)}.")
    change = np.cross(*constant[direction])  # leaves both as they are
    change *= np.sign(change @ (long if direction == "red_green" else short))
    return change * min(grey, 1 - grey) / np.abs(change).max()


def srgb_decoded(value: ArrayLike) -> NDArray[np.float64]:
    """Decode display code values to linear light by the sRGB transfer function (IEC 61966-2-1)."""
    code = np.asarray(value, dtype=np.float64)
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def srgb_encoded(luminance: ArrayLike) -> NDArray[np.float64]:
    """Encode relative luminance by the sRGB transfer function (IEC 61966-2-1)."""
    value = np.asarray(luminance, dtype=np.float64)
    # rounding may take a black of full contrast below 0, which has no power
    return np.where(value <= 0.0031308, 12.92 * value, 1.055 * np.maximum(value, 0) ** (1 / 2.4) - 0.055)
