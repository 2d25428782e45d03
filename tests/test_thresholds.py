"""Thresholds predicted from distances: against closed forms, a plain reference, scipy and published fits."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from perceptual_efficacy import csf
from perceptual_efficacy.energy import contrast_energy, distance_of_energy
from perceptual_efficacy.judgements.thresholds import QUADRATIC, DetectionThresholds, Draws, first_reached, interpolate
from perceptual_efficacy.vocabulary import HUMAN_CEILING, LEAVE_ONE_OUT

CONTRASTS = np.geomspace(0.003, 1, 10)


@pytest.fixture
def measured():
    return np.random.default_rng(1).uniform(-2.2, -0.5, size=(12, 5))


@pytest.fixture
def curves():
    """Distances that rise with contrast, but by no simple law; shape (stimuli, contrasts)."""
    return np.random.default_rng(2).gamma(0.7, size=(12, 10)).cumsum(axis=1) * 1e-3


def reference_prediction(distance, measured, *, leave_out):
    """Thresholds by loops and numpy.interp, for curves that rise strictly."""
    x = np.log10(CONTRASTS)
    # numpy.interp does not extrapolate: one far point on the quadratic branch at each end
    x = np.concatenate([[x[0] - 9], x, [x[-1] + 9]])
    curves = np.log10(distance)
    curves = np.column_stack([curves[:, 0] - 18, curves, curves[:, -1] + 18])
    predicted = []
    for i in range(len(curves)):
        setting = [j for j in range(len(curves)) if j != i or not leave_out]
        criterion = np.mean([np.interp(measured[j], x, curves[j]) for j in setting])
        predicted.append(np.interp(criterion, curves[i], x))
    return np.array(predicted)


@pytest.mark.parametrize("leave_out", [True, False])
def test_prediction_equals_a_plain_loop(curves, measured, leave_out):
    predicted = DetectionThresholds(measured, CONTRASTS).predict(curves, leave_out=leave_out).log_threshold
    expected = reference_prediction(curves, measured.mean(axis=1), leave_out=leave_out)
    np.testing.assert_allclose(predicted, expected, atol=1e-12)


def test_quadratic_distances_predict_the_closed_form(measured):
    energy = np.random.default_rng(3).uniform(0.5, 20, size=12)
    mean = measured.mean(axis=1)
    own = mean + np.log10(energy)
    judgements, distance = DetectionThresholds(measured, CONTRASTS), distance_of_energy(energy, CONTRASTS)
    shared, left_out = (judgements.predict(distance, leave_out=leave_out).log_threshold for leave_out in (False, True))
    np.testing.assert_allclose(shared, own.mean() - np.log10(energy), atol=1e-12)
    np.testing.assert_allclose(left_out, (own.sum() - own) / 11 - np.log10(energy), atol=1e-12)


def test_a_distance_that_is_the_same_for_all_patterns_has_no_correlation(measured):
    """With a criterion that leaves the predicted stimulus out it would have -1."""
    score = DetectionThresholds(measured, CONTRASTS).score(distance_of_energy(np.ones(12), CONTRASTS))
    assert np.isnan(score["r"])
    assert score["rmse"] == pytest.approx(np.std(measured.mean(axis=1)) * 12 / 11)


def test_distances_that_tell_nothing_correlate_neither_way(measured):
    """With a criterion that leaves the predicted stimulus out the mean would be about -.18."""
    energies = 10 ** np.random.default_rng(5).normal(size=(2000, 12))
    distance = np.stack([distance_of_energy(energy, CONTRASTS) for energy in energies])
    r = DetectionThresholds(measured, CONTRASTS).primary(distance)
    assert abs(r.mean()) < 3 * r.std() / np.sqrt(len(r))


def test_distances_that_share_one_criterion_score_perfectly(measured):
    score = DetectionThresholds(measured, CONTRASTS).score(distance_of_energy(10 ** -measured.mean(axis=1), CONTRASTS))
    assert score["r"] == pytest.approx(1)
    assert score["rmse"] == pytest.approx(0, abs=1e-12)


def test_scores_are_scipys_correlation_and_root_mean_square(curves, measured):
    mean = measured.mean(axis=1)
    shared, left_out = (reference_prediction(curves, mean, leave_out=leave_out) for leave_out in (False, True))
    score = DetectionThresholds(measured, CONTRASTS).score(curves)
    assert score["r"] == pytest.approx(stats.pearsonr(shared, mean).statistic)
    assert score["rmse"] == pytest.approx(np.sqrt(np.mean((left_out - mean) ** 2)))


def test_a_bootstrap_sample_scores_like_a_data_set_with_repeated_stimuli(curves, measured):
    stimuli = np.array([[3, 0, 1, 1, 2, 0, 1, 1, 1, 0, 1, 1]])
    observers = np.array([[0, 2, 1, 2, 0]])
    drawn = np.repeat(np.arange(12), stimuli[0])
    mean = np.repeat(measured, observers[0], axis=1).mean(axis=1)
    x = np.log10(CONTRASTS)
    predicted = {True: [], False: []}
    for leave_out, i in product(predicted, drawn):
        setting = [j for j in drawn if j != i or not leave_out]
        criterion = np.mean([interpolate(x, np.log10(curves[j]), mean[j], QUADRATIC)[0] for j in setting])
        predicted[leave_out].append(interpolate(np.log10(curves[i]), x, np.asarray(criterion), 1 / QUADRATIC)[0])
    score = DetectionThresholds(measured, CONTRASTS).score(curves, Draws(stimuli, observers))
    assert score["r"][0] == pytest.approx(stats.pearsonr(predicted[False], mean[drawn]).statistic)
    assert score["rmse"][0] == pytest.approx(np.sqrt(np.mean((predicted[True] - mean[drawn]) ** 2)))


def test_scoring_many_distances_equals_scoring_each(curves, measured):
    judgements = DetectionThresholds(measured, CONTRASTS)
    stack = np.stack([curves, curves[::-1], 7 * curves])
    expected = [judgements.score(one)["r"] for one in stack]
    np.testing.assert_allclose(judgements.score(stack)["r"], expected)


def test_a_distance_that_falls_again_counts_where_it_first_reaches_the_criterion(measured):
    rising = distance_of_energy(10 ** -measured.mean(axis=1), CONTRASTS)
    falling = rising.copy()
    falling[:, -1] = 0
    judgements = DetectionThresholds(measured, CONTRASTS)
    np.testing.assert_allclose(judgements.predict(falling).log_threshold, judgements.predict(rising).log_threshold)


def test_thresholds_outside_the_contrasts_shown_are_flagged_and_lie_on_the_quadratic_branch():
    # the second stimulus is seen a thousand times better, the third a thousand times worse than the others
    energy = np.array([10, 1e4, 0.01, 10, 10])
    measured = np.full((5, 3), -1.0)
    prediction = DetectionThresholds(measured, CONTRASTS).predict(distance_of_energy(energy, CONTRASTS))
    assert prediction.extrapolated.tolist() == [False, True, True, False, False]
    own = -1 + np.log10(energy)
    np.testing.assert_allclose(prediction.log_threshold, own.mean() - np.log10(energy), atol=1e-12)


def test_a_pattern_that_leaves_no_distance_has_a_high_threshold_not_a_missing_one(measured):
    distance = distance_of_energy(10 ** -measured.mean(axis=1), CONTRASTS)
    distance[4] = 0
    prediction = DetectionThresholds(measured, CONTRASTS).predict(distance)
    assert prediction.extrapolated[4]
    assert prediction.log_threshold[4] > 1
    assert np.isfinite(prediction.log_threshold).all()


def test_contrast_and_distance_curves_invert_each_other():
    random = np.random.default_rng(4)
    x = np.log10(CONTRASTS)
    curve = random.uniform(0.1, 2, size=(50, 10)).cumsum(axis=1).T
    wanted = random.uniform(-4, 1, size=50)
    log_distance, _ = interpolate(x, curve, wanted, QUADRATIC)
    found, outside = first_reached(curve, x, log_distance, 1 / QUADRATIC)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_array_equal(outside, (wanted <= x[0]) | (wanted > x[-1]))


def test_a_criterion_is_first_reached_where_a_flat_part_begins():
    curve = np.array([0.0, 1.0, 1.0, 1.0, 3.0])[:, None]
    wanted = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 3.0, 4.0])
    found, outside = first_reached(curve, np.arange(5.0), wanted, 0.5)
    np.testing.assert_allclose(found, [-0.5, 0, 0.5, 1, 3.25, 4, 4.5])
    assert outside.tolist() == [True, True, False, False, False, False, True]


def test_measured_thresholds_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"measured has shape \(3,\); expected finite \(stimuli, observers\)"):
        DetectionThresholds(np.zeros(3), CONTRASTS)


def test_draws_count_every_stimulus_and_observer(measured):
    draws = DetectionThresholds(measured, CONTRASTS).draw(50, np.random.default_rng(0))
    assert (draws.stimuli.sum(axis=1) == 12).all()
    assert (draws.observers.sum(axis=1) == 5).all()


def test_one_observer_by_the_others_is_the_mean_of_leave_one_out_correlations(measured):
    expected = [stats.pearsonr(measured[:, i], np.delete(measured, i, axis=1).mean(axis=1))[0] for i in range(5)]
    judgements = DetectionThresholds(measured, CONTRASTS)
    found = judgements.people(judgements.draw(0, np.random.default_rng(0)))[LEAVE_ONE_OUT]
    assert found == pytest.approx([np.mean(expected)])


def test_human_ceiling_is_the_correlation_of_the_truth_with_a_mean_of_observers():
    """Simulated observers whose truth is known, and who differ in overall sensitivity as well."""
    random = np.random.default_rng(6)
    truth = random.normal(size=(300, 1))
    measured = truth + random.normal(size=(1, 4)) + 0.8 * random.normal(size=(300, 4))
    judgements = DetectionThresholds(measured, CONTRASTS)
    ceiling = judgements.people(judgements.draw(0, random))[HUMAN_CEILING].item()
    assert ceiling == pytest.approx(np.corrcoef(truth[:, 0], measured.mean(axis=1))[0, 1], abs=0.01)
    assert ceiling == pytest.approx(np.sqrt(1 / (1 + 0.8**2 / 4)), abs=0.01)


def test_human_ceiling_of_a_sample_is_that_of_its_stimuli_and_observers(measured):
    stimuli, observers = np.array([[2, 0, *[1] * 10]]), np.array([[2, 1, 0, 1, 1]])
    drawn = np.repeat(np.repeat(measured, stimuli[0], axis=0), observers[0], axis=1)
    of_sample, of_all = (
        judged.people(draws)[HUMAN_CEILING]
        for judged, draws in (
            (DetectionThresholds(measured, CONTRASTS), Draws(stimuli, observers)),
            (DetectionThresholds(drawn, CONTRASTS), Draws(np.ones((1, 12), int), np.ones((1, 5), int))),
        )
    )
    np.testing.assert_allclose(of_sample, of_all)


def test_energy_without_weights_is_rms_contrast_times_the_root_of_the_area():
    pattern = np.random.default_rng(0).normal(size=(3, 20, 30))
    expected = np.sqrt((pattern**2).mean(axis=(1, 2))) * np.sqrt(20 * 30 / 60**2)
    np.testing.assert_allclose(contrast_energy(pattern, 60), expected)


def test_energy_of_a_grating_follows_the_sensitivity_at_its_frequency():
    x = (np.arange(256) - 127.5) / 60
    window = np.exp(-(x[:, None] ** 2 + x**2) / 0.8)
    frequencies = [2, 8]
    patterns = np.stack([np.cos(2 * np.pi * f * x) * window for f in frequencies])
    weighted = contrast_energy(patterns, 60, sensitivity=csf.mannos_sakrison)
    np.testing.assert_allclose(weighted / contrast_energy(patterns, 60), csf.mannos_sakrison(frequencies), rtol=0.02)


def test_thresholds_without_an_observer_are_refused():
    with pytest.raises(ValueError, match="one observer or more"):
        DetectionThresholds(np.empty((2, 0)), [0.1, 1.0])


def test_means_of_observers_have_no_ceiling(measured):
    """Nothing tells how well observers agree, so nothing is said of people."""
    judgements = DetectionThresholds(measured[:, :1], CONTRASTS)
    draws = judgements.draw(20, np.random.default_rng(0))
    assert judgements.people(draws) == {}
    assert judgements.resampled_unit == "stimuli"
    assert (draws.observers == 1).all()


def test_contrasts_relative_to_each_stimulus_predict_the_same(curves, measured):
    """A threshold is one thing, whatever a contrast of 1 is called: here a tenth, and a half."""
    full = np.log10(np.resize([0.1, 0.5], 12))
    absolute = DetectionThresholds(measured, CONTRASTS)
    relative = DetectionThresholds(measured + full[:, None], CONTRASTS, full)
    np.testing.assert_allclose(
        relative.predict(curves).log_threshold, absolute.predict(curves).log_threshold + full, atol=1e-12
    )


STUDIES = np.repeat(["one", "two"], [5, 7])


def test_the_score_of_several_studies_is_the_mean_of_theirs(curves, measured):
    """Each has a criterion of its own: what all thresholds of a study are multiplied by changes nothing."""
    alone = [DetectionThresholds(measured[part], CONTRASTS).score(curves[part]) for part in (slice(5), slice(5, None))]
    shifted = measured + np.where(STUDIES == "one", 0, 0.7)[:, None]
    together = DetectionThresholds(shifted, CONTRASTS, study=STUDIES)
    one, other = (part.score(curves[members]) for members, part in together.groups().values())
    for measure, value in together.score(curves).items():
        assert value == pytest.approx((one[measure] + other[measure]) / 2)
        assert one[measure] == pytest.approx(alone[0][measure])
    assert list(together.groups()) == ["one", "two"]
    assert DetectionThresholds(measured, CONTRASTS).groups() == {}


def test_stimuli_are_resampled_within_their_study(curves, measured):
    judgements = DetectionThresholds(measured, CONTRASTS, study=STUDIES)
    draws = judgements.draw(50, np.random.default_rng(0))
    assert (draws.stimuli[:, :5].sum(axis=1) == 5).all()
    assert (draws.stimuli[:, 5:].sum(axis=1) == 7).all()
    scores = judgements.score(curves, draws)["r"]
    parts = [
        part.score(curves[members], Draws(draws.stimuli[:, members], draws.observers))["r"]
        for members, part in judgements.groups().values()
    ]
    np.testing.assert_allclose(scores, np.mean(parts, axis=0))
    assert scores[0] == pytest.approx(judgements.primary(curves))


def test_one_criterion_for_several_studies_is_refused(curves, measured):
    with pytest.raises(ValueError, match="2 studies; expected one"):
        DetectionThresholds(measured, CONTRASTS, study=STUDIES).predict(curves)
