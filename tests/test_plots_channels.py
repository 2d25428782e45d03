"""The figures about channels: their data against independent expectations, and that they draw the data."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from matplotlib.text import Text
from plotting import Case, EveryFigure, texts

from perceptual_efficacy import csf, lpips
from perceptual_efficacy.plots import (
    channel_scores,
    depth,
    efficacy_by_layer,
    first_layer_filters,
    frequency_curves,
    lpips_weights,
    orientation_curves,
    stimuli,
    style,
)
from perceptual_efficacy.scores import SILENT, score_channels, tuning_curves
from perceptual_efficacy.stimuli import Gratings, gratings
from perceptual_efficacy.vocabulary import SCORED

LAYERS = {"relu1_1": 6, "relu1_2": 9}
NETWORK = {"network": "net", "architecture": "vgg-shaped", "weights": "learnt", "origin": "k-means", "release": "none"}


@pytest.fixture(scope="module")
def tuning() -> xr.Dataset:
    """Channels tuned to one frequency and one orientation each; the second hardly answers to oriented gratings."""
    random = np.random.default_rng(0)
    units = sum(LAYERS.values())
    frequency, orientation = np.geomspace(0.5, 13.6, 12), np.arange(-90, 90, 22.5)
    preferred = random.uniform(np.log2(frequency[0]), np.log2(frequency[-1]), units)
    radial = random.uniform(0.5, 2, units)[:, None] * np.exp(-((np.log2(frequency) - preferred[:, None]) ** 2) / 2)
    angle = np.deg2rad(orientation - random.uniform(-90, 90, units)[:, None])
    tuned = np.exp(random.uniform(0.2, 3, units)[:, None] * (np.cos(2 * angle) - 1))
    tuned[1] *= 1e-3  # below the share at which a channel is scored
    phase = np.array([0.0, 180.0])
    return xr.Dataset(
        {
            **{
                f"{kind}_response": (("unit", "frequency", "phase"), radial[..., None] * [0.9, 1.1])
                for kind in ("radial", "red_green", "blue_yellow")
            },
            "oriented_response": (
                ("unit", "oriented_frequency", "orientation", "phase"),
                (radial[:, :, None] * tuned[:, None])[..., None] * [0.9, 1.1],
            ),
            "blank_response": ("unit", np.zeros(units)),
            "rectified": ("unit", np.zeros(units, dtype=bool)),
        },
        coords={
            "layer": ("unit", np.repeat(list(LAYERS), list(LAYERS.values()))),
            "channel": ("unit", np.concatenate([np.arange(width) for width in LAYERS.values()])),
            "receptive_field": ("unit", np.repeat([3, 5], list(LAYERS.values()))),
            "frequency": frequency,
            "oriented_frequency": frequency,
            "orientation": orientation,
            "phase": phase,
        },
        attrs={**NETWORK, "pixels_per_degree": 32.0},
    )


@pytest.fixture(scope="module")
def channels(tuning: xr.Dataset) -> pd.DataFrame:
    return score_channels(tuning)


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(LAYERS["relu1_1"], 3, 3, 3))


@pytest.fixture(scope="module")
def control(channels: pd.DataFrame) -> pd.DataFrame:
    """The same layers with random weights, whose PE is half as high."""
    return channels.assign(network="net_random", weights="random", origin="random weights", pe=channels["pe"] / 2)


def with_lpips(architecture: str, layers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Some of the channels of LPIPS's first layers with random scores, and what the library finds of them."""
    weights = lpips.lpips_weights(architecture)
    known = list(weights["layer"].unique())[: max(layers, 1)]
    channels = weights.loc[weights["layer"].isin(known) & (weights["channel"] < 60), ["layer", "channel"]]
    weights = weights[weights["layer"].isin(known[:layers])]
    random = np.random.default_rng(7)
    scores = {score: random.uniform(size=len(channels)) for score in ("pe", "mu1", "mu2", "mean_image_distance")}
    status = np.where(channels["channel"] % 7 == 0, SILENT, SCORED)
    channels = channels.assign(**NETWORK, status=status, **scores).reset_index(drop=True)
    found = lpips.compare_with_weights(channels, weights, shuffles=50, replicates=41, seed=0)
    return found, channels.merge(weights, on=["layer", "channel"])


