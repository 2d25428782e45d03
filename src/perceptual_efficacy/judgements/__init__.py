"""Agreement of a distance with what people said of images: which of two is nearer, whether two are the same, how good.

Less distance is to mean more similar, so every score is that of the negative distance and a good score is positive.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from perceptual_efficacy import statistics
from perceptual_efficacy.vocabulary import HUMAN_CEILING

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

ROWS = 256  # bootstrap samples in hand at once
WIDTHS = (0.01, 100.0)  # of a logistic function, in standard deviations


def two_alternative_score(distance_first: ArrayLike, distance_second: ArrayLike, judgement: ArrayLike) -> Floats:
    """Agreement of a distance with human two-alternative choices, per triplet.

    A triplet earns the share of observers who chose the patch that the distance calls closer; a tie earns one half.

    Parameters
    ----------
    distance_first, distance_second
        Distance of the reference to the first and to the second patch, shape (..., triplets).
    judgement
        Share of observers who preferred the second patch, in [0, 1], shape (triplets,).

    Returns
    -------
    Score per triplet in [0, 1], shape (..., triplets); its mean is the 2AFC score of Zhang et al. (2018).

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite, or a judgement lies outside [0, 1].

    References
    ----------
    Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR
    2018.
    """
    first, second = np.asarray(distance_first, dtype=np.float64), np.asarray(distance_second, dtype=np.float64)
    share = _shares(judgement)
    if first.shape != second.shape or first.shape[-1:] != share.shape:
        raise ValueError(
            f"Distances have shapes {first.shape} and {second.shape}, judgements {share.shape}; all must list the "
            f"same triplets."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("A distance is not finite; a triplet without two distances cannot be scored.")
    return _two_alternative(first, second, share)


def _two_alternative(first: Floats, second: Floats, judgement: Floats) -> Floats:
    return np.where(first < second, 1 - judgement, np.where(second < first, judgement, 0.5))


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
    d, share = np.asarray(distance, dtype=np.float64), _shares(same)
    if d.shape[-1:] != share.shape:
        raise ValueError(f"Distances have shape {d.shape}, judgements {share.shape}; both must list the same pairs.")
    if not np.isfinite(d).all():
        raise ValueError("A distance is not finite; a pair without one cannot be ranked.")
    order = np.argsort(d, axis=-1, kind="stable")
    ranked = np.take_along_axis(d, order, axis=-1)
    last_of_tie = np.ones(ranked.shape, dtype=bool)
    last_of_tie[..., :-1] = ranked[..., 1:] > ranked[..., :-1]
    w = np.ones(share.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.ndim == 1 or d.ndim == 1:
        w = w[..., order]
    else:
        shape = np.broadcast_shapes(w.shape, d.shape)
        w = np.take_along_axis(np.broadcast_to(w, shape), np.broadcast_to(order, shape), axis=-1)
    hits = w * share[order]
    recalled = np.cumsum(hits, axis=-1)
    shown = np.cumsum(w, axis=-1)
    precision = np.divide(recalled, shown, out=np.zeros(shown.shape), where=(shown > 0) & last_of_tie)
    best_from_here = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
    total = recalled[..., -1]
    return np.divide((hits * best_from_here).sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0)


def _shares(judgement: ArrayLike) -> Floats:
    share = np.asarray(judgement, dtype=np.float64)
    outside = ~((share >= 0) & (share <= 1))
    if outside.any():
        raise ValueError(f"A judgement is {share[outside][0]}; it is a share of observers and lies in [0, 1].")
    return share


class _Categories:
    """What choices of two and judgements of sameness share: categories that count alike, and patches to resample.

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
        self.judgement = _shares(judgement)
        self.category = np.asarray(category, dtype=str)
        self.cluster = np.asarray(cluster, dtype=str)
        self.human = human
        self._members = [np.flatnonzero(self.category == name) for name in dict.fromkeys(self.category)]
        patches, self._patch = np.unique(self.cluster, return_inverse=True)
        self.clusters = len(patches)

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


