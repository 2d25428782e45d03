from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from torch import nn

from perceptual_efficacy import csf, probing, scores, stimuli
from perceptual_efficacy.backbones.network import Backbone

OCTAVES = np.array([1.0, 2, 4, 8])  # cycles per degree
HALF_TURN = -90 + 180 * np.arange(16) / 16


def make_tuning(radial, oriented=None, *, blank=0.0, orientation=HALF_TURN, layer="a", pixels_per_degree=32.0):
    """Build tuning curves by hand.

    Parameters
    ----------
    radial
        Shape (units, frequencies) over the `OCTAVES`, or (units, frequencies, phases).
    oriented
        Shape (units, orientations), one curve for all frequencies, or with the axes frequency and phase as well; equal
        to 1 unless given.
    """
    radial = np.asarray(radial, dtype=float)
    radial = radial[..., None] if radial.ndim == 2 else radial
    units, frequencies, phases = radial.shape
    oriented = np.ones((units, len(orientation))) if oriented is None else np.asarray(oriented, dtype=float)
    if oriented.ndim == 2:
        oriented = oriented[:, None, :, None]
    oriented = np.broadcast_to(oriented, (units, frequencies, len(orientation), phases))
    return xr.Dataset(
        {
            "radial_response": (("unit", "frequency", "phase"), radial),
            "red_green_response": (("unit", "frequency", "phase"), 0 * radial),
            "blue_yellow_response": (("unit", "frequency", "phase"), 0 * radial),
            "oriented_response": (("unit", "oriented_frequency", "orientation", "phase"), oriented),
            "blank_response": ("unit", np.broadcast_to(blank, units).astype(float)),
            "rectified": ("unit", np.zeros(units, dtype=bool)),
        },
        coords={
            "layer": ("unit", np.broadcast_to(layer, units)),
            "channel": ("unit", np.arange(units)),
            "frequency": 2.0 ** np.arange(frequencies),
            "oriented_frequency": 2.0 ** np.arange(frequencies),
            "orientation": orientation,
            "phase": 360 * np.arange(phases) / phases,
        },
        attrs={"pixels_per_degree": pixels_per_degree},
    )


def score(*args, csf_model=csf.flat, **kwargs):
    """Score one hand-made unit and return its row."""
    return scores.score_channels(make_tuning(*args), csf_model, **kwargs).iloc[0]


def von_mises(centre, concentration, orientation=HALF_TURN):
    return np.exp(concentration * (np.cos(2 * np.deg2rad(orientation - centre)) - 1))


COSINE_SQUARED = np.cos(np.deg2rad(HALF_TURN)) ** 2
RISING = [[0.25, 0.5, 0.75, 1]]


# Networks with known filters
GABOR_FREQUENCIES = (2, 4, 8)  # cycles per degree
GABOR_ORIENTATIONS = (-67.5, 0, 45)
ISOTROPIC = ("difference of Gaussians", "Laplacian of Gaussian")


def gabor(frequency, orientation):
    x, y = stimuli.pixel_coordinates(25, 32)
    envelope = np.exp(-((x**2 + y**2) * frequency**2) / (2 * 0.4**2))
    along = x * np.cos(np.deg2rad(orientation)) + y * np.sin(np.deg2rad(orientation))
    carrier = np.exp(2j * np.pi * frequency * along)
    kernel = (envelope * carrier).real
    kernel -= envelope * kernel.sum() / envelope.sum()  # no response to the mean grey
    return kernel / np.abs((kernel * carrier).sum())


def isotropic():
    x, y = stimuli.pixel_coordinates(25, 1)
    square = x**2 + y**2
    narrow, wide = (np.exp(-square / (2 * width**2)) / width**2 for width in (1.5, 3))
    difference = narrow / narrow.sum() - wide / wide.sum()
    laplacian = (1 - square / (2 * 2**2)) * np.exp(-square / (2 * 2**2))
    return [difference, laplacian - laplacian.mean()]


@pytest.fixture(scope="module")
def bank(filter_bank):
    """Return the scores of Gabor filters, two isotropic filters, a constant and a silent channel."""
    gabors = [gabor(frequency, orientation) for frequency in GABOR_FREQUENCIES for orientation in GABOR_ORIENTATIONS]
    nothing = np.zeros((2, 25, 25))
    names = [(f, o) for f in GABOR_FREQUENCIES for o in GABOR_ORIENTATIONS] + [*ISOTROPIC, "constant", "silent"]
    backbone = filter_bank([*gabors, *isotropic(), *nothing], [0] * (len(names) - 2) + [1, -1])
    range_ = {"frequencies": 8, "lowest_frequency": 1, "highest_frequency": 8 * 2**0.5, "oriented_every": 1}
    drawn = stimuli.gratings(field=2, **range_, orientations=8, phases=8)  # 8 cycles per degree are 4 pixels
    found = scores.score_channels(probing.probe(backbone, drawn))
    return dict(zip(names, found.to_dict("records"), strict=True))