def few_gratings() -> Gratings:
    return gratings(field=2, lowest_frequency=1, frequencies=8, orientations=8)


NAMES = (
    *("stimuli", "frequency_curves", "channel_scores", "orientation_curves", "efficacy_by_layer"),
    *("first_layer_filters", "first_layer_filters of no layer", "depth", "lpips_weights"),
    *(f"lpips_weights of {layers} layers" for layers in (0, 1, 2, 7)),
)


@pytest.fixture(scope="module")
def cases(tuning: xr.Dataset, channels: pd.DataFrame, control: pd.DataFrame, weights: np.ndarray) -> dict[str, Case]:
    curves = tuning_curves(tuning)
    sensitivity = csf.mannos_sakrison(curves["frequency"])
    both = pd.concat([channels, control])
    return {
        "stimuli": Case(stimuli.table(few_gratings().images(), crop=32), stimuli.draw),
        "frequency_curves": Case(
            frequency_curves.table(curves, channels, sensitivity, "relu1_2"),
            lambda table: frequency_curves.draw(table, "Mannos-Sakrison"),
        ),
        "channel_scores": Case(channel_scores.table(channels, "relu1_1"), channel_scores.draw),
        "orientation_curves": Case(orientation_curves.table(curves, channels, "relu1_2"), orientation_curves.draw),
        "efficacy_by_layer": Case(efficacy_by_layer.table(both), efficacy_by_layer.draw),
        "first_layer_filters": Case(first_layer_filters.table(weights, channels, "relu1_1"), first_layer_filters.draw),
        "first_layer_filters of no layer": Case(
            first_layer_filters.table(weights, channels, None), first_layer_filters.draw
        ),
        "depth": Case(depth.table(both, {"net": "net_random"}), depth.draw),
        "lpips_weights": Case(lpips_weights.table(*with_lpips("torchvision:vgg16", 5)), lpips_weights.draw),
        **{
            f"lpips_weights of {layers} layers": Case(
                lpips_weights.table(*with_lpips("torchvision:squeezenet1_1", layers)), lpips_weights.draw
            )
            for layers in (0, 1, 2, 7)
        },
    }


