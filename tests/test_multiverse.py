"""All combinations of analysis choices: on cubes whose answer is known, against the main analysis and closed forms."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from perceptual_efficacy import csf, multiverse, scores
from perceptual_efficacy.agreement import Ranking, compare_selections, compare_single_channels
from perceptual_efficacy.energy import distance_of_energy
from perceptual_efficacy.judgements import DetectionThresholds, OpinionScores, SameOrDifferent, TwoAlternativeChoices
from perceptual_efficacy.multiverse import Data
from perceptual_efficacy.report import analyses
from perceptual_efficacy.vocabulary import ANY, CHOICES, FLAT_CSF, MEDIAN, RANKINGS

CONTRASTS = np.geomspace(0.003, 1, 4)
STIMULI, CHANNELS = 14, 20  # channels of each of two layers
LAYERS = ["relu1_1", "relu2_1"]
CSFS = {"mannos-sakrison": csf.mannos_sakrison, "watson-ahumada": csf.watson_ahumada}
IDENTITY = {"network": "net", "weights": "trained", "dataset": "modelfest", "judged_by": "people"}


def tuning(seed=0, silent=()):
    """Channels with bumps of random place and width over frequency and orientation."""
    random = np.random.default_rng(seed)
    units, frequency = CHANNELS * len(LAYERS), np.geomspace(0.5, 13.6, 24)
    turned = frequency[::2]
    orientation = -90 + 180 * np.arange(8) / 8

    def bumps(at):
        centre, width = random.uniform(-1, 3.5, (units, 1)), random.uniform(0.3, 1.5, (units, 1))
        return np.exp(-((np.log2(at) - centre) ** 2) / (2 * width**2))

    radial = bumps(frequency)
    sharp, preferred = random.uniform(0, 3, (units, 1, 1)), random.uniform(-90, 90, (units, 1, 1))
    over = np.exp(sharp * (np.cos(2 * np.deg2rad(orientation - preferred)) - 1))
    oriented = bumps(turned)[:, :, None] * over * (1 + 0.2 * random.random((units, len(turned), 8))) + 0.05
    radial[list(silent)], oriented[list(silent)] = 0, 0
    return xr.Dataset(
        {
            "radial_response": (("unit", "frequency", "phase"), radial[..., None]),
            "oriented_response": (("unit", "oriented_frequency", "orientation", "phase"), oriented[..., None]),
            "blank_response": ("unit", np.zeros(units)),
            "rectified": ("unit", np.ones(units, dtype=bool)),
        },
        coords={
            "layer": ("unit", np.repeat(LAYERS, CHANNELS)),
            "channel": ("unit", np.tile(np.arange(CHANNELS), len(LAYERS))),
            "frequency": frequency,
            "oriented_frequency": turned,
            "orientation": orientation,
            "phase": [0.0],
        },
        attrs={"pixels_per_degree": 32.0, "network": "net"},
    )


def thresholds(seed=0, good=()):
    """Cube of channels of random energies, but for good ones, which see as people do; and what people see."""
    random = np.random.default_rng(seed)
    units = CHANNELS * len(LAYERS)
    measured = random.uniform(-2, -0.7, (STIMULI, 1)) + random.normal(scale=0.1, size=(STIMULI, 4))
    energy = 10 ** random.uniform(0.7, 2, (STIMULI, units))
    good = list(good)
    energy[:, good] = 10 ** -measured.mean(axis=1)[:, None] * 10 ** random.normal(scale=0.1, size=(STIMULI, len(good)))
    energy *= 30 / np.sqrt((energy**2).mean(axis=0))
    distance = np.stack([distance_of_energy(column, CONTRASTS) for column in energy.T], axis=-1)
    return Data(cube(distance, ("stimulus", "contrast", "unit")), DetectionThresholds(measured, CONTRASTS))


def cube(values, dims):
    coords = {"layer": ("unit", np.repeat(LAYERS, CHANNELS))}
    coords["channel"] = ("unit", np.tile(np.arange(CHANNELS), len(LAYERS)))
    return xr.DataArray(values, dims=dims, coords=coords, attrs=IDENTITY)


def opinions(seed=0):
    random = np.random.default_rng(seed)
    judged = OpinionScores(random.uniform(1, 5, 60), np.repeat("blur", 60), np.repeat(list("abcdefghijkl"), 5))
    return Data(cube(random.random((60, 1, CHANNELS * 2)), ("comparison", "side", "unit")), judged)


def patches(kind, sides):
    random = np.random.default_rng(0)
    judged = kind(random.integers(0, 6, 60) / 5, np.tile(["blur", "noise"], 30), np.repeat(np.arange(20), 3))
    return Data(cube(random.random((60, sides, CHANNELS * 2)), ("comparison", "side", "unit")), judged)


def choices():
    return patches(TwoAlternativeChoices, 2)


def pairs():
    return patches(SameOrDifferent, 1)


def explore(data, curves=None, **options):
    options = {"layers": LAYERS, "shuffles": 39, "replicates": 20} | options
    curves = tuning() if curves is None else curves
    return multiverse.explore(curves, data, CSFS, **options)


def main(table, ranking):
    (row,) = table[table["main"] & (table["ranking"] == ranking)].to_dict("records")
    return row


@pytest.mark.parametrize("make", [thresholds, opinions, choices, pairs])
def test_main_specification_is_the_main_result(make):
    data = make()
    found = explore({32.0: data, 60.0: data}, tuning(silent=[3])).specifications
    channels = scores.score_channels(tuning(silent=[3]), csf.mannos_sakrison)
    rankings = {name: Ranking(channels, name) for name in RANKINGS}
    table = compare_selections(*data, rankings, splits=10, replicates=20)
    alone, _ = compare_single_channels(*data, rankings, shuffles=10, replicates=20)
    for ranking in RANKINGS:
        chosen = table[(table["layer"] == "mean of layers") & (table["selection"] == "high - low")]
        chosen = chosen[(chosen["cube"] == "raw") & (chosen["ranking"] == ranking)]
        assert main(found, ranking)["estimate"] == pytest.approx(chosen["estimate"].iloc[0], rel=1e-12)
        rho = alone[(alone["layer"] == "mean of layers") & (alone["ranking"] == ranking)]["estimate"].item()
        assert main(found, ranking)["rho"] == pytest.approx(rho)


def test_every_specification_is_what_its_choices_say():
    """Some at random, by scores and selections one by one."""
    data = {32.0: thresholds(), 60.0: thresholds(7)}
    found = explore(data, shuffles=1).specifications
    chosen = found[found["ranking"] == "pe"].sample(25, random_state=0)
    for row in chosen.to_dict("records"):
        channels = scores.score_channels(
            tuning(),
            row["csf"],
            pixels_per_degree=row["pixels_per_degree"],
            **{name: row[name] for name in ("baseline", "orientation_at", "combination", "slope_per")},
        )
        values, judged = data[row["pixels_per_degree"]]
        values = values.transpose("unit", ...).values
        if row["cube"] == "standardised":
            values = values / values.mean(axis=(1, 2), keepdims=True)
        apart = []
        for layer in LAYERS:
            scored = channels[(channels["layer"] == layer) & channels["pe"].notna()]
            ranked = scored.sort_values(["pe", "channel"], ascending=[False, True]).index
            parts = ranked[: int(len(ranked) * row["share"])], ranked[int(len(ranked) * (1 - row["share"])) :]
            high, low = (values[part].sum(axis=0) for part in parts)
            apart.append(judged.primary(high) - judged.primary(low))
        assert row["estimate"] == pytest.approx(np.mean(apart), abs=1e-12)


def test_specifications_are_all_combinations_and_none_twice():
    table = explore({32.0: thresholds(), 60.0: thresholds(1)}, shuffles=1).specifications
    assert table["ranking"].value_counts()[["pe", "mu1", FLAT_CSF]].tolist() == [256, 64, 128]
    # of mu2 at the preferred frequency neither the CSF nor the unit of slopes makes a difference
    assert (table["ranking"] == "mu2").sum() == 2 * 2 * 2 * 2 * (2 * 2 + 1)
    assert not table.duplicated(["ranking", *CHOICES]).any()
    assert (table.loc[table["ranking"] == "mu1", ["combination", "orientation_at"]] == ANY).all(axis=None)


def test_gratings_of_another_contrast_are_a_ranking_of_their_own():
    """Probed with other gratings, channels are ranked as a study with these would; and nothing else changes."""
    data, other = {32.0: thresholds()}, tuning(seed=1)
    alone, both = explore(data, shuffles=9), explore(data, shuffles=9, also_probed={0.2: other})
    name = "pe with gratings of contrast 0.2"
    added = both.specifications["ranking"] == name
    pd.testing.assert_frame_equal(both.specifications[~added], alone.specifications)
    instead = explore(data, other, shuffles=9).specifications.query("ranking == 'pe'")
    np.testing.assert_allclose(both.specifications.loc[added, "estimate"], instead["estimate"], rtol=0, atol=1e-12)
    told = both.joint[both.joint["ranking"] == name].set_index("statistic")
    assert told.loc[MEDIAN, "estimate"] == pytest.approx(instead["estimate"].median(), abs=1e-12)
    assert told.loc["share positive", "estimate"] == (instead["estimate"] > 0).mean()
    assert told[["p_split", "ci_low"]].isna().all(axis=None)


def test_gratings_shown_to_other_units_are_refused():
    with pytest.raises(ValueError, match=r"contrast 0\.2 were not shown to the units"):
        explore({32.0: thresholds()}, also_probed={0.2: tuning().isel(unit=slice(4))})


def test_choices_are_named_once():
    assert tuple(multiverse.OPTIONS) == CHOICES


def test_one_order_for_all_specifications_and_bands_of_sorted_shuffles():
    table = explore({32.0: thresholds()}).specifications
    for ranking in RANKINGS:
        rows = table[table["ranking"] == ranking].sort_values("rank")
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert (np.diff(rows["estimate"]) <= 0).all()
        assert (np.diff(rows["band_high"]) <= 1e-12).all()
        assert (rows["band_low"] <= rows["band_high"]).all()


def good_channels():
    """The upper half of every layer by PE in the main specification."""
    channels = scores.score_channels(tuning(), csf.mannos_sakrison)
    return scores.select_channels(channels, "high").index


def test_a_planted_effect_stands_out_in_all_analyses_at_once():
    joint = explore({32.0: thresholds(good=good_channels())}, shuffles=99).joint
    rows = joint[joint["ranking"] == "pe"].set_index("statistic")
    assert rows.loc[MEDIAN, "p_split"] == pytest.approx(0.02)  # the least that 99 shuffles can give
    assert rows.loc[MEDIAN, "ci_low"] > 0
    assert rows.loc["share positive", "estimate"] > 0.9
    assert rows.loc["share supported", "estimate"] > 0.5
    assert rows.loc["share contradicted", "estimate"] == 0
    assert rows.loc[MEDIAN, "n_clusters"] == CHANNELS * len(LAYERS)


def test_the_opposite_effect_is_contradicted():
    bad = np.setdiff1d(np.arange(CHANNELS * 2), good_channels())
    joint = explore({32.0: thresholds(good=bad)}, shuffles=99).joint
    rows = joint[joint["ranking"] == "pe"].set_index("statistic")
    assert rows.loc[MEDIAN, "ci_high"] < 0
    assert rows.loc["share contradicted", "estimate"] > 0.3
    assert rows.loc["share supported", "estimate"] == 0


def test_without_an_effect_joint_p_values_are_as_rare_as_they_say():
    """Analyses that share most of their noise, as those of one data set do; rows are exchangeable."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"ranking": np.repeat(RANKINGS, 40)})
    p = {MEDIAN: [], "share positive": [], "share supported": []}
    for _ in range(300):
        values = random.normal(size=(100, 3))[:, np.repeat(range(3), 40)] + 0.5 * random.normal(size=(100, 120))
        _, joint = multiverse._among_shuffles(table.assign(estimate=values[0]), values[1:].T, 40)
        for statistic, found in p.items():
            found.extend(joint.loc[joint["statistic"] == statistic, "p_split"])
    for statistic, found in p.items():
        rate = np.mean(np.array(found) <= 0.05)
        most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(found))
        assert rate <= most, statistic
        if statistic == MEDIAN:
            assert rate >= 0.1 - most


