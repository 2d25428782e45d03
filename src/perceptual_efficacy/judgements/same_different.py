"""Same or different: whether observers saw two patches as the same (just noticeable differences)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from perceptual_efficacy.judgements.protocol import Categories, Floats, shares

ROWS = 256  # bootstrap samples in memory at once


def average_precision(distance: ArrayLike, same: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Area under the precision-recall curve when "the same" is said of the nearest pairs first.

    Precision is interpolated as in the PASCAL VOC challenge since 2010: at each recall, the largest precision at that
    recall or above. Pairs at equal distance are taken together, so their order does not matter.

    Parameters
    ----------
    distance
        Distance of the two images of each pair, shape (..., pairs).
    same
        Share of observers who called them the same, in [0, 1], shape (pairs,).
    weights
        How often each pair counts, broadcast to (..., pairs); once each unless given.

    Returns
    -------
    Shape (...); missing where no one called any pair the same.

    Raises
    ------
    ValueError
        If the shapes differ, a distance is not finite, or a judgement lies outside [0, 1].
    """
    d, share = np.asarray(distance, dtype=np.float64), shares(same)
    if d.shape[-1:] != share.shape:
        raise ValueError(f"Distances have shape {d.shape}, judgements {share.shape}; both must list the same pairs.")
    if not np.isfinite(d).all():
        raise ValueError("A distance is not finite; a pair without one cannot be ranked.")
    order = np.argsort(d, axis=-1)
    ranked = np.take_along_axis(d, order, axis=-1)
    last_of_tie = np.ones(ranked.shape, dtype=bool)
    last_of_tie[..., :-1] = ranked[..., 1:] > ranked[..., :-1]
    if weights is None:
        w = np.ones_like(share)
        hits, shown = share[order], w.cumsum()
    else:
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim == 1 or d.ndim == 1:
            w = w[..., order]
        else:
            shape = np.broadcast_shapes(w.shape, d.shape)
            w = np.take_along_axis(np.broadcast_to(w, shape), np.broadcast_to(order, shape), axis=-1)
        hits, shown = w * share[order], np.cumsum(w, axis=-1)
    precision = np.cumsum(hits, axis=-1)
    total = precision[..., -1].copy()
    np.divide(precision, np.maximum(shown, 1e-300), out=precision)
    precision *= last_of_tie
    backwards = precision[..., ::-1]
    np.maximum.accumulate(backwards, axis=-1, out=backwards)  # the largest from here on
    found = np.einsum("...i,...i->...", hits, precision)
    return np.divide(found, total, out=np.full(total.shape, np.nan), where=total > 0)


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

    def score(self, distance: Floats, draws: Floats, measures: Sequence[str] = measures) -> dict[str, Floats]:
        """Mean average precision of one distance (pairs, 1) on every sample."""
        means = []
        for members in self._members.values():
            d, same, patch = distance[members, 0], self.judgement[members], self._cluster_number[members]
            parts = [
                average_precision(d, same, draws[start : start + ROWS, patch]) for start in range(0, len(draws), ROWS)
            ]
            means.append(np.concatenate(parts))
        return {"map": np.mean(means, axis=0)}
