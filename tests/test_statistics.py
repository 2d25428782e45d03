import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perceptual_efficacy import statistics


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_percentile_interval_takes_both_tail_quantiles(random, level):
    replicates = random.normal(size=501)
    expected = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    assert statistics.percentile_interval(replicates, level) == pytest.approx(tuple(expected))


def test_few_missing_replicates_are_left_out_of_the_interval():
    assert statistics.percentile_interval([*range(101), np.nan, np.nan]) == pytest.approx((2.5, 97.5))


@pytest.mark.parametrize("replicates", [[], [np.nan], [*range(9), np.nan]])
def test_interval_is_missing_where_many_replicates_are(replicates):
    assert np.isnan(statistics.percentile_interval(replicates)).all()


@pytest.fixture(params=["mean", "variance", "median"])
def bootstrapped(request, random):
    """Scipy's bootstrap of a skewed sample: the result at a level, its statistic, and that without one item each."""
    statistic = {"mean": np.mean, "variance": np.var, "median": np.median}[request.param]
    sample = random.exponential(size=25)
    left_out = [statistic(np.delete(sample, item)) for item in range(25)]

    def at(level):
        return stats.bootstrap((sample,), statistic, confidence_level=level, n_resamples=999, method="BCa", rng=1)

    return at, statistic(sample), left_out


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_bca_interval_is_scipys(bootstrapped, level):
    at, estimate, left_out = bootstrapped
    expected = at(level)
    found = statistics.bca_interval(estimate, expected.bootstrap_distribution, left_out, level)
    assert found == pytest.approx(tuple(expected.confidence_interval), rel=1e-10)


@pytest.mark.parametrize("left_out", [[-1, 0, 1], [0, 0, 0]])
def test_bca_interval_without_bias_and_skew_is_the_percentile_interval(random, left_out):
    half = random.normal(size=500)
    replicates = np.concatenate([half, -half])
    expected = statistics.percentile_interval(replicates)
    assert statistics.bca_interval(0, replicates, left_out) == pytest.approx(tuple(expected))


def test_few_missing_replicates_are_left_out_of_the_bca_interval(random):
    replicates, left_out = random.normal(size=99), random.normal(size=10)
    expected = statistics.bca_interval(0.1, replicates, left_out)
    assert statistics.bca_interval(0.1, [*replicates, np.nan], left_out) == expected


@pytest.mark.parametrize(
    ("estimate", "replicates", "left_out"),
    [
        (np.nan, range(100), [1, 2]),
        (5, [], [1, 2]),
        (5, [np.nan], [1, 2]),
        (5, [*range(90), *[np.nan] * 10], [1, 2]),
        (5, range(100), [1, np.nan]),
    ],
    ids=["no estimate", "no replicate", "none present", "many missing", "one left out is missing"],
)
def test_bca_interval_is_missing_where_what_it_needs_is(estimate, replicates, left_out):
    assert np.isnan(statistics.bca_interval(estimate, list(replicates), left_out)).all()


@pytest.mark.parametrize("left_out", [[0.7, 0.7, 0.7], [0.6, 0.7, 0.8]])
def test_bca_interval_of_equal_replicates_is_that_value(left_out):
    assert statistics.bca_interval(0.7, [0.7] * 50, left_out) == (0.7, 0.7)


@pytest.mark.parametrize("estimate", [-10, 10])
def test_bca_interval_of_an_estimate_beyond_all_replicates_is_finite_and_within_them(random, estimate):
    replicates = random.normal(size=200)
    low, high = statistics.bca_interval(estimate, replicates, random.normal(size=10))
    assert replicates.min() <= low <= high <= replicates.max()


def test_bootstrap_counts_sum_to_the_sample_size(random):
    counts = statistics.resampled_counts(7, 50, random)
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()


def test_bootstrap_counts_are_binomial(random):
    # one item's count is binomial(7, 1/7): mean 1, variance 6/7
    counts = statistics.resampled_counts(7, 20_000, random)
    assert counts.var(axis=0) == pytest.approx(6 / 7, abs=0.05)


@pytest.mark.parametrize("shift", [0, 1e6])
def test_pearson_is_scipys(random, shift):
    x, y = random.normal(size=(2, 40)) + shift
    assert statistics.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)


def test_pearson_weights_count_as_repeated_rows(random):
    x, y = random.normal(size=(2, 10))
    times = random.integers(0, 4, size=10)
    expected = stats.pearsonr(np.repeat(x, times), np.repeat(y, times)).statistic
    assert statistics.pearson(x, y, times) == pytest.approx(expected, abs=1e-12)


