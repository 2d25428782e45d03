"""Agreement of distances with people: against scipy, the published programs' formulas, and rows written out in full."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from perceptual_efficacy import judgements
from perceptual_efficacy.judgements import DetectionThresholds, OpinionScores, SameOrDifferent, TwoAlternativeChoices
from perceptual_efficacy.judgements.choices import two_alternative_score
from perceptual_efficacy.judgements.opinions import OpinionDraws, logistic_fit
from perceptual_efficacy.judgements.same_different import average_precision, resampled_precision
from perceptual_efficacy.vocabulary import HUMAN_CEILING, SELF_AGREEMENT


@pytest.fixture
def random():
    return np.random.default_rng(0)


# Two alternatives: the formulas as the lpips package has them
def lpips_2afc(first, second, judge):
    """Mean of (d0 < d1)(1 - judge) + (d1 < d0) judge + (d1 == d0) / 2."""
    return np.mean((first < second) * (1 - judge) + (second < first) * judge + (first == second) * 0.5)


def test_a_triplet_earns_the_share_of_people_who_chose_the_patch_that_is_nearer():
    earned = two_alternative_score([0.1, 0.2, 0.3], [0.2, 0.1, 0.4], [0.2, 0.9, 1.0])
    np.testing.assert_allclose(earned, [0.8, 0.9, 0.0])


def test_a_tie_earns_one_half_whatever_people_chose():
    np.testing.assert_array_equal(two_alternative_score([0, 1, 2], [0, 1, 2], [0, 0.3, 1]), [0.5, 0.5, 0.5])


def test_mean_of_what_triplets_earn_is_the_published_programs_score(random):
    first, second = random.integers(5, size=(2, 50))
    judge = random.integers(6, size=50) / 5
    earned = two_alternative_score(first, second, judge)
    assert earned.mean() == pytest.approx(lpips_2afc(first, second, judge))


def test_leading_dimensions_of_the_distances_stay(random):
    first, second, judge = random.random((2, 3, 7)), random.random((2, 3, 7)), random.random(7)
    earned = two_alternative_score(first, second, judge)
    assert earned.shape == (2, 3, 7)
    np.testing.assert_array_equal(earned[1, 2], two_alternative_score(first[1, 2], second[1, 2], judge))


@pytest.mark.parametrize(
    ("first", "second", "judge"),
    [
        ([1, 2], [1, 2, 3], [0, 1]),
        ([1, 2], [2, 1], [0, 1, 1]),
        ([[1, 2], [1, 2]], [2, 1], [0, 1]),
        ([[1], [2]], [[2], [1]], [0, 1]),
    ],
)
def test_distances_and_choices_of_different_triplets_are_refused(first, second, judge):
    with pytest.raises(ValueError, match=r"Distances have shapes .* and .*, judgements .*; all must list the same"):
        two_alternative_score(first, second, judge)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_a_triplet_without_two_distances_is_refused(value, side):
    distances = [[1.0, 2.0], [2.0, 1.0]]
    distances[side][1] = value
    with pytest.raises(ValueError, match="A distance is not finite"):
        two_alternative_score(*distances, [0, 1])


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, 3])
@pytest.mark.parametrize(
    "use",
    [
        lambda judge: two_alternative_score([1, 2], [2, 1], judge),
        lambda judge: average_precision([1, 2], judge),
        lambda judge: TwoAlternativeChoices(judge, ["a", "a"], ["p", "q"]),
        lambda judge: SameOrDifferent(judge, ["a", "a"], ["p", "q"]),
    ],
    ids=["2afc", "average precision", "choices", "same or different"],
)
def test_a_judgement_that_is_no_share_is_refused_with_its_value(use, value):
    with pytest.raises(ValueError, match=f"A judgement is {float(value)}; it is a share of observers"):
        use([0.5, value])


# Average precision
def voc_precision(distance, same):
    """Average precision as the lpips package has it, after the PASCAL VOC challenge of 2010; the order of ties counts.

    Shares of people count as parts of a true and of a false positive.
    """
    order = np.argsort(distance, kind="stable")
    true_positives = np.cumsum(same[order])
    false_positives = np.cumsum(1 - same[order])
    false_negatives = np.sum(same) - true_positives
    precision = true_positives / (true_positives + false_positives)
    recall = true_positives / (true_positives + false_negatives)
    recall = np.concatenate([[0.0], recall, [1.0]])
    precision = np.concatenate([[0.0], precision, [0.0]])
    for i in range(precision.size - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    steps = np.flatnonzero(recall[1:] != recall[:-1])
    return np.sum((recall[steps + 1] - recall[steps]) * precision[steps + 1])


def precision_by_threshold(distance, same):
    """The same area from the pairs within each distance: pairs at one distance are said to be the same together."""
    thresholds = np.unique(distance)
    hits = [same[distance <= threshold].sum() for threshold in thresholds]
    precisions = [hit / (distance <= threshold).sum() for hit, threshold in zip(hits, thresholds, strict=True)]
    area, before = 0.0, 0.0
    for number, hit in enumerate(hits):
        area += (hit - before) * max(precisions[number:])
        before = hit
    return area / same.sum()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("people", ["shares", "all or none"])
def test_average_precision_is_the_published_programs(seed, people):
    random = np.random.default_rng(seed)
    distance = random.permutation(60) / 7  # no ties
    same = random.integers(4, size=60) / 3 if people == "shares" else random.integers(2, size=60) * 1.0
    assert average_precision(distance, same) == pytest.approx(voc_precision(distance, same), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=20))
def test_average_precision_with_ties_is_that_of_the_pairs_within_each_distance(pairs):
    distance, thirds = np.array(pairs, dtype=float).T
    if thirds.any():
        expected = precision_by_threshold(distance, thirds / 3)
        assert average_precision(distance, thirds / 3) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("distance", "same", "expected"),
    [
        ([1, 2, 3, 4], [1, 1, 0, 0], 1),
        ([4, 3, 2, 1], [1, 0, 0, 0], 1 / 4),  # found last of four
        ([1, 2, 3], [1, 0, 1], (1 + 2 / 3) / 2),  # half of the recall at precision 1, half at 2/3
        ([1, 2, 3], [0, 1, 1], 2 / 3),  # 1/2 at the first hit, but 2/3 at a higher recall
        ([5, 5, 5, 5], [1, 0, 0, 1], 1 / 2),  # nothing is told apart
        ([1, 2], [0.25, 0.25], 1 / 4),  # nobody is sure of any pair
    ],
)
def test_average_precision_by_hand(distance, same, expected):
    assert average_precision(distance, same) == pytest.approx(expected)


def test_distances_are_compared_to_fifteen_digits():
    same = np.array([0, 1, 0, 1 / 3])
    equal, rounded = np.array([2, 2, 0, 0]), np.array([2, np.nextafter(2, 3), 0, -0.0])
    assert average_precision(rounded, same) == pytest.approx(precision_by_threshold(equal, same), abs=1e-12)
    apart = np.array([2, 2 + 1e-14, 0, 1e-300])
    assert average_precision(apart, same) == pytest.approx(voc_precision(apart, same), abs=1e-12)


def test_distances_below_zero_are_the_nearest(random):
    distance, same = random.normal(size=40), random.integers(4, size=40) / 3
    assert average_precision(distance, same) == pytest.approx(voc_precision(distance, same), abs=1e-12)


def test_the_order_of_pairs_at_equal_distance_does_not_matter(random):
    distance, same = random.integers(4, size=30), random.integers(4, size=30) / 3
    orders = [random.permutation(30) for _ in range(20)]
    found = [average_precision(distance[order], same[order]) for order in orders]
    np.testing.assert_allclose(found, found[0], rtol=1e-12)


def test_pairs_count_as_often_as_their_weight_says(random):
    distance, same, times = random.integers(9, size=30), random.integers(4, size=30) / 3, random.integers(4, size=30)
    expected = precision_by_threshold(np.repeat(distance, times), np.repeat(same, times))
    assert resampled_precision(distance, same, times[:, None]) == pytest.approx(expected, abs=1e-12)


def test_average_precision_is_missing_where_nobody_said_the_same():
    assert np.isnan(average_precision([1, 2, 3], [0, 0, 0]))
    found = resampled_precision([1, 2, 3], [1, 0, 1], [[0, 1], [1, 1], [0, 1]])
    np.testing.assert_array_equal(np.isnan(found), [True, False])


def test_average_precision_keeps_leading_dimensions(random):
    distance, same = random.random((2, 3, 20)), random.random(20)
    expected = [[precision_by_threshold(one, same) for one in several] for several in distance]
    np.testing.assert_allclose(average_precision(distance, same), expected, rtol=1e-12)


@pytest.mark.parametrize("several", [20, 5], ids=["few ties", "many"])
def test_every_sample_is_scored_by_itself(random, several):
    distance, same, times = random.integers(several, size=200), random.random(200), random.integers(3, size=(200, 4))
    expected = [precision_by_threshold(np.repeat(distance, often), np.repeat(same, often)) for often in times.T]
    np.testing.assert_allclose(resampled_precision(distance, same, times), expected, rtol=1e-12)
    same[same < 0.5] = 0
    expected = [precision_by_threshold(np.repeat(distance, often), np.repeat(same, often)) for often in times.T]
    np.testing.assert_allclose(resampled_precision(distance, same, times), expected, rtol=1e-12)


# Choices and sameness: categories, patches, samples
KINDS = {"2afc": TwoAlternativeChoices, "map": SameOrDifferent}
SIZES = {"traditional": 30, "cnn": 18, "superres": 12}
CATEGORY = np.repeat(list(SIZES), list(SIZES.values()))


def patches():
    """Twelve patches, some of them in more than one category."""
    return np.random.default_rng(1).permutation(np.arange(60) % 12).astype(str)


@pytest.fixture(params=KINDS)
def judged(request, random):
    """Judgements, distances of one channel with ties, and the plain score of some of the comparisons' rows."""
    kind = KINDS[request.param]
    judgement = random.integers(6, size=60) / 5
    distance = random.integers(8, size=(60, 2 if request.param == "2afc" else 1)) / 4

    def score(rows):
        """Mean over categories of their scores."""
        scores = []
        for name in SIZES:
            of_category = rows[CATEGORY[rows] == name]
            if request.param == "2afc":
                scores.append(lpips_2afc(*distance[of_category].T, judgement[of_category]))
            else:
                scores.append(precision_by_threshold(distance[of_category, 0], judgement[of_category]))
        return np.mean(scores)

    return kind(judgement, CATEGORY, patches()), distance, score


