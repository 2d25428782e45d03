"""Contrast sensitivity functions: how well people see a grating, by spatial frequency.

Each takes frequencies in cycles per degree, of any shape, and returns as many sensitivities.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy.extras import extra

ContrastSensitivity = Callable[[ArrayLike], NDArray[np.float64]]


def mannos_sakrison(frequency: ArrayLike) -> NDArray[np.float64]:
    """Sensitivity relative to its peak of about 1, at 8 cycles per degree.

    References
    ----------
    Mannos, Sakrison: The Effects of a Visual Fidelity Criterion on the Encoding of Images, IEEE Transactions on
    Information Theory 20(4), 1974.
    """
    f = np.asarray(frequency, dtype=np.float64)
    return 2.6 * (0.0192 + 0.114 * f) * np.exp(-((0.114 * f) ** 1.1))


def watson_ahumada(frequency: ArrayLike) -> NDArray[np.float64]:
    """Contrast sensitivity (1 / threshold contrast) fitted to the ModelFest thresholds.

    References
    ----------
    Watson, Ahumada: A standard model for foveal detection of spatial contrast, Journal of Vision 5(9), 2005: the
    difference of two hyperbolic secants ("HPmH"), gain 373.08, f0 4.1726, f1 1.3625, a 0.8493, p 0.7786.
    """
    f = np.asarray(frequency, dtype=np.float64)

    def hyperbolic_secant(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return 2 * np.exp(-x) / (1 + np.exp(-2 * x))  # for x >= 0 this form cannot overflow

    return 373.08 * (hyperbolic_secant((f / 4.1726) ** 0.7786) - 0.8493 * hyperbolic_secant(f / 1.3625))


def barten(
    frequency: ArrayLike, *, luminance: float | None = None, field_size: float | None = None
) -> NDArray[np.float64]:
    """Contrast sensitivity (1 / threshold contrast) of Barten's model, by colour-science.

    Parameters
    ----------
    frequency
        At least 0, where the sensitivity is 0.
    luminance
        Mean luminance in cd/m²; sets the pupil, and through it the retinal illuminance and the optical blur. None
        keeps colour-science's standard observer (a 2.1 mm pupil, 66.08 Td).
    field_size
        Width and height of the field in degrees; None for 60.

    References
    ----------
    Barten: Contrast Sensitivity of the Human Eye and Its Effects on Image Quality, 1999; his formula of 2003.
    """
    with extra("csf"):
        from colour.contrast import barten1999  # takes a second to import: only when asked for

    field = {} if field_size is None else {"X_0": field_size}
    optics = {}
    if luminance is not None:
        pupil = barten1999.pupil_diameter_Barten1999(luminance, **field)
        optics = {
            "sigma": barten1999.sigma_Barten1999(d=pupil),
            "E": barten1999.retinal_illuminance_Barten1999(luminance, pupil),
        }
    with np.errstate(divide="ignore"):  # lateral inhibition at frequency 0
        sensitivity = barten1999.contrast_sensitivity_function_Barten1999(
            np.asarray(frequency, dtype=np.float64), **field, **optics
        )
    return np.asarray(sensitivity, dtype=np.float64)


def castlecsf(
    frequency: ArrayLike, *, luminance: float | None = None, field_size: float | None = None
) -> NDArray[np.float64]:
    """Contrast sensitivity (1 / threshold contrast) of castleCSF to static gratings in grey, at the fovea.

    Parameters
    ----------
    frequency
        At least 0; at 0 the sensitivity is 0.
    luminance
        Mean luminance in cd/m²; None for 100.
    field_size
        Width and height of the field in degrees; None for 4.

    References
    ----------
    Ashraf, Mantiuk, Chapiro, Wuerger: castleCSF - A contrast sensitivity function of color, area, spatiotemporal
    frequency, luminance and eccentricity, Journal of Vision 24(4), 2024, with the constants of the authors' code,
    version 0.2 (github.com/gfxdisp/castleCSF): the sum of a sustained and a transient mechanism.
    """
    f, light = np.asarray(frequency, dtype=np.float64), 100.0 if luminance is None else luminance
    area = (4.0 if field_size is None else field_size) ** 2
    # sensitivity at the peak and its frequency by luminance; one factor differs from 1 only in near darkness
    dark = 1 - np.exp(-9.66862e9 * np.log1p(5.58341e-7 / light))
    sustained = _log_parabola(
        f,
        height=56.4947 * (1 + 7.54726 / light) ** -0.144532 * dark,
        peak=1.78119 * (1 + 91.5718 / light) ** -0.256682,
        width=0.000213047,
        drop=0.100207,
    )
    transient = _log_parabola(f, height=2748.09 * light**0.193434, peak=0.000316696, width=2.6761, drop=0.000241177)
    # the transient mechanism prefers flicker: this is its share in what does not flicker
    flicker = max(0.0, 2.41482 * np.log10(light) + 4.7036)  # below 0 only in great darkness
    share = np.exp(-((flicker**0.1898) ** 2) / 0.0844836)
    return np.asarray(
        f
        * (
            sustained * _summation(f, area, largest=157.103, corner=0.702338)
            + share * transient * _summation(f, area, largest=3.81611, corner=3.01389)
        )
    )


def _log_parabola(
    f: NDArray[np.float64], *, height: float, peak: float, width: float, drop: float
) -> NDArray[np.float64]:
    """Parabola of log sensitivity over log frequency, which falls by at most `drop` below the peak's frequency."""
    with np.errstate(divide="ignore"):
        curve = 10 ** (-((np.log10(f) - np.log10(peak)) ** 2) / 2**width)
    return height * np.where(f < peak, np.maximum(curve, 1 - drop), curve)


