"""Selections against people: on cubes whose answer is known by construction, and on one of real photographs."""

from importlib.resources import files
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from perceptual_efficacy import agreement, distances, image_files
from perceptual_efficacy.agreement import (
    Ranking,
    compare_selections,
    compare_single_channels,
    selection_distances,
)
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.claims import evaluation
from perceptual_efficacy.datasets import comparisons, ladder, photographs
from perceptual_efficacy.energy import distance_of_energy
from perceptual_efficacy.judgements import DetectionThresholds, OpinionScores, SameOrDifferent, TwoAlternativeChoices
from perceptual_efficacy.vocabulary import LEAVE_ONE_OUT, SELF_AGREEMENT

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
    """Two layers of 12 equally loud channels; the first six of each see as people do, the others at random."""
    random = np.random.default_rng(1)
    people = 10 ** -measured.mean(axis=1)
    energy = 10 ** random.uniform(0.7, 2, size=(STIMULI, 24))
    good = np.tile(np.arange(12) < 6, 2)
    energy[:, good] = people[:, None] * 10 ** random.normal(scale=0.1, size=(STIMULI, 12))
    energy *= 30 / np.sqrt((energy**2).mean(axis=0))
    return make_cube(energy, [12, 12]), good


def compare(cube, judgements, pe, **options):
    channels = make_channels(cube, pe)
    return compare_selections(cube, judgements, {"pe": Ranking(channels, "pe")}, splits=500, replicates=200, **options)


def row(table, **where):
    chosen = np.logical_and.reduce([table[column] == value for column, value in where.items()])
    assert chosen.sum() == 1
    return table[chosen].iloc[0]


def verdict(found, smallest_effect=0.05):
    numbers = {name: found[name] for name in ("estimate", "ci_low", "ci_high", "n_clusters")}
    controls = (evaluation.RANDOM_SPLITS, evaluation.MATCHED_SPLITS)
    places = [evaluation.Place(name, *(found[column] for column in evaluation.CONTROLS[name])) for name in controls]
    return evaluation.judge(**numbers, smallest_effect=smallest_effect, places=places).verdict


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


def test_a_half_whose_channels_find_no_distance_has_none_left_by_rounding():
    candidates = np.random.default_rng(0).random((2400, 60)) ** 8
    candidates[1200:] = 0
    upper, lower = agreement._Splitting(candidates).halves(np.arange(2400)[None] < 1200)
    np.testing.assert_allclose(upper[0], candidates.sum(axis=0), rtol=1e-12)
    assert not lower.any()


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


def test_the_mean_of_layers_has_its_place_among_means_of_matched_splits(informative, judgements):
    cube, good = informative
    table = compare(cube, judgements, good + np.tile(np.arange(12), 2) / 100)
    of_layers = [row(table, **{**DIFFERENCE, "layer": layer}) for layer in ("relu1_1", "relu2_1")]
    of_mean = row(table, **{**DIFFERENCE, "layer": "mean of layers"})
    assert of_mean["matched_mean"] == pytest.approx(np.mean([found["matched_mean"] for found in of_layers]), abs=0.03)
    assert of_mean["p_matched"] < 0.05
    assert np.isnan(row(table, **{**DIFFERENCE, "layer": "all layers"})["p_matched"])


@pytest.mark.parametrize("dominant", [1.0, 20.0])
def test_the_mean_of_the_one_layer_that_has_converged_is_that_layer(informative, judgements, dominant):
    """Its place among matched splits is the same, too; they are few if one channel dominates."""
    cube, good = informative
    cube = cube * np.where(np.arange(24) == 12, dominant, 1.0)
    channels = make_channels(cube, good + 0.01 * np.arange(24)).assign(converged=np.arange(24) >= 12)
    rankings = {"pe": Ranking(channels, "pe")}
    table = compare_selections(cube, judgements, rankings, splits=500, replicates=100)
    found = table[(table["ranking"] == "pe") & table["layer"].isin(["relu2_1", "mean of layers"])]
    of_layer, mean = (found[found["layer"] == layer].drop(columns="layer") for layer in ("relu2_1", "mean of layers"))
    assert set(of_layer["matched_splits"].dropna()) != {500}
    pd.testing.assert_frame_equal(of_layer.reset_index(drop=True), mean.reset_index(drop=True))
    single, _ = compare_single_channels(cube, judgements, rankings, shuffles=100, replicates=100)
    rho = single.set_index("layer")
    assert rho.loc["mean of layers", "estimate"] == rho.loc["relu2_1", "estimate"]
    assert rho.loc["mean of layers", "channels"] == 12


