"""Same or different: whether observers saw two patches as the same (just noticeable differences)."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from perceptual_efficacy.judgements.protocol import Categories, Floats, shares


def average_precision(distance: ArrayLike, same: ArrayLike) -> Floats:
    """Area under the precision-recall curve when "the same" is said of the nearest pairs first.

    Precision is interpolated as in the PASCAL VOC challenge since 2010: at each recall, the largest precision at that
    recall or above. Pairs at equal distance are taken together, so their order does not matter.

    Parameters
    ----------
    distance
        Distance of the two images of each pair, shape (..., pairs).
    same
        Share of observers who called them the same, in [0, 1], shape (pairs,).

    Returns
    -------
    Shape (...); missing where no one called any pair the same.

    Raises
    ------
    ValueError
        If the shapes differ, a distance is not finite, or a judgement lies outside [0, 1].
    """
    d, share = _checked(distance, same)
    order = np.argsort(d, axis=-1)
    ranked = np.take_along_axis(d, order, axis=-1)
    hits = share[order]
    precision = np.cumsum(hits, axis=-1)
    total = precision[..., -1].copy()
    precision /= np.arange(1, share.size + 1)
    precision[..., :-1][ranked[..., 1:] == ranked[..., :-1]] = 0  # only after the last of a tie
    backwards = precision[..., ::-1]
    np.maximum.accumulate(backwards, axis=-1, out=backwards)
    found = np.einsum("...i,...i->...", hits, precision)
    return np.divide(found, total, out=np.full(total.shape, np.nan), where=total > 0)


def resampled_precision(distance: ArrayLike, same: ArrayLike, counts: ArrayLike) -> Floats:
    """`average_precision` of one distance where each pair counts as often as a sample says.

    Parameters
    ----------
    distance, same
        Shape (pairs,).
    counts
        How often each sample has each pair, shape (pairs, samples).

    Returns
    -------
    Shape (samples,); missing where no one called any pair of a sample the same.

    Raises
    ------
    ValueError
        See `average_precision`.
    """
    d, share = _checked(distance, same)
    drawn = np.asarray(counts, dtype=np.float64)
    # from the farthest pair on, so that the largest precision from here on is known and nothing is kept for all pairs
    shown, recalled = drawn.sum(axis=0), share @ drawn
    total = recalled.copy()
    found, best, precision = (np.zeros(drawn.shape[1]) for _ in range(3))
    nearest = np.inf
    for pair in np.argsort(d)[::-1]:
        often, hit = drawn[pair], share[pair]
        if d[pair] < nearest:
            np.divide(recalled, np.maximum(shown, 1, out=precision), out=precision)
            np.maximum(best, precision, out=best)
            nearest = d[pair]
        if hit > 0:
            np.multiply(often, hit, out=precision)
            recalled -= precision
            precision *= best
            found += precision
        shown -= often
    return np.divide(found, total, out=np.full(total.shape, np.nan), where=total > 0)


def _checked(distance: ArrayLike, same: ArrayLike) -> tuple[Floats, Floats]:
    d, share = np.asarray(distance, dtype=np.float64), shares(same)
    if d.shape[-1:] != share.shape:
        raise ValueError(f"Distances have shape {d.shape}, judgements {share.shape}; both must list the same pairs.")
    if not np.isfinite(d).all():
        raise ValueError("A distance is not finite; a pair without one cannot be ranked.")
    return d, share


class SameOrDifferent(Categories):
    """Whether people called two patches the same (just noticeable differences), and the mean average precision.

    Distances have shape (..., pairs, 1); judgements are the share of observers who said "the same". The released ones
    do not tell how well observers agree with each other.
    """

    measures = ("map",)

    def evidence(self, distance: Floats) -> Floats:
        """Distances of all pairs."""
        return distance[..., 0]

    def by_category(self, evidence: Floats) -> Floats:
        """Average precision of distances (..., pairs) in every category, shape (..., categories)."""
        parts = self._members.values()
        return np.stack([average_precision(evidence[..., part], self.judgement[part]) for part in parts], axis=-1)

    def score_each(
        self, distances: Iterable[Floats], draws: Floats, measures: Sequence[str] | None = None
    ) -> dict[str, Floats]:
        """Mean average precision of several distances (pairs, 1) on every sample, shape (distances, samples)."""
        shown = [distance[:, 0] for distance in distances]
        means = np.zeros((len(shown), len(draws)))
        for members in self._members.values():
            same, counts = self.judgement[members], draws.T[self._cluster_number[members]]
            for mean, distance in zip(means, shown, strict=True):
                mean += resampled_precision(distance[members], same, counts)
        return {"map": means / len(self._members)}
