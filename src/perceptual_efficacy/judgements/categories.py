"""Judgements of patches by category, as shares of observers: what BAPPS's two kinds have in common."""

import numpy as np
from numpy.typing import ArrayLike

from perceptual_efficacy.judgements.protocol import Floats, GroupedJudgements


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