class TwoAlternativeChoices(_Categories):
    """Which of two patches people called closer to a reference, and the 2AFC score of a distance.

    Distances have shape (..., triplets, 2), to the first patch and to the second; judgements are the share of observers
    who preferred the second.
    """

    measures = ("2afc",)

    def primary(self, distance: Floats) -> Floats:
        """2AFC score of distances (..., triplets, 2), shape (...)."""
        earned = _two_alternative(distance[..., 0], distance[..., 1], self.judgement)
        return np.mean([earned[..., members].mean(axis=-1) for members in self._members], axis=0)

    def score(self, distance: Floats, draws: Floats, measures: Sequence[str] = measures) -> dict[str, Floats]:
        """2AFC score of one distance (triplets, 2) on every sample."""
        return {"2afc": self._average(_two_alternative(distance[..., 0], distance[..., 1], self.judgement), draws)}

    def people(self, draws: Floats) -> dict[str, Floats]:
        """Score of the average observer, who agrees with each share of the others: mean(j² + (1 - j)²)."""
        if not self.human:
            return {}
        return {HUMAN_CEILING: self._average(self.judgement**2 + (1 - self.judgement) ** 2, draws)}

    def _average(self, earned: Floats, draws: Floats) -> Floats:
        """Mean over categories of the mean over each category's triplets, on every sample."""
        sums = [
            np.bincount(self._patch[members], weights, minlength=self.clusters)
            for members in self._members
            for weights in (earned[members], None)
        ]
        drawn = draws @ np.stack(sums, axis=1)
        return _ratio(drawn[:, ::2], drawn[:, 1::2]).mean(axis=1)


class SameOrDifferent(_Categories):
    """Whether people called two patches the same (just noticeable differences), and the mean average precision.

    Distances have shape (..., pairs, 1); judgements are the share of observers who said "the same".
    """

    measures = ("map",)

    def primary(self, distance: Floats) -> Floats:
        """Mean over categories of the average precision of distances (..., pairs, 1), shape (...)."""
        d = distance[..., 0]
        return np.mean(
            [average_precision(d[..., members], self.judgement[members]) for members in self._members], axis=0
        )

    def score(self, distance: Floats, draws: Floats, measures: Sequence[str] = measures) -> dict[str, Floats]:
        """Mean average precision of one distance (pairs, 1) on every sample."""
        means = []
        for members in self._members:
            d, same, patch = distance[members, 0], self.judgement[members], self._patch[members]
            parts = [
                average_precision(d, same, draws[start : start + ROWS, patch]) for start in range(0, len(draws), ROWS)
            ]
            means.append(np.concatenate(parts))
        return {"map": np.mean(means, axis=0)}

    def people(self, draws: Floats) -> dict[str, Floats]:
        """Nothing: the released judgements do not tell how well observers agree with each other."""
        return {}


class OpinionDraws(NamedTuple):
    """The full sample, bootstrap samples, and the samples without one reference each, by weight."""

    references: Floats  # (samples, references)
    images: Floats  # (images, samples)
    opinion_rank: Floats  # (images, samples), centred


