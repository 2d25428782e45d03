"""Gabor patches in colour, as a display with the primaries and transfer function of sRGB shows them.

Patches have cosine phase and upright bars: the tables of thresholds do not state either.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy.stimuli import LEAST_CYCLES, RGB_TO_XYZ, pixel_coordinates, srgb_encoded
from perceptual_efficacy.vocabulary import SHOWN

# CIE 1931 XYZ to the CIE 2006 cone coordinates L, M and S, for the spectra of an LED display; L + M of a grey is about
# its luminance. From castleCSF (github.com/gfxdisp/castleCSF, utils); a test holds it against the table of thresholds.
XYZ_TO_CONES = np.array(
    [
        [0.187596268556126, 0.585168649077728, -0.026384263306304],
        [-0.133397430663221, 0.405505777260049, 0.034502127690364],
        [0.000244379021663, -0.000542995890619, 0.019406849066323],
    ]
)
HIGHEST = 0.85  # of the Nyquist frequency, as of the gratings that channels are scored by
WIDTH = 4  # standard deviations of the envelope that a patch is wide
CONTRAST_RATIO = 1000  # of the display's white to its black
LEAST_STIMULI = 10  # of a study


def on_display(table: pd.DataFrame, *, white: float, field: float, pixels_per_degree: float) -> pd.DataFrame:
    """Say of every stimulus how a display would show it, or why not.

    Parameters
    ----------
    table
        What `datasets.castlecsf.stimuli` returns.
    white
        Luminance of the display's white in cd/m2; its black has a thousandth. Its primaries are those of sRGB.
    field, pixels_per_degree
        Width and height of the pictures in degrees, and their resolution.

    Returns
    -------
    The table with the columns red, green and blue (linear light of the background, 1 is the white's), red_change,
    green_change and blue_change (the largest change that the display shows both ways, in the stimulus's direction),
    full (log10 cone contrast of that change) and shown ("shown", or the reason why not).
    """
    to_rgb = np.linalg.inv(XYZ_TO_CONES @ RGB_TO_XYZ) / white
    background = table[["L", "M", "S"]].to_numpy() @ to_rgb.T
    change = table[["L_delta", "M_delta", "S_delta"]].to_numpy() @ to_rgb.T
    room = np.minimum(background, 1 - background)
    with np.errstate(divide="ignore"):
        times = np.where(change == 0, np.inf, room / np.abs(change)).min(axis=1)  # the threshold's change that fits
    wide = WIDTH * table["sigma"].to_numpy() > field
    reasons = {
        "a frequency too high for the pixels": table["frequency"] > HIGHEST * pixels_per_degree / 2,
        f"fewer than {LEAST_CYCLES} cycles in the field": wide & (table["frequency"] * field < LEAST_CYCLES),
        "darker than the display's black": table["luminance"] < white / CONTRAST_RATIO,
        "a background beyond the display's colours": (room <= 0).any(axis=1),
        "a threshold beyond the display's colours": times < 1,
    }
    shown = pd.Series(np.select(list(reasons.values()), list(reasons), SHOWN), table.index)
    counts = shown.eq(SHOWN).groupby(table["study"]).transform("sum")
    shown = shown.mask(shown.eq(SHOWN) & (counts < LEAST_STIMULI), f"fewer than {LEAST_STIMULI} of its study are left")
    largest = change * np.where(np.isfinite(times), times.clip(0), 0)[:, None]
    colours = ("red", "green", "blue")
    return table.assign(
        **dict(zip(colours, background.T, strict=True)),
        **{f"{name}_change": values for name, values in zip(colours, largest.T, strict=True)},
        full=table["threshold"] + np.log10(np.where(shown == SHOWN, times, 1)),
        shown=shown,
    )


def drawing(row: pd.Series, *, field: float, pixels_per_degree: float) -> Callable[[ArrayLike], NDArray[np.float32]]:
    """Return a function of contrasts, relative to the largest that the display shows, that draws a stimulus.

    Parameters
    ----------
    row
        A row of what `on_display` returns, of a stimulus that is shown.
    field, pixels_per_degree
        As given to `on_display`. A patch wider than the field is cut off by it.

    Returns
    -------
    Of contrasts (contrasts,) it returns pictures (contrasts, 3, height, width), sRGB code values in [0, 1].
    """
    background = np.array([row[name] for name in ("red", "green", "blue")], dtype=np.float64)
    change = np.array([row[f"{name}_change"] for name in ("red", "green", "blue")], dtype=np.float64)
    modulation = change[:, None, None] * pattern(row, field=field, pixels_per_degree=pixels_per_degree)

    def draw(contrasts: ArrayLike) -> NDArray[np.float32]:
        contrast = np.asarray(contrasts, dtype=np.float64)[:, None, None, None]
        # rounding may lead a little beyond the display's colours
        light = (background[:, None, None] + contrast * modulation).clip(0, 1)
        return srgb_encoded(light).astype(np.float32)

    return draw


def pattern(row: pd.Series, *, field: float, pixels_per_degree: float) -> NDArray[np.float64]:
    """Draw a stimulus's Gabor patch relative to its peak, shape (height, width)."""
    x, y = pixel_coordinates(round(field * pixels_per_degree), pixels_per_degree)
    envelope = np.exp(-(x**2 + y**2) / (2 * row["sigma"] ** 2))
    return np.asarray(envelope * np.cos(2 * np.pi * row["frequency"] * x))
