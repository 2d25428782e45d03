"""The form in which all kinds of judgements score a distance, and what several kinds share."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from perceptual_efficacy.vocabulary import PEOPLE

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

    def score(self, distance: Floats, draws: Any, measures: Sequence[str] = ...) -> Mapping[str, Floats]:
        """Scores of one distance on every sample, shape (samples,)."""

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

    def draw(self, replicates: int, random: np.random.Generator) -> Floats:
        """How often each patch counts: once in the first sample, then as resampled, shape (1 + replicates, patches)."""
        counts = np.ones((1 + replicates, self.clusters))
        for row in counts[1:]:
            row[:] = np.bincount(random.integers(self.clusters, size=self.clusters), minlength=self.clusters)
        return counts
