"""Choices of two: which of two patches observers found closer to a reference."""

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from perceptual_efficacy import statistics
from perceptual_efficacy.judgements.protocol import Categories, Floats, Indices, shares
from perceptual_efficacy.vocabulary import HUMAN_CEILING, SELF_AGREEMENT

FEW = 4  # distances scored at once: what stays near the processor is scored faster


def two_alternative_score(distance_first: ArrayLike, distance_second: ArrayLike, judgement: ArrayLike) -> Floats:
    """Agreement of a distance with human two-alternative choices, per triplet.

    A triplet earns the share of observers who chose the patch that the distance calls closer; a tie earns one half.

    Parameters
    ----------
    distance_first, distance_second
        Distance of the reference to the first and to the second patch, shape (..., triplets).
    judgement
        Share of observers who preferred the second patch, in [0, 1], shape (triplets,).

    Returns
    -------
    Score per triplet in [0, 1], shape (..., triplets); its mean is the 2AFC score of Zhang et al. (2018).

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite, or a judgement lies outside [0, 1].

    References
    ----------
    Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR
    2018.
    """
    first, second = np.asarray(distance_first, dtype=np.float64), np.asarray(distance_second, dtype=np.float64)
    share = shares(judgement)
    if first.shape != second.shape or first.shape[-1:] != share.shape:
        raise ValueError(
            f"Distances have shapes {first.shape} and {second.shape}, judgements {share.shape}; all must list the "
            f"same triplets."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("A distance is not finite; a triplet without two distances cannot be scored.")
    return _two_alternative(first, second, share)


def _two_alternative(first: Floats, second: Floats, judgement: Floats) -> Floats:
    return np.where(first < second, 1 - judgement, np.where(second < first, judgement, 0.5))


class TwoAlternativeChoices(Categories):
    """Which of two patches people called closer to a reference, and the 2AFC score of a distance.

    Distances have shape (..., triplets, 2), to the first patch and to the second; judgements are the share of observers
    who preferred the second. `observers` says how many observers judged each triplet, shape (triplets,); None if that
    is not known.
    """

    measures = ("2afc",)

    def __init__(
        self,
        judgement: ArrayLike,
        group: ArrayLike,
        cluster: ArrayLike,
        *,
        human: bool = True,
        observers: ArrayLike | None = None,
    ) -> None:
        super().__init__(judgement, group, cluster, human=human)
        self._at_stake = np.zeros((len(self), len(self._members)))
        for category, members in enumerate(self._members.values()):
            self._at_stake[members, category] = (0.5 - self.judgement[members]) / len(members)
        self.observers = None if observers is None else np.asarray(observers, dtype=np.float64)
        if self.observers is not None and not (self.observers.shape == (len(self),) and (self.observers > 1).all()):
            raise ValueError(
                f"observers has shape {self.observers.shape}, the smallest is {self.observers.min(initial=np.inf):g}; "
                f"expected at least 2 for each of {len(self)} triplets, or None."
            )

    @classmethod
    def of(cls, comparisons: pd.DataFrame, cube: xr.DataArray | None = None) -> Self:
        """Take them from a table of comparisons."""
        found = super().of(comparisons, cube)
        if "observers" in comparisons and (comparisons["observers"].fillna(0) > 1).all():
            found.observers = comparisons["observers"].to_numpy(dtype=np.float64)
        return found

    def evidence(self, distance: Floats) -> Floats:
        """How much farther every second patch is than the first: its sign decides."""
        return distance[..., 1] - distance[..., 0]

    def by_category(self, evidence: Floats) -> Floats:
        """2AFC score of how much farther every second patch is, (..., triplets), in every category."""
        farther = evidence.reshape(-1, len(self))
        found = np.empty((len(farther), len(self._members)))
        # a triplet earns a half, plus or minus what its observers' majority has above a half
        for start in range(0, len(farther), FEW):
            few = farther[start : start + FEW]
            signs = (few > 0).astype(np.int8) - (few < 0)
            np.matmul(signs, self._at_stake, out=found[start : start + FEW])
        return 0.5 + found.reshape(*evidence.shape[:-1], -1)

    def score_each(
        self, distances: Iterable[Floats], draws: Floats, measures: Sequence[str] | None = None
    ) -> dict[str, Floats]:
        """2AFC score of several distances (triplets, 2) on every sample, shape (distances, samples)."""
        earned = [_two_alternative(one[:, 0], one[:, 1], self.judgement) for one in distances]
        return {"2afc": self._average(np.stack(earned), draws)}

    def people(self, draws: Floats) -> dict[str, Floats]:
        """Return how often two observers choose alike, by name.

        Returns
        -------
        With self-agreement, as published: x = j² + (1 - j)², the mean score of an observer against the choices of all
        n, including their own. And, where n is known, the human ceiling without it: (n x - 1) / (n - 1), the share of
        pairs of different observers who choose alike, whose expectation does not depend on n. Each is averaged over
        triplets.
        """
        if not self.human:
            return {}
        alike = self.judgement**2 + (1 - self.judgement) ** 2
        published = {SELF_AGREEMENT: self._average(alike[None], draws)[0]}
        if self.observers is None:
            return published
        different = (self.observers * alike - 1) / (self.observers - 1)
        return {HUMAN_CEILING: self._average(different[None], draws)[0], **published}

    def _subset(self, index: Indices) -> Self:
        part = super()._subset(index)
        part.observers = None if self.observers is None else self.observers[index]
        return part

    def _average(self, earned: Floats, draws: Floats) -> Floats:
        """Mean over categories of the mean over each category's triplets (channels, triplets), on every sample."""
        means = np.zeros((len(earned), len(draws)))
        for members in self._members.values():
            order = members[np.argsort(self._cluster_number[members], kind="stable")]
            clusters, starts = np.unique(self._cluster_number[order], return_index=True)
            drawn, size = draws.T[clusters], np.diff([*starts, len(order)]).astype(np.float64)
            sums = np.add.reduceat(earned[:, order], starts, axis=1) @ drawn
            means += statistics.ratio(sums, np.broadcast_to(size @ drawn, sums.shape))
        return means / len(self._members)
