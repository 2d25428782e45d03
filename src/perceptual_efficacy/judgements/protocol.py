"""The form in which all kinds of judgements score a distance, and what those of groups of images share."""

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

    measures: tuple[str, ...]  # the first is the primary one, of which more is better
    resampled_unit: str
    clusters: int  # number of resampled units

    def __len__(self) -> int: ...

    def groups(self) -> Mapping[str, tuple[Indices, "Judgements"]]:
        """Parts to be scored by themselves as well: their comparisons, and their judgements."""
        return {}

    def draw(self, replicates: int, random: np.random.Generator) -> Any:
        """Draw samples: the full one, bootstrap samples, and for BCa intervals those without one cluster each."""

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