@pytest.mark.slow  # 150 multiverses
def test_without_an_effect_whole_multiverses_are_as_rare_as_they_say():
    found = []
    curves = tuning()
    for seed in range(150):
        joint = explore({32.0: thresholds(seed)}, curves, shuffles=99, replicates=0, seed=seed).joint
        found.append(joint[joint["statistic"] == MEDIAN].set_index("ranking")["p_split"])
    rates = (pd.DataFrame(found) <= 0.05).mean()
    assert (rates <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)).all(), rates


def test_channels_that_some_analysis_does_not_score_stay_where_they_are():
    found = explore({32.0: thresholds()}, tuning(silent=[0, 5]), shuffles=3)
    assert set(found.joint["n_clusters"]) == {CHANNELS * 2 - 2}


@pytest.mark.parametrize("scored", [0, 1, 3])
def test_layers_with_hardly_a_channel_have_no_estimate_where_a_half_is_empty(scored):
    """As in the main analysis: no channels, no opinion. The rest is shown as far as it goes."""
    silent = range(scored, CHANNELS)
    for data in (thresholds(), opinions()):
        found = explore({32.0: data}, tuning(silent=silent), layers=["relu1_1"], shuffles=5)
        rows = found.specifications[found.specifications["ranking"] == "pe"]
        assert rows.loc[rows["share"] == 0.25, "estimate"].isna().all()
        assert rows.loc[rows["share"] == 0.5, "estimate"].notna().all() == (scored == 3)
        assert rows["rank"].isna().sum() == rows["estimate"].isna().sum()
        assert set(RANKINGS) < set(found.joint["ranking"])


