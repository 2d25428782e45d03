"""Thresholds predicted from distances: against closed forms, a plain reference, scipy and published fits."""

import numpy as np
import pytest
from scipy import stats

from perceptual_efficacy import csf
from perceptual_efficacy.energy import contrast_energy, distance_of_energy
from perceptual_efficacy.judgements.thresholds import QUADRATIC, DetectionThresholds, Draws, interpolate
from perceptual_efficacy.vocabulary import LEAVE_ONE_OUT

CONTRASTS = np.geomspace(0.003, 1, 10)


@pytest.fixture
def measured():
    return np.random.default_rng(1).uniform(-2.2, -0.5, size=(12, 5))


@pytest.fixture
def curves():
    """Distances that rise with contrast, but by no simple law; shape (stimuli, contrasts)."""
    return np.random.default_rng(2).gamma(0.7, size=(12, 10)).cumsum(axis=1) * 1e-3


def reference_prediction(distance, measured):
    """Leave-one-stimulus-out thresholds by loops and numpy.interp, for curves that rise strictly."""
    x = np.log10(CONTRASTS)
    # numpy.interp does not extrapolate: one far point on the quadratic branch at each end
    x = np.concatenate([[x[0] - 9], x, [x[-1] + 9]])
    curves = np.log10(distance)
    curves = np.column_stack([curves[:, 0] - 18, curves, curves[:, -1] + 18])
    predicted = []
    for i in range(len(curves)):
        others = [j for j in range(len(curves)) if j != i]
        criterion = np.mean([np.interp(measured[j], x, curves[j]) for j in others])
        predicted.append(np.interp(criterion, curves[i], x))
    return np.array(predicted)


def test_prediction_equals_a_plain_loop(curves, measured):
    predicted = DetectionThresholds(measured, CONTRASTS).predict(curves).log_threshold
    np.testing.assert_allclose(predicted, reference_prediction(curves, measured.mean(axis=1)), atol=1e-12)


def test_quadratic_distances_predict_the_closed_form(measured):
    energy = np.random.default_rng(3).uniform(0.5, 20, size=12)
    mean = measured.mean(axis=1)
    own = mean + np.log10(energy)
    expected = (own.sum() - own) / 11 - np.log10(energy)
    predicted = DetectionThresholds(measured, CONTRASTS).predict(distance_of_energy(energy, CONTRASTS))
    np.testing.assert_allclose(predicted.log_threshold, expected, atol=1e-12)


def test_distances_that_share_one_criterion_score_perfectly(measured):
    score = DetectionThresholds(measured, CONTRASTS).score(distance_of_energy(10 ** -measured.mean(axis=1), CONTRASTS))
    assert score["r"] == pytest.approx(1)
    assert score["rmse"] == pytest.approx(0, abs=1e-12)


def test_scores_are_scipys_correlation_and_root_mean_square(curves, measured):
    mean = measured.mean(axis=1)
    predicted = reference_prediction(curves, mean)
    score = DetectionThresholds(measured, CONTRASTS).score(curves)
    assert score["r"] == pytest.approx(stats.pearsonr(predicted, mean).statistic)
    assert score["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - mean) ** 2)))


def test_a_bootstrap_sample_scores_like_a_data_set_with_repeated_stimuli(curves, measured):
    stimuli = np.array([[3, 0, 1, 1, 2, 0, 1, 1, 1, 0, 1, 1]])
    observers = np.array([[0, 2, 1, 2, 0]])
    drawn = np.repeat(np.arange(12), stimuli[0])
    mean = np.repeat(measured, observers[0], axis=1).mean(axis=1)
    x = np.log10(CONTRASTS)
    predicted = []
    for i in drawn:
        others = [j for j in drawn if j != i]
        criterion = np.mean([interpolate(x, np.log10(curves[j]), mean[j], QUADRATIC)[0] for j in others])
        predicted.append(interpolate(np.log10(curves[i]), x, np.asarray(criterion), 1 / QUADRATIC)[0])
    score = DetectionThresholds(measured, CONTRASTS).score(curves, Draws(stimuli, observers))
    assert score["r"][0] == pytest.approx(stats.pearsonr(predicted, mean[drawn]).statistic)
    assert score["rmse"][0] == pytest.approx(np.sqrt(np.mean((predicted - mean[drawn]) ** 2)))


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
    np.testing.assert_allclose(prediction.log_threshold, (own.sum() - own) / 4 - np.log10(energy), atol=1e-12)


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
    curve = random.uniform(0.1, 2, size=(50, 10)).cumsum(axis=1)
    wanted = random.uniform(-4, 1, size=50)
    log_distance, _ = interpolate(x, curve, wanted, QUADRATIC)
    found, outside = interpolate(curve, x, log_distance, 1 / QUADRATIC)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_array_equal(outside, (wanted <= x[0]) | (wanted > x[-1]))


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