class OpinionScores:
    """Mean opinions of images, and the correlation of a distance with them.

    Distances have shape (..., images, 1). `srcc` is Spearman's, `krcc` Kendall's tau-b, `plcc` Pearson's and
    `plcc_logistic` Pearson's after a four-parameter logistic function, see `logistic_fit`.

    Parameters
    ----------
    opinion
        Mean opinion score per image, more is better, shape (images,).
    group
        Kind of distortion per image.
    cluster
        Reference per image: what is resampled.
    """

    resampled_unit = "references"
    measures = ("srcc", "krcc", "plcc", "plcc_logistic")

    def __init__(self, opinion: ArrayLike, group: ArrayLike, cluster: ArrayLike) -> None:
        self.opinion = np.asarray(opinion, dtype=np.float64)
        if not np.isfinite(self.opinion).all():
            raise ValueError("A mean opinion score is not a number.")
        self.group = np.asarray(group, dtype=str)
        self.cluster = np.asarray(cluster, dtype=str)
        references, self._reference = np.unique(self.cluster, return_inverse=True)
        self.clusters = len(references)
        self._rank = _centred_ranks(self.opinion, self._reference, self.clusters)
        self._overall_rank = stats.rankdata(self.opinion) - (len(self.opinion) + 1) / 2

    def __len__(self) -> int:
        return len(self.opinion)

    def groups(self) -> dict[str, tuple[Indices, "OpinionScores"]]:
        """Images of every kind of distortion and their opinions, where there are several."""
        names = list(dict.fromkeys(self.group))
        members = {name: np.flatnonzero(self.group == name) for name in names} if len(names) > 1 else {}
        return {
            name: (index, OpinionScores(self.opinion[index], self.group[index], self.cluster[index]))
            for name, index in members.items()
        }

    def draw(self, replicates: int, random: np.random.Generator) -> OpinionDraws:
        """Resample references; the samples without one of them serve the BCa interval."""
        weights: Floats = np.vstack(
            [
                np.ones((1, self.clusters)),
                statistics.resampled_counts(self.clusters, replicates, random),
                1 - np.eye(self.clusters),
            ]
        )
        return OpinionDraws(weights, weights.T[self._reference], self._rank @ weights.T)

    def primary(self, distance: Floats) -> Floats:
        """Spearman correlation of distances (..., images, 1) with opinions, shape (...)."""
        return _rank_correlation(-distance[..., 0], self._overall_rank)

    def score(self, distance: Floats, draws: OpinionDraws, measures: Sequence[str] = measures) -> dict[str, Floats]:
        """Correlations of one distance (images, 1) on every sample; the logistic function is fitted to the full one."""
        similarity = -distance[..., 0]
        compute = {
            "srcc": lambda: self._srcc(similarity, draws),
            "krcc": lambda: self._krcc(similarity, draws),
            "plcc": lambda: self._plcc(similarity, draws),
            "plcc_logistic": lambda: self._plcc(logistic_fit(similarity, self.opinion), draws),
        }
        return {name: compute[name]() for name in measures}

    def people(self, draws: OpinionDraws) -> dict[str, Floats]:
        """Nothing: mean opinions do not tell how well observers agree with each other."""
        return {}

    def _srcc(self, similarity: Floats, draws: OpinionDraws) -> Floats:
        """Pearson correlation of the ranks within each sample.

        An image's rank in a sample is linear in how often each reference is drawn (see `_centred_ranks`).
        """
        rank = _centred_ranks(similarity, self._reference, self.clusters) @ draws.references.T
        weighted = draws.images * rank
        covariance = (weighted * draws.opinion_rank).sum(axis=0)
        spread = (weighted * rank).sum(axis=0) * (draws.images * draws.opinion_rank**2).sum(axis=0)
        return _ratio(covariance, np.sqrt(spread))

    def _krcc(self, similarity: Floats, draws: OpinionDraws) -> Floats:
        """Tau-b: concordant minus discordant pairs over the root of the pairs that either side tells apart.

        Each is a sum over pairs of references, of their weights' product: copies of an image are tied on both sides.
        """
        order = np.argsort(self._reference, kind="stable")
        starts = np.searchsorted(self._reference[order], np.arange(self.clusters))

        def pairs(of_images: NDArray[np.int8]) -> Floats:
            rows = np.add.reduceat(of_images, starts, axis=0, dtype=np.int32)
            between = np.add.reduceat(rows, starts, axis=1, dtype=np.int64)
            return np.einsum("sa,ab,sb->s", draws.references, between, draws.references, optimize=True)

        x, y = _signs(similarity[order]), _signs(self.opinion[order])
        return _ratio(pairs(x * y), np.sqrt(pairs(np.abs(x)) * pairs(np.abs(y))))

    def _plcc(self, similarity: Floats, draws: OpinionDraws) -> Floats:
        """Pearson correlation, from sums over each reference's images."""
        x, y = similarity - similarity.mean(), self.opinion - self.opinion.mean()
        n, sx, sy, sxx, syy, sxy = (
            draws.references @ np.bincount(self._reference, values, minlength=self.clusters)
            for values in (np.ones_like(x), x, y, x * x, y * y, x * y)
        )
        n = np.maximum(n, 1)  # of a single reference, the sample without it is empty
        spread_x, spread_y = sxx - sx * sx / n, syy - sy * sy / n
        # what is left of a constant after subtracting its mean is rounding, not variation
        varies = (spread_x > 1e-13 * sxx) & (spread_y > 1e-13 * syy)
        return np.where(varies, _ratio(sxy - sx * sy / n, np.sqrt(np.abs(spread_x * spread_y))), np.nan)


