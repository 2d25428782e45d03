"""Sine and square waves, upright and oblique, in a window: the gratings of `known_answers`."""

from itertools import product

import numpy as np
import pandas as pd
import xarray as xr

from perceptual_efficacy.stimuli import pixel_coordinates

SINE, SQUARE = "sine", "square"
CARDINAL, OBLIQUE = "cardinal", "oblique"
ORIENTATIONS = {CARDINAL: (0.0, 90.0), OBLIQUE: (45.0, 135.0)}
STANDARD = 5.0  # cycles per degree
NEAR_THRESHOLD, ABOVE_THRESHOLD = 0.01, 0.3  # contrasts of the standard
FREQUENCIES = tuple(STANDARD * 2.0 ** np.arange(-2, 2))
PHASES = (0.0, 90.0)
SIZE, SPREAD = 3.0, 0.5  # degrees: of the picture, and the standard deviation of the window
CONTRASTS = tuple(np.geomspace(0.003, 1, 8).tolist())


def gratings(pixels_per_degree: float) -> xr.DataArray:
    """Draw the gratings, in a Gaussian window.

    Parameters
    ----------
    pixels_per_degree
        Resolution at which they are shown.

    Returns
    -------
    Contrast relative to the wave's, (stimulus, y, x), float32, with the coordinates `waveform`, `frequency` (cycles per
    degree), `orientation` ("cardinal", vertical and horizontal, or "oblique") and `phase` (degrees) over the stimuli. A
    square wave is the sum of the harmonics that can be shown, two at least; its contrast is that of the whole square
    wave, so that its peak may exceed 1.

    Raises
    ------
    ValueError
        If the standard's frequency cannot be shown.
    """
    nyquist = pixels_per_degree / 2
    if not nyquist > STANDARD:
        raise ValueError(
            f"{pixels_per_degree:g} pixels per degree show up to {nyquist:g} cycles per degree; the standard grating "
            f"has {STANDARD:g}, which takes more than {2 * STANDARD:g} pixels per degree."
        )
    x, y = pixel_coordinates(round(SIZE * pixels_per_degree), pixels_per_degree)
    window = np.exp(-(x**2 + y**2) / (2 * SPREAD**2))
    shown, drawn = [], []
    for waveform, orientation in ((SINE, CARDINAL), (SINE, OBLIQUE), (SQUARE, CARDINAL)):
        for frequency, turned, phase in product(FREQUENCIES, np.deg2rad(ORIENTATIONS[orientation]), PHASES):
            harmonics = [1] if waveform == SINE else [k for k in range(1, 100, 2) if k * frequency < nyquist]
            if frequency >= nyquist or (waveform == SQUARE and len(harmonics) < 2):
                continue
            angle = 2 * np.pi * frequency * (np.cos(turned) * x + np.sin(turned) * y) + np.deg2rad(phase)
            amplitude = 1 if waveform == SINE else 4 / np.pi
            drawn.append(window * amplitude * np.sum([np.sin(k * angle) / k for k in harmonics], axis=0))
            shown.append({"waveform": waveform, "frequency": frequency, "orientation": orientation, "phase": phase})
    coordinates = {name: ("stimulus", column.to_numpy()) for name, column in pd.DataFrame(shown).items()}
    return xr.DataArray(np.stack(drawn).astype(np.float32), dims=("stimulus", "y", "x"), coords=coordinates)
