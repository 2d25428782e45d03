"""Judgements of patches by category, as shares of observers: what BAPPS's two kinds have in common."""

from typing import Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from perceptual_efficacy.judgements.protocol import Floats, Indices
from perceptual_efficacy.vocabulary import PEOPLE


def shares(judgement: ArrayLike) -> Floats:
    """Return judgements as an array; refuse what is not in [0, 1]."""
    share = np.asarray(judgement, dtype=np.float64)
    outside = ~((share >= 0) & (share <= 1))
    if outside.any():
        raise ValueError(f"A judgement is {share[outside][0]}; it is a share of observers and lies in [0, 1].")
    return share


class Categories:
    """What choices and judgements of sameness share: categories that count equally, and patches to resample.

    Parameters
    ----------
    judgement
        Share of observers, shape (comparisons,).
    category
        Name per comparison. The score of several categories is the mean of theirs, as published averages are.
    cluster
        What each comparison is resampled with: its reference patch.
    human
        False where the judgements are known by construction; these have no human ceiling.
    """

    resampled_unit = "reference patches"

    def __init__(self, judgement: ArrayLike, category: ArrayLike, cluster: ArrayLike, *, human: bool = True) -> None:
        self.judgement = shares(judgement)
        self.category = np.asarray(category, dtype=str)
        self.cluster = np.asarray(cluster, dtype=str)
        self.human = human
        self._members = [np.flatnonzero(self.category == name) for name in dict.fromkeys(self.category)]
        patches, self._patch = np.unique(self.cluster, return_inverse=True)
        self.clusters = len(patches)

    @classmethod
    def of(cls, comparisons: pd.DataFrame, cube: xr.DataArray | None = None) -> Self:
        """Take them from a table of comparisons."""
        human = bool((comparisons["judged_by"] == PEOPLE).all())
        return cls(*(comparisons[name].to_numpy() for name in ("judgement", "group", "cluster")), human=human)

    def __len__(self) -> int:
        return len(self.judgement)

    def groups(self) -> dict[str, tuple[Indices, Self]]:
        """Comparisons of every category and their judgements, where there are several."""
        if len(self._members) < 2:
            return {}
        return {self.category[members[0]]: (members, self._subset(members)) for members in self._members}

    def _subset(self, index: Indices) -> Self:
        category, cluster = self.category[index], self.cluster[index]
        return type(self)(self.judgement[index], category, cluster, human=self.human)

    def draw(self, replicates: int, random: np.random.Generator) -> Floats:
        """How often each patch counts: once in the first sample, then as resampled, shape (1 + replicates, patches)."""
        counts = np.ones((1 + replicates, self.clusters))
        for row in counts[1:]:
            row[:] = np.bincount(random.integers(self.clusters, size=self.clusters), minlength=self.clusters)
        return counts