@pytest.mark.parametrize("orientation", GABOR_ORIENTATIONS)
@pytest.mark.parametrize("frequency", GABOR_FREQUENCIES)
def test_gabor_filter_prefers_its_frequency(bank, frequency, orientation):
    found = bank[frequency, orientation]["preferred_frequency"]
    assert abs(np.log2(found / frequency)) <= 0.5 + 1e-9  # one step of the grid


@pytest.mark.parametrize("orientation", GABOR_ORIENTATIONS)
@pytest.mark.parametrize("frequency", GABOR_FREQUENCIES)
def test_gabor_filter_prefers_its_orientation(bank, frequency, orientation):
    off = bank[frequency, orientation]["preferred_orientation"] - orientation
    assert abs((off + 90) % 180 - 90) <= 22.5  # one step of the grid


@pytest.mark.parametrize("filter_", ISOTROPIC)
def test_isotropic_filter_is_not_selective(bank, filter_):
    assert bank[filter_]["mu2"] == pytest.approx(0, abs=0.02)


def test_gabor_filters_are_more_selective_than_isotropic_ones(bank):
    gabors = [bank[f, o]["mu2"] for f in GABOR_FREQUENCIES for o in GABOR_ORIENTATIONS]
    assert min(gabors) > 10 * max(bank[name]["mu2"] for name in ISOTROPIC)


def test_constant_channel_is_scored_zero(bank):
    constant = bank["constant"]
    assert constant["status"] == scores.SCORED
    assert [constant[name] for name in ("mu1", "mu2", "pe")] == pytest.approx([0, 0, 0], abs=1e-6)


def test_silent_channel_is_not_scored(bank):
    silent = bank["silent"]
    assert silent["status"] == "not scored: no response to any grating"
    missing = ("preferred_frequency", "steepest_frequency", "preferred_orientation", "mu1", "mu2", "pe", "osi")
    assert np.isnan([silent[name] for name in missing]).all()


# Frequency
@pytest.mark.parametrize("model", csf.MODELS)
def test_mu1_of_a_straight_curve_is_its_slope(model):
    # a rises by 1/4 per octave everywhere, whatever the weights
    assert score(RISING, csf_model=model)["mu1"] == pytest.approx(0.25)


@pytest.mark.parametrize("count", [24, 47, 185])
@pytest.mark.parametrize("wave", [1, 3, 6])
def test_slopes_inside_are_those_of_the_curve_smoothed_by_a_gaussian(count, wave):
    """Of sin(k x) smoothed with standard deviation s the slope is k cos(k x) exp(-(k s)² / 2), on any grid."""
    x = np.linspace(-1, np.log2(13.6), count)
    inside = (x > x[0] + 0.8) & (x < x[-1] - 0.8)
    expected = wave * np.cos(wave * x) * np.exp(-((wave * 0.2) ** 2) / 2)
    np.testing.assert_allclose(scores.slopes(np.sin(wave * x), x)[inside], expected[inside], atol=2e-3)


def test_slope_of_a_straight_line_is_exact_everywhere():
    x = np.array([-1.0, -0.9, -0.5, 0, 0.1, 2])
    np.testing.assert_allclose(scores.slopes(3 - 0.5 * x, x), -0.5)


def test_slopes_on_a_grid_much_coarser_than_their_scale_are_differences():
    curves = np.random.default_rng(0).uniform(size=(5, 6))
    np.testing.assert_allclose(scores.slopes(curves, np.arange(6.0)), np.gradient(curves, axis=1), atol=1e-12)


def test_mu1_weights_the_slopes_by_the_contrast_sensitivity():
    # slopes 1, 0, -1/2, 0 per octave with weights 1, 2, 4, 8: (1 + 4/2) / 15
    assert score([[0, 1, 0, 0]], csf_model=lambda frequency: frequency)["mu1"] == pytest.approx(3 / 15)


@pytest.mark.parametrize("gain", [1e-6, 3.7, 1e6])
def test_mu1_does_not_depend_on_gain(gain):
    tuning = make_tuning([[0, 1, 0, 0], [0, gain, 0, 0]])
    mu1 = scores.score_channels(tuning, lambda frequency: frequency)["mu1"]
    assert mu1.tolist() == pytest.approx([3 / 15, 3 / 15], rel=1e-12)


