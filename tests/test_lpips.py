"""What LPIPS learnt about each channel, and its correlation with scores, against lpips, scipy and closed forms."""

import lpips as package
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from perceptual_efficacy import lpips, statistics
from perceptual_efficacy.backbones.published import LPIPS_LAYERS

NETS = {"torchvision:vgg16": "vgg", "torchvision:alexnet": "alex", "torchvision:squeezenet1_1": "squeeze"}
RANKINGS = ("pe", "mu1", "mu2")


# LPIPS's weights
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning")  # lpips asks torchvision so
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
@pytest.mark.parametrize("architecture", NETS)
def test_weights_are_the_linear_layers_of_the_package_lpips(architecture):
    theirs = package.LPIPS(net=NETS[architecture], pnet_rand=True, verbose=False)
    ours = lpips.lpips_weights(architecture)
    assert tuple(ours["layer"].unique()) == LPIPS_LAYERS[architecture]
    for layer, linear in zip(LPIPS_LAYERS[architecture], theirs.lins, strict=True):
        rows = ours[ours["layer"] == layer]
        assert rows["channel"].tolist() == list(range(linear.model[-1].in_channels))
        np.testing.assert_array_equal(rows["weight"], linear.model[-1].weight.detach().flatten())


@pytest.mark.parametrize("architecture", NETS)
def test_no_weight_is_negative(architecture):
    # they were kept from falling below zero in training (Zhang et al., section 3)
    weight = lpips.lpips_weights(architecture)["weight"]
    assert weight.min() >= 0
    assert weight.max() > 0


@pytest.mark.parametrize("architecture", ["torchvision:vgg19", "vgg16", "timm:vgg16.tv_in1k"])
def test_network_that_lpips_does_not_use_is_refused(architecture):
    message = (
        f"LPIPS has no weights for '{architecture}'; it has them for torchvision:vgg16, torchvision:alexnet, torch"
    )
    with pytest.raises(ValueError, match=message):
        lpips.lpips_weights(architecture)


def test_missing_package_is_told(monkeypatch):
    monkeypatch.setattr(lpips, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"The package lpips is needed .* pip install 'perceptual-efficacy\[lpips\]'"):
        lpips.lpips_weights("torchvision:vgg16")


# Scores beside weights
def channels(sizes, seed=0):
    """Scores of channels drawn at random, as `score_channels` has them."""
    random = np.random.default_rng(seed)
    layer = np.repeat(list(sizes), list(sizes.values()))
    number = np.concatenate([np.arange(count) for count in sizes.values()])
    scores = {name: random.random(len(layer)) for name in (*RANKINGS, "mean_image_distance")}
    return pd.DataFrame({"layer": layer, "channel": number, "status": "scored", **scores})


def weights(scores, weight):
    return scores[["layer", "channel"]].assign(weight=weight)


@pytest.fixture
def scores():
    return channels({"relu1_2": 20, "relu2_2": 31})


@pytest.fixture
def drawn(scores):
    """Weights related to PE, some of them tied."""
    noise = np.random.default_rng(1).random(len(scores))
    return weights(scores, np.round(scores["pe"] + noise, 1))


def compare(scores, drawn, measure="srcc", **options):
    options = {"shuffles": 199, "replicates": 200, "seed": 0, **options}
    found = lpips.compare_with_weights(scores, drawn, **options)
    return found[found["measure"] == measure].reset_index(drop=True)


def row(found, layer, ranking="pe"):
    return found[(found["layer"] == layer) & (found["ranking"] == ranking)].iloc[0]


