"""Detection thresholds, predicted from a distance: contrasts at which patterns are equally far from the blank."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy import statistics
from perceptual_efficacy.judgements.protocol import Floats, Indices, Judgements
from perceptual_efficacy.vocabulary import EVERYTHING, HUMAN_CEILING, LEAVE_ONE_OUT

# Unit-normalised float32 activations carry about seven digits; the square of their rounding is not a distance.
RESOLUTION = 1e-14
QUADRATIC = (
    2.0  # slope beyond the contrasts shown: activations change in proportion to small ones, distances by the square
)


class Prediction(NamedTuple):
    """Predicted log10 threshold contrasts, and which of them lie outside the contrasts that were shown."""

    log_threshold: Floats
    extrapolated: NDArray[np.bool_]


class Draws(NamedTuple):
    """Samples: how often each stimulus and each observer is in."""

    stimuli: Indices
    observers: Indices


class DetectionThresholds(Judgements):
    """Measured thresholds, and the scores of a distance against them: of one study, or the means over several.

    Parameters
    ----------
    measured
        Log10 threshold contrast, shape (stimuli, observers); of a single observer, or a mean, (stimuli, 1).
    contrasts
        Contrasts at which distances to the blank are known, rising, shape (contrasts,).
    full
        Log10 of what a contrast of 1 is for each stimulus, in the measured thresholds' unit, shape (stimuli,); 0 unless
        given.
    study
        In which each stimulus was measured, shape (stimuli,). Each study has a criterion of its own, and counts equally
        in a score. One for all unless given.
    """

    measures = ("r", "rmse")  # the first is the primary one

    def __init__(
        self, measured: ArrayLike, contrasts: ArrayLike, full: ArrayLike = 0.0, study: ArrayLike = EVERYTHING
    ) -> None:
        self.measured = np.asarray(measured, dtype=np.float64)
        self.log_contrast = np.log10(np.asarray(contrasts, dtype=np.float64))
        if self.measured.ndim != 2 or self.measured.shape[1] < 1 or not np.isfinite(self.measured).all():
            raise ValueError(
                f"measured has shape {self.measured.shape}; expected finite (stimuli, observers), one observer or more."
            )
        self.clusters, self.observers = self.measured.shape
        self.full = np.broadcast_to(np.asarray(full, dtype=np.float64), self.clusters)
        self.study = np.broadcast_to(np.asarray(study, dtype=str), self.clusters)
        self.resampled_unit = f"stimuli and {self.observers} observers" if self.observers > 1 else "stimuli"
        self._members = {name: np.flatnonzero(self.study == name) for name in dict.fromkeys(self.study.tolist())}

    @classmethod
    def of(cls, comparisons: pd.DataFrame, cube: xr.DataArray | None) -> Self:
        """Take them from a table with one row per stimulus and observer, for the stimuli and contrasts of a cube.

        The cube may have the coordinate `full`; the table's groups are the studies. Rows without an observer are means.
        """
        if cube is None:
            raise ValueError("Detection thresholds need the cube of distances, whose coordinates are their contrasts.")
        shown = list(cube["name"].values.astype(str))
        judged = comparisons.assign(observer=comparisons.get("observer", "mean"))
        wide = judged.pivot_table(index="first", columns="observer", values="judgement", sort=True).loc[shown]
        study = comparisons.drop_duplicates("first").set_index("first")["group"].loc[shown]
        full = cube["full"].values if "full" in cube.coords else 0.0
        return cls(wide.to_numpy(dtype=np.float64), cube["contrast"].values, full, study.to_numpy())

    def __len__(self) -> int:
        return len(self.measured)

    def groups(self) -> dict[str, tuple[Indices, Self]]:
        """Stimuli of every study and their thresholds, where there are several studies."""
        return self._groups

    @cached_property
    def _groups(self) -> dict[str, tuple[Indices, Self]]:
        return {name: (members, self._subset(members)) for name, members in self._members.items() if self._several}

    @property
    def _several(self) -> bool:
        return len(self._members) > 1

    def _subset(self, index: Indices) -> Self:
        return type(self)(self.measured[index], 10**self.log_contrast, self.full[index], self.study[index])

    def _by_stimulus(self, evidence: Floats) -> Floats:
        return evidence.reshape(*evidence.shape[:-1], len(self.log_contrast), len(self)).swapaxes(-1, -2)

    def primary_by_group(self, evidence: Floats) -> dict[str, Floats]:
        """The same as `primary_of`, and that of each study where there are several."""
        distance = self._by_stimulus(evidence)
        each = {name: part.primary(distance[..., members, :]) for name, (members, part) in self.groups().items()}
        return {EVERYTHING: np.mean(list(each.values()), axis=0) if each else self.primary_of(evidence), **each}

    def draw(self, replicates: int, random: np.random.Generator) -> Draws:
        """The full sample, then resampled stimuli of each study and, independently, observers (1 + replicates, ...)."""

        def counts(size: int) -> Indices:
            resampled = statistics.resampled_counts(size, replicates, random)
            return np.vstack([np.ones((1, size), dtype=np.int64), resampled])

        stimuli = np.empty((1 + replicates, len(self)), dtype=np.int64)
        for members in self._members.values():
            stimuli[:, members] = counts(len(members))
        return Draws(stimuli, counts(self.observers))

    def evidence(self, distance: Floats) -> Floats:
        """Distances of all stimuli at all contrasts: all of one contrast together, as they are predicted from."""
        return distance.swapaxes(-1, -2).reshape(*distance.shape[:-2], distance.shape[-2] * distance.shape[-1])

    def primary_of(self, evidence: Floats) -> Floats:
        """Correlation of the predicted with the measured log thresholds, shape (...): see `score`."""
        return self.score(self._by_stimulus(evidence), measures=("r",))["r"]

    def score(
        self, distance: Floats, draws: Draws | None = None, measures: Sequence[str] = measures
    ) -> dict[str, Floats]:
        """Score distances against the measured thresholds.

        Parameters
        ----------
        distance
            Distance to the blank, shape (..., stimuli, contrasts).
        draws
            Samples to score on instead of the full one; the distance then has no leading dimensions.
        measures
            Which to return.

        Returns
        -------
        `r`, Pearson correlation of predicted with measured log thresholds, with one criterion for all stimuli, and
        `rmse`, root mean squared error in log10 contrast, each stimulus predicted with the criterion of the others;
        each of shape (...), or (samples,) with draws.
        """
        if self._several:
            parts = [
                part.score(
                    distance[..., members, :], draws and draws._replace(stimuli=draws.stimuli[:, members]), measures
                )
                for members, part in self.groups().values()
            ]
            return {measure: np.mean([part[measure] for part in parts], axis=0) for measure in measures}
        if draws is None:
            measured: Floats = self.measured.mean(axis=1)
            counts: Indices = np.ones(len(self), dtype=np.int64)
        else:
            measured, counts = draws.observers @ self.measured.T / self.measured.shape[1], draws.stimuli
        scores: dict[str, Floats] = {}
        if "r" in measures:
            predicted = self.predict(distance, measured, counts).log_threshold
            scores["r"] = statistics.pearson(predicted, measured, counts)
        if "rmse" in measures:
            predicted = self.predict(distance, measured, counts, leave_out=True).log_threshold
            error = np.where(counts > 0, predicted - measured, 0)
            scores["rmse"] = np.sqrt((counts * error**2).sum(axis=-1) / counts.sum(axis=-1))
        return scores

    def people(self, draws: Draws) -> dict[str, Floats]:
        """Return what a perfect model could reach, and how well one observer agrees with the others.

        Returns
        -------
        Nothing where there is one threshold per stimulus. The human ceiling, sqrt(ICC(C, k)): the expected correlation
        of the true log thresholds with the mean of so many observers (McGraw and Wong 1996). A model is judged against
        that mean. And leave-one-observer-out: each observer's log thresholds correlated with the mean log thresholds of
        the other observers, then averaged. A model may exceed it, as one observer is noisier than a mean.

        References
        ----------
        McGraw, Wong: Forming Inferences About Some Intraclass Correlation Coefficients, Psychological Methods 1(1),
        1996: ICC(C, k), the consistency of a mean of k observers.
        """
        if (count := self.observers) == 1:
            return {}
        others = (self.measured.sum(axis=1, keepdims=True) - self.measured) / (count - 1)
        r = statistics.pearson(self.measured.T[:, None], others.T[:, None], draws.stimuli)
        return {
            HUMAN_CEILING: np.sqrt(self._consistency(draws)),
            LEAVE_ONE_OUT: (draws.observers * r.T).sum(axis=1) / count,
        }

    def _consistency(self, draws: Draws) -> Floats:
        """ICC(C, k) on every sample: 1 - MS_error / MS_stimuli of the two-way analysis of variance without repeats."""
        stimuli, observers = draws.stimuli[:, :, None], draws.observers[:, None, :]
        n, k = stimuli.sum(axis=1, keepdims=True), observers.sum(axis=2, keepdims=True)
        of_stimulus = (observers * self.measured).sum(axis=2, keepdims=True) / k
        of_observer = (stimuli * self.measured).sum(axis=1, keepdims=True) / n
        mean = (stimuli * of_stimulus).sum(axis=1, keepdims=True) / n
        residual = self.measured - of_stimulus - of_observer + mean
        error = (stimuli * observers * residual**2).sum(axis=(1, 2)) / ((n - 1) * (k - 1)).squeeze((1, 2))
        between = (k * stimuli * (of_stimulus - mean) ** 2).sum(axis=(1, 2)) / (n - 1).squeeze((1, 2))
        return (1 - statistics.ratio(error, between)).clip(0)

    def predict(
        self,
        distance: Floats,
        measured: Floats | None = None,
        counts: Indices | None = None,
        *,
        leave_out: bool = False,
    ) -> Prediction:
        """Predict each stimulus's threshold: the contrast at which its distance reaches a criterion.

        The criterion is the geometric mean of the stimuli's distances at their measured thresholds. One for all stimuli
        cancels in a correlation if their distances rise equally steeply with contrast; with one that leaves the
        predicted stimulus out, an uninformative distance would correlate negatively.

        Parameters
        ----------
        distance
            Distance to the blank, shape (..., stimuli, contrasts); made monotone by its running maximum over contrast.
        measured, counts
            Measured log10 thresholds and how often each stimulus counts, broadcast to (..., stimuli); the observers'
            mean, and once each, unless given.
        leave_out
            Whether a stimulus is predicted with the criterion of the others, all its copies left out, as for errors.

        Raises
        ------
        ValueError
            If the stimuli come from several studies. Each study has its own criterion: predict every part in `groups`.
        """
        if self._several:
            raise ValueError(f"There are {len(self._members)} studies; expected one, as each has its own criterion.")
        measured = self.measured.mean(axis=1) if measured is None else measured
        counts = np.ones(len(self), dtype=np.int64) if counts is None else counts
        # contrasts first: what is done for every contrast is then done for all stimuli and samples at once
        curve = np.maximum(np.moveaxis(distance, -1, 0), RESOLUTION, order="C")
        for lower, higher in pairwise(curve):
            np.maximum(lower, higher, out=higher)
        np.log10(curve, out=curve)
        at_threshold, _ = interpolate(self.log_contrast, curve, measured - self.full, QUADRATIC)
        weighted, own = counts * at_threshold, counts * leave_out
        criterion = (weighted.sum(axis=-1, keepdims=True) - own * at_threshold) / (
            counts.sum(axis=-1, keepdims=True) - own
        )
        log_threshold, extrapolated = first_reached(curve, self.log_contrast, criterion, 1 / QUADRATIC)
        return Prediction(log_threshold + self.full, extrapolated)


def interpolate(x: Floats, y: Floats, wanted: Floats, slope: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Return y where x first reaches `wanted`: linear between the points, with a given slope beyond them.

    Parameters
    ----------
    x
        Shape (points,); never falls.
    y
        Shape (points,) or (points, ...), the latter broadcast against the wanted.
    wanted
        Value of x, shape (...).
    slope
        Of y over x, below the first and above the last point.

    Returns
    -------
    y, and whether it lies beyond the points (x not above the first of them, or above the last), each of shape (...).
    """
    reached = np.searchsorted(x, wanted)
    last = len(x) - 1
    upper = reached.clip(1, last)
    x_low, x_high = x[upper - 1], x[upper]
    y_low, y_high = (_at(y, at) for at in (upper - 1, upper))
    with np.errstate(invalid="ignore", divide="ignore"):  # flat segments are only met outside, where others hold
        inside = y_low + (y_high - y_low) * (wanted - x_low) / (x_high - x_low)
    below, above = (y[end] + slope * (wanted - x[end]) for end in (0, last))
    under, over = reached == 0, reached > last
    return np.where(under, below, np.where(over, above, inside)), under | over


