"""Opinions: mean opinion scores of distorted images, and how a distance correlates with them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from perceptual_efficacy import statistics
from perceptual_efficacy.judgements.protocol import Floats, GroupedJudgements, Indices

WIDTHS = (0.01, 100.0)  # of a logistic function, in standard deviations


class OpinionDraws(NamedTuple):
    """The full sample, and the samples without one reference each, by weight."""

    references: Floats  # (samples, references)
    images: Floats  # (images, samples)
    opinion_rank: Floats  # (images, samples), centred


class OpinionScores(GroupedJudgements):
    """Mean opinion scores of images (higher is better), and the correlation of a distance with them.

    Distances have shape (..., images, 1). `srcc` is Spearman's, `krcc` Kendall's tau-b, `plcc` Pearson's and
    `plcc_logistic` Pearson's after a four-parameter logistic function, see `logistic_fit`. Mean opinions do not tell
    how well observers agree with each other.
    """

    resampled_unit = "references"
    jackknife = True
    measures = ("srcc", "krcc", "plcc", "plcc_logistic")

    def __init__(self, judgement: ArrayLike, group: ArrayLike, cluster: ArrayLike, *, human: bool = True) -> None:
        super().__init__(judgement, group, cluster, human=human)
        if not np.isfinite(self.judgement).all():
            raise ValueError("A mean opinion score is not a number.")
        self._rank = _centred_ranks(self.judgement, self._cluster_number, self.clusters)
        self._overall_rank = stats.rankdata(self.judgement) - (len(self) + 1) / 2

    def draw(self, replicates: int, random: np.random.Generator) -> OpinionDraws:
        """Leave out one reference at a time: references are too few to be resampled."""
        weights: Floats = np.vstack([np.ones((1, self.clusters)), 1 - np.eye(self.clusters)])
        return OpinionDraws(weights, weights.T[self._cluster_number], self._rank @ weights.T)

    def evidence(self, distance: Floats) -> Floats:
        """Distances of all images."""
        return distance[..., 0]

    def primary_of(self, evidence: Floats) -> Floats:
        """Spearman correlation of minus the distances (..., images) with opinions, shape (...)."""
        return -_rank_correlation(evidence, self._overall_rank)

    def score(self, distance: Floats, draws: OpinionDraws, measures: Sequence[str] = measures) -> dict[str, Floats]:
        """Correlations of one distance (images, 1) on every sample; the logistic function is fitted to the full one."""
        similarity = -distance[..., 0]
        compute = {
            "srcc": lambda: self._srcc(similarity, draws),
            "krcc": lambda: self._krcc(similarity, draws),
            "plcc": lambda: self._plcc(similarity, draws),
            "plcc_logistic": lambda: self._plcc(logistic_fit(similarity, self.judgement), draws),
        }
        return {name: compute[name]() for name in measures}

    def _srcc(self, similarity: Floats, draws: OpinionDraws) -> Floats:
        """Pearson correlation of the ranks within each sample.

        An image's rank in a sample is linear in how often each reference is drawn (see `_centred_ranks`).
        """
        rank = _centred_ranks(similarity, self._cluster_number, self.clusters) @ draws.references.T
        weighted = draws.images * rank
        covariance = (weighted * draws.opinion_rank).sum(axis=0)
        spread = (weighted * rank).sum(axis=0) * (draws.images * draws.opinion_rank**2).sum(axis=0)
        return statistics.ratio(covariance, np.sqrt(spread))

    def _krcc(self, similarity: Floats, draws: OpinionDraws) -> Floats:
        """Tau-b: concordant minus discordant pairs over the root of the pairs that either side tells apart.

        Each is a sum over pairs of references, of their weights' product: copies of an image are tied on both sides.
        """
        order = np.argsort(self._cluster_number, kind="stable")
        starts = np.searchsorted(self._cluster_number[order], np.arange(self.clusters))

        def pairs(of_images: NDArray[np.int8]) -> Floats:
            rows = np.add.reduceat(of_images, starts, axis=0, dtype=np.int32)
            between = np.add.reduceat(rows, starts, axis=1, dtype=np.int64)
            return np.einsum("sa,ab,sb->s", draws.references, between, draws.references, optimize=True)

        x, y = _signs(similarity[order]), _signs(self.judgement[order])
        return statistics.ratio(pairs(x * y), np.sqrt(pairs(np.abs(x)) * pairs(np.abs(y))))

    def _plcc(self, similarity: Floats, draws: OpinionDraws) -> Floats:
        """Pearson correlation, from sums over each reference's images."""
        x, y = similarity - similarity.mean(), self.judgement - self.judgement.mean()
        n, sx, sy, sxx, syy, sxy = (
            draws.references @ np.bincount(self._cluster_number, values, minlength=self.clusters)
            for values in (np.ones_like(x), x, y, x * x, y * y, x * y)
        )
        n = np.maximum(n, 1)  # with a single reference, the sample without it is empty
        spread_x, spread_y = sxx - sx * sx / n, syy - sy * sy / n
        # what is left of a constant after subtracting its mean is rounding, not variation
        varies = (spread_x > 1e-13 * sxx) & (spread_y > 1e-13 * syy)
        return np.where(varies, statistics.ratio(sxy - sx * sy / n, np.sqrt(np.abs(spread_x * spread_y))), np.nan)