def _centred_ranks(values: Floats, cluster: Indices, clusters: int) -> Floats:
    """Half the number of each cluster's values below each value minus half of those above, shape (values, clusters).

    With w copies of each cluster a value's mid-rank is the weighted sum over clusters of these, plus half the number of
    all copies and a half: what is left after centring is the sum alone.
    """
    ranks = np.empty((len(values), clusters))
    for number in range(clusters):
        members = np.sort(values[cluster == number])
        below, not_above = np.searchsorted(members, values, "left"), np.searchsorted(members, values, "right")
        ranks[:, number] = (below + not_above - len(members)) / 2
    return ranks


def _rank_correlation(values: Floats, centred_rank: Floats) -> Floats:
    """Spearman correlation along the last axis with something whose centred ranks are given."""
    size = values.shape[-1]
    order = np.argsort(values, axis=-1)
    ranked = np.take_along_axis(values, order, axis=-1)
    tied = (ranked[..., 1:] == ranked[..., :-1]).any(axis=-1)
    rank = np.empty(values.shape)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(size) - (size - 1) / 2, values.shape), axis=-1)
    if tied.any():
        rank[tied] = stats.rankdata(values[tied], axis=-1) - (size + 1) / 2
    spread = (rank**2).sum(axis=-1) * (centred_rank**2).sum()
    return _ratio(rank @ centred_rank, np.sqrt(spread))


def _signs(values: Floats) -> NDArray[np.int8]:
    """Sign of every difference, shape (values, values)."""
    column = values[:, None]
    return (column > values).astype(np.int8) - (column < values).astype(np.int8)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; missing where nothing varies."""
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)


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
    if len(x) < 5 or not np.isfinite(x).all() or np.ptp(x) == 0 or np.ptp(y) == 0:
        return missing
    x = (x - x.mean()) / x.std()
    middles, widths = np.quantile(x, np.linspace(0, 1, 9)), np.geomspace(*WIDTHS, 13)

    def correlation(middle: ArrayLike, width: ArrayLike) -> Floats:
        share = special.expit((x - np.asarray(middle)[..., None]) / np.asarray(width)[..., None])
        return np.nan_to_num(statistics.pearson(share, y), nan=-1.0)

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


def judgements(comparisons: pd.DataFrame, layout: str, *, human: bool = True) -> "Judged":
    """Return the judgements of a table of comparisons.

    Parameters
    ----------
    comparisons
        group, cluster and judgement, one row per comparison (see `datasets`).
    layout
        "bapps_2afc", "bapps_jnd" or "tid2013".
    human
        False where the judgements are known by construction.
    """
    judged, group, cluster = (comparisons[name].to_numpy() for name in ("judgement", "group", "cluster"))
    if layout == "bapps_2afc":
        return TwoAlternativeChoices(judged, group, cluster, human=human)
    if layout == "bapps_jnd":
        return SameOrDifferent(judged, group, cluster, human=human)
    if layout == "tid2013":
        return OpinionScores(judged, group, cluster)
    raise ValueError(f"layout is {layout!r}; it must be bapps_2afc, bapps_jnd or tid2013.")


Judged = TwoAlternativeChoices | SameOrDifferent | OpinionScores