def test_responses_are_averaged_over_phases():
    # phases of 0, 2, 2, 2 and 2, 2, 4, 6: their mean rises by 1/4 of its maximum per octave
    assert score(np.stack([[[0, 2, 2, 2]], [[2, 2, 4, 6]]], axis=-1))["mu1"] == pytest.approx(0.25)


def test_preferred_frequency_is_the_peak_in_cycles_per_degree():
    assert score([[0.1, 0.2, 0.9, 0.3]])["preferred_frequency"] == 4


@pytest.mark.parametrize(
    ("curve", "steepest"),
    [
        ([9, 0, 0, 0, 1], 2),  # steeper still at the edge, which does not count
        ([0, 0, 4, 0, 0], 8),  # slopes of 1/2 at 2 and 8 cycles per degree: the weight decides
        ([0, 4, 4, 4, 4], 2),
    ],
)
def test_steepest_frequency_is_where_the_weighted_slope_peaks_inside(curve, steepest):
    assert score([curve], csf_model=lambda frequency: frequency)["steepest_frequency"] == steepest


def test_pixels_per_degree_relabels_the_frequencies():
    assert score([[0.1, 0.2, 0.9, 0.3]], pixels_per_degree=64)["preferred_frequency"] == 8


def test_relabelled_frequencies_meet_another_sensitivity():
    # slopes 1, 0, 1/2, 0; the weight is 1 from 8 cycles per degree on: the last one or, relabelled, the last two
    def model(frequency):
        return (frequency >= 8).astype(float)

    assert score([[0, 1, 0, 0]], csf_model=model)["mu1"] == pytest.approx(0, abs=1e-12)
    assert score([[0, 1, 0, 0]], csf_model=model, pixels_per_degree=64)["mu1"] == pytest.approx(0.25)


def test_chromatic_index_compares_the_largest_changes_from_the_blank():
    tuning = make_tuning([[0.3, 0.8, 0.5, 0.4]] * 3, blank=0.2)
    tuning["red_green_response"][:] = np.array([0.2, 0.2, 0.5])[:, None, None]
    tuning["blue_yellow_response"][:] = np.array([0.2, 0.5, 0.8])[:, None, None]
    # changes of .6 to grey; of 0, .3 and .6 to colour
    np.testing.assert_allclose(scores.chromatic_index(tuning), [0, 1 / 3, 1 / 2])


def test_chromatic_index_of_filters_for_colour_and_for_luma():
    """Red minus green answers to colour alone; luma, rectified at grey, far more to luminance."""
    filters = nn.Conv2d(3, 2, 1)
    filters.weight = nn.Parameter(torch.tensor([[1.0, -1.0, 0.0], [0.299, 0.587, 0.114]])[:, :, None, None])
    filters.bias = nn.Parameter(torch.tensor([0.0, -0.5]))
    network = nn.Sequential(OrderedDict(bank=nn.Sequential(filters, nn.ReLU())))
    backbone = Backbone(network, {"bank": "bank"}, {}, mean=(0, 0, 0), standard_deviation=(1, 1, 1))
    tuning = probing.probe(backbone, stimuli.gratings(frequencies=5, orientations=2, phases=4))
    red_green, luma = scores.score_channels(tuning)["chromatic_index"]
    assert red_green == pytest.approx(1, abs=1e-3)
    assert luma < 0.2


def test_mean_activation_is_that_of_the_radial_gratings():
    assert score([[1, 2, 3, 6]])["mean_activation"] == 3


# Orientation
@pytest.mark.parametrize(
    ("name", "expected"),
    [("mu2", 0.5), ("osi", 1), ("circular_variance", 0.5), ("bandwidth", 90), ("preferred_orientation", 0)],
)
def test_cosine_squared_curve_has_closed_forms(name, expected):
    assert score(RISING, [COSINE_SQUARED])[name] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("concentration", [0.5, 2, 4])
@pytest.mark.parametrize(
    ("name", "closed_form"),
    [
        ("mu2", lambda k: 1 - special.ive(0, k)),
        ("osi", np.tanh),
        ("circular_variance", lambda k: 1 - special.iv(1, k) / special.iv(0, k)),
    ],
)
def test_von_mises_curve_has_closed_forms(name, closed_form, concentration):
    row = score(RISING, [von_mises(0, concentration)])
    assert row[name] == pytest.approx(closed_form(concentration), abs=1e-6)


@pytest.mark.parametrize("concentration", [1, 2, 8])
def test_bandwidth_is_the_full_width_at_half_height(concentration):
    orientation = np.arange(-90.0, 90)
    tuning = make_tuning(RISING, [von_mises(-85, concentration, orientation)], orientation=orientation)
    expected = np.rad2deg(np.arccos(1 - np.log(2) / concentration))
    found = scores.score_channels(tuning, csf.flat)["bandwidth"]
    assert found.item() == pytest.approx(expected, abs=0.02)