def first_reached(curve: Floats, y: Floats, wanted: Floats, slope: float) -> tuple[Floats, NDArray[np.bool_]]:
    """As `interpolate`, of one y, (points,), over several curves at once, (points, ...), in the place of x.

    The way along y is the sum of what lies behind in each segment, which takes no search.
    """
    found = y[0] + slope * np.minimum(wanted - curve[0], 0)
    with np.errstate(invalid="ignore", divide="ignore"):  # a flat segment lies behind or ahead as a whole
        for (low, high), width in zip(pairwise(curve), np.diff(y), strict=True):
            part = wanted - low
            part /= high - low
            found += width * np.fmin(np.fmax(part, 0, out=part), 1, out=part)  # fmax takes 0 for 0 / 0
    beyond = wanted - curve[-1]
    found += slope * np.maximum(beyond, 0)
    return found, (wanted <= curve[0]) | (beyond > 0)


def _at(values: Floats, index: Indices) -> Floats:
    """Value at one index along the first axis for each place of the others, which are broadcast."""
    if values.ndim == 1:
        return values[index]
    last = np.arange(values.shape[-1])
    if values.ndim == 2:
        return values[index, last]
    if index.ndim == 1:  # the same for all leading dimensions
        return np.moveaxis(values[index, ..., last], 0, -1)
    if values.shape[1:] == index.shape:
        flat = values.reshape(len(values), -1)
        return flat[index.ravel(), np.arange(flat.shape[1])].reshape(index.shape)
    missing = [1] * (index.ndim + 1 - values.ndim)
    values = values.reshape(len(values), *missing, *values.shape[1:])
    found: Floats = np.take_along_axis(values, index[None], axis=0)[0]
    return found