def test_of_few_matched_splits_every_combination_counts_once(judgements):
    """Two layers of four channels: their matched splits are enumerable, and so are the pairs of them."""
    energy = 10 ** np.random.default_rng(5).uniform(0.7, 2, size=(STIMULI, 8))
    cube = make_cube(energy * 30 / np.sqrt((energy**2).mean(axis=0)), [4, 4])
    table = compare(cube, judgements, np.arange(8.0))
    found = table[(table["selection"] == "high - low") & (table["measure"] == "r") & (table["cube"] == "raw")]
    splits = found.set_index("layer")["matched_splits"]
    assert splits["relu1_1"] == splits["relu2_1"] == 6  # 4 choose 2, as all are equally loud
    assert splits["mean of layers"] == 36


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


def test_the_sum_and_the_mean_of_one_layer_are_no_further_hypotheses(informative, judgements):
    """Else the layer would count three times: a p of .004 became .024."""
    cube, good = informative
    cube, good = cube[..., :12], good[:12]
    channels = make_channels(cube, good * 1.0).assign(mu1=np.arange(12.0), mu2=-np.arange(12.0))
    rankings = {name: Ranking(channels, name) for name in ("pe", "mu1", "mu2")}
    table = compare_selections(cube, judgements, rankings, splits=500, replicates=100)
    of_layer = table[(table["layer"] == "relu1_1") & table["p_holm"].notna()].set_index("ranking")
    assert of_layer["p_holm"].min() == pytest.approx(min(1, 3 * of_layer["p_split"].min()))
    for summary in ("all layers", "mean of layers"):
        rows = table[(table["layer"] == summary) & table["p_holm"].notna()].set_index("ranking")
        pd.testing.assert_series_equal(rows["p_holm"], of_layer["p_holm"])


def test_a_layer_says_how_many_channels_its_distance_is_made_of(informative, judgements):
    """Of n equal channels n; the high half's share is that of its distance."""
    cube, good = informative
    loud = cube.copy(data=np.ones(cube.shape))
    loud[..., 3] = 9.0
    ranking = Ranking(make_channels(cube, good * 1.0), "pe")
    table = compare_selections(loud, judgements, {"pe": ranking, "other": ranking}, splits=50)
    # of a ranking that no claim is about there are no splits with its share, but the share is told
    columns = ["high_share", "effective_channels", "matched_splits"]
    differences = table[(table["selection"] == "high - low") & (table["cube"] == "raw") & (table["measure"] == "r")]
    shares = differences[differences["ranking"] == "other"].set_index("layer")[columns]
    assert (shares.pop("matched_splits").dropna() == 0).all()
    expected = differences[differences["ranking"] == "pe"].set_index("layer")[columns[:2]]
    pd.testing.assert_frame_equal(shares, expected)
    found = {
        layer: row(table, cube="raw", layer=layer, ranking="pe", selection="high - low", measure="r")
        for layer in ("relu1_1", "relu2_1")
    }
    assert found["relu2_1"]["effective_channels"] == pytest.approx(12)
    assert found["relu2_1"]["high_share"] == pytest.approx(0.5)
    assert found["relu1_1"]["effective_channels"] == pytest.approx((11 + 9) ** 2 / (11 + 81))


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
    assert row(table, selection=LEAVE_ONE_OUT)["estimate"] == pytest.approx(
        judgements.people(judgements.draw(0, np.random.default_rng(0)))[LEAVE_ONE_OUT].item()
    )


