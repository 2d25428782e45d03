"""The form in which all kinds of judgements score a distance, and what several kinds share."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy.vocabulary import EVERYTHING, PEOPLE

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class Judgements(Protocol):
    """What was judged, in the form that scores a distance.

    Scores are those of the negative distance, so that a good score is positive.
    """

    measures: tuple[str, ...]  # the first is the primary one; higher is better
    resampled_unit: str
    clusters: int  # number of resampled units
    jackknife: bool = False  # whether units are left out one by one, as there are few; then scores are correlations

    def __len__(self) -> int: ...

    def groups(self) -> Mapping[str, tuple[Indices, "Judgements"]]:
        """Parts to be scored by themselves as well: their comparisons, and their judgements."""
        return {}

    def draw(self, replicates: int, random: np.random.Generator) -> Any:
        """Draw samples: the full one, then bootstrap samples or, for a jackknife, those that leave out one cluster."""

    def primary(self, distance: Floats) -> Floats:
        """Primary score of distances (..., *comparisons) on the full sample, shape (...)."""
        return self.primary_of(self.evidence(distance))

    def score(self, distance: Floats, draws: Any, measures: Sequence[str] = ...) -> Mapping[str, Floats]:
        """Scores of one distance on every sample, shape (samples,)."""

    # Sums over channels are what costs, so splits are summed and scored in the reduced form of `evidence`.

    def evidence(self, distance: Floats) -> Floats:
        """What `primary_of` needs of distances (..., *comparisons): as additive over channels as they are, (..., n)."""

    def primary_of(self, evidence: Floats) -> Floats:
        """Primary score of evidence (..., n) on the full sample, shape (...)."""

    def primary_by_group(self, evidence: Floats) -> dict[str, Floats]:
        """The same, and that of the part of it that belongs to each group, by name."""
        parts = {name: part.primary_of(evidence.take(index, axis=-1)) for name, (index, part) in self.groups().items()}
        return {EVERYTHING: self.primary_of(evidence), **parts}

    def score_each(
        self, distances: Iterable[Floats], draws: Any, measures: Sequence[str] | None = None
    ) -> dict[str, Floats]:
        """Scores of several distances on every sample, each of shape (distances, samples)."""
        names = self.measures if measures is None else measures
        found = [self.score(distance, draws, names) for distance in distances]
        return {name: np.stack([scores[name] for scores in found]) for name in names}

    def people(self, draws: Any) -> Mapping[str, Floats]:
        """Primary score of the observers themselves on every sample, by name, where their agreement is known."""
        return {}


class GroupedJudgements(Judgements):
    """One judgement per comparison, of comparisons in groups, with clusters of comparisons to resample.

    Parameters
    ----------
    judgement
        Shape (comparisons,).
    group
        Name per comparison: its category or kind of distortion.
    cluster
        What each comparison is resampled with: its reference.
    human
        False where the judgements are known by construction; these have no human ceiling.
    """

    def __init__(self, judgement: ArrayLike, group: ArrayLike, cluster: ArrayLike, *, human: bool = True) -> None:
        self.judgement: Floats = np.asarray(judgement, dtype=np.float64)
        self.group, self.cluster = np.asarray(group, dtype=str), np.asarray(cluster, dtype=str)
        self.human = human
        self._members = {name: np.flatnonzero(self.group == name) for name in dict.fromkeys(self.group)}
        clusters, self._cluster_number = np.unique(self.cluster, return_inverse=True)
        self.clusters = len(clusters)

    @classmethod
    def of(cls, comparisons: pd.DataFrame, cube: xr.DataArray | None = None) -> Self:
        """Take them from a table of comparisons."""
        human = bool((comparisons["judged_by"] == PEOPLE).all())
        return cls(*(comparisons[name].to_numpy() for name in ("judgement", "group", "cluster")), human=human)

    def __len__(self) -> int:
        return len(self.judgement)

    def groups(self) -> dict[str, tuple[Indices, Self]]:
        """Comparisons of every group and their judgements, where there are several."""
        return self._groups

    @cached_property
    def _groups(self) -> dict[str, tuple[Indices, Self]]:
        if len(self._members) < 2:
            return {}
        return {name: (members, self._subset(members)) for name, members in self._members.items()}

    def _subset(self, index: Indices) -> Self:
        return type(self)(self.judgement[index], self.group[index], self.cluster[index], human=self.human)


def shares(judgement: ArrayLike) -> Floats:
    """Return judgements as an array; refuse what is not in [0, 1]."""
    share = np.asarray(judgement, dtype=np.float64)
    outside = ~((share >= 0) & (share <= 1))
    if outside.any():
        raise ValueError(f"A judgement is {share[outside][0]}; it is a share of observers and lies in [0, 1].")
    return share


class Categories(GroupedJudgements):
    """What choices and judgements of sameness share: patches to resample, and categories that count equally.

    A judgement is a share of observers. The score of several categories is the mean of theirs, as published averages
    are.
    """

    resampled_unit = "reference patches"

    def __init__(self, judgement: ArrayLike, group: ArrayLike, cluster: ArrayLike, *, human: bool = True) -> None:
        super().__init__(shares(judgement), group, cluster, human=human)

    def primary_of(self, evidence: Floats) -> Floats:
        """Mean over categories of their scores, shape (...)."""
        return self.by_category(evidence).mean(axis=-1)

    def primary_by_group(self, evidence: Floats) -> dict[str, Floats]:
        """The mean over categories, and each where there are several."""
        each = self.by_category(evidence)
        several = len(self._members) > 1
        parts = {name: each[..., number] for number, name in enumerate(self._members) if several}
        return {EVERYTHING: each.mean(axis=-1), **parts}

    @abstractmethod
    def by_category(self, evidence: Floats) -> Floats:
        """Score of every category, shape (..., categories)."""

    def draw(self, replicates: int, random: np.random.Generator) -> Floats:
        """How often each patch counts: once in the first sample, then as resampled, shape (1 + replicates, patches).

        All samples of a patch lie side by side in memory, as they are used together.
        """
        counts = np.ones((self.clusters, 1 + replicates))
        for sample in range(1, 1 + replicates):
            drawn = random.integers(self.clusters, size=self.clusters)
            counts[:, sample] = np.bincount(drawn, minlength=self.clusters)
        return counts.T

    def score(self, distance: Floats, draws: Floats, measures: Sequence[str] = ()) -> dict[str, Floats]:
        """Score of one distance on every sample, by the one measure that there is."""
        return {name: scores[0] for name, scores in self.score_each([distance], draws).items()}