def drawn_rows(draw):
    """Every comparison as often as its patch was drawn; the draws' columns are the patches by name."""
    _, patch = np.unique(patches(), return_inverse=True)
    return np.repeat(np.arange(60), draw.astype(int)[patch])


def test_score_is_the_mean_of_the_categories_scores(judged):
    judgements, distance, score = judged
    assert judgements.primary(distance) == pytest.approx(score(np.arange(60)), abs=1e-12)


def test_primary_score_keeps_leading_dimensions(judged, random):
    judgements, distance, _ = judged
    several = np.stack([distance, random.random(distance.shape), -distance])[:, None]
    found = judgements.primary(several)
    assert found.shape == (3, 1)
    np.testing.assert_allclose(found[:, 0], [judgements.primary(one) for one in several[:, 0]], rtol=1e-12)


def test_score_on_the_first_sample_is_the_primary_one(judged, random):
    judgements, distance, _ = judged
    found = judgements.score(distance, judgements.draw(0, random))[judgements.measures[0]]
    np.testing.assert_allclose(found, [judgements.primary(distance)], rtol=1e-12)


def test_score_on_a_bootstrap_sample_is_that_of_comparisons_written_out_as_often_as_drawn(judged, random):
    judgements, distance, score = judged
    draws = judgements.draw(8, random)
    found = judgements.score(distance, draws)[judgements.measures[0]]
    np.testing.assert_allclose(found, [score(drawn_rows(draw)) for draw in draws], rtol=1e-12)