def test_bandwidth_is_missing_where_the_curve_stays_above_half_height():
    assert np.isnan(score(RISING, [1 + COSINE_SQUARED])["bandwidth"])


@pytest.mark.parametrize("centre", [-90, -33.3, 0, 5, 89])
def test_preferred_orientation_lies_between_the_grid_points(centre):
    found = score(RISING, [von_mises(centre, 2)])["preferred_orientation"]
    assert (found - centre + 90) % 180 - 90 == pytest.approx(0, abs=1e-3)


def test_untuned_channel_has_no_orientation_selectivity():
    row = score(RISING, np.full((1, 16), 3))
    assert [row[name] for name in ("mu2", "osi", "circular_variance")] == pytest.approx([0, 0, 1])


def test_orientation_is_judged_at_the_steepest_frequency():
    oriented = np.ones((1, 4, 16, 1))
    oriented[0, 1, :, 0] = COSINE_SQUARED
    assert score([[0, 1, 1, 1]], oriented)["mu2"] == pytest.approx(0.5)


@pytest.mark.parametrize(("share", "status"), [(0.011, "scored"), (0.009, scores.WEAK)])
def test_orientation_is_not_judged_on_a_response_below_one_percent(share, status):
    assert score([[0, 0, 0, 100]], [100 * share * COSINE_SQUARED])["status"] == status


def test_channel_with_a_weak_oriented_response_keeps_mu1_alone():
    # slopes 0, 0, 1/2, 1
    row = score([[0, 0, 0, 1]], np.zeros((1, 16)))
    assert row["mu1"] == pytest.approx(0.375)
    assert np.isnan([row["mu2"], row["pe"], row["osi"], row["preferred_orientation"]]).all()


# Baseline, efficacy, arguments
def test_blank_is_subtracted_from_the_frequency_curve():
    # 1 + (1, 2, 3, 4) minus 1 rises by a quarter of its maximum
    tuning = make_tuning([[2, 3, 4, 5]], blank=1)
    assert scores.score_channels(tuning, csf.flat, baseline="blank")["mu1"].item() == pytest.approx(0.25)


def test_blank_is_subtracted_from_the_orientation_curve():
    tuning = make_tuning(RISING, [0.2 + COSINE_SQUARED], blank=0.2)
    assert scores.score_channels(tuning, csf.flat, baseline="blank")["mu2"].item() == pytest.approx(0.5)


def test_oriented_response_below_the_blank_counts_as_none():
    # cos 2 theta is below zero for half of the orientations; the sum of the rest of 16 is 1 + 2 (cos 22.5° + ...)
    curve = np.cos(2 * np.deg2rad(HALF_TURN))
    expected = 1 - (1 + 2 * np.cos(np.deg2rad([22.5, 45, 67.5])).sum()) / 16
    tuning = make_tuning(RISING, [1 + curve], blank=1)
    assert scores.score_channels(tuning, csf.flat, baseline="blank")["mu2"].item() == pytest.approx(expected)


def test_channel_that_responds_to_the_blank_alike_is_silent():
    tuning = make_tuning(np.ones((1, 4)), blank=1)
    assert scores.score_channels(tuning, csf.flat, baseline="blank")["status"].item() == scores.SILENT


def test_efficacy_is_the_product():
    assert score(RISING, [COSINE_SQUARED])["pe"] == pytest.approx(0.25 * 0.5)


def test_efficacy_can_be_the_mean_rank_within_the_layer():
    # layer a: mu1 = 1/4, 0, 1/12 (ranks 3, 1, 2 of 3); mu2 = 0, 1/2, 1/2 (ranks 1, 2.5, 2.5 of 3); layer b: alone
    radial = [*RISING, [1, 1, 1, 1], [0.75, 10 / 12, 11 / 12, 1], *RISING]
    oriented = [np.ones(16), COSINE_SQUARED, COSINE_SQUARED, COSINE_SQUARED]
    tuning = make_tuning(radial, oriented, layer=["a", "a", "a", "b"])
    found = scores.score_channels(tuning, csf.flat, combination="ranks")["pe"]
    np.testing.assert_allclose(found, [4 / 6, 3.5 / 6, 4.5 / 6, 1])


