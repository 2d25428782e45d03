"""The form in which all kinds of judgements score a distance."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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

    def draw(self, replicates: int, random: np.random.Generator) -> Any:
        """Draw samples: the full one, bootstrap samples, and for BCa intervals those without one cluster each."""

    def primary(self, distance: Floats) -> Floats:
        """Primary score of distances (..., *comparisons) on the full sample, shape (...)."""

    def score(self, distance: Floats, draws: Any, measures: Sequence[str] = ...) -> Mapping[str, Floats]:
        """Scores of one distance on every sample, shape (samples,)."""

    def people(self, draws: Any) -> Mapping[str, Floats]:
        """Primary score of the observers themselves on every sample, by name."""