def test_many_bootstrap_samples_are_scored_as_few_are(judged, random):
    judgements, distance, _ = judged
    draws = judgements.draw(45, random)
    name = judgements.measures[0]
    found = judgements.score(distance, draws)[name]
    expected = np.concatenate([judgements.score(distance, draws[[number]])[name] for number in range(len(draws))])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_as_many_patches_are_drawn_as_there_are(judged, random):
    judgements, _, _ = judged
    draws = judgements.draw(50, random)
    assert judgements.clusters == 12
    assert draws.shape == (51, 12)
    assert (draws.sum(axis=1) == 12).all()


def test_every_patch_is_drawn_as_a_binomial_number(judged, random):
    judgements, _, _ = judged
    draws = judgements.draw(5000, random)[1:]
    # binomial(12, 1/12): mean 1, variance 11/12
    assert draws.mean(axis=0) == pytest.approx(1, abs=0.07)
    assert draws.var(axis=0) == pytest.approx(11 / 12, abs=0.12)


def test_a_sample_without_any_patch_of_a_category_has_no_score():
    choices = TwoAlternativeChoices([0.2, 0.8], ["cnn", "color"], ["p", "q"])
    scores = choices.score(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, 1.0], [2.0, 0.0]]))["2afc"]
    np.testing.assert_array_equal(scores, [0.8, np.nan])