def test_the_same_seed_gives_the_same_table(informative, judgements):
    cube, good = informative
    first, second = (compare(cube, judgements, good * 1.0, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_channels_of_another_network_are_refused(informative, judgements):
    cube, good = informative
    channels = make_channels(cube, good * 1.0).iloc[::-1]
    with pytest.raises(ValueError, match="ranked by 'pe' are not the units of the distance cube"):
        compare_selections(cube, judgements, {"pe": Ranking(channels, "pe")})


@pytest.mark.parametrize("shuffles", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_labels_without_meaning_get_a_verdict_in_at_most_five_percent_of_studies(informative, judgements, shuffles):
    """The rule's own error rate: shuffles of the PE labels, on a cube whose channels do differ."""
    cube, good = informative
    random = np.random.default_rng(6)
    channels = make_channels(cube, good * 1.0)
    false = 0
    for shuffle in range(shuffles):
        labels = {name: random.permutation(24) * 1.0 for name in ("pe", "mu1", "mu2")}
        rankings = {name: Ranking(channels.assign(**labels), name) for name in labels}
        found = row(
            compare_selections(cube, judgements, rankings, splits=500, replicates=100, seed=shuffle), **DIFFERENCE
        )
        false += verdict(found) in {"supported", "contradicted"}
    assert false <= stats.binom.ppf(0.99, shuffles, 0.05)


# Judgements of images
CLUSTERS = 14
IMAGES = 6 * CLUSTERS
GROUP = np.tile(["noise", "blur", "noise"], 2 * CLUSTERS)
CLUSTER = np.repeat([f"i{number:02}" for number in range(CLUSTERS)], 6)
PARTS = {"all": slice(None), "noise": GROUP == "noise", "blur": GROUP == "blur"}


def spearman(distance, opinion, group):
    return stats.spearmanr(-distance[:, 0], opinion).statistic


def two_alternative(distance, judge, group):
    first, second = distance.T
    earned = (first < second) * (1 - judge) + (second < first) * judge + (first == second) * 0.5
    return np.mean([earned[group == name].mean() for name in np.unique(group)])


def average_precision(distance, same, group):
    """Of distances without ties, interpolated."""
    areas = []
    for name in np.unique(group):
        hits = same[group == name][np.argsort(distance[group == name, 0])]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        areas.append((hits * [precision[place:].max() for place in range(len(hits))]).sum() / hits.sum())
    return np.mean(areas)


# kind of judgements, the plain score of a distance, the smallest effect of interest
KINDS = {
    "srcc": (OpinionScores, spearman, 0.02),
    "2afc": (TwoAlternativeChoices, two_alternative, 0.01),
    "map": (SameOrDifferent, average_precision, 0.01),
}


def image_cube(distance, channels_per_layer):
    """Cube (comparison, side, unit) of layers relu1_1, relu2_1 and so on."""
    layers = np.repeat([f"relu{i + 1}_1" for i in range(len(channels_per_layer))], channels_per_layer)
    channel = np.concatenate([np.arange(count) for count in channels_per_layer])
    return xr.DataArray(
        distance.astype(np.float32),
        dims=("comparison", "side", "unit"),
        coords={"layer": ("unit", layers), "channel": ("unit", channel)},
    )


def make_study(measure, seed=0):
    """Two layers of 12 equally loud channels; the first six of each see as people do, the others at random."""
    kind, plain, effect = KINDS[measure]
    random = np.random.default_rng(seed)
    difference = random.uniform(0.2, 3, size=(IMAGES, 2 if measure == "2afc" else 1))  # as people see it
    if measure == "srcc":
        judged = 9 - 2 * difference[:, 0] + random.normal(scale=0.2, size=IMAGES)
    elif measure == "2afc":
        judged = random.binomial(5, stats.norm.cdf(2 * (difference[:, 0] - difference[:, 1]))) / 5
    else:
        judged = random.binomial(3, stats.norm.cdf(2 * (1.5 - difference[:, 0]))) / 3
    distance = random.uniform(0.2, 3, size=(*difference.shape, 24))
    good = np.tile(np.arange(12) < 6, 2)
    distance[..., good] = difference[..., None] * random.lognormal(sigma=0.1, size=(*difference.shape, 12))
    distance *= random.lognormal(sigma=1, size=24)  # channels are not equally loud
    return SimpleNamespace(
        measure=measure,
        cube=image_cube(distance, [12, 12]),
        judgements=kind(judged, GROUP, CLUSTER),
        good=good,
        effect=effect,
        plain=lambda summed, rows=slice(None): plain(summed[rows], judged[rows], GROUP[rows]),
    )


@pytest.fixture(scope="module", params=KINDS)
def study(request):
    return make_study(request.param)


@pytest.fixture(scope="module")
def of_good(study):
    """What is found when the channels that see as people do rank highest."""
    return compare(study.cube, study.judgements, study.good + 0.01 * np.arange(24))


class Spearman(OpinionScores):
    """Only the correlation that claims are judged by: the others would take most of the time."""

    measures = ("srcc",)

    def score(self, distance, draws, measures=measures):
        return super().score(distance, draws, measures)


def image_difference(study, **other):
    return {**DIFFERENCE, "group": "all", "measure": study.measure, **other}


@pytest.mark.parametrize(("sign", "expected"), [(1, "supported"), (-1, "contradicted")])
def test_channels_that_judge_images_as_people_do_are_found_at_either_end_of_the_ranking(study, sign, expected):
    table = compare(study.cube, study.judgements, sign * study.good + 0.01 * np.arange(24))
    assert verdict(row(table, **image_difference(study)), study.effect) == expected


@pytest.mark.parametrize("group", PARTS)
@pytest.mark.parametrize("layer", ["relu2_1", "all layers"])
def test_selections_of_images_score_as_their_summed_distances_do_in_every_group(study, of_good, group, layer):
    units = np.arange(12, 24) if layer == "relu2_1" else np.arange(24)
    good = study.good[units]
    for selection, chosen in {"all": units, "high": units[good], "low": units[~good]}.items():
        expected = study.plain(study.cube.values[..., chosen].sum(axis=-1, dtype=np.float64), PARTS[group])
        where = {"group": group, "cube": "raw", "layer": layer, "selection": selection, "measure": study.measure}
        assert row(of_good, **where)["estimate"] == pytest.approx(expected), selection


@pytest.mark.parametrize("group", PARTS)
def test_standardised_channels_are_divided_by_their_mean_over_the_whole_data_set_in_every_group(study, of_good, group):
    values = study.cube.values.astype(np.float64)
    expected = study.plain((values / values.mean(axis=(0, 1))).sum(axis=-1), PARTS[group])
    where = {"group": group, "cube": "standardised", "layer": "all layers", "selection": "all"}
    assert row(of_good, **where, measure=study.measure)["estimate"] == pytest.approx(expected)


def test_difference_is_that_of_the_halves_in_every_group(study, of_good):
    for group in PARTS:
        where = image_difference(study, group=group)
        high, low = (row(of_good, **{**where, "selection": half})["estimate"] for half in ("high", "low"))
        assert row(of_good, **where)["estimate"] == pytest.approx(high - low)


def test_groups_stand_beside_the_whole_with_their_numbers_of_comparisons_and_clusters(of_good):
    sizes = of_good.groupby("group", sort=False)[["n", "n_clusters"]].agg(["min", "max"])
    assert list(sizes.index) == ["all", "noise", "blur"]
    assert sizes["n", "min"].tolist() == sizes["n", "max"].tolist() == [84, 56, 28]
    assert set(of_good["n_clusters"]) == {CLUSTERS}


def test_only_differences_of_all_comparisons_by_the_raw_cube_are_corrected(study):
    random = np.random.default_rng(0)
    channels = make_channels(study.cube, random.random(24)).assign(mu1=random.random(24), mu2=study.good)
    rankings = {name: Ranking(channels, name) for name in ("pe", "mu1", "mu2")}
    table = compare_selections(study.cube, study.judgements, rankings, splits=99, replicates=50)
    corrected = table[table["p_holm"].notna()]
    assert set(corrected["group"]) == {"all"}
    assert set(corrected["cube"]) == {"raw"}
    assert set(corrected["measure"]) == {study.measure}
    assert len(corrected) == 3 * 4  # rankings; two layers, all of them, and their mean
    # Holm's steps, by hand
    ordered = corrected.sort_values("p_split")
    steps = np.maximum.accumulate(ordered["p_split"] * np.arange(12, 0, -1)).clip(upper=1)
    np.testing.assert_allclose(ordered["p_holm"], steps)
    # while every group and both cubes have their place among random splits
    assert table["p_split"].notna().sum() == 3 * 4 * 3 * 2


def few_clusters(study):
    """The same with nine clusters."""
    rows = 6 * 9
    kind = type(study.judgements)
    judged = study.judgements.judgement
    return study.cube[:rows], kind(judged[:rows], GROUP[:rows], CLUSTER[:rows])


def test_under_ten_clusters_scores_have_no_interval(study):
    cube, judgements = few_clusters(study)
    table = compare(cube, judgements, study.good * 1.0, baselines={"any": cube.values[..., 0]})
    scored = table[table["selection"] != "random halves"]
    assert scored["estimate"].notna().any()
    assert scored[["ci_low", "ci_high"]].isna().all(axis=None)
    assert set(table["n_clusters"]) == {9}


def test_under_ten_clusters_even_a_large_difference_is_inconclusive(study):
    cube, judgements = few_clusters(study)
    found = row(compare(cube, judgements, study.good * 1.0), **image_difference(study))
    assert found["p_holm"] < 0.05
    assert verdict(found, study.effect) == "inconclusive"


def test_at_ten_clusters_scores_have_intervals_around_them(of_good):
    scored = of_good[(of_good["selection"] != "random halves") & of_good["estimate"].notna()]
    assert (scored["ci_low"] <= scored["estimate"]).all()
    assert (scored["estimate"] <= scored["ci_high"]).all()


def test_intervals_over_many_clusters_are_scipys_bootstrap():
    """On judgements that one cluster turns upside down, where those over single images would differ."""
    study = make_study("2afc")
    judged = np.where(CLUSTER == "i00", 1 - study.judgements.judgement, study.judgements.judgement)
    distance = study.cube.values[..., 0].astype(np.float64)
    names = np.unique(CLUSTER)
    _, plain, _ = KINDS["2afc"]

    def score(drawn):
        rows = np.concatenate([np.flatnonzero(names[number] == CLUSTER) for number in drawn])
        return plain(distance[rows], judged[rows], GROUP[rows])

    drawn = (np.arange(CLUSTERS),)
    expected = stats.bootstrap(drawn, score, n_resamples=4000, method="percentile", vectorized=False, rng=1)
    table = compare_selections(
        study.cube,
        TwoAlternativeChoices(judged, GROUP, CLUSTER),
        {"pe": Ranking(make_channels(study.cube, study.good * 1.0), "pe")},
        baselines={"first": distance},
        splits=1,
        replicates=4000,
    )
    found = row(table, group="all", selection="first")
    low, high = expected.confidence_interval
    # those over single images are further off
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((low, high), abs=0.1 * (high - low))


def simulated_opinions(references, random):
    """40 images of each of some references: opinions, two distances of other quality on every reference, clusters."""
    quality = random.normal(size=(references, 40))

    def seen(noise, gain, offset):
        scale = np.exp(gain * random.normal(size=(references, 1)))
        return quality * scale + noise * random.normal(size=quality.shape) + offset * random.normal(size=scale.shape)

    opinions, first, second = seen(0.3, 0, 0.3), seen(0.5, 0.5, 0.4), seen(0.7, 0.5, 0.4)
    return opinions.ravel(), -first.ravel(), -second.ravel(), np.repeat(np.arange(references), 40)


def test_intervals_over_25_references_cover_the_truth():
    """BCa intervals of the difference cover it in .89 of 300 samples; five binomial standard deviations are .063."""
    random = np.random.default_rng(0)
    truth = simulated_opinions(4000, np.random.default_rng(9))
    level, other = (-stats.spearmanr(truth[0], distance).statistic for distance in truth[1:3])
    covered = np.zeros(2)
    for _ in range(300):
        opinions, first, second, cluster = simulated_opinions(25, random)
        judged = OpinionScores(opinions, np.full(1000, "all"), cluster)
        draws = judged.draw(0, random)
        scores = [judged.score(distance[:, None], draws, ("srcc",))["srcc"] for distance in (first, second)]
        for number, (values, expected) in enumerate(((scores[0], level), (scores[0] - scores[1], level - other))):
            low, high = agreement.interval(values, judged, correlation=number == 0)
            covered[number] += low <= expected <= high
    assert (covered / 300 > 0.9).all()
    assert (covered / 300 < 0.99).all()


def test_a_ranking_differs_from_itself_by_nothing_on_every_sample(study):
    channels = make_channels(study.cube, study.good * 1.0).assign(same=study.good * 2.0)
    rankings = {name: Ranking(channels, name) for name in ("pe", "same")}
    table = compare_selections(
        study.cube, study.judgements, rankings, differences=[("pe", "same")], splits=9, replicates=50
    )
    found = table[table["selection"] == "high, pe - same"].dropna(subset="estimate")
    assert len(found) > 0
    assert (found[["estimate", "ci_low", "ci_high"]] == 0).all(axis=None)


@pytest.mark.parametrize(("name", "value"), [("TOGETHER", 1), ("BLOCK", 1)])
def test_how_much_is_held_in_memory_does_not_matter(study, of_good, monkeypatch, name, value):
    monkeypatch.setattr(agreement, name, value)
    table = compare(study.cube, study.judgements, study.good + 0.01 * np.arange(24))
    pd.testing.assert_frame_equal(table, of_good)


@pytest.mark.parametrize("measure", KINDS)
def test_the_place_among_random_splits_of_images_is_that_among_all_splits(measure):
    study = make_study(measure, seed=5)
    cube = study.cube[..., [0, 6, 7, 8]]
    table = compare_selections(
        cube,
        study.judgements,
        {"pe": Ranking(make_channels(cube, [4.0, 3.0, 2.0, 1.0]), "pe")},
        splits=20_000,
        replicates=20,
    )
    distance = cube.values.astype(np.float64)
    scores = {upper: study.plain(distance[..., list(upper)].sum(axis=-1)) for upper in combinations(range(4), 2)}
    lower = {upper: tuple(unit for unit in range(4) if unit not in upper) for upper in scores}
    every = np.array([scores[upper] - scores[lower[upper]] for upper in scores])
    observed = scores[0, 1] - scores[2, 3]
    expected = min(1, 2 * min(np.mean(every >= observed - 1e-9), np.mean(every <= observed + 1e-9)))
    found = row(table, **image_difference(study, layer="relu1_1"))
    assert found["estimate"] == pytest.approx(observed)
    # 20,000 draws: five binomial standard deviations
    assert found["p_split"] == pytest.approx(expected, abs=2 * 5 * np.sqrt(0.25 / 20_000))


def test_baselines_of_images_score_as_any_distance_does_in_every_group(study):
    baseline = study.cube.values[..., 3].astype(np.float64)
    table = compare(study.cube, study.judgements, study.good * 1.0, baselines={"third": baseline})
    for group, rows in PARTS.items():
        found = row(table, group=group, layer="none", selection="third", measure=study.measure)
        assert found["estimate"] == pytest.approx(study.plain(baseline, rows))


def test_a_baseline_that_is_missing_somewhere_has_no_score_there_and_on_the_whole(study):
    baseline = study.cube.values[..., 3].astype(np.float64)
    baseline[np.flatnonzero(GROUP == "blur")[0], 0] = np.nan
    table = compare(study.cube, study.judgements, study.good * 1.0, baselines={"some": baseline})
    found = table[table["selection"] == "some"].groupby("group")["estimate"]
    assert found.count().to_dict() == {"all": 0, "blur": 0, "noise": len(study.judgements.measures)}


def test_human_ceiling_of_choices_stands_in_every_group():
    study = make_study("2afc")
    table = compare(study.cube, study.judgements, study.good * 1.0)
    ceiling = table[table["selection"] == SELF_AGREEMENT].set_index("group")["estimate"]
    judge = study.judgements.judgement
    alike = judge**2 + (1 - judge) ** 2
    noise, blur = (alike[PARTS[name]].mean() for name in ("noise", "blur"))
    assert ceiling.to_dict() == pytest.approx({"all": (noise + blur) / 2, "noise": noise, "blur": blur})


def test_a_cube_of_other_comparisons_than_those_judged_is_refused_with_both_numbers(study):
    rankings = {"pe": Ranking(make_channels(study.cube, study.good * 1.0), "pe")}
    for use in (compare_selections, compare_single_channels):
        with pytest.raises(ValueError, match="The distance cube has 83 comparisons, the judgements 84"):
            use(study.cube[1:], study.judgements, rankings)


# Single channels
def alone(study):
    """Plain score of every channel; what differs by rounding is a tie."""
    return np.array([study.plain(study.cube.values[..., unit]) for unit in range(24)]).round(11)


def single(study, channels, names=("pe",), **options):
    rankings = {name: Ranking(channels, name) for name in names}
    return compare_single_channels(study.cube, study.judgements, rankings, **{"replicates": 50, **options})


def test_score_of_every_channel_is_its_own(study):
    _, found = single(study, make_channels(study.cube, np.arange(24.0)), shuffles=10)
    assert found["layer"].tolist() == study.cube["layer"].values.tolist()
    assert found["channel"].tolist() == study.cube["channel"].values.tolist()
    np.testing.assert_allclose(found["score"], alone(study), rtol=1e-6)
    assert (found["ci_low"] <= found["score"]).all()
    assert (found["score"] <= found["ci_high"]).all()


def test_correlation_of_a_ranking_with_the_channels_scores_is_spearmans(study):
    ranking = np.random.default_rng(0).random(24)
    table, _ = single(study, make_channels(study.cube, ranking), shuffles=10)
    scores = alone(study)
    expected = [stats.spearmanr(ranking[units], scores[units]).statistic for units in (slice(0, 12), slice(12, 24))]
    found = [row(table, layer=layer)["estimate"] for layer in ("relu1_1", "relu2_1", "mean of layers")]
    assert found == pytest.approx([*expected, np.mean(expected)])
    assert set(table["measure"]) == {"rho"}
    assert table["channels"].tolist() == [12, 12, 24]


def test_channels_that_are_not_scored_are_left_out_of_the_correlation(study):
    ranking = np.random.default_rng(1).random(24)
    channels = make_channels(study.cube, ranking)
    channels.loc[[0, 5], "status"] = "not scored: silent"
    table, found = single(study, channels, shuffles=10)
    rest = np.setdiff1d(np.arange(12), [0, 5])
    first = row(table, layer="relu1_1")
    assert first["estimate"] == pytest.approx(stats.spearmanr(ranking[rest], alone(study)[rest]).statistic)
    assert first["channels"] == 10
    assert found["score"].notna().all()


def test_a_channel_without_a_score_of_its_own_is_left_out_of_the_correlation():
    study = make_study("srcc")
    study.cube = study.cube.copy(deep=True)
    study.cube[..., 4] = 0  # it tells no image from its reference
    ranking = np.random.default_rng(1).random(24)
    table, found = single(study, make_channels(study.cube, ranking), shuffles=10)
    rest = np.setdiff1d(np.arange(12), [4])
    scores = [study.plain(study.cube.values[..., unit]) for unit in rest]
    assert np.isnan(found["score"][4])
    assert row(table, layer="relu1_1")["estimate"] == pytest.approx(stats.spearmanr(ranking[rest], scores).statistic)


@pytest.mark.parametrize("sign", [1, -1])
def test_ranking_by_the_scores_themselves_correlates_perfectly_and_beyond_shuffles(study, sign):
    table, _ = single(study, make_channels(study.cube, sign * alone(study)), shuffles=999)
    assert table["estimate"].tolist() == pytest.approx([sign] * 3)
    assert table["p_split"].tolist() == pytest.approx([2 / 1000] * 3)  # no shuffle is as far out


def test_rankings_without_meaning_have_uniform_p_values(study):
    random = np.random.default_rng(0)
    names = [f"shuffle {number}" for number in range(150)]
    labels = pd.DataFrame({name: random.permutation(24) * 1.0 for name in names})
    channels = pd.concat([make_channels(study.cube, 0.0), labels], axis=1)
    table, _ = single(study, channels, names, shuffles=199, replicates=10)
    p = table.loc[table["layer"] == "mean of layers", "p_split"]
    assert len(p) == 150
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_under_ten_clusters_single_channels_have_no_interval(study):
    cube, judgements = few_clusters(study)
    channels = make_channels(cube, np.arange(24.0))
    table, found = compare_single_channels(cube, judgements, {"pe": Ranking(channels, "pe")}, shuffles=9, replicates=20)
    assert table["estimate"].notna().all()
    assert table[["ci_low", "ci_high"]].isna().all(axis=None)
    assert found[["ci_low", "ci_high"]].isna().all(axis=None)


def test_the_same_seed_gives_the_same_correlations(study):
    channels = make_channels(study.cube, np.arange(24.0))
    first, second = (single(study, channels, shuffles=50, seed=7) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one, other)


# The rule's error rate on a real cube
TYPES = (1, 6, 8, 10, 16)
LEVELS = (2, 4)
MEAN_SHIFT = 16


@pytest.fixture(scope="module")
def real_cube():
    """Sixteen pieces of photographs, distorted, as a small random network sees them, and the table of all images."""
    images, rows = {}, []
    for name in sorted(photographs.PACKAGED.keys() - {"motorcycle_right"}):
        source = photographs.PACKAGED[name]
        photograph = image_files.read(files(source.package) / source.resource)
        height, width = np.array(photograph.shape[:2]) // 2
        for place, piece in {"start": photograph[:height, :width], "end": photograph[height:, width:]}.items():
            reference = f"{name} {place}"
            images[reference] = ladder.reference(piece, 32)
            for kind, level in product(TYPES, LEVELS):
                noise = np.random.default_rng(kind)
                first = f"{reference} {kind} {level}"
                images[first] = ladder.distort(images[reference], kind, level, noise)
                shown = {"cluster": reference, "reference": reference, "first": first, "level": level}
                rows.append({**shown, "group": str(kind), "reference_sha256": "", "first_sha256": ""})
    table = comparisons.table(rows)
    network = draw_random({"relu1_1": 10, "relu2_1": 10}, seed=1)
    cube = distances.image_distances(network, table, lambda path, _: images[path], batch_size=64)["distance"]
    return cube, table


@pytest.fixture(scope="module")
def severity(real_cube):
    """How bad an image is, by construction: its level, and less where only the mean is shifted."""
    _, table = real_cube
    return table["level"].to_numpy(dtype=float) - 2 * (table["group"] == str(MEAN_SHIFT)).to_numpy()


@pytest.fixture(scope="module")
def real_opinions(real_cube, severity):
    cube, table = real_cube
    opinion = 6 - severity + np.random.default_rng(0).normal(scale=0.5, size=len(severity))
    return cube, Spearman(opinion, np.full(len(table), "all kinds"), table["cluster"]), 0.02


@pytest.fixture(scope="module")
def real_choices(real_cube, severity):
    """Which is worse, a shifted mean or something else?"""
    cube, table = real_cube
    pairs = [
        (first, second)
        for _, rows in table.groupby("cluster").indices.items()
        for first, second in product(rows, rows)
        if table["group"][first] == str(MEAN_SHIFT) != table["group"][second]
    ]
    random = np.random.default_rng(0)
    first, second = random.permutation(pairs)[:120].T
    share = random.binomial(5, stats.norm.cdf((severity[first] - severity[second]) / 1.5)) / 5
    values = np.stack([cube.values[first, 0], cube.values[second, 0]], axis=1)
    choices = TwoAlternativeChoices(share, np.full(120, "all kinds"), table["cluster"][first])
    return image_cube(values, [10, 10]), choices, 0.01


@pytest.fixture(scope="module", params=["real_opinions", "real_choices"])
def real(request):
    return request.getfixturevalue(request.param)


def of_labels(real, labels, seed=0):
    """The difference that claims are judged by.

    Among 600 splits: Holm's smallest p-value is then 12 * 2 / 601, below 5%.
    """
    cube, judgements, _ = real
    channels = make_channels(cube, 0.0).assign(**labels)
    rankings = {name: Ranking(channels, name) for name in labels}
    table = compare_selections(cube, judgements, rankings, splits=600, replicates=100, seed=seed)
    return row(table, **{**DIFFERENCE, "measure": judgements.measures[0]})


@pytest.fixture(scope="module", params=[100, pytest.param(500, marks=pytest.mark.slow)])
def shuffled(request, real):
    """What is found when the labels have no meaning, again and again."""
    random = np.random.default_rng(6)
    rows = [
        of_labels(real, {name: random.permutation(20) * 1.0 for name in ("pe", "mu1", "mu2")}, seed)
        for seed in range(request.param)
    ]
    return pd.DataFrame(rows)


def test_real_channels_that_score_best_alone_are_found(real):
    """So the rule can give a verdict on this cube."""
    cube, judgements, effect = real
    own = [float(judgements.primary(cube.values[..., unit].astype(np.float64))) for unit in range(20)]
    assert verdict(of_labels(real, dict.fromkeys(("pe", "mu1", "mu2"), own)), effect) == "supported"


def test_labels_without_meaning_get_a_verdict_on_real_images_in_at_most_five_percent_of_studies(shuffled, real):
    _, _, effect = real
    verdicts = [verdict(found, effect) for found in shuffled.to_dict("records")]
    false = sum(one in {"supported", "contradicted"} for one in verdicts)
    assert false <= stats.binom.ppf(0.99, len(verdicts), 0.05)


def test_labels_without_meaning_have_uniform_p_values_on_real_images(shuffled):
    assert stats.kstest(shuffled["p_split"], "uniform").pvalue > 1e-3


@pytest.mark.parametrize("use", [compare_selections, compare_single_channels])
def test_a_cube_with_a_missing_distance_is_refused(study, use):
    damaged = study.cube.copy(deep=True)
    damaged[3, 0, 2] = np.nan
    with pytest.raises(ValueError, match="holds a value that is not finite"):
        use(damaged, study.judgements, {"pe": Ranking(make_channels(study.cube, np.arange(24.0)), "pe")}, replicates=20)


def test_a_layer_without_scored_channels_has_no_place_among_splits_of_thresholds(informative, judgements):
    cube, good = informative
    channels = make_channels(cube, good * 1.0)
    layer = channels["layer"].iloc[0]
    channels.loc[channels["layer"] == layer, "status"] = "not scored: silent"
    table = compare_selections(cube, judgements, {"pe": Ranking(channels, "pe")}, splits=50, replicates=10)
    assert row(table, **{**DIFFERENCE, "layer": layer})[["estimate", "p_split"]].isna().all()


def test_the_best_of_six_splits_of_thousands_of_pairs_is_told_from_none_like_it():
    """The observed split is one of the six, so that a sixth of the random ones are as good."""
    random, pairs = np.random.default_rng(0), 4800
    judged = SameOrDifferent(random.integers(4, size=pairs) / 3, ["cnn"] * pairs, [str(pair) for pair in range(pairs)])
    values = random.random((pairs, 1, 4))
    halves = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    scores = [judged.primary(values[..., list(half)].sum(axis=-1)) for half in halves]
    best = halves[int(np.argmax([score - other for score, other in zip(scores, scores[::-1], strict=True)]))]
    cube = make_cube(np.ones((STIMULI, 4)), [4])
    cube = xr.DataArray(
        values, dims=("comparison", "side", "unit"), coords={"layer": cube["layer"], "channel": cube["channel"]}
    )
    channels = make_channels(cube, np.isin(np.arange(4), best) * 1.0)
    table = compare_selections(cube, judged, {"pe": Ranking(channels, "pe")}, splits=600, replicates=10)
    found = table[(table["selection"] == "high - low") & (table["layer"] == "relu1_1") & (table["cube"] == "raw")]
    assert found["p_split"].item() == pytest.approx(2 / 6, abs=0.1)


def test_a_layer_without_scored_channels_has_no_halves_and_no_correlation(study):
    channels = make_channels(study.cube, np.arange(24.0))
    layer = channels["layer"].iloc[0]
    channels.loc[channels["layer"] == layer, "status"] = "not scored: silent"
    rankings = {"pe": Ranking(channels, "pe")}
    halves = compare_selections(study.cube, study.judgements, rankings, splits=100, replicates=20)
    chosen = halves[(halves["layer"] == layer) & halves["selection"].isin(["high", "low", "high - low"])]
    assert len(chosen) > 0
    assert chosen[["estimate", "p_split", "p_matched"]].isna().all(axis=None)
    assert halves.loc[(halves["layer"] == layer) & (halves["selection"] == "all"), "estimate"].notna().any()
    correlations, _ = compare_single_channels(study.cube, study.judgements, rankings, shuffles=20, replicates=20)
    assert correlations.loc[correlations["layer"] == layer, "estimate"].isna().all()
