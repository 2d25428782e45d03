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


def leave_each_out(statistic, *samples):
    return [statistic(*(np.delete(sample, item) for sample in samples)) for item in range(len(samples[0]))]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_jackknife_interval_of_a_mean_is_students(random, level):
    sample = random.exponential(size=25)
    expected = stats.ttest_1samp(sample, 0).confidence_interval(level)
    found = statistics.jackknife_interval(sample.mean(), leave_each_out(np.mean, sample), level=level)
    assert found == pytest.approx(tuple(expected), rel=1e-10)


def test_jackknife_interval_of_a_correlation_covers_it(random):
    """Of 1,000 samples of 25 pairs with a correlation of .9; five binomial standard deviations are .034."""
    covered, above = 0, 0
    for _ in range(1000):
        x, y = random.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=25).T
        left_out = leave_each_out(lambda x, y: np.corrcoef(x, y)[0, 1], x, y)
        low, high = statistics.jackknife_interval(np.corrcoef(x, y)[0, 1], left_out, correlation=True)
        covered += low <= 0.9 <= high
        above += low > 0.9
        assert -1 < low < high < 1
    assert covered / 1000 == pytest.approx(0.95, abs=0.034)
    assert above / 1000 == pytest.approx(0.025, abs=0.025)


@pytest.mark.parametrize(
    ("estimate", "left_out", "correlation"),
    [
        (np.nan, [0.1, 0.2, 0.3], False),
        (0.5, [0.1, np.nan, 0.3], False),
        (0.5, [0.1], False),
        (0.5, [], False),
        (1.0, [0.1, 0.2, 0.3], True),
        (0.5, [0.1, 1.0, 0.3], True),
    ],
)
def test_jackknife_interval_is_missing_where_what_it_needs_is(estimate, left_out, correlation):
    assert np.isnan(statistics.jackknife_interval(estimate, left_out, correlation=correlation)).all()


def test_jackknife_interval_of_equal_values_is_that_value():
    assert statistics.jackknife_interval(0.7, [0.7] * 25) == pytest.approx((0.7, 0.7))


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


def test_equal_hypotheses_count_once():
    """By hand: of .01, .02 and .04, three hypotheses, .01 * 3, .02 * 2 and .04."""
    found = statistics.holm([0.02, 0.01, np.nan, 0.04, 0.01], ["b", "a", "a", "c", "a"])
    np.testing.assert_allclose(found, [0.04, 0.03, np.nan, 0.04, 0.03])


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


@pytest.mark.parametrize("target", [0.65, 0.8])
def test_shares_of_matched_halves_lie_on_both_sides_of_the_target(random, target):
    """A search that ends where it enters the band finds splits that hold 4% too little."""
    shares = random.dirichlet(np.ones(64) * 0.3)
    found = statistics.matched_halves(shares, target, 1000, random) @ shares
    assert found.mean() == pytest.approx(target, rel=0.005)
    assert 0.4 < (found > target).mean() < 0.6


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


@pytest.mark.parametrize("kinds", [1, 2, 5, 400])
def test_what_goes_with_values_is_sorted_with_them(random, kinds):
    values, companions = random.normal(size=(3, 4, 400)), random.integers(kinds, size=400) / 7
    values[..., 1] = values[..., 0]
    found, equal = statistics.SortedTogether(companions)(values)
    order = np.argsort(values, axis=-1)
    np.testing.assert_array_equal(equal.sum(axis=-1), 1)
    no = np.zeros((3, 4, 1), dtype=bool)
    apart = ~(np.concatenate([equal, no], axis=-1) | np.concatenate([no, equal], axis=-1))
    np.testing.assert_array_equal(found[apart], companions[order][apart])