def test_groups_are_the_categories_in_their_order_with_their_comparisons(judged):
    judgements, distance, _ = judged
    groups = judgements.groups()
    assert list(groups) == list(SIZES)
    for name, (index, part) in groups.items():
        np.testing.assert_array_equal(index, np.flatnonzero(name == CATEGORY))
        assert len(part) == SIZES[name]
        assert part.clusters == len(set(patches()[index]))
    mean = np.mean([part.primary(distance[index]) for index, part in groups.values()])
    assert judgements.primary(distance) == pytest.approx(mean)


def test_one_category_is_no_group_beside_the_whole():
    assert TwoAlternativeChoices([0.2, 0.8], ["cnn", "cnn"], ["p", "q"]).groups() == {}


def test_human_ceiling_is_the_share_of_pairs_of_observers_who_choose_alike(random):
    chosen = random.integers(2, size=(60, 5))
    people = TwoAlternativeChoices(chosen.mean(axis=1), CATEGORY, patches(), observers=np.full(60, 5)).people(
        np.ones((1, 12))
    )
    others, itself = (combinations(range(5), 2), product(range(5), repeat=2))
    for name, pairs in ((HUMAN_CEILING, others), (SELF_AGREEMENT, itself)):
        alike = np.mean([chosen[:, one] == chosen[:, other] for one, other in pairs], axis=0)
        np.testing.assert_allclose(people[name], [np.mean([alike[group == CATEGORY].mean() for group in SIZES])])


@pytest.mark.parametrize("observers", [np.full(60, 1), np.full(59, 5), 5])
def test_a_ceiling_needs_two_observers_of_every_triplet(observers):
    with pytest.raises(ValueError, match="expected at least 2 for each of 60 triplets"):
        TwoAlternativeChoices(np.full(60, 0.5), CATEGORY, patches(), observers=observers)


def test_human_ceiling_does_not_depend_on_the_number_of_observers(random):
    """As published, with self-agreement, it would rise as observers get fewer."""
    preferring = random.uniform(size=20_000)
    ceilings = {}
    for count in (2, 3, 5, 20):
        judge = random.binomial(count, preferring) / count
        choices = TwoAlternativeChoices(judge, ["a"] * 20_000, ["p"] * 20_000, observers=np.full(20_000, count))
        ceilings[count] = choices.people(np.ones((1, 1)))
    expected = np.mean(preferring**2 + (1 - preferring) ** 2)
    for found in ceilings.values():
        assert found[HUMAN_CEILING].item() == pytest.approx(expected, abs=0.01)
    assert ceilings[2][SELF_AGREEMENT].item() > expected + 0.1


def test_human_ceiling_is_resampled_with_the_patches(random):
    judge = random.integers(6, size=60) / 5
    choices = TwoAlternativeChoices(judge, CATEGORY, patches())
    draws = choices.draw(3, random)
    ceiling = choices.people(draws)[SELF_AGREEMENT]
    for found, draw in zip(ceiling, draws, strict=True):
        rows = drawn_rows(draw)
        alike = judge[rows] ** 2 + (1 - judge[rows]) ** 2
        assert found == pytest.approx(np.mean([alike[CATEGORY[rows] == name].mean() for name in SIZES]))


def test_judgements_by_construction_have_no_human_ceiling():
    made = TwoAlternativeChoices([0, 1, 0], ["cnn", "cnn", "color"], ["p", "q", "r"], human=False)
    assert made.people(np.ones((1, 3))) == {}
    assert all(part.people(np.ones((1, part.clusters))) == {} for _, part in made.groups().values())


def test_sameness_has_no_human_ceiling():
    assert SameOrDifferent([0, 1], ["cnn", "cnn"], ["p", "q"]).people(np.ones((1, 2))) == {}


