"""Random-effects meta-analysis, against statsmodels and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from perceptual_efficacy import meta_analysis
from perceptual_efficacy.meta_analysis import random_effects


def studies(count, between, seed=0):
    random = np.random.default_rng(seed)
    error = random.uniform(0.02, 0.1, count)
    return random.normal(0.05, between, count) + error * random.standard_normal(count), error


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [2, 3, 8])
def test_estimate_and_interval_are_those_of_statsmodels(count, seed):
    effect, error = studies(count, 0.4, seed)
    found = random_effects(effect, error)
    expected = combine_effects(effect, error**2, method_re="dl")
    assert expected.tau2 > 0  # which statsmodels does not cut off at 0
    assert found.tau2 == pytest.approx(expected.tau2, rel=1e-10)
    assert found.i2 == pytest.approx(expected.i2, rel=1e-10)
    assert found.estimate == pytest.approx(expected.mean_effect_re, rel=1e-10)
    adjusted = max(expected.sd_eff_w_re_hksj, expected.sd_eff_w_re)
    reach = stats.t.ppf(0.975, count - 1) * adjusted
    np.testing.assert_allclose([found.ci_low, found.ci_high], found.estimate + np.array([-1, 1]) * reach, rtol=1e-10)


def test_equal_studies_are_averaged_without_heterogeneity():
    found = random_effects([0.1, 0.1, 0.1], [0.03, 0.03, 0.03])
    assert (found.tau2, found.i2) == (0, 0)
    reach = stats.t.ppf(0.975, 2) * 0.03 / np.sqrt(3)
    assert found.ci_high - found.estimate == pytest.approx(reach)
    assert found.prediction_high - found.estimate == pytest.approx(stats.t.ppf(0.975, 1) * 0.03 / np.sqrt(3))


def test_interval_covers_the_truth_as_often_as_it_says():
    truth, covered = 0.05, []
    random = np.random.default_rng(1)
    for _ in range(400):
        error = random.uniform(0.02, 0.1, 5)
        effect = truth + 0.1 * random.standard_normal(5) + error * random.standard_normal(5)
        found = random_effects(effect, error)
        covered.append(found.ci_low <= truth <= found.ci_high)
    assert 0.92 < np.mean(covered) <= 1


def test_two_studies_predict_no_other():
    assert np.isnan(random_effects([0.1, 0.2], [0.1, 0.1]).prediction_low)


@pytest.mark.parametrize(
    ("effect", "error", "told"),
    [
        ([0.1], [0.1], "at least two"),
        ([0.1, 0.2], [0.1], "as many"),
        ([0.1, np.nan], [0.1, 0.1], "not a finite number"),
        ([0.1, 0.2], [0.1, 0.0], "not above 0"),
    ],
)
def test_what_cannot_be_combined_is_refused(effect, error, told):
    with pytest.raises(ValueError, match=told):
        random_effects(effect, error)


def agreement(dataset, estimate, error, clusters=25, **changes):
    reach = stats.t.ppf(0.975, clusters - 1) * error
    return {
        "network": "net",
        "weights": "trained",
        "dataset": dataset,
        "group": "all",
        "cube": "raw",
        "layer": "relu2_2",
        "ranking": "pe",
        "selection": "high - low",
        "measure": "srcc",
        "n_clusters": clusters,
        "estimate": estimate,
        "ci_low": estimate - reach,
        "ci_high": estimate + reach,
        **changes,
    }


def test_tables_are_combined_by_the_errors_of_their_intervals():
    rows = [agreement("a", 0.1, 0.03), agreement("b", 0.0, 0.02, clusters=81), agreement("c", 0.05, 0.05)]
    others = [agreement("a", 9, 1, measure="krcc"), agreement("a", 9, 1, group="noise"), agreement("a", 9, 1, cube="x")]
    alone = [agreement("a", 0.1, 0.03, layer="relu1_2"), agreement("a", 0.1, 0.03, network="other")]
    found = meta_analysis.combine(pd.DataFrame(rows + others + alone))
    expected = random_effects([0.1, 0.0, 0.05], [0.03, 0.02, 0.05])
    first = found.iloc[0]
    assert (first["network"], first["layer"], first["dataset"], first["datasets"]) == ("net", "relu2_2", "a, b, c", 3)
    assert first["n_clusters"] == 131
    np.testing.assert_allclose(first[["estimate", "ci_low", "ci_high"]].astype(float), expected[:3])
    assert found["measure"].tolist() == ["srcc", "heterogeneity I2", "prediction for another data set"]
    assert found["estimate"].iloc[1] == pytest.approx(expected.i2)


def test_one_data_set_is_not_combined():
    assert meta_analysis.combine(pd.DataFrame([agreement("a", 0.1, 0.03)])).columns.tolist() == ["network"]
