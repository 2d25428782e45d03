"""Selections against people: on cubes whose answer is known by construction."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from perceptual_efficacy import claims, thresholds
from perceptual_efficacy.selections import Ranking, compare_selections, selection_distances
from perceptual_efficacy.thresholds import DetectionThresholds, distance_of_energy

CONTRASTS = np.geomspace(0.003, 1, 6)
STIMULI = 16


def make_cube(energy, channels_per_layer):
    """Cube of channels that see stimulus i with energy[i, unit]."""
    distance = np.stack([distance_of_energy(column, CONTRASTS) for column in energy.T], axis=-1)
    layers = np.repeat([f"relu{i + 1}_1" for i in range(len(channels_per_layer))], channels_per_layer)
    channel = np.concatenate([np.arange(count) for count in channels_per_layer])
    return xr.DataArray(
        distance,
        dims=("stimulus", "contrast", "unit"),
        coords={"layer": ("unit", layers), "channel": ("unit", channel)},
    )


def make_channels(cube, pe, status="scored"):
    return pd.DataFrame({"layer": cube["layer"].values, "channel": cube["channel"].values, "status": status, "pe": pe})


@pytest.fixture
def measured():
    random = np.random.default_rng(0)
    return random.uniform(-2, -0.7, size=(STIMULI, 1)) + random.normal(scale=0.1, size=(STIMULI, 8))


@pytest.fixture
def judgements(measured):
    return DetectionThresholds(measured, CONTRASTS)


@pytest.fixture
def informative(measured):
    """Two layers of 12 channels; the first six of each see as people do, the others at random."""
    random = np.random.default_rng(1)
    people = 10 ** -measured.mean(axis=1)
    energy = 10 ** random.uniform(0.7, 2, size=(STIMULI, 24))
    good = np.tile(np.arange(12) < 6, 2)
    energy[:, good] = people[:, None] * 10 ** random.normal(scale=0.1, size=(STIMULI, 12))
    return make_cube(energy, [12, 12]), good


def compare(cube, judgements, pe, **options):
    channels = make_channels(cube, pe)
    return compare_selections(cube, judgements, {"pe": Ranking(channels, "pe")}, splits=500, replicates=200, **options)


def row(table, **where):
    chosen = np.logical_and.reduce([table[column] == value for column, value in where.items()])
    assert chosen.sum() == 1
    return table[chosen].iloc[0]


def verdict(found):
    numbers = {name: found[name] for name in ("estimate", "ci_low", "ci_high", "n_clusters", "p_holm", "split_mean")}
    return claims.judge(**numbers, smallest_effect=0.05).verdict


DIFFERENCE = {"cube": "raw", "layer": "mean of layers", "ranking": "pe", "selection": "high - low", "measure": "r"}


@pytest.mark.parametrize(("sign", "expected"), [(1, "supported"), (-1, "contradicted")])
def test_channels_that_see_as_people_do_are_found_whatever_end_of_the_ranking_they_are_at(
    informative, judgements, sign, expected
):
    cube, good = informative
    found = row(compare(cube, judgements, sign * good + 0.01 * np.arange(24)), **DIFFERENCE)
    assert verdict(found) == expected


def test_all_high_and_low_score_as_their_summed_distances_do(informative, judgements, measured):
    cube, good = informative
    table = compare(cube, judgements, good * 1.0)
    for layer, units in {"relu1_1": np.arange(12), "all layers": np.arange(24)}.items():
        for selection, chosen in {"all": units, "high": units[good[units]], "low": units[~good[units]]}.items():
            log_threshold = judgements.predict(cube.values[..., chosen].sum(axis=-1)).log_threshold
            expected = stats.pearsonr(log_threshold, measured.mean(axis=1)).statistic
            assert row(table, cube="raw", layer=layer, selection=selection, measure="r")["estimate"] == pytest.approx(
                expected
            )


def test_the_mean_of_layers_is_their_unweighted_mean(informative, judgements):
    cube, _ = informative
    table = compare(cube, judgements, np.arange(24) * 1.0)
    single = [row(table, **{**DIFFERENCE, "layer": layer})["estimate"] for layer in ("relu1_1", "relu2_1")]
    assert row(table, **DIFFERENCE)["estimate"] == pytest.approx(np.mean(single))


def test_the_place_among_random_splits_is_that_among_all_splits(judgements):
    cube = make_cube(10 ** np.random.default_rng(3).uniform(0.5, 2, size=(STIMULI, 4)), [4])
    table = compare_selections(
        cube,
        judgements,
        {"pe": Ranking(make_channels(cube, [4.0, 3.0, 2.0, 1.0]), "pe")},
        splits=20_000,
        replicates=100,
    )

    def difference(upper):
        lower = [unit for unit in range(4) if unit not in upper]
        scores = [judgements.score(cube.values[..., list(half)].sum(axis=-1))["r"] for half in (upper, lower)]
        return scores[0] - scores[1]

    every = np.array([difference(upper) for upper in combinations(range(4), 2)])
    observed = difference((0, 1))
    expected = 2 * min(np.mean(every >= observed - 1e-12), np.mean(every <= observed + 1e-12))
    found = row(table, **{**DIFFERENCE, "layer": "relu1_1"})
    # 20,000 draws: five binomial standard deviations
    assert found["p_split"] == pytest.approx(expected, abs=5 * np.sqrt(0.25 / 20_000))


def test_matched_splits_hold_the_high_halfs_share_of_distance(judgements):
    """With one channel that outweighs all others, every matched split has it where the ranking has it."""
    energy = 10 ** np.random.default_rng(4).uniform(0.5, 1.5, size=(STIMULI, 8))
    energy[:, 0] *= 100
    cube = make_cube(energy, [8])
    found = row(compare(cube, judgements, -np.arange(8.0)), **{**DIFFERENCE, "layer": "relu1_1"})
    # the loud channel alone decides the upper half's score, so the matched splits all differ by about the same
    loud = judgements.score(cube.values[..., 0])["r"]
    assert row(compare(cube, judgements, -np.arange(8.0)), cube="raw", layer="relu1_1", selection="high", measure="r")[
        "estimate"
    ] == pytest.approx(loud, abs=0.01)
    assert found["matched_splits"] > 0
    assert found["p_matched"] > found["p_split"] / 2


def test_standardised_distances_do_not_depend_on_a_channels_gain(informative, judgements):
    cube, good = informative
    gain = 10 ** np.random.default_rng(5).uniform(-2, 2, size=24)
    tables = [compare(distance, judgements, good * 1.0) for distance in (cube, cube * gain)]
    columns = ["estimate", "ci_low", "ci_high", "p_split"]
    first, second = (table[table["cube"] == "standardised"][columns].to_numpy(dtype=float) for table in tables)
    np.testing.assert_allclose(first, second)


def test_unscored_channels_are_in_no_half_but_in_all(informative, judgements):
    cube, good = informative
    channels = make_channels(cube, good * 1.0)
    channels.loc[[0, 7, 13], "status"] = "not scored: silent"
    distances = selection_distances(cube, channels)
    unscored = {"relu1_1": [0, 7], "relu2_1": [13], "all layers": [0, 7, 13]}
    for layer, units in unscored.items():
        rest = cube.values[..., units].sum(axis=-1)
        np.testing.assert_allclose(
            distances[layer, "high"] + distances[layer, "low"] + rest, distances[layer, "all"], rtol=1e-12
        )


def test_corrected_p_values_are_holms_over_the_layers_and_scores(informative, judgements):
    cube, good = informative
    channels = make_channels(cube, good * 1.0).assign(mu1=np.arange(24.0), mu2=-np.arange(24.0), other=good)
    rankings = {name: Ranking(channels, name) for name in ("pe", "mu1", "mu2", "other")}
    table = compare_selections(cube, judgements, rankings, splits=500, replicates=100)
    corrected = table[table["p_holm"].notna()]
    assert set(corrected["ranking"]) == {"pe", "mu1", "mu2"}
    assert len(corrected) == 3 * 4  # two layers, all of them, and their mean
    assert corrected["p_holm"].min() == pytest.approx(min(1, 12 * corrected["p_split"].min()))


def test_a_paired_difference_of_rankings_is_that_of_their_high_halves(informative, judgements):
    cube, good = informative
    channels = make_channels(cube, good * 1.0).assign(other=np.arange(24.0))
    rankings = {"pe": Ranking(channels, "pe"), "other": Ranking(channels, "other")}
    table = compare_selections(cube, judgements, rankings, differences=[("pe", "other")], splits=100, replicates=100)
    common = {"cube": "raw", "layer": "all layers", "measure": "r"}
    high = [row(table, ranking=name, selection="high", **common)["estimate"] for name in rankings]
    found = row(table, selection="high, pe - other", **common)
    assert found["estimate"] == pytest.approx(high[0] - high[1])


def test_baselines_and_observers_stand_in_the_same_table(informative, judgements, measured):
    cube, good = informative
    perfect = distance_of_energy(10 ** -measured.mean(axis=1), CONTRASTS)
    table = compare(cube, judgements, good * 1.0, baselines={"perfect": perfect})
    assert row(table, layer="none", selection="perfect", measure="r")["estimate"] == pytest.approx(1)
    assert row(table, selection=thresholds.OBSERVER)["estimate"] == pytest.approx(judgements.observers())


def test_the_same_seed_gives_the_same_table(informative, judgements):
    cube, good = informative
    first, second = (compare(cube, judgements, good * 1.0, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_channels_of_another_network_are_refused(informative, judgements):
    cube, good = informative
    channels = make_channels(cube, good * 1.0).iloc[::-1]
    with pytest.raises(ValueError, match="ranked by 'pe' are not the units of the distance cube"):
        compare_selections(cube, judgements, {"pe": Ranking(channels, "pe")})


def test_labels_without_meaning_get_a_verdict_in_at_most_five_percent_of_studies(informative, judgements):
    """The rule's own error rate: 500 shuffles of the PE labels, on a cube whose channels do differ."""
    cube, good = informative
    random = np.random.default_rng(6)
    channels = make_channels(cube, good * 1.0)
    false = 0
    for shuffle in range(500):
        labels = {name: random.permutation(24) * 1.0 for name in ("pe", "mu1", "mu2")}
        rankings = {name: Ranking(channels.assign(**labels), name) for name in labels}
        found = row(
            compare_selections(cube, judgements, rankings, splits=500, replicates=100, seed=shuffle), **DIFFERENCE
        )
        false += verdict(found) in {"supported", "contradicted"}
    assert false <= stats.binom.ppf(0.99, 500, 0.05)