def test_shuffles_without_a_score_do_not_count():
    table = pd.DataFrame({"ranking": np.repeat(RANKINGS, 4), "estimate": 1.0})
    null = np.random.default_rng(0).normal(size=(12, 50))
    null[0, :7] = np.nan
    _, joint = multiverse._among_shuffles(table, null, 40)
    assert joint.groupby("ranking")["splits"].first().to_dict() == {"pe": 43, "mu1": 50, "mu2": 50}
    assert joint["split_mean"].notna().all()


def test_shares_of_variance_are_shares_in_an_unbalanced_design_too():
    """mu2 at the preferred frequency has fewer analyses; a pure effect of that choice carries everything."""
    table = explore({32.0: thresholds()}, shuffles=1).specifications
    mu2 = table[table["ranking"] == "mu2"]
    carried = multiverse._carried(mu2.assign(estimate=1.0 * (mu2["orientation_at"] == "preferred")))
    shares = carried.drop_duplicates("choice").set_index("choice")["variance"]
    assert shares["orientation_at"] == pytest.approx(1)
    assert (shares <= 1 + 1e-12).all()


def test_a_cube_of_other_units_is_refused():
    data = thresholds()
    with pytest.raises(ValueError, match="are not the units of the distance cube"):
        explore({32.0: data._replace(cube=data.cube.isel(unit=slice(None, None, -1)))})