@pytest.mark.parametrize("layer", ["relu1_2", "relu2_2"])
@pytest.mark.parametrize("ranking", RANKINGS)
def test_estimate_is_scipys_rank_correlation(scores, drawn, layer, ranking):
    members = scores["layer"] == layer
    expected = stats.spearmanr(scores.loc[members, ranking], drawn.loc[members, "weight"]).statistic
    assert row(compare(scores, drawn), layer, ranking)["estimate"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("layer", ["relu1_2", "relu2_2"])
def test_partial_correlation_is_that_of_what_mean_distance_leaves_of_the_ranks(scores, drawn, layer):
    members = scores["layer"] == layer
    score, weight, distance = (
        stats.rankdata(values[members]) for values in (scores["pe"], drawn["weight"], scores["mean_image_distance"])
    )
    given = np.column_stack([np.ones_like(distance), distance])
    left = [values - given @ np.linalg.lstsq(given, values, rcond=None)[0] for values in (score, weight)]
    expected = np.corrcoef(*left)[0, 1]
    assert row(compare(scores, drawn, "partial srcc"), layer)["estimate"] == pytest.approx(expected, abs=1e-12)


def test_layers_are_paired_by_channel_and_not_by_place(scores, drawn):
    shuffled = drawn.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(compare(scores, shuffled), compare(scores, drawn))


def test_mean_of_layers_is_the_mean_of_their_correlations(scores, drawn):
    found = compare(scores, drawn)
    expected = (row(found, "relu1_2")["estimate"] + row(found, "relu2_2")["estimate"]) / 2
    assert row(found, "mean of layers")["estimate"] == pytest.approx(expected)


def test_mean_of_layers_is_that_of_those_that_have_converged(scores, drawn):
    marked = scores.assign(converged=scores["layer"] == "relu2_2")
    for measure in ("srcc", "partial srcc"):
        found = compare(marked, drawn, measure)
        assert row(found, "mean of layers")["estimate"] == row(found, "relu2_2")["estimate"]
        assert row(found, "mean of layers")["p_holm"] == row(found, "relu2_2")["p_holm"]
        assert row(found, "mean of layers")["n_clusters"] == 31
        # the mean of one layer is no hypothesis of its own
        alone = found[found["layer"] != "mean of layers"]
        np.testing.assert_array_equal(alone["p_holm"], statistics.holm(alone["p_split"]))
    missing = row(compare(scores.assign(converged=False), drawn), "mean of layers")
    assert missing[["estimate", "ci_low", "p_split", "p_holm"]].isna().all()


def test_rows_are_layers_and_their_mean_by_ranking_with_counts(scores, drawn):
    found = compare(scores, drawn)
    named = [(layer, ranking) for layer in ("relu1_2", "relu2_2", "mean of layers") for ranking in RANKINGS]
    assert list(zip(found["layer"], found["ranking"], strict=True)) == named
    assert found["n"].tolist() == [20] * 3 + [31] * 3 + [51] * 3
    assert set(found["measure"]) == {"srcc"}
    assert set(found["resampled_unit"]) == {"channels"}


@pytest.mark.parametrize(("sign", "expected"), [(1, 1), (-1, -1)])
def test_weights_in_the_order_of_the_scores_correlate_fully_and_beat_all_shuffles(scores, sign, expected):
    one = row(compare(scores, weights(scores, np.exp(sign * scores["pe"]))), "relu2_2")
    assert one[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx([expected] * 3)
    assert one["p_split"] == pytest.approx(2 / 200)  # no shuffle of 199 reaches it: 2 (1 + 0) / (1 + 199)


def test_shuffles_correlate_as_chance_does(scores, drawn):
    # Kendall: the variance of rank correlations under independence is 1 / (n - 1)
    shuffles = 4000
    found = compare(scores, drawn, shuffles=shuffles)
    for layer, count in (("relu1_2", 20), ("relu2_2", 31)):
        assert abs(row(found, layer)["split_mean"]) < 4 / np.sqrt((count - 1) * shuffles)


def test_p_of_unrelated_weights_is_evenly_distributed():
    scores = channels({"relu1_2": 25})
    random = np.random.default_rng(3)
    p = [
        compare(scores, weights(scores, random.random(25)), shuffles=99, replicates=2, seed=seed)["p_split"].iloc[0]
        for seed in range(120)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_p_is_that_of_scipys_permutation_test(scores, drawn):
    members = scores["layer"] == "relu1_2"
    score, weight = scores.loc[members, "mu1"].to_numpy(), drawn.loc[members, "weight"].to_numpy()
    theirs = stats.permutation_test(
        (weight,),
        lambda shuffled: stats.spearmanr(score, shuffled).statistic,
        permutation_type="pairings",
        n_resamples=2000,
        rng=np.random.default_rng(0),
    ).pvalue
    ours = row(compare(scores, drawn, shuffles=4000), "relu1_2", "mu1")["p_split"]
    assert ours == pytest.approx(theirs, abs=4 * np.sqrt(2 * theirs * (1 - theirs / 2) * (1 / 2000 + 1 / 4000)))


def test_interval_holds_the_estimate_and_narrows_with_the_number_of_channels():
    widths = []
    for count in (20, 500):
        scores = channels({"relu1_2": count})
        noise = np.random.default_rng(1).random(count)
        one = row(compare(scores, weights(scores, scores["pe"] + noise), replicates=500), "relu1_2")
        assert one["ci_low"] < one["estimate"] < one["ci_high"]
        widths.append(one["ci_high"] - one["ci_low"])
    assert widths[1] == pytest.approx(widths[0] / 5, rel=0.5)  # as one over the root of the number of channels


def test_channels_that_are_not_scored_are_left_out(scores, drawn):
    unscored = scores.index % 4 == 0
    marked = scores.assign(
        status=np.where(unscored, "not scored: no response to any grating", "scored"),
        pe=scores["pe"].mask(unscored, 99.0),
    )
    found = compare(marked, drawn)
    pd.testing.assert_frame_equal(found, compare(scores[~unscored], drawn))
    assert row(found, "relu1_2")["n"] == 15


def test_layers_of_one_table_alone_are_left_out(scores, drawn):
    found = compare(scores, drawn[drawn["layer"] == "relu2_2"])
    assert found["layer"].unique().tolist() == ["relu2_2", "mean of layers"]


def test_tables_without_a_common_layer_give_no_rows(scores, drawn):
    found = compare(scores, drawn.assign(layer="of another network, " + drawn["layer"]))
    assert len(found) == 0
    assert list(found.columns) == list(compare(scores, drawn).columns)


def test_result_depends_on_the_seed_alone(scores, drawn):
    first, again, other = (compare(scores, drawn, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert (first["ci_low"] != other["ci_low"]).all()
    assert (first["estimate"] == other["estimate"]).all()


def test_correction_is_holms_over_all_rows(scores, drawn):
    found = compare(scores, drawn)
    np.testing.assert_array_equal(found["p_holm"], statistics.holm(found["p_split"]))
    assert found["p_holm"].min() == pytest.approx(min(1, len(found) * found["p_split"].min()))


def test_other_columns_may_be_ranked(scores, drawn):
    found = compare(scores.assign(osi=drawn["weight"]), drawn, rankings=["osi"])
    assert found["ranking"].unique().tolist() == ["osi"]
    assert found["estimate"].tolist() == pytest.approx([1, 1, 1])


def test_layer_whose_weights_are_all_equal_has_no_correlation(scores, drawn):
    equal = drawn.assign(weight=drawn["weight"].mask(drawn["layer"] == "relu1_2", 0.0))
    found = compare(scores, equal)
    assert np.isnan(row(found, "relu1_2")[["estimate", "ci_low", "p_split", "p_holm"]].astype(float)).all()
    assert np.isfinite(row(found, "relu2_2")["estimate"])


def test_weight_of_a_channel_given_twice_is_refused(scores, drawn):
    with pytest.raises(pd.errors.MergeError, match="not a one-to-one merge"):
        compare(scores, pd.concat([drawn, drawn.iloc[:1]]))


# LPIPS from a distance cube
NETWORK = {"architecture": "torchvision:alexnet", "release": "IMAGENET1K_V1"}


def cube_of(layers, network=NETWORK):
    """Distances of four comparisons by the channels of some of LPIPS's layers."""
    units = lpips.lpips_weights("torchvision:alexnet")
    units = units[units["layer"].isin(layers)]
    distance = np.random.default_rng(5).random((4, 1, len(units)))
    coordinates = {"layer": ("unit", units["layer"].to_numpy()), "channel": ("unit", units["channel"].to_numpy())}
    return xr.Dataset({"distance": (("comparison", "side", "unit"), distance)}, coords=coordinates, attrs=network)


ALL = ["relu1", "relu2", "relu3", "relu4", "relu5"]


def test_lpips_is_the_cube_weighed_by_what_it_learnt():
    cube = cube_of(ALL)
    expected = cube["distance"].values @ lpips.lpips_weights("torchvision:alexnet")["weight"].to_numpy()
    (found,) = lpips.lpips_distances(cube).items()
    assert found[0] == "LPIPS-Alex"
    np.testing.assert_allclose(found[1], expected)


def test_layers_that_lpips_does_not_use_count_nothing():
    cube = cube_of(ALL)
    other = cube.assign_coords(layer=("unit", np.full(cube.sizes["unit"], "relu9")))
    both = xr.concat([other, cube], "unit")
    np.testing.assert_allclose(lpips.lpips_distances(both)["LPIPS-Alex"], lpips.lpips_distances(cube)["LPIPS-Alex"])


@pytest.mark.parametrize(
    "network",
    [
        {**NETWORK, "release": "none"},
        {"architecture": "torchvision:alexnet", "origin": "random weights"},
        {**NETWORK, "architecture": "torchvision:resnet18"},
    ],
)
def test_another_training_or_network_has_no_lpips(network):
    assert lpips.lpips_distances(cube_of(ALL, network)) == {}
    assert lpips.weights_of(network).empty


def test_a_cube_without_one_of_its_layers_has_no_lpips():
    assert lpips.lpips_distances(cube_of(ALL[:-1])) == {}
