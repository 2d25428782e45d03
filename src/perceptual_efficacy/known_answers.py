"""Three answers that people are known to give to gratings, and what a network answers.

- A square wave is as visible as the sine wave at its fundamental frequency, whose amplitude is 4/pi of the square
  wave's (Campbell, Robson: Application of Fourier analysis to the visibility of gratings, Journal of Physiology 197,
  1968). So people see it at 4/pi less contrast; at low frequencies, where they see its harmonics better, at still less.
- Oblique gratings are less visible than vertical and horizontal ones, the more so the higher the frequency, from 2.5 to
  20 cycles per degree (Meridional anisotropies of orientation discrimination for sine wave gratings, Vision Research
  28(2), 1988). We could verify the direction, but no number.
- Gratings of other frequencies look as strong as one of 5 cycles per degree when they have its contrast, if that is
  0.3; near the threshold, when they are as far above the contrast sensitivity function (Georgeson, Sullivan: Contrast
  constancy, Journal of Physiology 252, 1975).

A network has no threshold. Its gratings look alike here when they are equally far from the blank.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from perceptual_efficacy import csf
from perceptual_efficacy.agreement import selection_distances
from perceptual_efficacy.judgements.protocol import Floats
from perceptual_efficacy.judgements.thresholds import QUADRATIC, RESOLUTION, first_reached, interpolate
from perceptual_efficacy.scores import converged_layers
from perceptual_efficacy.vocabulary import (
    ALL_LAYERS,
    MEAN_OF_LAYERS,
    OF_FREQUENCY,
    OF_ORIENTATION,
    OF_WAVEFORM,
    identity,
)
from perceptual_efficacy.waveforms import ABOVE_THRESHOLD, CARDINAL, NEAR_THRESHOLD, OBLIQUE, SINE, SQUARE, STANDARD

STANDARD_GRATING = (SINE, CARDINAL, STANDARD)
COMPARED: tuple[tuple[str, float, tuple[str, str], tuple[str, str] | None], ...] = (
    # contrast of the standard, and what is compared with what; None is the standard
    (OF_WAVEFORM, NEAR_THRESHOLD, (SQUARE, CARDINAL), (SINE, CARDINAL)),
    (OF_ORIENTATION, NEAR_THRESHOLD, (SINE, OBLIQUE), (SINE, CARDINAL)),
    (OF_FREQUENCY, NEAR_THRESHOLD, (SINE, CARDINAL), None),
    (OF_FREQUENCY, ABOVE_THRESHOLD, (SINE, CARDINAL), None),
)


def answers(cube: xr.DataArray, channels: pd.DataFrame, sensitivity: csf.ContrastSensitivity) -> pd.DataFrame:
    """Compare the contrasts at which gratings are as far from the blank as the standard.

    Parameters
    ----------
    cube
        What `distances.contrast_distances` measures for `waveforms.gratings`, (stimulus, contrast, unit), with the
        coordinates of the gratings.
    channels
        What `scores.score_channels` returns for the same units.
    sensitivity
        Of people near the threshold, for comparison.

    Returns
    -------
    One row per layer (and the geometric "mean of layers", over those that have converged by the channels' column
    `converged`, if there is one), selection (all, high, low by PE), answer and frequency: its identity, answer,
    standard (its contrast), frequency in cycles per degree, sensitivity (one over the contrast, relative to sine waves,
    to vertical and horizontal gratings, or to the standard), people (the same of people; missing where no number is
    known) and extrapolated (whether a contrast lies beyond those that were shown). Without any distance the
    sensitivity is missing. Distances are averaged over phases and orientations.
    """
    known = zip(*(cube[name].values for name in ("waveform", "orientation", "frequency")), strict=True)
    kinds = [(str(waveform), str(orientation), float(frequency)) for waveform, orientation, frequency in known]
    members = {kind: [number for number, one in enumerate(kinds) if one == kind] for kind in dict.fromkeys(kinds)}
    place = {kind: number for number, kind in enumerate(members)}
    log_contrast = np.log10(cube["contrast"].values)
    rows: list[dict[str, Any]] = []
    for (layer, selection), distance in selection_distances(cube, channels).items():
        if layer == ALL_LAYERS:
            continue
        curve = np.stack([distance[those].mean(axis=0) for those in members.values()], axis=1)
        of = identity({**cube.attrs, "layer": layer, "ranking": "pe", "selection": selection})
        for answer, standard, (waveform, orientation), other in COMPARED:
            log_sensitivity, beyond = _sensed(curve, log_contrast, place[STANDARD_GRATING], standard)
            for kind in (it for it in place if it[:2] == (waveform, orientation)):
                pair = [place[kind], place[STANDARD_GRATING if other is None else (*other, kind[2])]]
                rows.append(
                    {
                        **of,
                        "answer": answer,
                        "standard": standard,
                        "frequency": kind[2],
                        "sensitivity": 10 ** float(log_sensitivity[pair[0]] - log_sensitivity[pair[1]]),
                        "people": _of_people(answer, standard, kind[2], sensitivity),
                        "extrapolated": bool(beyond[pair].any()),
                    }
                )
    table = pd.DataFrame(rows)
    averaged = table[table["layer"].isin(converged_layers(channels))]
    averaged = averaged.assign(sensitivity=np.log(averaged["sensitivity"]))
    of_mean = [name for name in table if name not in ("layer", "sensitivity", "people", "extrapolated")]
    mean = averaged.groupby(of_mean, sort=False, dropna=False, as_index=False).agg(
        {"sensitivity": _geometric_mean, "people": "first", "extrapolated": "any"}
    )
    return pd.concat([table, mean.assign(layer=MEAN_OF_LAYERS)], ignore_index=True)[list(table)]


def _geometric_mean(log: pd.Series) -> float:
    return float(np.exp(log.mean(skipna=False)))


def _sensed(
    curve: Floats, log_contrast: Floats, standard_grating: int, standard: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Log sensitivity to gratings with distances (contrasts, gratings), and whether it is beyond these contrasts."""
    rising = np.log10(np.maximum(np.maximum.accumulate(curve, axis=0), RESOLUTION))
    wanted, _ = interpolate(log_contrast, rising[:, standard_grating], np.log10([standard]), QUADRATIC)
    matched, beyond = first_reached(rising, log_contrast, np.repeat(wanted, curve.shape[1]), 1 / QUADRATIC)
    silent = (curve <= RESOLUTION).all(axis=0) | (wanted <= np.log10(RESOLUTION))
    return np.where(silent, np.nan, -matched), beyond


def _of_people(answer: str, standard: float, frequency: float, sensitivity: csf.ContrastSensitivity) -> float:
    if answer == OF_WAVEFORM:
        return 4 / np.pi if frequency >= STANDARD else np.nan  # below their peak people see harmonics better
    if answer == OF_ORIENTATION:
        return np.nan
    return 1.0 if standard == ABOVE_THRESHOLD else float(sensitivity(frequency) / sensitivity(STANDARD))