# Opinions: correlations as scipy has them
CORRELATIONS = {
    "srcc": lambda x, y: stats.spearmanr(x, y).statistic,
    "krcc": lambda x, y: stats.kendalltau(x, y).statistic,
    "plcc": lambda x, y: stats.pearsonr(x, y).statistic,
}
REFERENCE = np.random.default_rng(2).permutation(np.repeat([f"i{number:02}" for number in range(1, 10)], 8))
TYPE = np.tile(["noise", "blur", "shift", "JPEG"], 18)


@pytest.fixture(params=["no ties", "ties"])
def rated(request, random):
    """Opinions of 72 images of nine references, and distances that go with them roughly."""
    opinion = random.normal(5, 1.5, size=72)
    distance = np.exp(-opinion / 3) + random.normal(scale=0.1, size=72)
    if request.param == "ties":
        opinion, distance = opinion.round(), distance.round(1)
    return opinion, distance


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_correlation_on_the_full_sample_is_scipys(rated, random, measure):
    opinion, distance = rated
    opinions = OpinionScores(opinion, TYPE, REFERENCE)
    found = opinions.score(distance[:, None], opinions.draw(0, random), (measure,))[measure]
    assert found[0] == pytest.approx(CORRELATIONS[measure](-distance, opinion), abs=1e-12)


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_correlations_without_one_reference_each_are_scipys(rated, random, measure):
    opinion, distance = rated
    opinions = OpinionScores(opinion, TYPE, REFERENCE)
    found = opinions.score(distance[:, None], opinions.draw(4, random), (measure,))[measure]
    without = [name != REFERENCE for name in np.unique(REFERENCE)]
    expected = [CORRELATIONS[measure](-distance[rows], opinion[rows]) for rows in without]
    np.testing.assert_allclose(found[1:], expected, atol=1e-12)


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_correlation_with_weights_is_scipys_of_images_written_out_as_often(rated, random, measure):
    opinion, distance = rated
    opinions = OpinionScores(opinion, TYPE, REFERENCE)
    references = random.multinomial(9, np.full(9, 1 / 9), size=8) * 1.0
    images = references.T[opinions._cluster_number]
    draws = OpinionDraws(references, images, opinions._rank @ references.T)
    found = opinions.score(distance[:, None], draws, (measure,))[measure]
    for sample in range(8):
        rows = np.repeat(np.arange(72), images[:, sample].astype(int))
        expected = CORRELATIONS[measure](-distance[rows], opinion[rows])
        assert found[sample] == pytest.approx(expected, abs=1e-12), sample


def test_spearman_of_several_distances_at_once_is_scipys_of_each(rated, random):
    opinion, distance = rated
    several = np.stack([distance, random.random(72), random.integers(3, size=72)])
    found = OpinionScores(opinion, TYPE, REFERENCE).primary(several[:, None, :, None])
    assert found.shape == (3, 1)
    expected = [stats.spearmanr(-one, opinion).statistic for one in several]
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize(("sign", "expected"), [(-1, 1), (1, -1)])
@pytest.mark.parametrize("measure", CORRELATIONS)
def test_a_distance_that_falls_with_opinion_is_good_and_one_that_rises_is_as_bad(random, measure, sign, expected):
    opinion = random.normal(size=72)
    opinions = OpinionScores(opinion, TYPE, REFERENCE)
    found = opinions.score(sign * opinion[:, None], opinions.draw(0, random), (measure,))[measure]
    assert found[0] == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