@pytest.mark.parametrize("choice", ["baseline", "combination"])
def test_unknown_choices_of_the_main_result_are_refused(choice):
    with pytest.raises(ValueError, match=f"{choice} is 'nothing'; it must be"):
        explore({32.0: thresholds()}, **{choice: "nothing"})


def test_a_choice_that_adds_a_constant_carries_what_it_adds():
    """Two choices with effects 0.3 and 0.1 apart: their variances are as 9 to 1."""
    table = explore({32.0: thresholds()}, shuffles=1).specifications
    pe = table[table["ranking"] == "pe"]
    made = pe.assign(estimate=0.3 * (pe["baseline"] == "blank") + 0.1 * (pe["share"] == 0.25) - 0.2)
    carried = multiverse._carried(made).set_index(["choice", "option"])
    assert carried.loc[("baseline", "blank"), "mean"] - carried.loc[("baseline", "none"), "mean"] == pytest.approx(0.3)
    assert carried.loc[("baseline", "blank"), "variance"] == pytest.approx(0.9)
    assert carried.loc[("share", "0.25"), "variance"] == pytest.approx(0.1)
    assert carried.loc[("csf", "watson-ahumada"), "variance"] == pytest.approx(0)


def test_at_half_of_the_channels_the_curve_is_the_main_result():
    found = explore({32.0: thresholds()}, shuffles=1)
    half = found.kept[found.kept["share"] == 0.5].set_index(["ranking", "selection"])["estimate"]
    for ranking in RANKINGS:
        difference = half[ranking, "high"] - half[ranking, "low"]
        assert difference == pytest.approx(main(found.specifications, ranking)["estimate"])
    random = found.kept[found.kept["selection"] == "random"]
    assert (random["ci_low"] < random["estimate"]).all()
    assert (random["estimate"] < random["ci_high"]).all()


def test_the_studys_own_choices_come_first():
    table = explore({32.0: thresholds()}, baseline="blank", combination="ranks", shuffles=1).specifications
    row = main(table, "pe")
    assert (row["baseline"], row["combination"], row["csf"]) == ("blank", "ranks", "mannos-sakrison")


def test_equal_seeds_give_equal_tables():
    one, other = (explore({32.0: thresholds()}, seed=5) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("options", "told"), [({"layers": []}, "at least one"), ({"layers": ["relu9_9"]}, "no layer 'relu9_9'")]
)
def test_what_cannot_be_explored_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        explore({32.0: thresholds()}, **options)