def test_unscored_channels_have_no_rank():
    tuning = make_tuning([*RISING, [0, 0, 0, 0], *RISING], [np.ones(16), np.zeros(16), np.ones(16)])
    found = scores.score_channels(tuning, csf.flat, combination="ranks")["pe"]
    np.testing.assert_allclose(found, [0.75, np.nan, 0.75])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"baseline": "blnk"}, "baseline is 'blnk'; it must be 'none' or 'blank'"),
        ({"combination": "sum"}, "combination is 'sum'; it must be 'product' or 'ranks'"),
        ({"csf": "mannos"}, "'mannos' is not known"),
    ],
)
def test_unknown_choice_is_refused(argument, message):
    with pytest.raises(ValueError, match=message):
        scores.score_channels(make_tuning(RISING), **argument)


# Selection
def test_a_table_with_rows_of_equal_index_is_refused():
    table = pd.concat([channel_table(pe=[1.0, 2.0])] * 2)
    with pytest.raises(ValueError, match="rows of equal index"):
        scores.select_channels(table, "high")


def channel_table(**columns):
    rows = pd.DataFrame(columns)
    defaults = {"layer": "a", "channel": np.arange(len(rows)), "status": scores.SCORED}
    return rows.assign(**{name: value for name, value in defaults.items() if name not in columns})


@pytest.mark.parametrize(
    ("pe", "high"),
    [
        ([0.1, 0.4, 0.2, 0.3], [1, 3]),
        ([0.1, 0.4, 0.2, 0.3, 0.5], [1, 4]),  # the middle one goes to low
        ([0.5, 0.2, 0.2, 0.1], [0, 1]),  # of a tie the lower channel is higher
        ([0.3, 0.3, 0.3, 0.3], [0, 1]),
        ([0.3], []),
    ],
)
def test_high_is_the_upper_half(pe, high):
    assert scores.select_channels(channel_table(pe=pe), "high")["channel"].tolist() == high


def test_ties_go_by_channel_not_by_row():
    table = channel_table(pe=[0.3, 0.3, 0.1, 0.3], channel=[7, 5, 1, 2])
    assert scores.select_channels(table, "high")["channel"].tolist() == [5, 2]


def test_every_layer_is_halved_by_itself():
    table = channel_table(pe=[0.1, 0.2, 0.8, 0.9], layer=["a", "a", "b", "b"], channel=[0, 1, 0, 1])
    assert scores.select_channels(table, "high").index.tolist() == [1, 3]


def test_channels_can_be_ranked_by_another_score():
    table = channel_table(pe=[0.4, 0.1], mu1=[0.1, 0.4])
    assert scores.select_channels(table, "high", by="mu1")["channel"].tolist() == [1]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from([scores.SCORED, scores.SILENT, scores.WEAK]),
            st.floats(0, 1) | st.just(0.5),
        ),
        max_size=30,
    )
)
def test_high_and_low_partition_the_scored_channels(rows):
    table = channel_table(**{name: [row[i] for row in rows] for i, name in enumerate(("layer", "status", "pe"))})
    high, low = (scores.select_channels(table, half).index.tolist() for half in ("high", "low"))
    assert sorted(high + low) == table.index[table["status"] == scores.SCORED].tolist()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"selection": "upper"}, "selection is 'upper'; it must be 'all', 'high', 'low' or 'random'"),
        ({"by": "mu3"}, "cannot be ranked by 'mu3'; the columns are pe, layer, channel, status"),
    ],
)
def test_unknown_selection_is_refused(argument, message):
    with pytest.raises(ValueError, match=message):
        scores.select_channels(channel_table(pe=[0.1, 0.2]), **argument)


# Layers
def test_spread_over_phases_is_the_range_of_the_single_phases():
    # one phase rises by 1/4 per octave, the other by 1/12; one is tuned as cos^2, the other not at all
    radial = np.stack([RISING, [[0.75, 10 / 12, 11 / 12, 1]]], axis=-1)
    oriented = np.broadcast_to(np.stack([COSINE_SQUARED, np.ones(16)], axis=-1), (1, 4, 16, 2))
    spread = scores.spread_over_phases(make_tuning(radial, oriented), csf.flat)
    assert spread[["mu1", "mu2"]].iloc[0].tolist() == pytest.approx([1 / 4 - 1 / 12, 1 / 2])


def test_spread_is_missing_where_one_phase_leaves_the_channel_unscored():
    radial = np.stack([RISING, np.zeros((1, 4))], axis=-1)
    oriented = np.broadcast_to(np.stack([COSINE_SQUARED, np.zeros(16)], axis=-1), (1, 4, 16, 2))
    spread = scores.spread_over_phases(make_tuning(radial, oriented), csf.flat)
    assert spread[["mu1", "mu2"]].isna().all(axis=None)