def _centred_ranks(values: Floats, cluster: Indices, clusters: int) -> Floats:
    """Half the number of each cluster's values below each value minus half of those above, shape (values, clusters).

    With w copies of each cluster a value's mid-rank is the weighted sum over clusters of these, plus half the number of
    all copies and a half: what is left after centring is the sum alone.
    """
    order = np.argsort(values)
    ranked = values[order]
    until = np.zeros((len(values) + 1, clusters))  # of each cluster among so many of the lowest values
    until[np.arange(1, len(values) + 1), cluster[order]] = 1
    np.cumsum(until, axis=0, out=until)
    below, not_above = (until[np.searchsorted(ranked, values, side)] for side in ("left", "right"))
    return (below + not_above - until[-1]) / 2


def _rank_correlation(values: Floats, centred_rank: Floats) -> Floats:
    """Spearman correlation along the last axis with something whose centred ranks are given."""
    size = values.shape[-1]
    rank = np.arange(size) - (size - 1) / 2
    # the ranks lie in order; the others' are brought there
    brought, equal = statistics.SortedTogether(centred_rank)(values)
    covariance, spread = np.asarray(brought @ rank), np.full(values.shape[:-1], (rank**2).sum())
    tied = equal.any(axis=-1)
    if tied.any():
        ranks = stats.rankdata(values[tied], axis=-1) - (size + 1) / 2
        covariance[tied], spread[tied] = ranks @ centred_rank, (ranks**2).sum(axis=-1)
    return statistics.ratio(covariance, np.sqrt(spread * (centred_rank**2).sum()))


def _signs(values: Floats) -> NDArray[np.int8]:
    """Sign of every difference, shape (values, values)."""
    column = values[:, None]
    return (column > values).astype(np.int8) - (column < values).astype(np.int8)


def logistic_fit(similarity: ArrayLike, opinion: ArrayLike) -> Floats:
    """Opinions that a rising four-parameter logistic function of the similarity predicts, fitted by least squares.

    b2 + (b1 - b2) / (1 + exp(-(x - b3) / b4)), b1 > b2, with b3 within the range of x and b4 between a hundredth and a
    hundred times its standard deviation. For any b3 and b4 the best b1 and b2 are those of a linear regression, so what
    is searched for is the largest correlation: on a grid, and from its best point on by Nelder and Mead's method. Where
    the relation is weak the search may stop a little short of it.

    Parameters
    ----------
    similarity, opinion
        Shape (images,).

    Returns
    -------
    Shape (images,); all missing where either does not vary, there are fewer than five, or nothing that rises fits.

    References
    ----------
    Video Quality Experts Group: Final report on the validation of objective models of video quality assessment, phase
    I, 2000, and II, 2003.
    """
    x, y = np.asarray(similarity, dtype=np.float64), np.asarray(opinion, dtype=np.float64)
    missing = np.full(x.shape, np.nan)
    # what is left of a constant opinion after subtracting its mean is rounding
    if len(x) < 5 or not np.isfinite(x).all() or np.ptp(x) == 0 or y.std() <= 1e-14 * np.abs(y).max():
        return missing
    x = (x - x.mean()) / x.std()
    middles, widths = np.quantile(x, np.linspace(0, 1, 9)), np.geomspace(*WIDTHS, 13)
    deviation = (y - y.mean()) / (y.std() * np.sqrt(len(y)))

    def correlation(middle: ArrayLike, width: ArrayLike) -> Floats:
        share = special.expit((x - np.asarray(middle)[..., None]) / np.asarray(width)[..., None])
        share -= share.mean(axis=-1, keepdims=True)
        spread = np.sqrt((share**2).sum(axis=-1))
        flat = spread <= 1e-14  # of shares up to 1: rounding
        return np.where(flat, -1, share @ deviation / np.where(flat, 1, spread))

    grid = correlation(middles[:, None], widths)
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    best = optimize.minimize(
        lambda at: -correlation(at[0], np.exp(at[1])),
        x0=[middles[row], np.log(widths[column])],
        method="Nelder-Mead",
        bounds=[(x.min(), x.max()), tuple(np.log(WIDTHS))],
        options={"xatol": 1e-4, "fatol": 1e-9},
    )
    if not best.success or best.fun >= 0:
        return missing
    share = special.expit((x - best.x[0]) / np.exp(best.x[1]))
    slope, start = np.polyfit(share, y, 1)
    return start + slope * share