def test_a_distance_that_never_varies_has_no_correlation(random, value):
    opinions = OpinionScores(random.normal(size=72), TYPE, REFERENCE)
    scores = opinions.score(np.full((72, 1), value), opinions.draw(3, random))
    assert list(scores) == ["srcc", "krcc", "plcc", "plcc_logistic"]
    assert np.isnan(list(scores.values())).all()
    assert np.isnan(opinions.primary(np.full((72, 1), value)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_opinion_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="A mean opinion score is not a number"):
        OpinionScores([1, value], ["noise", "noise"], ["i01", "i02"])


def test_groups_are_the_kinds_of_distortion_with_their_own_correlation(rated):
    opinion, distance = rated
    groups = OpinionScores(opinion, TYPE, REFERENCE).groups()
    assert list(groups) == ["noise", "blur", "shift", "JPEG"]
    for name, (index, part) in groups.items():
        np.testing.assert_array_equal(index, np.flatnonzero(name == TYPE))
        assert part.clusters == len(set(REFERENCE[index]))
        expected = stats.spearmanr(-distance[index], opinion[index]).statistic
        assert part.primary(distance[index, None]) == pytest.approx(expected)


def test_one_kind_of_distortion_is_no_group_beside_the_whole():
    assert OpinionScores([1, 2], ["noise", "noise"], ["i01", "i02"]).groups() == {}


def test_mean_opinions_have_no_human_ceiling(random):
    opinions = OpinionScores(random.normal(size=72), TYPE, REFERENCE)
    assert opinions.people(opinions.draw(2, random)) == {}


# The logistic function
def logistic(x, top, bottom, middle, width):
    return bottom + (top - bottom) / (1 + np.exp(-(x - middle) / width))


@pytest.fixture
def saturating(random):
    """Similarities and opinions that follow a logistic function of them, with some noise."""
    similarity = random.uniform(-4, 4, size=72)
    return similarity, logistic(similarity, 8, 1, 0.5, 0.8) + random.normal(scale=0.3, size=72)


def fitted_by_scipy(similarity, opinion):
    found, _ = optimize.curve_fit(logistic, similarity, opinion, p0=(8, 1, 0, 1))
    return logistic(similarity, *found)


def test_logistic_function_is_the_one_that_scipy_fits(saturating):
    np.testing.assert_allclose(logistic_fit(*saturating), fitted_by_scipy(*saturating), atol=0.01)


def test_correlation_after_the_logistic_function_is_that_of_scipys_fit(saturating, random):
    similarity, opinion = saturating
    opinions = OpinionScores(opinion, TYPE, REFERENCE)
    found = opinions.score(-similarity[:, None], opinions.draw(0, random))
    expected = stats.pearsonr(fitted_by_scipy(similarity, opinion), opinion).statistic
    assert found["plcc_logistic"][0] == pytest.approx(expected, abs=1e-3)
    assert expected > found["plcc"][0] + 0.02  # else it would show nothing


def test_logistic_function_of_the_full_sample_holds_on_every_other_one(saturating, random):
    similarity, opinion = saturating
    opinions = OpinionScores(opinion, TYPE, REFERENCE)
    draws = opinions.draw(5, random)
    found = opinions.score(-similarity[:, None], draws, ("plcc_logistic",))["plcc_logistic"]
    transformed = logistic_fit(similarity, opinion)
    for sample in range(len(found)):
        rows = np.repeat(np.arange(72), draws.images[:, sample].astype(int))
        assert found[sample] == pytest.approx(stats.pearsonr(transformed[rows], opinion[rows]).statistic, abs=1e-9)


def test_scale_of_the_similarity_does_not_change_what_the_logistic_function_predicts(saturating):
    similarity, opinion = saturating
    np.testing.assert_allclose(
        logistic_fit(1000 * similarity - 7, opinion), logistic_fit(similarity, opinion), atol=1e-6
    )


@pytest.mark.parametrize("seed", range(10))
def test_logistic_function_fits_no_worse_than_a_rising_line(seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 30))
    y += 0.3 * x
    r = stats.pearsonr(logistic_fit(x, y), y).statistic
    assert r > stats.pearsonr(x, y).statistic - 1e-4  # a hundred standard deviations wide it is almost a line


def test_predictions_of_the_logistic_function_rise(random):
    x, y = random.normal(size=(2, 50))
    assert (np.diff(logistic_fit(x, y)[np.argsort(x)]) >= 0).all()


@pytest.mark.parametrize(
    ("similarity", "opinion"),
    [
        (np.arange(20.0), -np.arange(20.0)),
        (np.arange(20.0), np.exp(-np.arange(20.0))),
        (np.ones(20), np.arange(20.0)),
        (np.arange(20.0), np.ones(20)),
        (np.arange(20.0), 1 + np.finfo(float).eps * (np.arange(20) == 19)),
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3, 4, np.nan], [1, 2, 3, 4, 5]),
    ],
    ids=["falling line", "falling curve", "constant similarity", "constant opinion", "rounding", "too few", "missing"],
)
def test_where_nothing_that_rises_fits_predictions_are_missing(similarity, opinion):
    found = logistic_fit(similarity, opinion)
    assert found.shape == (len(opinion),)
    assert np.isnan(found).all()