def tuned(channels, *, frequencies=24, phases=2, seed=0, layer="a", sees_padding=False):
    """Tuning curves of channels that prefer a frequency and an orientation each; phases differ little."""
    random = np.random.default_rng(seed)
    octaves = np.linspace(0, 4, frequencies)
    preferred, centre = random.uniform(0.5, 3.5, (channels, 1)), random.uniform(-90, 90, (channels, 1))
    radial = np.exp(-((octaves - preferred) ** 2) / (2 * random.uniform(0.3, 1, (channels, 1)) ** 2))
    turned = np.exp(random.uniform(0, 3, (channels, 1)) * (np.cos(2 * np.deg2rad(HALF_TURN - centre)) - 1))
    oriented = radial[:, :, None] * turned[:, None]
    radial, oriented = (
        curve[..., None] * random.uniform(0.98, 1.02, (*curve.shape, phases)) for curve in (radial, oriented)
    )
    tuning = make_tuning(radial, oriented, layer=layer)
    tuning["red_green_response"] = tuning["radial_response"] * random.uniform(size=(channels, 1, 1))
    axes = {name: (name, 2.0**octaves) for name in ("frequency", "oriented_frequency")}
    return tuning.assign_coords(**axes, sees_padding=("unit", np.broadcast_to(sees_padding, channels)))


