"""Same or different: whether observers saw two patches as the same (just noticeable differences)."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from perceptual_efficacy import statistics
from perceptual_efficacy.judgements.protocol import Categories, Floats, shares

TOGETHER = 2**15  # scores counted at once: what stays near the processor is counted several times faster


def average_precision(distance: ArrayLike, same: ArrayLike) -> Floats:
    """Area under the precision-recall curve when "the same" is said of the nearest pairs first.

    Precision is interpolated as in the PASCAL VOC challenge since 2010: at each recall, the largest precision at that
    recall or above. Pairs at equal distance are taken together, so their order does not matter. Distances are compared
    to 15 digits, or 12 where the judgements take thousands of values.

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
    found = np.full(d.shape[:-1], np.nan)
    if share.any():
        shown, sort = np.arange(1.0, share.size + 1), statistics.SortedTogether(share)
        for place in np.ndindex(found.shape):  # one by one, as what stays near the processor is scored faster
            hits, tied = sort(d[place])
            precision = hits.cumsum()
            total = precision[-1]
            precision /= shown
            if tied.any():
                precision[:-1][tied] = 0  # only after the last of a tie
            backwards = precision[::-1]
            np.maximum.accumulate(backwards, out=backwards)
            found[place] = hits @ precision / total
    return found


def resampled_precision(distance: ArrayLike, same: ArrayLike, counts: ArrayLike) -> Floats:
    """`average_precision` where each pair counts as often as a sample says.

    Parameters
    ----------
    distance, same
        Shapes (..., pairs) and (pairs,).
    counts
        How often each sample has each pair, shape (pairs, samples).

    Returns
    -------
    Shape (..., samples); missing where no one called any pair of a sample the same.

    Raises
    ------
    ValueError
        See `average_precision`.
    """
    d, share = _checked(distance, same)
    drawn = np.asarray(counts, dtype=np.float64)
    # both are the same for all distances: nothing has been taken away yet
    shown, recalled = drawn.sum(axis=0), share @ drawn
    rows = d.reshape(-1, share.size)
    several = max(TOGETHER // len(shown), 1)
    blocks = [rows[start : start + several] for start in range(0, len(rows), several)]
    found = np.concatenate([_gained(block, share, drawn, shown, recalled) for block in blocks])
    precision = np.divide(found, recalled, out=np.full_like(found, np.nan), where=recalled > 0)
    return precision.reshape(*d.shape[:-1], len(shown))


def _gained(distance: Floats, same: Floats, drawn: Floats, shown: Floats, recalled: Floats) -> Floats:
    """Sum of what pairs gain, each its judgement times the precision at its recall, shape (distances, samples).

    From the farthest pair on, all distances side by side: so the largest precision at this recall or above is known,
    and nothing is kept for all pairs.
    """
    order = np.argsort(distance, axis=1)[:, ::-1]
    ranked = np.take_along_axis(distance, order, axis=1)
    last_of_tie = np.ones(order.shape, dtype=bool)
    last_of_tie[:, 1:] = ranked[:, 1:] < ranked[:, :-1]
    shown, recalled = (np.tile(of_all, (len(distance), 1)) for of_all in (shown, recalled))
    found, best, precision, often = (np.zeros(shown.shape) for _ in range(4))
    for pairs, hits, last in zip(order.T, same[order].T[..., None], last_of_tie.T[..., None], strict=True):
        drawn.take(pairs, axis=0, out=often, mode="clip")  # which copies without a buffer
        np.divide(recalled, np.maximum(shown, 1, out=precision), out=precision)
        if not last.all():
            precision *= last
        np.maximum(best, precision, out=best)
        gained = np.multiply(often, hits, out=precision)
        recalled -= gained
        gained *= best
        found += gained
        shown -= often
    return found


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
        return np.stack(
            [average_precision(evidence.take(part, axis=-1), self.judgement[part]) for part in parts], axis=-1
        )

    def score_each(
        self, distances: Iterable[Floats], draws: Floats, measures: Sequence[str] | None = None
    ) -> dict[str, Floats]:
        """Mean average precision of several distances (pairs, 1) on every sample, shape (distances, samples)."""
        shown = np.stack([distance[:, 0] for distance in distances])
        each = [
            resampled_precision(shown[:, members], self.judgement[members], draws.T[self._cluster_number[members]])
            for members in self._members.values()
        ]
        return {"map": np.mean(each, axis=0)}