def _summation(f: NDArray[np.float64], area: float, *, largest: float, corner: float) -> NDArray[np.float64]:
    """Root of the area over which sensitivity sums, by frequency (Rovamo, Luntinen, Nasanen 1993)."""
    critical = largest / (1 + (f / corner) ** 2)
    return np.sqrt(critical / (1 + critical / area))


def flat(frequency: ArrayLike) -> NDArray[np.float64]:
    """Return 1 at every frequency: the control that ignores human sensitivity."""
    return np.ones_like(np.asarray(frequency, dtype=np.float64))


def shifted(sensitivity: ContrastSensitivity, octaves: float) -> ContrastSensitivity:
    """Return the function shifted by so many octaves to higher frequencies, to lower ones if negative."""
    return lambda frequency: sensitivity(np.asarray(frequency, dtype=np.float64) / 2**octaves)


MODELS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "mannos-sakrison": mannos_sakrison,
    "watson-ahumada": watson_ahumada,
    "barten": barten,
    "castlecsf": castlecsf,
    "flat": flat,
}
VIEWED = ("barten", "castlecsf")  # those that take the conditions of viewing


def by_name(model: str, **parameters: float | None) -> ContrastSensitivity:
    """Return the contrast sensitivity function of that name with its parameters bound.

    Parameters
    ----------
    model
        A key of `MODELS`.
    parameters
        `luminance` and `field_size`, for "barten" and "castlecsf" only; those that are None keep their default.

    Raises
    ------
    ValueError
        If there is no such model, or it has no such parameter.
    """
    if model not in MODELS:
        raise ValueError(f"Contrast sensitivity model {model!r} is not known; choose one of {', '.join(MODELS)}.")
    given = {name: value for name, value in parameters.items() if value is not None}
    known = ("luminance", "field_size") if model in VIEWED else ()
    if not set(given) <= set(known):
        raise ValueError(
            f"Contrast sensitivity model {model!r} takes {', '.join(known) or 'no parameters'}, got {given}."
        )
    return lambda frequency: MODELS[model](frequency, **given)
