"""The figures: their data against independent expectations, and that they draw the data, legibly, and nothing else."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import colour
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from colour.blindness import matrix_cvd_Machado2009
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from perceptual_efficacy import csf, selectivity
from perceptual_efficacy.plots import (
    channel_scores,
    efficacy_by_layer,
    first_layer_filters,
    frequency_curves,
    orientation_curves,
    selections,
    stimuli,
    style,
    thresholds,
)
from perceptual_efficacy.stimuli import gratings

SCALE = 32.0  # pixels per degree
LAYERS = {"relu1_1": 6, "relu1_2": 9}
NETWORK = "test network (stand-in)"


@pytest.fixture(scope="module")
def tuning() -> xr.Dataset:
    """Channels tuned to one frequency and one orientation each; the second hardly answers to oriented gratings."""
    random = np.random.default_rng(0)
    units = sum(LAYERS.values())
    frequency, orientation = np.geomspace(0.5, 13.6, 12) / SCALE, np.arange(-90, 90, 22.5)
    preferred = random.uniform(np.log2(frequency[0]), np.log2(frequency[-1]), units)
    radial = random.uniform(0.5, 2, units)[:, None] * np.exp(-((np.log2(frequency) - preferred[:, None]) ** 2) / 2)
    angle = np.deg2rad(orientation - random.uniform(-90, 90, units)[:, None])
    tuned = np.exp(random.uniform(0.2, 3, units)[:, None] * (np.cos(2 * angle) - 1))
    tuned[1] *= 1e-3  # below the share at which a channel is scored
    phase = np.array([0.0, 180.0])
    return xr.Dataset(
        {
            "radial_response": (("unit", "frequency", "phase"), radial[..., None] * [0.9, 1.1]),
            "oriented_response": (
                ("unit", "frequency", "orientation", "phase"),
                (radial[:, :, None] * tuned[:, None])[..., None] * [0.9, 1.1],
            ),
            "blank_response": ("unit", np.zeros(units)),
            "rectified": ("unit", np.zeros(units, dtype=bool)),
        },
        coords={
            "layer": ("unit", np.repeat(list(LAYERS), list(LAYERS.values()))),
            "channel": ("unit", np.concatenate([np.arange(width) for width in LAYERS.values()])),
            "frequency": frequency,
            "orientation": orientation,
            "phase": phase,
        },
        attrs={"pixels_per_degree": SCALE},
    )


@pytest.fixture(scope="module")
def channels(tuning: xr.Dataset) -> pd.DataFrame:
    return selectivity.score_channels(tuning)


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(LAYERS["relu1_1"], 3, 3, 3))


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    random = np.random.default_rng(2)
    measured = random.uniform(-2.2, -1.0, 20)
    panels = [*thresholds.PANELS, ("relu1_1", "high")]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "layer": layer,
                    "selection": selection,
                    "number": np.arange(1, 21),
                    "name": [f"GaborPatch{number}" for number in range(1, 21)],
                    "measured": measured,
                    "measured_sd": 0.2,
                    "predicted": measured + random.normal(0, 0.15, 20),
                    "extrapolated": np.arange(20) % 7 == 0,
                }
            )
            for layer, selection in panels
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def agreement() -> pd.DataFrame:
    """The shape of `agreement.compare_selections`: what the figure shows, and rows that it must leave out."""
    random = np.random.default_rng(3)
    within = [("none", "all"), ("none", "random halves"), ("pe with a flat CSF", "high")]
    within += [(ranking, half) for ranking in ("pe", "mu1", "mu2") for half in ("high", "low", "high - low")]
    rows = [(layer, *key) for layer in [*LAYERS, "all layers", "mean of layers"] for key in within]
    rows = [("raw", *row) for row in rows] + [("standardised", *row) for row in rows]
    baselines = ("RMS contrast", "CSF-weighted energy", "one observer by the others")
    rows += [("none", "none", "none", name) for name in baselines]
    rows = [(*row, measure, scale) for row in rows for measure in ("r", "rmse") for scale in (32.0, 60.0)]
    table = pd.DataFrame(rows, columns=["cube", "layer", "ranking", "selection", "measure", "pixels_per_degree"])
    estimate = random.uniform(0.85, 0.97, len(table))
    return table.assign(estimate=estimate, ci_low=estimate - 0.2, ci_high=estimate + 0.02, channels=4.0, n=20)


class Case(NamedTuple):
    table: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]


NAMES = (
    "stimuli",
    "frequency_curves",
    "channel_scores",
    "orientation_curves",
    "efficacy_by_layer",
    "first_layer_filters",
    "thresholds",
    "selections",
)


@pytest.fixture(scope="module")
def cases(
    tuning: xr.Dataset,
    channels: pd.DataFrame,
    weights: np.ndarray,
    predictions: pd.DataFrame,
    agreement: pd.DataFrame,
) -> dict[str, Case]:
    sensitivity = csf.mannos_sakrison(tuning["frequency"].values * SCALE)
    shown = gratings(size=48, frequencies=8, orientations=8)
    return {
        "stimuli": Case(stimuli.table(shown.radial, shown.oriented, crop=32), stimuli.draw),
        "frequency_curves": Case(
            frequency_curves.table(tuning, channels, sensitivity, "relu1_2", SCALE),
            lambda table: frequency_curves.draw(table, NETWORK, "Mannos-Sakrison"),
        ),
        "channel_scores": Case(
            channel_scores.table(channels, "relu1_1"), lambda table: channel_scores.draw(table, NETWORK)
        ),
        "orientation_curves": Case(
            orientation_curves.table(tuning, channels, "relu1_2", SCALE),
            lambda table: orientation_curves.draw(table, NETWORK),
        ),
        "efficacy_by_layer": Case(
            efficacy_by_layer.table({NETWORK: channels, "control": channels.assign(pe=channels["pe"] / 2)}),
            efficacy_by_layer.draw,
        ),
        "first_layer_filters": Case(
            first_layer_filters.table(weights, channels, "relu1_1"),
            lambda table: first_layer_filters.draw(table, NETWORK),
        ),
        "thresholds": Case(thresholds.table(predictions, 16), lambda table: thresholds.draw(table, NETWORK, SCALE)),
        "selections": Case(selections.table(agreement), lambda table: selections.draw(table, NETWORK)),
    }


# What every figure must be


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_can_be_drawn_from_its_csv(name: str, cases: dict[str, Case], tmp_path) -> None:
    table, draw = cases[name]
    first = draw(table)
    titles = [axis.get_title() for axis in first.axes]
    style.save(first, table, png=tmp_path / "a.png", pdf=tmp_path / "a.pdf", csv=tmp_path / "a.csv")
    again = draw(pd.read_csv(tmp_path / "a.csv", keep_default_na=True, na_values=[""]).fillna({"ranking": "none"}))
    assert [axis.get_title() for axis in again.axes] == titles


@pytest.mark.parametrize("name", NAMES)
def test_equal_input_gives_equal_bytes(name: str, cases: dict[str, Case], tmp_path) -> None:
    table, draw = cases[name]
    for run in "ab":
        paths = {kind: tmp_path / f"{run}.{kind}" for kind in ("png", "pdf", "csv")}
        style.save(draw(table), table, **paths)
    for kind in ("png", "pdf", "csv"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert b"CreationDate" not in (tmp_path / "a.pdf").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_no_text_overlaps_another_or_leaves_the_page(
    name: str, cases: dict[str, Case], monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    table, draw = cases[name]
    drawn: dict[int, tuple[str, float, BboxBase]] = {}  # laying out draws as well: the last time counts
    original = Text.draw

    def record(self: Text, renderer: object) -> None:
        original(self, renderer)
        if self.get_visible() and self.get_text().strip():
            drawn[id(self)] = (self.get_text(), self.get_rotation(), Text.get_window_extent(self, renderer))

    figure = draw(table)
    monkeypatch.setattr(Text, "draw", record)
    figure.savefig(tmp_path / "figure.png")
    assert drawn
    for text, _, box in drawn.values():
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.width + 1, text
        assert box.y1 <= figure.bbox.height + 1, text
    # the boxes around slanted labels overlap where the labels do not
    upright = [(text, box) for text, rotation, box in drawn.values() if rotation % 90 == 0]
    for (text, box), (other, second) in itertools.combinations(upright, 2):
        assert not box.padded(-0.5).overlaps(second.padded(-0.5)), (text, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_png_is_of_moderate_size(name: str, cases: dict[str, Case]) -> None:
    table, draw = cases[name]
    width, height = draw(table).get_size_inches()
    assert max(width, height) * 200 <= 1800


def test_settings_of_the_user_change_nothing(cases: dict[str, Case], tmp_path) -> None:
    import matplotlib

    table, draw = cases["channel_scores"]
    for run, size in (("a", 10), ("b", 30)):
        with matplotlib.rc_context({"font.size": size, "axes.grid": size > 20}):
            style.save(draw(table), table, **{kind: tmp_path / f"{run}.{kind}" for kind in ("png", "pdf", "csv")})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_figure_jobs_load_neither_torch_nor_the_stages_before() -> None:
    modules = ", ".join(f"perceptual_efficacy.plots.{name}" for name in NAMES)
    slow = "{'torch', 'matplotlib.pyplot', *('perceptual_efficacy.' + m for m in 'csf selectivity agreement'.split())}"
    code = f"import sys, {modules}; print(sorted({slow} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# Colours


@pytest.mark.parametrize("deficiency", [None, "Protanomaly", "Deuteranomaly"])
def test_colours_stay_apart_for_colour_blind_readers(deficiency: str | None) -> None:
    """CIEDE2000 above 10 (well above a just noticeable difference) after the full Machado et al. (2009) simulation."""
    colours = sorted({*style.COLOURS.values(), *style.NETWORKS})
    lab = {}
    for name in colours:
        linear = colour.cctf_decoding(colour.notation.HEX_to_RGB(name), "sRGB")
        if deficiency:
            linear = np.clip(matrix_cvd_Machado2009(deficiency, 1.0) @ linear, 0, 1)
        lab[name] = colour.XYZ_to_Lab(colour.RGB_to_XYZ(linear, "sRGB"))
    closest = min((colour.delta_E(lab[a], lab[b]), a, b) for a, b in itertools.combinations(colours, 2))
    assert closest[0] > 10, closest


def test_a_selection_has_one_colour_in_every_figure(cases: dict[str, Case]) -> None:
    scatter = {}
    table, draw = cases["thresholds"]
    for axis, (_, selection) in zip(draw(table).axes[: len(thresholds.PANELS)], thresholds.PANELS, strict=True):
        scatter[selection] = to_hex(axis.collections[-1].get_edgecolor()[0])
    table, draw = cases["selections"]
    legend = draw(table).legends[0]
    keys = {text.get_text(): handle for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)}
    for selection, label in (("high", "high half"), ("low", "low half"), ("all", "all channels")):
        assert scatter[selection] == to_hex(keys[label].get_color()) == style.COLOURS[selection].lower()
    for baseline in ("RMS contrast", "CSF-weighted energy"):
        assert scatter[baseline] == to_hex(keys[baseline].get_color())


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
        efficacy_by_layer.table(dict.fromkeys("abcd", channels))


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


def test_thresholds_come_with_their_agreement_and_standard_errors(
    cases: dict[str, Case], predictions: pd.DataFrame
) -> None:
    table = cases["thresholds"].table
    assert list(table[["layer", "selection"]].drop_duplicates().itertuples(index=False, name=None)) == list(
        thresholds.PANELS
    )
    for _, rows in table.groupby(["layer", "selection"]):
        error = (rows["predicted"] - rows["measured"]).to_numpy()
        assert rows["r"].iloc[0] == pytest.approx(scipy.stats.pearsonr(rows["predicted"], rows["measured"]).statistic)
        assert rows["rmse"].iloc[0] == pytest.approx(np.linalg.norm(error) / np.sqrt(20))
        assert set(np.flatnonzero(rows["outlier"])) == set(np.argsort(np.abs(error))[-3:])
    np.testing.assert_allclose(table["measured_se"], 0.05)  # .2 / sqrt(16)


def test_extrapolated_thresholds_are_open_symbols_at_their_place(cases: dict[str, Case]) -> None:
    table, draw = cases["thresholds"]
    rows = table[(table["layer"] == "all layers") & (table["selection"] == "high")]
    points = draw(table).axes[0].collections[-1]
    np.testing.assert_array_equal(points.get_offsets(), rows[["measured", "predicted"]])
    opened = [to_hex(face) == "#ffffff" for face in points.get_facecolor()]
    assert opened == rows["extrapolated"].tolist()


def test_a_panel_without_predictions_is_refused(predictions: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="no predictions of 'high' for 'relu9_1'"):
        thresholds.table(predictions, 16, panels=[("relu9_1", "high")])


def test_selections_hold_correlations_of_the_raw_distances_only(
    cases: dict[str, Case], agreement: pd.DataFrame
) -> None:
    table = cases["selections"].table
    # two resolutions; four layers of all, random halves and three rankings' halves; three lines without a network
    assert len(table) == 2 * (4 * (2 + 3 * 2) + 3)
    assert set(table["estimate"]) <= set(
        agreement.loc[(agreement["measure"] == "r") & (agreement["cube"] != "standardised"), "estimate"]
    )
    assert set(table["ranking"]) == {"none", "pe", "mu1", "mu2"}


def test_selections_are_drawn_as_tabled_and_inside_the_axes(cases: dict[str, Case]) -> None:
    table, draw = cases["selections"]
    axes = draw(table).axes
    low, high = axes[0].get_ylim()
    inside = table[table["layer"] != "none"]
    assert low < inside["ci_low"].min()
    assert high > inside["ci_high"].max()
    assert high < 1
    rows = table[(table["pixels_per_degree"] == 60) & (table["selection"] == "high") & (table["ranking"] == "mu1")]
    line = next(line for line in axes[4].get_lines() if line.get_marker() == style.MARKERS["high"])
    np.testing.assert_array_equal(line.get_ydata(), rows["estimate"])


@pytest.mark.parametrize(
    "build", [channel_scores.table, lambda table, layer: first_layer_filters.table([], table, layer)]
)
def test_an_unknown_layer_is_refused_by_name(build: Callable, channels: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"Layer 'conv9' .* it has \['relu1_1', 'relu1_2'\]"):
        build(channels, "conv9")