def test_slopes_per_cycle_are_those_per_octave_over_the_frequency():
    """da/df = (da/dlog2 f) / (f ln 2), so that mu1 weights low frequencies more."""
    curves = scores.tuning_curves(tuning())
    frequency = curves["frequency"].values
    weight = csf.mannos_sakrison(frequency)
    expected = (curves["slope"].values / (np.log(2) * frequency)) @ weight / weight.sum()
    found = scores.score_channels(tuning(), csf.mannos_sakrison, slope_per="cycle")
    np.testing.assert_allclose(found["mu1"], expected)


def test_orientation_may_be_taken_at_the_preferred_frequency():
    curves = tuning()
    found = scores.score_channels(curves, csf.mannos_sakrison, orientation_at="preferred")
    radial = curves["radial_response"].values[:, :, 0]
    inside = np.arange(2, 23, 2)  # interior frequencies that oriented gratings have
    at = inside[radial[:, inside].argmax(axis=1)]
    np.testing.assert_allclose(found["steepest_frequency"], curves["frequency"].values[at])
    oriented = curves["oriented_response"].values[np.arange(len(radial)), at // 2, :, 0]
    np.testing.assert_allclose(found["mu2"], 1 - oriented.mean(axis=1) / oriented.max(axis=1))


@pytest.mark.parametrize("name", ["slope_per", "orientation_at", "combination"])
def test_unknown_options_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 'nothing'; it must be"):
        scores.score_channels(tuning(), **{name: "nothing"})


def made_joint(network, medians, p):
    rows = [
        {"network": network, "dataset": "modelfest", "ranking": ranking, "statistic": statistic, "n": 8}
        | {"estimate": value, "p_split": p, "split_mean": 0.0}
        for ranking, median in zip(RANKINGS, medians, strict=True)
        for statistic, value in ((MEDIAN, median), ("share positive", 0.75))
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("medians", "p", "told"),
    [
        ((0.1, 0.2, -0.2), 0.01, ["agree better with people than shuffled ones do.", "pull in opposite directions"]),
        ((-0.1, -0.2, -0.2), 0.01, ["agree worse with people than shuffled ones do.", "pull in the same direction"]),
        ((0.1, 0.2, -0.2), 0.5, ["shuffled channels give as much", "neither stands out"]),
    ],
)
def test_sentences_follow_the_numbers(medians, p, told):
    joint = pd.concat([made_joint("net", medians, p), made_joint("chance", (0, 0, 0), 0.9)])
    carried = pd.DataFrame(
        [
            {
                "network": "net",
                "dataset": "modelfest",
                "ranking": "pe",
                "choice": choice,
                "option": "1",
                "variance": share,
            }
            for choice, share in (("cube", 0.19), ("csf", 0.5), ("share", 0.01))
        ]
    )
    claim = {"evidence": "analyses_of_modelfest", "network": "net", "dataset": "modelfest", "verdict": "supported"}
    (found,) = analyses.sentences(joint, carried, {"net": "chance"}, [claim])
    assert [text in sentence for text, sentence in zip(told, found["sentences"], strict=False)] == [True] * len(told)
    assert "With random weights: 75% positive" in found["sentences"][0]
    assert len(found["sentences"]) == 3
    untested = claim | {"verdict": "not tested", "reason": "relu2_2 has not converged"}
    (both,) = analyses.sentences(joint, carried, {"net": "chance"}, [claim, untested])
    assert both == found
    (other,) = analyses.sentences(joint, carried, {"net": "chance"}, [untested, untested])
    assert other["sentences"] == [
        *found["sentences"],
        "No claim is judged by these numbers: relu2_2 has not converged.",
    ]
    assert (
        "the contrast sensitivity function (50% of the variance) and whether distances are standardised (19%"
        in found["sentences"][2]
    )


def test_spearman_of_ranking_and_agreement_is_scipys():
    data = thresholds()
    found = main(explore({32.0: data}, shuffles=1).specifications, "mu1")
    channels = scores.score_channels(tuning(), csf.mannos_sakrison)
    alone = data.judgements.primary(data.cube.transpose("unit", ...).values)
    parts = [slice(0, CHANNELS), slice(CHANNELS, None)]
    expected = np.mean([stats.spearmanr(channels["mu1"][part], alone[part]).statistic for part in parts])
    assert found["rho"] == pytest.approx(expected)