@pytest.fixture(scope="class", params=NAMES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


class TestEveryFigure(EveryFigure):
    pass


def test_settings_of_the_user_change_nothing(cases: dict[str, Case], tmp_path) -> None:
    import matplotlib

    table, draw = cases["channel_scores"]
    for run, size in (("a", 10), ("b", 30)):
        with matplotlib.rc_context({"font.size": size, "axes.grid": size > 20}):
            style.save(draw(table), table, **{kind: tmp_path / f"{run}.{kind}" for kind in ("png", "pdf", "csv")})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


# What each figure shows


def test_gratings_are_shown_at_the_positions_that_their_closed_form_gives(cases: dict[str, Case]) -> None:
    table = cases["stimuli"].table
    radial, oriented = table[table["kind"] == "radial"], table[table["kind"] == "oriented"]
    angle = np.deg2rad(oriented["orientation"])
    for rows, distance in (
        (radial, np.hypot(radial["x"], radial["y"])),
        (oriented, oriented["x"] * np.cos(angle) + oriented["y"] * np.sin(angle)),
    ):
        wave = 0.5 + 0.25 * np.cos(2 * np.pi * rows["frequency"] * distance + np.deg2rad(rows["phase"]))
        np.testing.assert_allclose(rows["value"], wave, atol=1e-6)
    assert radial.groupby("panel")["frequency"].first().is_monotonic_increasing
    assert (table.loc[table["kind"] == "blank", "value"] == 0.5).all()


def test_gratings_are_drawn_the_right_way_up(cases: dict[str, Case]) -> None:
    table, draw = cases["stimuli"]
    axis = draw(table).axes[6]  # the oriented grating at -45 degrees
    rows = table[table["panel"] == table.loc[table["orientation"] == -45, "panel"].iloc[0]]
    image = axis.images[0]
    corner = rows.loc[(rows["x"] == rows["x"].min()) & (rows["y"] == rows["y"].min()), "value"].iloc[0]
    assert image.origin == "lower"
    assert image.get_array()[0, 0] == corner


def test_frequency_curves_are_those_that_mu1_was_computed_from(cases: dict[str, Case], channels: pd.DataFrame) -> None:
    table = cases["frequency_curves"].table
    scores = np.sort(channels.loc[channels["layer"] == "relu1_2", "mu1"])[::-1]
    curves = list(table.groupby("example", sort=False))
    assert [name for name, _ in curves] == ["highest", "median", "lowest"]
    assert [curve["mu1"].iloc[0] for _, curve in curves] == [scores[0], np.median(scores), scores[-1]]
    for _, curve in curves:
        assert curve["response"].max() == 1
        assert curve["sensitivity"].max() == 1
        weighted = (curve["slope"] * curve["sensitivity"]).sum() / curve["sensitivity"].sum()
        assert weighted == pytest.approx(curve["mu1"].iloc[0], rel=1e-10)


def test_frequency_curves_are_drawn_as_tabled(cases: dict[str, Case]) -> None:
    table, draw = cases["frequency_curves"]
    axes = draw(table).axes
    for number, (_, curve) in enumerate(table.groupby("example", sort=False)):
        for axis, quantity in ((axes[number], "response"), (axes[number + 3], "slope")):
            sensitivity, line = axis.get_lines()
            np.testing.assert_array_equal(line.get_ydata(), curve[quantity])
            np.testing.assert_array_equal(sensitivity.get_ydata(), curve["sensitivity"])
            np.testing.assert_array_equal(line.get_xdata(), curve["frequency"])


def test_scores_are_sorted_and_unscored_channels_counted(cases: dict[str, Case], channels: pd.DataFrame) -> None:
    table, draw = cases["channel_scores"]
    axes = draw(table).axes
    layer = channels[channels["layer"] == "relu1_1"]
    for axis, score in zip(axes, ("mu1", "mu2"), strict=True):
        bars = [bar.get_height() for bar in axis.patches]
        np.testing.assert_array_equal(bars, np.sort(layer.loc[layer["channel"] != 1, score])[::-1])
    assert "1 of 6 channels not scored" in axes[-1].get_xlabel()
    assert table.loc[table["rank"].isna(), "channel"].tolist() == [1, 1]


def test_orientation_curves_are_those_that_mu2_was_computed_from(cases: dict[str, Case]) -> None:
    for _, curve in cases["orientation_curves"].table.groupby("example"):
        assert curve["response"].max() == 1
        assert 1 - curve["response"].mean() == pytest.approx(curve["mu2"].iloc[0], rel=1e-10)


def test_orientation_curves_repeat_after_half_a_turn(cases: dict[str, Case]) -> None:
    table, draw = cases["orientation_curves"]
    count = table["orientation"].nunique()
    for axis in draw(table).axes:
        angle, response = axis.get_lines()[0].get_data()
        np.testing.assert_allclose(angle[count : 2 * count] - angle[:count], np.pi)
        np.testing.assert_array_equal(response[count : 2 * count], response[:count])


def test_efficacy_points_and_medians_are_the_scored_channels(cases: dict[str, Case], channels: pd.DataFrame) -> None:
    table, draw = cases["efficacy_by_layer"]
    axis = draw(table).axes[0]
    drawn = np.sort(np.concatenate([points.get_offsets()[:, 1] for points in axis.collections]))
    np.testing.assert_array_equal(
        drawn, np.sort(np.concatenate([channels["pe"].dropna(), channels["pe"].dropna() / 2]))
    )
    median = np.nanmedian(channels.loc[channels["layer"] == "relu1_1", "pe"])
    assert axis.texts[0].get_text() == f"{median:.2f}"


def test_more_networks_than_colours_are_refused(channels: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="4 networks; the figure shows 1 to 3"):
        efficacy_by_layer.table(pd.concat([channels.assign(network=name) for name in "abcd"]))


def test_filters_are_ordered_by_efficacy_and_keep_their_weights(
    cases: dict[str, Case], channels: pd.DataFrame, weights: np.ndarray
) -> None:
    table, draw = cases["first_layer_filters"]
    layer = channels[channels["layer"] == "relu1_1"]
    order = np.argsort(-layer["pe"].fillna(-1).to_numpy()).tolist()
    assert order[-1] == 1  # which is not scored
    assert table["channel"].drop_duplicates().tolist() == order
    images = draw(table).axes[0].images
    for channel, image in zip(order, images, strict=True):
        kernel = weights[channel]
        np.testing.assert_allclose(image.get_array(), np.moveaxis(0.5 + 0.5 * kernel / np.abs(kernel).max(), 0, -1))


def test_weights_of_another_layer_are_refused(channels: pd.DataFrame, weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Weights of shape \(5, 3, 3, 3\) for 6 channels of 'relu1_1'"):
        first_layer_filters.table(weights[:5], channels, "relu1_1")


@pytest.mark.parametrize(
    "build", [channel_scores.table, lambda table, layer: first_layer_filters.table([], table, layer)]
)
def test_an_unknown_layer_is_refused_by_name(build: Callable, channels: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"Layer 'conv9' .* it has \['relu1_1', 'relu1_2'\]"):
        build(channels, "conv9")


# Figures of several networks, and of what LPIPS learnt


def test_networks_beyond_the_last_colour_look_like_no_other(channels: pd.DataFrame) -> None:
    networks = pd.concat([channels.assign(network=f"net{number}") for number in range(20)])
    axis = depth.draw(depth.table(networks)).axes[0]
    assert len({(line.get_color(), line.get_marker()) for line in axis.get_lines()}) == 20


def test_depth_holds_medians_and_quartiles_of_the_scored_channels(
    cases: dict[str, Case], channels: pd.DataFrame
) -> None:
    table = cases["depth"].table
    assert len(table) == 2 * 2 * 3
    rows = table[(table["network"] == "net") & (table["layer"] == "relu1_1")].set_index("score")
    scored = channels[(channels["layer"] == "relu1_1") & (channels["channel"] != 1)]
    for score in ("mu1", "mu2", "pe"):
        expected = np.percentile(scored[score], [25, 50, 75])
        np.testing.assert_allclose(rows.loc[score, ["q25", "median", "q75"]].astype(float), expected)
    assert set(rows["receptive_field"]) == {3}
    assert set(rows["scored"]) == {5}
    assert set(rows["channels"]) == {6}
    assert list(table["network"].unique()) == ["net", "net_random"]
    assert set(table["beside"]) == {"net"}


def test_a_shared_control_is_beside_the_first_of_its_networks(channels: pd.DataFrame) -> None:
    networks = pd.concat([channels.assign(network=name) for name in ("first", "second", "random")])
    table = depth.table(networks, {"first": "random", "second": "random"})
    beside = table.groupby("network")["beside"].first().to_dict()
    assert beside == {"first": "first", "second": "second", "random": "first"}


def test_networks_are_named_with_what_their_weights_are(cases: dict[str, Case]) -> None:
    for name in ("depth", "efficacy_by_layer"):
        table, draw = cases[name]
        labels = [text.get_text() for text in draw(table).legends[0].get_texts()]
        assert labels == ["net (stand-in)", "net_random (random weights)"]
    for name in ("frequency_curves", "channel_scores", "orientation_curves", "first_layer_filters", "lpips_weights"):
        table, draw = cases[name]
        assert "net (stand-in)" in draw(table).get_suptitle()


def test_depth_is_drawn_as_tabled_beside_the_receptive_field(cases: dict[str, Case]) -> None:
    table, draw = cases["depth"]
    for axis, score in zip(draw(table).axes, ("mu1", "mu2", "pe"), strict=True):
        assert axis.get_xscale() == "log"
        drawn = dict(zip(table["network"].unique(), axis.get_lines(), strict=True))
        for line, bars, (network, rows) in zip(
            drawn.values(),
            axis.collections,
            table[table["score"] == score].groupby("network", sort=False),
            strict=True,
        ):
            assert line is drawn[network]
            np.testing.assert_array_equal(line.get_ydata(), rows["median"])
            np.testing.assert_allclose(line.get_xdata(), rows["receptive_field"], rtol=0.1)
            np.testing.assert_allclose(np.stack(bars.get_segments())[:, :, 1], rows[["q25", "q75"]])
        first, second = (line.get_xdata() for line in drawn.values())
        assert (first != second).all()


def test_layers_that_see_equally_far_are_drawn_apart_in_their_order(channels: pd.DataFrame) -> None:
    axis = depth.draw(depth.table(channels.assign(receptive_field=24))).axes[-1]
    first, second = axis.get_lines()[0].get_xdata()
    assert 22 < first < 24 < second < 26
    assert axis.get_xticks().tolist() == [24]


def test_only_random_weights_are_open_and_dashed(cases: dict[str, Case]) -> None:
    table, draw = cases["depth"]
    learnt, drawn_at_random = draw(table).axes[0].get_lines()
    assert (learnt.get_markerfacecolor(), learnt.get_linestyle()) == (learnt.get_color(), "-")
    assert (drawn_at_random.get_markerfacecolor(), drawn_at_random.get_linestyle()) == ("white", "--")


def test_a_layer_without_scored_channels_is_missing_and_not_drawn(channels: pd.DataFrame) -> None:
    silent = channels["layer"] == "relu1_2"
    unscored = channels.assign(status=channels["status"].mask(silent, SILENT))
    unscored[["mu1", "mu2", "pe"]] = unscored[["mu1", "mu2", "pe"]].mask(silent)
    table = depth.table(unscored)
    missing = table[table["layer"] == "relu1_2"]
    assert missing[["median", "q25", "q75"]].isna().all(axis=None)
    assert set(missing["scored"]) == {0}
    for axis in depth.draw(table).axes:
        assert np.isfinite(axis.get_lines()[0].get_ydata()).tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "layers"), [("lpips_weights", 5), *((f"lpips_weights of {count} layers", count) for count in (1, 2, 7))]
)
def test_weights_of_lpips_correlate_as_their_points_do(name: str, layers: int, cases: dict[str, Case]) -> None:
    table, draw = cases[name]
    names = table["layer"].unique()
    assert len(names) == layers + 1
    assert names[-1] == "mean of layers"
    rhos = []
    for axis, layer in zip(draw(table).axes, names[:-1], strict=False):
        rows = table[table["layer"] == layer]
        assert not (rows["channel"] % 7 == 0).any()  # those that are not scored
        rhos.append(scipy.stats.spearmanr(rows["pe"], rows["weight"]).statistic)
        assert rows["rho"].to_numpy() == pytest.approx(rhos[-1])
        np.testing.assert_array_equal(axis.collections[-1].get_offsets(), rows[["pe", "weight"]])
        assert f"ρ = {rhos[-1]:.2f}".replace("-", "−") in axis.get_title()
        zeros = (rows["weight"] == 0).sum()
        assert (f"{zeros} of weight 0" in axis.get_title()) == (name != "lpips_weights")  # VGG-16 has none
        low, high = axis.get_ylim()
        assert low < rows["weight"].min() <= rows["weight"].max() < high
    assert table["rho"].iloc[-1] == pytest.approx(np.mean(rhos))


def test_only_weights_near_zero_need_a_linear_part_of_their_axis(cases: dict[str, Case]) -> None:
    for name, scale in (("lpips_weights", "log"), ("lpips_weights of 7 layers", "symlog")):
        table, draw = cases[name]
        figure = draw(table)
        assert figure.axes[0].get_yscale() == scale
        assert ("linear below 0.001" in texts(figure)) == (scale == "symlog")


def test_a_network_without_weights_of_lpips_has_a_note(cases: dict[str, Case]) -> None:
    table, draw = cases["lpips_weights of 0 layers"]
    assert table.empty
    assert lpips_weights.NONE in texts(draw(table))


def test_formulas_are_drawn_as_formulas(cases: dict[str, Case]) -> None:
    figure = cases["frequency_curves"].draw(cases["frequency_curves"].table)
    formulas = [text for text in figure.findobj(Text) if "$" in text.get_text()]
    assert [text.get_parse_math() for text in formulas] == [True, True]