def test_pearson_broadcasts_over_leading_axes(random):
    x, y = random.normal(size=(3, 8)), random.normal(size=8)
    expected = [stats.pearsonr(row, y).statistic for row in x]
    np.testing.assert_allclose(statistics.pearson(x, y), expected, atol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e8])
def test_pearson_of_a_constant_is_missing(random, constant):
    assert np.isnan(statistics.pearson(np.full(7, constant), random.normal(size=7)))


def test_pearson_is_missing_where_all_weight_is_on_one_item():
    assert np.isnan(statistics.pearson([0.1, 0.2, 0.7], [1, 2, 4], [0, 3, 0]))


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (2, 4 / 6),  # one of five is at least as large: 2 (1 + 1) / (1 + 5)
        (-2, 4 / 6),
        (3, 2 / 6),  # none is: twice the smallest p-value there is
        (0, 1),
    ],
)
def test_permutation_p_doubles_the_smaller_tail(observed, expected):
    assert statistics.permutation_p(observed, [-2, -1, 0, 1, 2]) == pytest.approx(expected)


def test_permutation_p_does_not_ask_where_the_null_lies():
    assert statistics.permutation_p(10, [8, 9, 10, 11, 12]) == 1


def test_permutation_p_leaves_out_missing_null_values():
    assert statistics.permutation_p(5, [-1, 0, np.nan, 1]) == pytest.approx(2 / 4)


@pytest.mark.parametrize(("observed", "null"), [(np.nan, [1, 2]), (1, []), (1, [np.nan])])
def test_permutation_p_of_nothing_is_missing(observed, null):
    assert np.isnan(statistics.permutation_p(observed, null))


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        # the worked example of Wikipedia, "Holm-Bonferroni method"
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        # by hand: 4 * .3 and all after it exceed 1
        ([0.3, 0.9, 0.5, 0.4], [1, 1, 1, 1]),
        # by hand: the second step 2 * .011 = .022 falls below the first, 3 * .01 = .03, and is raised to it
        ([0.01, 0.011, 0.5], [0.03, 0.03, 0.5]),
        # by hand: the missing one does not count
        ([0.04, np.nan, 0.01], [0.04, np.nan, 0.02]),
        ([], []),
    ],
)
def test_holm_worked_example(p_values, adjusted):
    np.testing.assert_allclose(statistics.holm(p_values), adjusted, atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_p_value_and_bonferroni(p_values):
    adjusted, p = statistics.holm(p_values), np.array(p_values)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(p * len(p), 1) + 1e-12).all()


@pytest.mark.parametrize(("scored", "upper"), [(2, 1), (5, 2), (6, 3)])
def test_random_halves_mark_half_rounded_down(random, scored, upper):
    halves = statistics.random_halves(scored, 100, random)
    assert halves.shape == (100, scored)
    assert (halves.sum(axis=1) == upper).all()


def test_random_halves_draw_every_split_equally_often(random):
    halves = statistics.random_halves(5, 10_000, random)  # 5 choose 2 is 10 splits
    _, counts = np.unique(halves @ (1 << np.arange(5)), return_counts=True)
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("target", [0.35, 0.5, 0.65])
def test_matched_halves_hold_the_target_share(random, target):
    shares = random.dirichlet(np.ones(40))
    matched = statistics.matched_halves(shares, target, 100, random)
    assert np.abs(matched @ shares - target).max() <= 0.05 * target


def test_matched_halves_keep_the_size_of_a_half(random):
    matched = statistics.matched_halves(random.dirichlet(np.ones(41)), 0.6, 100, random)
    assert (matched.sum(axis=1) == 20).all()


def test_matched_halves_reach_an_attainable_target_from_every_start(random):
    assert len(statistics.matched_halves(random.dirichlet(np.ones(40)), 0.6, 200, random)) == 200


def test_matched_halves_differ_from_each_other(random):
    matched = statistics.matched_halves(random.dirichlet(np.ones(40)), 0.6, 200, random)
    assert len(np.unique(matched, axis=0)) == 200


def test_unattainable_share_gives_no_split(random):
    assert statistics.matched_halves([0.1] * 10, 0.9, 20, random).shape == (0, 10)


def test_single_item_cannot_be_split(random):
    assert statistics.matched_halves([1.0], 0.5, 20, random).shape == (0, 1)