@pytest.fixture(scope="module")
def networks():
    """A network of two layers with 9 and 8 channels, and two controls."""
    layer = ["a"] * 9 + ["b"] * 8
    return tuned(17, layer=layer), [tuned(17, layer=layer, seed=seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def comparison(networks):
    return scores.compare_layers(*networks, csf.mannos_sakrison, replicates=300)


def estimate(comparison, layer, statistic):
    return comparison.set_index(["layer", "statistic"]).loc[(layer, statistic), "estimate"]


@pytest.mark.parametrize("score_", ["mu1", "mu2"])
def test_interquartile_ranges_are_scipys(networks, comparison, score_):
    def of(tuning):
        found = scores.score_channels(tuning)
        return stats.iqr(found.loc[found["layer"] == "a", score_])

    network, controls = networks
    assert estimate(comparison, "a", f"{score_}_iqr") == pytest.approx(of(network))
    assert estimate(comparison, "a", f"{score_}_iqr_control") == pytest.approx(np.mean([of(one) for one in controls]))


@pytest.mark.parametrize("score_", ["mu1", "mu2"])
def test_phase_range_is_the_median_over_channels(networks, comparison, score_):
    spread = scores.spread_over_phases(networks[0], csf.mannos_sakrison)
    expected = np.median(spread.loc[spread["layer"] == "b", score_])
    assert estimate(comparison, "b", f"{score_}_phase_range") == pytest.approx(expected)


@pytest.mark.parametrize("score_", ["mu1", "mu2"])
def test_spread_is_over_three_times_the_phase_range(comparison, score_):
    iqr, phases = (estimate(comparison, "a", f"{score_}_{name}") for name in ("iqr", "phase_range"))
    assert estimate(comparison, "a", f"{score_}_spread") == pytest.approx(iqr - 3 * phases)


def test_colour_correlates_with_efficacy_as_scipy_has_it(networks, comparison):
    found = scores.score_channels(networks[0]).query("layer == 'b'")
    expected = stats.spearmanr(found["pe"], found["chromatic_index"]).statistic
    assert estimate(comparison, "b", "low_pe_chromatic_srcc") == pytest.approx(-expected)


def test_a_channel_that_responds_to_neither_colour_nor_grey_changes_is_left_out_of_their_correlation(networks):
    network, controls = networks
    tuning = network.copy(deep=True)
    for name in ("radial_response", "red_green_response", "blue_yellow_response"):
        tuning[name][9] = tuning["blank_response"][9] + 1e-30
    tuning["radial_response"][9] = tuning["blank_response"][9] = 1  # scored, for its oriented responses
    for name in ("red_green_response", "blue_yellow_response"):
        tuning[name][9] = 1
    found = scores.score_channels(tuning).query("layer == 'b'")
    assert found["chromatic_index"].isna().sum() == 1
    judged = found[(found["status"] == scores.SCORED) & found["chromatic_index"].notna()]
    comparison = scores.compare_layers(tuning, controls, csf.mannos_sakrison, replicates=10)
    row = comparison.set_index(["layer", "statistic"]).loc[("b", "low_pe_chromatic_srcc")]
    assert row["estimate"] == pytest.approx(-stats.spearmanr(judged["pe"], judged["chromatic_index"]).statistic)
    assert row["n_clusters"] == len(judged) == 7
    assert comparison.set_index(["layer", "statistic"]).loc[("b", "mu1_iqr"), "n_clusters"] == 8


def test_a_spread_is_over_as_many_channels_as_are_scored(networks):
    network, controls = networks
    silent = network.copy(deep=True)
    for name in ("radial_response", "oriented_response", "blank_response"):
        silent[name][9] = 0
    channels = scores.score_channels(silent).query("layer == 'b'")
    counts = scores.compare_layers(silent, controls, csf.mannos_sakrison, replicates=10).set_index(
        ["layer", "statistic"]
    )
    assert counts.loc[("b", "mu1_spread"), "n_clusters"] == (channels["status"] == scores.SCORED).sum() == 7
    assert counts.loc[("b", "csf_r"), "n_clusters"] == len(channels) == 8


def test_a_dense_set_of_gratings_has_converged(networks):
    found = scores.convergence(networks[0], csf.mannos_sakrison)
    assert found["converged"].tolist() == [True, True]
    assert (found[["half_frequencies", "half_phases"]] > 0.9).all(axis=None)


def test_oriented_gratings_of_half_the_frequencies_are_thinned_as_well(networks):
    """By default oriented gratings have every second frequency, which thinning the radial ones alone would leave."""
    tuning = networks[0].isel(oriented_frequency=slice(None, None, 2)).copy(deep=True)
    tuning["oriented_response"][:, 1::2] = np.random.default_rng(0).uniform(size=(17, 6, 16, 2))
    assert scores.convergence(tuning, csf.mannos_sakrison)["half_frequencies"].min() < 0.9


def test_convergence_is_that_of_the_ranking_in_use(networks):
    found = [scores.convergence(networks[0], csf.mannos_sakrison, combination=name) for name in ("product", "ranks")]
    assert not found[0]["half_frequencies"].equals(found[1]["half_frequencies"])


@pytest.mark.parametrize(
    ("broken", "column"), [("frequency", "half_frequencies"), ("phase", "half_phases"), ("padding", "sees_padding")]
)
def test_a_layer_that_has_not_converged_says_why_and_is_not_in_the_mean(networks, broken, column):
    """The last eight channels: their curves alternate, or their phases disagree, or they see padding."""
    network, controls = networks
    random = np.random.default_rng(0)
    tuning, last = network.copy(deep=True), slice(9, None)
    if broken == "padding":
        tuning = tuning.assign_coords(sees_padding=("unit", np.arange(17) >= 9))
    else:
        for name in ("radial_response", "oriented_response"):
            shape = tuning[name][last].shape
            same = [*shape[:-1], 1] if broken == "frequency" else shape
            tuning[name][last] = np.broadcast_to(random.uniform(size=same), shape)
    found = scores.convergence(tuning, csf.mannos_sakrison).set_index("layer")
    assert found["converged"].to_dict() == {"a": True, "b": False}
    assert found.loc["b", column] < 0.9 if column != "sees_padding" else found.loc["b", column]
    comparison = scores.compare_layers(tuning, controls, csf.mannos_sakrison, replicates=10)
    assert estimate(comparison, "mean of layers", "mu1_iqr") == estimate(comparison, "a", "mu1_iqr")
    assert comparison.set_index("layer").loc["b", "converged"].eq(False).all()


def test_without_a_layer_that_has_converged_there_is_no_mean():
    tuning = tuned(9, sees_padding=True)
    comparison = scores.compare_layers(tuning, [tuning], csf.mannos_sakrison, replicates=10)
    assert np.isnan(estimate(comparison, "mean of layers", "mu1_iqr"))


def test_csf_correlation_is_one_where_the_slopes_follow_the_csf():
    # slopes 1, 0, 1/2, 0 per octave
    tuning = make_tuning([[0, 1, 0, 0]] * 3)
    comparison = scores.compare_layers(tuning, [tuning], lambda _: np.array([4.0, 2, 3, 2]), replicates=10)
    assert estimate(comparison, "a", "csf_r") == pytest.approx(1)


def test_mean_of_layers_weights_layers_equally(comparison):
    of_layers = [estimate(comparison, layer, "csf_r") for layer in ("a", "b")]
    assert estimate(comparison, "mean of layers", "csf_r") == pytest.approx(np.mean(of_layers))


def test_intervals_are_ordered(comparison):
    assert (comparison["ci_low"] < comparison["ci_high"]).all()


def test_equal_channels_leave_no_uncertainty():
    tuning = make_tuning(RISING * 5, [COSINE_SQUARED] * 5)
    comparison = scores.compare_layers(tuning, [tuning], csf.mannos_sakrison, replicates=50)
    np.testing.assert_allclose(comparison["ci_low"], comparison["ci_high"], atol=1e-12)


def test_comparison_depends_on_the_seed_alone(networks, comparison):
    again, other = (scores.compare_layers(*networks, csf.mannos_sakrison, replicates=300, seed=seed) for seed in (0, 1))
    pd.testing.assert_frame_equal(again, comparison)
    assert not other["ci_low"].equals(comparison["ci_low"])


def test_layer_with_few_scored_channels_is_compared_without_a_warning():
    # a third of the bootstrap samples of three channels holds no scored one
    tuning = make_tuning([*RISING, [0, 0, 0, 0], [0, 0, 0, 0]], [COSINE_SQUARED, np.zeros(16), np.zeros(16)])
    comparison = scores.compare_layers(tuning, [tuning], csf.mannos_sakrison, replicates=100)
    assert comparison.loc[comparison["statistic"].str.startswith("mu"), ["ci_low", "ci_high"]].isna().all(axis=None)


# Choosing channels of layers
@pytest.fixture(scope="module")
def two_layers():
    """Layer a has nine channels, two of them not scored; layer b has four. The index has gaps, as after filtering."""
    scored, silent = scores.SCORED, scores.SILENT
    table = pd.DataFrame(
        {
            "layer": ["a"] * 9 + ["b"] * 4,
            "channel": [*range(9), *range(4)],
            "status": [scored, silent, *[scored] * 6, silent, *[scored] * 4],
            "pe": [0.1, np.nan, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, np.nan, 0.5, 0.4, 0.3, 0.2],
        }
    )
    return table.set_axis(table.index * 3 + 5)


def chosen(channels, selection, layers=None, draw=None):
    table = scores.select_channels(channels, selection, layers=layers, draw=draw)
    assert list(table) == ["layer", "channel"]
    return {layer: rows["channel"].tolist() for layer, rows in table.groupby("layer")}


def test_all_channels_of_the_layers_are_chosen_scored_or_not(two_layers):
    assert chosen(two_layers, "all", ["a"]) == {"a": list(range(9))}


def test_halves_are_those_of_every_layer(two_layers):
    assert chosen(two_layers, "high", ["b", "a"]) == {"a": [2, 4, 6], "b": [0, 1]}
    assert chosen(two_layers, "low", ["b", "a"]) == {"a": [0, 3, 5, 7], "b": [2, 3]}


def test_a_random_half_has_as_many_scored_channels_of_every_layer_as_the_high_one(two_layers):
    for draw in range(20):
        found = chosen(two_layers, "random", ["a", "b"], draw)
        assert (len(found["a"]), len(found["b"])) == (3, 2)
        assert set(found["a"]) <= {0, 2, 3, 4, 5, 6, 7}


def test_a_random_half_takes_every_channel_equally_often(two_layers):
    draws = [chosen(two_layers, "random", ["a"], draw)["a"] for draw in range(700)]
    counts = pd.Series(np.concatenate(draws)).value_counts()
    # 3 of 7 scored channels in each of 700 draws: 300 of each
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_random_half_depends_on_its_seed_alone(two_layers):
    one, same, *others = (chosen(two_layers, "random", ["a", "b"], draw) for draw in (1, 1, 2, 3, 4))
    assert one == same
    assert any(other != one for other in others)


def test_a_random_half_without_a_seed_is_refused(two_layers):
    with pytest.raises(ValueError, match="A random half needs the seed that it is drawn by: give draw"):
        scores.select_channels(two_layers, "random", layers=["a"])


def test_layers_that_are_not_there_are_refused_with_those_that_are(two_layers):
    with pytest.raises(ValueError, match="There is no layer 'c' among the channels; they are of a, b"):
        scores.select_channels(two_layers, "all", layers=["a", "c"])


def test_a_selection_that_does_not_exist_is_refused_with_those_that_do(two_layers):
    with pytest.raises(ValueError, match="selection is 'best'; it must be 'all', 'high', 'low' or 'random'"):
        scores.select_channels(two_layers, "best", layers=["a"])


@pytest.mark.parametrize("selection", ["high", "random"])
def test_half_of_one_scored_channel_is_none(two_layers, selection):
    assert scores.select_channels(two_layers.iloc[:2], selection, layers=["a"], draw=0).empty


def test_all_layers_are_halved_unless_some_are_named(two_layers):
    assert chosen(two_layers, "high") == {"a": [2, 4, 6], "b": [0, 1]}
    assert chosen(two_layers, "all") == {"a": list(range(9)), "b": list(range(4))}


def test_index_of_the_table_is_kept(two_layers):
    table = scores.select_channels(two_layers, "low")
    assert two_layers.loc[table.index, ["layer", "channel"]].equals(table)
