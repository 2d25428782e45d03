"""One estimate from several data sets: random-effects meta-analysis of a difference between halves of channels."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from perceptual_efficacy.vocabulary import EVERYTHING, HIGH_LOW, OF_NETWORK, RAW

MEASURE = "srcc"
HETEROGENEITY, PREDICTION = "heterogeneity I2", "prediction for another data set"  # measures beside the estimate
LEVEL = 0.95


class Combined(NamedTuple):
    """What several studies say together."""

    estimate: float
    ci_low: float
    ci_high: float
    tau2: float  # variance of the true effects between studies
    i2: float  # share of the variation that is between studies, in [0, 1]
    prediction_low: float  # interval of the true effect in another study
    prediction_high: float


def random_effects(estimates: ArrayLike, errors: ArrayLike) -> Combined:
    """Combine estimates of studies whose true effects may differ.

    Parameters
    ----------
    estimates, errors
        Of every study, and its standard error, shape (studies,).

    Returns
    -------
    The weighted mean by DerSimonian and Laird, with the interval of Hartung and Knapp, but never narrower than without
    their factor; and the prediction interval of Higgins, Thompson and Spiegelhalter, which needs three studies and is
    missing for two.

    Raises
    ------
    ValueError
        If there are fewer than two studies, or a number is not finite or an error not above 0.

    References
    ----------
    DerSimonian, Laird: Meta-analysis in clinical trials, Controlled Clinical Trials 7, 1986. Hartung, Knapp: A refined
    method for the meta-analysis of controlled clinical trials with binary outcome, Statistics in Medicine 20, 2001.
    Higgins, Thompson, Spiegelhalter: A re-evaluation of random-effects meta-analysis, Journal of the Royal Statistical
    Society A 172, 2009.
    """
    effect, error = np.asarray(estimates, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if effect.shape != error.shape or effect.ndim != 1 or len(effect) < 2:
        raise ValueError(
            f"There are {effect.shape} estimates and {error.shape} errors; expected as many, at least two."
        )
    if not (np.isfinite(effect).all() and np.isfinite(error).all() and (error > 0).all()):
        raise ValueError("An estimate or its error is not a finite number, or an error is not above 0.")
    freedom = len(effect) - 1
    fixed = 1 / error**2
    q = (fixed * (effect - np.average(effect, weights=fixed)) ** 2).sum()
    tau2 = max(0.0, (q - freedom) / (fixed.sum() - (fixed**2).sum() / fixed.sum()))
    weight = 1 / (error**2 + tau2)
    mean = np.average(effect, weights=weight)
    factor = max(1.0, (weight * (effect - mean) ** 2).sum() / freedom)
    spread = np.sqrt(factor / weight.sum())
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * spread
    beyond = stats.t.ppf((1 + LEVEL) / 2, freedom - 1) * np.hypot(spread, np.sqrt(tau2)) if freedom > 1 else np.nan
    i2 = max(0.0, 1 - freedom / q) if q > 0 else 0.0
    return Combined(*map(float, (mean, mean - reach, mean + reach, tau2, i2, mean - beyond, mean + beyond)))


def combine(agreement: pd.DataFrame) -> pd.DataFrame:
    """Combine high minus low over data sets of opinions, by network, layer and ranking.

    Parameters
    ----------
    agreement
        Rows of `agreement.compare_selections` of whole data sets, together.

    Returns
    -------
    Three rows for each network, layer and ranking that several data sets have an interval of, by measure: "srcc", the
    combined difference; "heterogeneity I2", the share of its variation that is between data sets; and "prediction for
    another data set". With the number of `datasets`, their names as `dataset`, and of all their clusters (n_clusters).
    """
    rows = agreement[(agreement["selection"] == HIGH_LOW) & (agreement["measure"] == MEASURE)]
    rows = rows[(rows["group"] == EVERYTHING) & (rows["cube"] == RAW)].dropna(subset=["estimate", "ci_low", "ci_high"])
    # the intervals are those of a jackknife, symmetric with Student's t of one less than the clusters
    reach = stats.t.ppf((1 + LEVEL) / 2, rows["n_clusters"].to_numpy() - 1)
    rows = rows.assign(error=(rows["ci_high"] - rows["ci_low"]) / 2 / reach)
    found = []
    for (network, layer, ranking), part in rows[rows["error"] > 0].groupby(["network", "layer", "ranking"], sort=False):
        if len(part) < 2:
            continue
        both = random_effects(part["estimate"], part["error"])
        about = {name: part[name].iloc[0] for name in OF_NETWORK if name in part} | {
            "network": network,
            "dataset": ", ".join(part["dataset"]),
            "group": EVERYTHING,
            "cube": RAW,
            "layer": layer,
            "ranking": ranking,
            "selection": HIGH_LOW,
            "datasets": len(part),
            "n_clusters": int(part["n_clusters"].sum()),
        }
        for measure, estimate, low, high in (
            (MEASURE, both.estimate, both.ci_low, both.ci_high),
            (HETEROGENEITY, both.i2, np.nan, np.nan),
            (PREDICTION, both.estimate, both.prediction_low, both.prediction_high),
        ):
            found.append({**about, "measure": measure, "estimate": estimate, "ci_low": low, "ci_high": high})
    return pd.DataFrame(found, columns=None if found else ["network"])