def test_a_distance_that_rises_with_opinion_has_no_correlation_after_the_logistic_function(random):
    opinion = random.normal(size=72)
    opinions = OpinionScores(opinion, TYPE, REFERENCE)
    assert np.isnan(opinions.score(opinion[:, None], opinions.draw(2, random))["plcc_logistic"]).all()


# From the table of comparisons
TABLE = pd.DataFrame({"group": ["a", "b", "b"], "cluster": ["x", "x", "y"], "judgement": [0.0, 0.5, 1.0]})


@pytest.mark.parametrize(
    ("type_", "kind", "unit"),
    [
        ("2afc", TwoAlternativeChoices, "reference patches"),
        ("same", SameOrDifferent, "reference patches"),
        ("mos", OpinionScores, "references"),
    ],
)
def test_a_table_of_comparisons_becomes_judgements_of_its_type(type_, kind, unit):
    found = judgements.read(TABLE.assign(judgement_type=type_, judged_by="people"))
    assert type(found) is kind
    assert (len(found), found.clusters, found.resampled_unit) == (3, 2, unit)
    assert list(found.groups()) == ["a", "b"]


def test_a_table_of_thresholds_becomes_those_of_the_cubes_stimuli_in_its_order():
    rows = {"first": list("abcabc"), "observer": list("pppqqq"), "judgement": [-1.0, -2.0, -3.0, -1.5, -2.5, -3.5]}
    contrasts = {"contrast": [0.01, 0.1], "name": ("stimulus", ["c", "a"])}
    cube = xr.DataArray(np.ones((2, 2, 1)), dims=("stimulus", "contrast", "unit"), coords=contrasts)
    found = judgements.read(pd.DataFrame({**rows, "judgement_type": "threshold", "group": "all"}), cube)
    assert type(found) is DetectionThresholds
    np.testing.assert_array_equal(found.measured, [[-3.0, -3.5], [-1.0, -1.5]])
    np.testing.assert_allclose(found.log_contrast, [-2, -1])


def test_thresholds_without_a_cube_are_refused():
    with pytest.raises(ValueError, match="need the cube of distances"):
        judgements.read(TABLE.assign(judgement_type="threshold"))


@pytest.mark.parametrize(
    ("judged_by", "observers", "shown"),
    [
        ("people", 5, [HUMAN_CEILING, SELF_AGREEMENT]),
        ("people", pd.NA, [SELF_AGREEMENT]),
        ("people", 1, [SELF_AGREEMENT]),
        ("construction", pd.NA, []),
    ],
)
def test_only_a_table_of_people_has_a_human_ceiling(judged_by, observers, shown):
    table = TABLE.assign(judgement_type="2afc", judged_by=judged_by, observers=pd.array([observers] * 3, dtype="Int64"))
    found = judgements.read(table)
    assert list(found.people(np.ones((1, 2)))) == shown


@pytest.mark.parametrize(
    ("types", "found"), [(["ranks"] * 3, "'ranks'"), (["2afc", "mos", "mos"], "'2afc', 'mos'"), ([], "missing")]
)
def test_an_unknown_type_or_several_are_refused_with_those_that_there_are(types, found):
    with pytest.raises(ValueError, match=f"judgement_type is {found}; it must be one of 2afc, same, mos, threshold"):
        judgements.read(TABLE[: len(types)].assign(judgement_type=types, judged_by="people"))


def test_opinions_of_one_reference_are_scored_without_a_warning():
    random = np.random.default_rng(0)
    opinions = OpinionScores(random.normal(size=8), ["a"] * 8, ["i01"] * 8)
    found = opinions.score(random.random((8, 1)), opinions.draw(3, random))
    assert np.isfinite(found["plcc"][0])
    assert np.isnan(found["plcc"][-1])  # without the only reference


@pytest.mark.parametrize(
    ("distance", "same", "message"), [([1, 2], [1, 0, 1], "same pairs"), ([1, 2, np.nan], [1, 0, 1], "not finite")]
)
def test_average_precision_refuses_other_pairs_and_missing_distances(distance, same, message):
    with pytest.raises(ValueError, match=message):
        average_precision(distance, same)
    with pytest.raises(ValueError, match=message):
        resampled_precision(distance, same, np.ones((3, 2)))
