"""The figures: their data against independent expectations, and that they draw the data, legibly, and nothing else."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import colour
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from colour.blindness import matrix_cvd_Machado2009
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from perceptual_efficacy import csf, lpips
from perceptual_efficacy.agreement import (
    HIGH_LOW,
    MEAN_OF_LAYERS,
    Ranking,
    compare_selections,
    compare_single_channels,
    selection_distances,
)
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.datasets import bapps, tid2013
from perceptual_efficacy.datasets import ladder as distortions
from perceptual_efficacy.judgements import Judgements, OpinionScores, SameOrDifferent, TwoAlternativeChoices
from perceptual_efficacy.judgements.choices import two_alternative_score
from perceptual_efficacy.plots import (
    _judged,
    channel_scores,
    depth,
    efficacy_by_layer,
    first_layer_filters,
    frequency_curves,
    groups,
    image_selections,
    ladder,
    lpips_weights,
    networks,
    orientation_curves,
    selections,
    single_channels,
    stimuli,
    style,
    thresholds,
)
from perceptual_efficacy.scores import SCORED, SILENT, score_channels, select_channels
from perceptual_efficacy.stimuli import gratings
from perceptual_efficacy.vocabulary import HUMAN_CEILING

SCALE = 32.0  # pixels per degree
LAYERS = {"relu1_1": 6, "relu1_2": 9}
NETWORK = "test network (stand-in)"
FIVE = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1")
THIRTEEN = (*FIVE, "relu3_2", "relu3_3", *(f"relu{block}_{number}" for block in (4, 5) for number in (1, 2, 3)))


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
    return score_channels(tuning)


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
    baselines = ("RMS contrast", "CSF-weighted energy", "leave-one-observer-out")
    rows += [("none", "none", "none", name) for name in baselines]
    rows = [(*row, measure, scale) for row in rows for measure in ("r", "rmse") for scale in (32.0, 60.0)]
    table = pd.DataFrame(rows, columns=["cube", "layer", "ranking", "selection", "measure", "pixels_per_degree"])
    estimate = random.uniform(0.85, 0.97, len(table))
    return table.assign(estimate=estimate, ci_low=estimate - 0.2, ci_high=estimate + 0.02, channels=4.0, n=20)


class Images(NamedTuple):
    """Judged images, channels and their distances, and what the library finds of them."""

    judgements: Judgements
    comparisons: pd.DataFrame
    distance: xr.DataArray
    channels: pd.DataFrame  # with each channel's own score
    agreement: pd.DataFrame


def judge(
    comparisons: pd.DataFrame,
    judgements: Judgements,
    truth: np.ndarray,
    layers: tuple[str, ...],
    judged_by: str,
    scores: tuple[str, ...] = ("pe", "mu1", "mu2"),
) -> Images:
    """Assess channels that see the true distance (comparisons, sides) better the higher their PE; two are silent."""
    random, width = np.random.default_rng(4), 4
    units = len(layers) * width
    pe = random.uniform(0, 0.8, units)
    channels = pd.DataFrame({"layer": np.repeat(layers, width), "channel": np.tile(np.arange(width), len(layers))})
    channels = channels.assign(status="scored", mu1=random.uniform(size=units), mu2=random.uniform(size=units), pe=pe)
    silent = channels.index.to_series().isin([2, units - 1])
    channels["status"] = np.where(silent, SILENT, SCORED)
    channels[["mu1", "mu2", "pe"]] = channels[["mu1", "mu2", "pe"]].mask(silent)
    cube = xr.DataArray(
        np.exp(truth[..., None] + (1 - pe) * random.normal(size=(*truth.shape, units))).astype(np.float32),
        dims=("comparison", "side", "unit"),
        coords={"layer": ("unit", channels["layer"]), "channel": ("unit", channels["channel"])},
    )
    rankings = {score: Ranking(channels, score) for score in scores}
    names = ("L2", "PSNR", "SSIM", "FSIM", "MDSI", "GMSD")
    baselines = {name: np.exp(truth + random.normal(size=truth.shape)) for name in names}
    baselines["FSIM"][:] = np.nan
    # of 41 samples the ends of an interval are themselves samples, which no rounding moves
    found = compare_selections(cube, judgements, rankings, baselines=baselines, splits=50, replicates=41)
    correlations, alone = compare_single_channels(cube, judgements, rankings, shuffles=50, replicates=41)
    table = pd.concat([found, correlations], ignore_index=True).assign(dataset="judged_images", judged_by=judged_by)
    return Images(judgements, comparisons, cube, channels.merge(alone, on=["layer", "channel"]), table)


def steps(types: dict[int, str], levels: dict[int, int], photographs: int) -> pd.DataFrame:
    """Comparisons in TID2013's layout."""
    rows = [
        (f"{number:02} {name}", f"i{photograph:02}", level)
        for number, name in types.items()
        for photograph in range(1, photographs + 1)
        for level in range(1, levels[number] + 1)
    ]
    return pd.DataFrame(rows, columns=["group", "cluster", "level"]).astype({"level": "Int64"})


@pytest.fixture(scope="module")
def choices() -> Images:
    """BAPPS's six categories, as people judge them, and a network of 13 layers."""
    random = np.random.default_rng(5)
    comparisons = pd.DataFrame(
        {"group": np.repeat(list(bapps.CATEGORIES_2AFC), 12), "cluster": np.arange(72).astype(str)}
    )
    truth = random.normal(size=(72, 2))
    share = np.round(5 / (1 + np.exp(truth[:, 1] - truth[:, 0]))) / 5
    judgements = TwoAlternativeChoices(share, comparisons["group"], comparisons["cluster"])
    return judge(comparisons, judgements, truth, THIRTEEN, "people")


@pytest.fixture(scope="module")
def opinions() -> Images:
    """TID2013's 24 types, as people judge them."""
    comparisons = steps(tid2013.TYPES, dict.fromkeys(tid2013.TYPES, 2), 10)
    random, level = np.random.default_rng(6), comparisons["level"].to_numpy(dtype=float)
    opinion = 6 - level + random.normal(scale=0.5, size=len(level))
    judgements = OpinionScores(opinion, comparisons["group"], comparisons["cluster"])
    return judge(comparisons, judgements, level[:, None], FIVE, "people", scores=("pe",))


@pytest.fixture(scope="module")
def built() -> Images:
    """A ladder of three photographs: too few for intervals; of the dither, all judgements are equal."""
    levels = {number: len(amounts) for number, amounts in distortions.LEVELS.items()}
    comparisons = steps(distortions.TYPES, levels, 3)
    is_dither = comparisons["group"].str.endswith(distortions.TYPES[distortions.DITHER])
    level = comparisons["level"].mask(is_dither, 0).to_numpy(dtype=float)
    judgements = OpinionScores(6 - level, comparisons["group"], comparisons["cluster"])
    return judge(comparisons, judgements, 0.9 * level[:, None], FIVE, "construction")


CARDS = [
    {
        "name": name,
        "origin": origin,
        "weights": weights,
        "layer_order": list(LAYERS),
        "receptive_fields_px": {"relu1_1": 3, "relu1_2": 5},
    }
    for name, origin, weights in (
        ("net", "DEFAULT weights of torchvision", "trained"),
        ("net_random", depth.RANDOM, "random"),
    )
]


@pytest.fixture(scope="module")
def by_people(choices: Images, opinions: Images) -> dict[str, list[pd.DataFrame]]:
    """Tables of agreement with two of the data sets that people judged, of two networks."""
    detected = opinions.agreement.replace({"measure": {"srcc": "r"}})
    parts = [
        detected.assign(dataset="modelfest", pixels_per_degree=SCALE),
        choices.agreement.assign(dataset="bapps_2afc"),
    ]
    return {card["name"]: parts for card in CARDS}


def table_of_networks(
    agreement: dict[str, list[pd.DataFrame]], layers: tuple[str, str] = ("relu2_2", "mean of layers")
) -> pd.DataFrame:
    return networks.table(
        agreement, dict(zip(agreement, CARDS, strict=True)), dict(zip(agreement, layers, strict=True))
    )


def with_lpips(architecture: str, layers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Some of the channels of LPIPS's first layers with random scores, and what the library finds of them."""
    weights = lpips.lpips_weights(architecture)
    known = list(weights["layer"].unique())[:layers]
    channels = weights.loc[weights["layer"].isin(known) & (weights["channel"] < 60), ["layer", "channel"]]
    random = np.random.default_rng(7)
    scores = {score: random.uniform(size=len(channels)) for score in ("pe", "mu1", "mu2", "mean_activation")}
    status = np.where(channels["channel"] % 7 == 0, SILENT, SCORED)
    channels = channels.assign(status=status, **scores).reset_index(drop=True)
    found = lpips.compare_with_weights(channels, weights, shuffles=50, replicates=41, seed=0)
    return found, channels.merge(weights, on=["layer", "channel"])


class Case(NamedTuple):
    table: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]


MODULES = (
    "stimuli",
    "frequency_curves",
    "channel_scores",
    "orientation_curves",
    "efficacy_by_layer",
    "first_layer_filters",
    "thresholds",
    "selections",
    "groups",
    "image_selections",
    "single_channels",
    "ladder",
    "depth",
    "networks",
    "lpips_weights",
)
NAMES = (
    *MODULES,
    "groups of TID2013",
    "image_selections of a ladder",
    "single_channels of a ladder",
    "networks on four data sets",
    *(f"lpips_weights of {layers} layers" for layers in (0, 1, 2, 7)),
)


@pytest.fixture(scope="module")
def cases(
    tuning: xr.Dataset,
    channels: pd.DataFrame,
    weights: np.ndarray,
    predictions: pd.DataFrame,
    agreement: pd.DataFrame,
    choices: Images,
    opinions: Images,
    built: Images,
    by_people: dict[str, list[pd.DataFrame]],
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
        "groups": Case(groups.table(choices.agreement, "relu2_2"), draw_with(groups)),
        "groups of TID2013": Case(groups.table(opinions.agreement, "relu2_2"), draw_with(groups)),
        "image_selections": Case(image_selections.table(choices.agreement), draw_with(image_selections)),
        "image_selections of a ladder": Case(image_selections.table(built.agreement), draw_with(image_selections)),
        "single_channels": Case(single_channels.table(choices.channels, choices.agreement), draw_with(single_channels)),
        "single_channels of a ladder": Case(
            single_channels.table(built.channels, built.agreement), draw_with(single_channels)
        ),
        "ladder": Case(
            ladder.table(built.distance, built.comparisons, halves_of(built.channels)),
            lambda table: ladder.draw(table, NETWORK, "relu2_2"),
        ),
        "depth": Case(depth.table([channels, channels.assign(pe=channels["pe"] / 2)], CARDS), depth.draw),
        "networks": Case(table_of_networks(by_people), networks.draw),
        "networks on four data sets": Case(
            table_of_networks(
                {
                    name: [*parts, *(part.assign(dataset=f"{part['dataset'].iloc[0]}, again") for part in parts)]
                    for name, parts in by_people.items()
                }
            ),
            networks.draw,
        ),
        "lpips_weights": Case(lpips_weights.table(*with_lpips("torchvision:vgg16", 5)), draw_with(lpips_weights)),
        **{
            f"lpips_weights of {layers} layers": Case(
                lpips_weights.table(*with_lpips("torchvision:squeezenet1_1", layers)), draw_with(lpips_weights)
            )
            for layers in (0, 1, 2, 7)
        },
    }


def draw_with(module: ModuleType) -> Callable[[pd.DataFrame], Figure]:
    return lambda table: module.draw(table, NETWORK)


def halves_of(channels: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {"all": channels, **{half: select_channels(channels, half) for half in ("high", "low")}}


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
    modules = ", ".join(f"perceptual_efficacy.plots.{name}" for name in MODULES)
    stages = "csf selectivity selections agreement"
    slow = f"{{'torch', 'matplotlib.pyplot', *('perceptual_efficacy.' + m for m in '{stages}'.split())}}"
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


# Figures of judged images


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def points(axis: Axes, colour: str, marker: str) -> Line2D:
    """The line that is drawn with one colour and marker."""
    (line,) = (line for line in axis.get_lines() if (line.get_color(), line.get_marker()) == (colour, marker))
    return line


def intervals(axis: Axes, colour: str) -> np.ndarray:
    """Ends of the intervals that are drawn in one colour, shape (intervals, 2 ends, x and y)."""
    (bars,) = (bars for bars in axis.collections if to_hex(bars.get_edgecolor()[0]) == to_hex(colour))
    return np.stack(bars.get_segments())


def test_names_are_those_that_the_library_gives() -> None:
    from perceptual_efficacy import baselines

    primary = {kind.measures[0] for kind in (TwoAlternativeChoices, SameOrDifferent, OpinionScores)}
    assert primary == set(_judged.MEASURES) == set(_judged.MEANINGS)
    assert {*groups.BASELINES, *image_selections.BASELINES} <= set(baselines.BASELINES)
    assert HUMAN_CEILING == _judged.CEILING
    assert distortions.TYPES[distortions.DITHER] == ladder.DITHER
    assert set(groups.NAMES) <= set(bapps.CATEGORIES_2AFC)


def test_scores_of_a_kind_of_image_are_those_of_its_comparisons(cases: dict[str, Case], choices: Images) -> None:
    table = cases["groups"].table
    distances = selection_distances(choices.distance, choices.channels)
    for category in bapps.CATEGORIES_2AFC:
        members = (choices.comparisons["group"] == category).to_numpy()
        for half in ("high", "low"):
            first, second = distances["relu2_2", half][members].T
            score = two_alternative_score(first, second, choices.judgements.judgement[members]).mean()
            rows = table[(table["group"] == category) & (table["layer"] == "relu2_2") & (table["selection"] == half)]
            assert rows["estimate"].item() == pytest.approx(score)


def test_groups_hold_halves_by_pe_random_halves_and_a_few_baselines(cases: dict[str, Case]) -> None:
    table = cases["groups"].table
    layers = pd.MultiIndex.from_product([["relu2_2", "mean of layers"], ["all", "high", "low", "random halves"]])
    expected = {*layers, *(("none", name) for name in ("L2", "SSIM", "human ceiling"))}
    for group in ("all", *bapps.CATEGORIES_2AFC):
        rows = table[table["group"] == group]
        assert len(rows) == len(expected)
        assert set(rows[["layer", "selection"]].itertuples(index=False, name=None)) == expected
    assert set(table["measure"]) == {"2afc"}
    assert set(cases["groups of TID2013"].table["measure"]) == {"srcc"}


@pytest.mark.parametrize("name", ["groups", "groups of TID2013"])
def test_groups_are_drawn_as_tabled_all_of_them_first(name: str, cases: dict[str, Case]) -> None:
    table, draw = cases[name]
    names = list(table["group"].unique())
    for axis, layer in zip(draw(table).axes, ("relu2_2", "mean of layers"), strict=True):
        bottom, top = axis.get_ylim()
        for selection, marker in style.MARKERS.items():
            rows = table[(table["layer"] == layer) & (table["selection"] == selection)]
            line = points(axis, style.COLOURS[selection], marker)
            np.testing.assert_array_equal(line.get_xdata(), rows["estimate"])
            assert bottom > line.get_ydata()[-1] > line.get_ydata()[0] > top
            ends = intervals(axis, style.COLOURS[selection])
            np.testing.assert_allclose(ends[:, :, 0], rows[["ci_low", "ci_high"]])
            np.testing.assert_array_equal(ends[:, 0, 1], line.get_ydata())
        for baseline in ("L2", "SSIM"):
            line = points(axis, style.OTHER, groups.SIGNS[baseline])
            np.testing.assert_array_equal(line.get_xdata(), table.loc[table["selection"] == baseline, "estimate"])
        low, high = axis.get_xlim()
        assert low < table[["estimate", "ci_low"]].where(table["layer"] != "none").min(axis=None)
        assert high > table[["estimate", "ci_high"]].where(table["layer"] != "none").max(axis=None)
    labels = [label.get_text() for label in draw(table).axes[0].get_yticklabels()]
    assert labels[0].startswith("all")
    assert len(labels) == len(names) == 1 + (6 if name == "groups" else 24)


def test_a_kind_of_image_without_a_score_is_named_and_left_empty(built: Images) -> None:
    table = groups.table(built.agreement, "relu2_2")
    assert table.loc[table["group"].str.endswith(ladder.DITHER), "estimate"].isna().all()
    for axis in groups.draw(table, NETWORK).axes:
        assert [text.get_text() for text in axis.texts] == [groups.NO_SCORE]
        assert axis.texts[0].get_position()[1] == axis.get_yticks()[-1]


def test_a_layer_without_agreement_is_refused_by_name(choices: Images) -> None:
    with pytest.raises(ValueError, match=r"Layer 'conv9' .* it has \['relu1_1', 'relu1_2'"):
        groups.table(choices.agreement, "conv9")


def test_judgements_that_score_nothing_are_refused(choices: Images) -> None:
    table = choices.agreement.assign(estimate=np.nan)
    with pytest.raises(ValueError, match=r"No distance has a score \(2afc\) on judged_images"):
        image_selections.table(table)


def test_images_known_by_construction_are_never_called_judged_by_people(built: Images, cases: dict[str, Case]) -> None:
    figures = [
        groups.draw(groups.table(built.agreement, "relu2_2"), NETWORK),
        *(cases[name].draw(cases[name].table) for name in NAMES if name.endswith("of a ladder")),
    ]
    for figure in figures:
        assert "(judged by construction)" in texts(figure)
        assert "human" not in texts(figure)
    assert "nobody was asked" in texts(cases["ladder"].draw(cases["ladder"].table))
    assert "construction" not in texts(cases["groups"].draw(cases["groups"].table))


def test_too_few_clusters_have_points_without_intervals(cases: dict[str, Case]) -> None:
    table, draw = cases["image_selections of a ladder"]
    figure = draw(table)
    scores = table[table["selection"] != "random halves"]
    assert scores["ci_low"].isna().all()
    for axis in figure.axes:
        for selection, marker in style.MARKERS.items():
            assert np.isfinite(points(axis, style.COLOURS[selection], marker).get_ydata()).all()
            assert intervals(axis, style.COLOURS[selection]).size == 0
    assert "No intervals: only 3 references" in texts(figure)


def test_selections_of_images_are_drawn_as_tabled(cases: dict[str, Case]) -> None:
    table, draw = cases["image_selections"]
    assert set(table["group"]) == {"all"}
    axes = draw(table).axes
    for axis, ranking in zip(axes, ("pe", "mu1", "mu2"), strict=True):
        rows = table[(table["ranking"] == ranking) & (table["selection"] == "high")]
        line = points(axis, style.COLOURS["high"], style.MARKERS["high"])
        np.testing.assert_array_equal(line.get_ydata(), rows["estimate"])
        assert list(rows["layer"]) == [*THIRTEEN, "all layers", "mean of layers"]
        drawn = {line.get_ydata()[0] for line in axis.get_lines() if line.get_marker() == "None"}
        # FSIM has no score
        shown = table[table["selection"].isin(["L2", "SSIM", "MDSI", "human ceiling"])]
        assert drawn == set(shown["estimate"])
    assert "FSIM" not in texts(draw(table))
    assert axes[0].get_yscale() == "linear"


def test_only_correlations_are_on_fishers_scale(cases: dict[str, Case]) -> None:
    table, draw = cases["image_selections of a ladder"]
    axis = draw(table).axes[0]
    heights = axis.transData.transform([(0, r) for r in np.tanh([0.5, 0.75, 1])])[:, 1]
    assert np.diff(heights)[0] == pytest.approx(np.diff(heights)[1])


@pytest.mark.parametrize("name", ["single_channels", "single_channels of a ladder"])
def test_channels_correlate_as_their_points_do(name: str, cases: dict[str, Case]) -> None:
    table, draw = cases[name]
    figure = draw(table)
    layers = table["layer"].unique()
    assert layers[-1] == "mean of layers"
    rhos = []
    for axis, layer in zip(figure.axes, layers[:-1], strict=False):
        rows = table[table["layer"] == layer]
        rhos.append(scipy.stats.spearmanr(rows["pe"], rows["score"]).statistic)
        assert rows["rho"].to_numpy() == pytest.approx(rhos[-1])
        np.testing.assert_array_equal(axis.collections[-1].get_offsets(), rows[["pe", "score"]])
        assert f"ρ = {rhos[-1]:.2f}".replace("-", "−") in axis.get_title()
        assert ("[" in axis.get_title()) == (name == "single_channels")
    assert table["rho"].iloc[-1] == pytest.approx(np.mean(rhos))
    assert len(table) == 1 + 4 * (len(layers) - 1) - 2  # channels that were not scored are left out


def test_steps_of_the_ladder_are_summed_distances(built: Images, cases: dict[str, Case]) -> None:
    table = cases["ladder"].table
    distances = selection_distances(built.distance, built.channels)
    for layer, selection in itertools.product(FIVE, ("all", "high", "low")):
        rows = table[(table["layer"] == layer) & (table["selection"] == selection)]
        summed = distances[layer, selection][:, 0]
        np.testing.assert_allclose(rows["distance"], summed / summed.mean())
        np.testing.assert_array_equal(rows["photograph"], built.comparisons["cluster"])


def test_steps_out_of_order_are_found(built: Images) -> None:
    """Distances that rise with the level, but for one photograph's blur, and a dither above one level 1."""
    comparisons = built.comparisons.sample(frac=1, random_state=0)  # not by level
    is_dither = comparisons["group"].str.endswith(ladder.DITHER)
    distance = comparisons["level"].to_numpy(dtype=float) + 1 - is_dither.to_numpy()
    blurred = ((comparisons["group"] == "08 Gaussian blur") & (comparisons["cluster"] == "i02")).to_numpy()
    distance[blurred & (comparisons["level"] == 3).to_numpy(dtype=bool)] = 3  # that of level 2
    distance[blurred & (comparisons["level"] == 1).to_numpy(dtype=bool)] = 0.5
    units = pd.DataFrame({"layer": ["relu1_1"], "channel": [0]})
    cube = xr.DataArray(
        distance[:, None, None],
        dims=("comparison", "side", "unit"),
        coords={"layer": ("unit", units["layer"]), "channel": ("unit", units["channel"])},
    )
    table = ladder.table(cube, comparisons, {"all": units})
    is_dither = table["group"].str.endswith(ladder.DITHER)
    for check in ("in_order", "above_dither"):
        assert table.loc[is_dither, check].isna().all()
        wrong = table[~is_dither & ~table[check].fillna(True)]
        assert set(wrong[["group", "photograph"]].itertuples(index=False, name=None)) == {("08 Gaussian blur", "i02")}
        assert len(wrong) == 5


def test_the_ladder_is_drawn_as_tabled(cases: dict[str, Case]) -> None:
    table, draw = cases["ladder"]
    axes = draw(table).axes
    rows = table[(table["layer"] == "relu2_2") & (table["selection"] == "high")]
    names = [name for name in rows["group"].unique() if not name.endswith(ladder.DITHER)]
    assert len(names) == 11
    dither = rows.loc[rows["group"].str.endswith(ladder.DITHER), "distance"].mean()
    for axis, name in zip(axes, names, strict=False):
        assert axis.get_title().replace("\n", " ") == name
        by_level = rows[rows["group"] == name].pivot_table(index="level", columns="photograph", values="distance")
        lines = [line for line in axis.get_lines() if line.get_color() == style.COLOURS["high"]]
        drawn = [line.get_ydata() for line in lines]
        np.testing.assert_allclose(drawn[:3], by_level.T)
        np.testing.assert_allclose(drawn[3], by_level.mean(axis=1))
        np.testing.assert_allclose(drawn[4], dither)
        low, high = axis.get_ylim()
        assert low < dither
        assert high > table.loc[table["layer"] == "relu2_2", "distance"].max()
    for axis, check in zip(axes[12:], ("in_order", "above_dither"), strict=True):
        series = table[(table["selection"] == "low") & table[check].notna()]
        share = [series.loc[series["layer"] == layer, check].astype(float).mean() for layer in FIVE]
        np.testing.assert_allclose(points(axis, style.COLOURS["low"], "v").get_ydata(), 100 * np.array(share))
        assert axis.get_ylim()[0] < 100 * min(share)


def test_distances_of_other_images_are_refused(built: Images) -> None:
    with pytest.raises(ValueError, match=r"shape \(167, 1, 20\); expected \(168, 1, channels\)"):
        ladder.table(built.distance[:-1], built.comparisons, {"all": built.channels})


# Figures of several networks, and of what LPIPS learnt


def test_names_of_several_networks_are_those_that_the_library_gives() -> None:
    assert draw_random({"relu1_1": 4}, seed=0).card["origin"] == depth.RANDOM
    assert networks.DIFFERENCE == HIGH_LOW
    assert networks.MEAN == MEAN_OF_LAYERS
    assert lpips_weights.MEAN == lpips.MEAN_OF_LAYERS


@pytest.mark.parametrize("deficiency", [None, "Protanomaly", "Deuteranomaly"])
def test_colours_of_networks_stay_apart_for_colour_blind_readers(deficiency: str | None) -> None:
    lab = {}
    for name in depth.COLOURS:
        linear = colour.cctf_decoding(colour.notation.HEX_to_RGB(name), "sRGB")
        if deficiency:
            linear = np.clip(matrix_cvd_Machado2009(deficiency, 1.0) @ linear, 0, 1)
        lab[name] = colour.XYZ_to_Lab(colour.RGB_to_XYZ(linear, "sRGB"))
    closest = min((colour.delta_E(lab[a], lab[b]), a, b) for a, b in itertools.combinations(lab, 2))
    assert closest[0] > 10, closest


def test_networks_beyond_the_last_colour_look_like_no_other(channels: pd.DataFrame) -> None:
    cards = [{**CARDS[0], "name": f"net{number}"} for number in range(20)]
    axis = depth.draw(depth.table([channels] * 20, cards)).axes[0]
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
    assert set(rows["receptive_field_px"]) == {3}
    assert set(rows["scored"]) == {5}
    assert set(rows["channels"]) == {6}
    assert list(table["network"].unique()) == ["net", "net_random (random weights)"]


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
            np.testing.assert_allclose(line.get_xdata(), rows["receptive_field_px"], rtol=0.1)
            np.testing.assert_allclose(np.stack(bars.get_segments())[:, :, 1], rows[["q25", "q75"]])
        first, second = (line.get_xdata() for line in drawn.values())
        assert (first != second).all()


def test_layers_that_see_equally_far_are_drawn_apart_in_their_order(channels: pd.DataFrame) -> None:
    card = {**CARDS[0], "receptive_fields_px": {"relu1_1": 24, "relu1_2": 24}}
    axis = depth.draw(depth.table([channels], [card])).axes[-1]
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
    table = depth.table([unscored], CARDS[:1])
    missing = table[table["layer"] == "relu1_2"]
    assert missing[["median", "q25", "q75"]].isna().all(axis=None)
    assert set(missing["scored"]) == {0}
    for axis in depth.draw(table).axes:
        assert np.isfinite(axis.get_lines()[0].get_ydata()).tolist() == [True, False]


def test_a_layer_of_the_card_without_channels_is_refused(channels: pd.DataFrame) -> None:
    card = {**CARDS[0], "layer_order": ["relu1_1", "conv9"]}
    with pytest.raises(ValueError, match=r"Layer 'conv9' of net .* it has \['relu1_1', 'relu1_2'\]"):
        depth.table([channels], [card])


def test_networks_score_their_own_layer_and_their_own_difference(
    cases: dict[str, Case], choices: Images, by_people: dict[str, list[pd.DataFrame]]
) -> None:
    table = cases["networks"].table
    assert list(table["dataset"].unique()) == ["modelfest, 32 px/deg", "bapps_2afc"]
    distances = selection_distances(choices.distance, choices.channels)
    rows = table[(table["network"] == "net") & (table["dataset"] == "bapps_2afc")].set_index("selection")
    scores = {
        half: two_alternative_score(*distances["relu2_2", half].T, choices.judgements.judgement).mean()
        for half in ("all", "high", "low")
    }
    for half, score in scores.items():
        assert rows.loc[half, "estimate"] == pytest.approx(score)
    assert rows.loc["high - low", "estimate"] == pytest.approx(scores["high"] - scores["low"])
    agreement = by_people["net"][1].query("layer == 'relu2_2' and ranking == 'pe' and cube == 'raw' and group == 'all'")
    found = agreement[(agreement["selection"] == "high - low") & (agreement["measure"] == "2afc")]
    assert rows.loc["high - low", "p_holm"] == found["p_holm"].item()
    assert set(rows.index) == {"all", "high", "low", "high - low", "random halves"}
    assert len(table) == 2 * 2 * 5
    assert dict(zip(table["network"], table["layer"], strict=True)) == {
        "net": "relu2_2",
        "net_random (random weights)": "mean of layers",
    }


@pytest.mark.parametrize("name", ["networks", "networks on four data sets"])
def test_networks_are_drawn_as_tabled(name: str, cases: dict[str, Case]) -> None:
    table, draw = cases[name]
    axes = draw(table).axes
    datasets = table["dataset"].unique()
    pairs = zip(axes[::2], axes[1::2], strict=True) if len(datasets) <= 2 else zip(axes[:4], axes[4:], strict=True)
    for (scores, difference), dataset in zip(pairs, datasets, strict=True):
        of_data = table[table["dataset"] == dataset]
        for selection, marker in style.MARKERS.items():
            rows = of_data[of_data["selection"] == selection]
            line = points(scores, style.COLOURS[selection], marker)
            np.testing.assert_array_equal(line.get_xdata(), rows["estimate"])
            np.testing.assert_allclose(line.get_ydata(), [0, 1], atol=0.3)
            ends = intervals(scores, style.COLOURS[selection])
            np.testing.assert_allclose(ends[:, :, 0], rows[["ci_low", "ci_high"]])
        rows = of_data[of_data["selection"] == "high - low"]
        np.testing.assert_array_equal(points(difference, style.OTHER, "D").get_xdata(), rows["estimate"])
        np.testing.assert_allclose(intervals(difference, style.OTHER)[:, :, 0], rows[["ci_low", "ci_high"]])
        assert 0 in difference.get_lines()[0].get_xdata()
        low, high = scores.get_xlim()
        shown = of_data[of_data["selection"] != "high - low"]
        assert low < shown[["estimate", "ci_low"]].min(axis=None)
        assert high > shown[["estimate", "ci_high"]].max(axis=None)
    bottom, top = axes[0].get_ylim()
    assert bottom > 1 > 0 > top  # the first network above
    labels = [label.get_text() for label in axes[0].get_yticklabels()]
    assert labels == ["net\nrelu2_2", "net_random\nrandom weights, mean of layers"]


def test_a_layer_that_all_networks_share_is_named_once(by_people: dict[str, list[pd.DataFrame]]) -> None:
    figure = networks.draw(table_of_networks(by_people, ("mean of layers", "mean of layers")))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["net", "net_random\nrandom weights"]
    assert texts(figure).count("mean of layers") == 1


def test_networks_without_intervals_have_points(built: Images) -> None:
    table = table_of_networks({card["name"]: [built.agreement.assign(judged_by="people")] for card in CARDS})
    figure = networks.draw(table)
    scores, difference = figure.axes
    for selection, marker in style.MARKERS.items():
        assert np.isfinite(points(scores, style.COLOURS[selection], marker).get_xdata()).all()
        assert intervals(scores, style.COLOURS[selection]).size == 0
    assert np.isfinite(points(difference, style.OTHER, "D").get_xdata()).all()
    assert "no intervals: only 3 references" in texts(figure)
    assert "Bars" not in texts(figure)


def test_a_network_without_a_score_is_named_and_left_empty(cases: dict[str, Case]) -> None:
    table, draw = cases["networks"]
    numbers = ["estimate", "ci_low", "ci_high", "p_holm"]
    for unscored in (table["network"] == "net", table["network"] != ""):
        without = table.assign(**{name: table[name].mask(unscored) for name in numbers})
        scores, difference, *_ = draw(without).axes
        count = without.loc[unscored, "network"].nunique()
        assert [text.get_text() for text in scores.texts] == [networks.NO_SCORE] * count
        assert [text.get_text() for text in difference.texts[1:]].count("–") == count


def test_networks_are_not_shown_by_what_nobody_judged(built: Images) -> None:
    with pytest.raises(ValueError, match="judged_images is judged by construction"):
        table_of_networks({card["name"]: [built.agreement] for card in CARDS})


def test_networks_by_an_unknown_layer_are_refused(by_people: dict[str, list[pd.DataFrame]]) -> None:
    with pytest.raises(ValueError, match=r"Layer 'conv9' of net .* modelfest, 32 px/deg; it has \['relu1_1'"):
        table_of_networks(by_people, ("conv9", "mean of layers"))


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


# Names from outside
def test_odd_name_of_a_kind_of_image_is_drawn_as_it_is(cases: dict[str, Case], tmp_path) -> None:
    case = cases["groups"]
    figure = case.draw(case.table.replace({"group": {"cnn": r"$\frac{$", "traditional": "<b>&|$x$"}}))
    figure.savefig(tmp_path / "a.png")
    named = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert {r"$\frac{$", "<b>&|$x$"} < set(named)


def test_formulas_are_drawn_as_formulas(cases: dict[str, Case]) -> None:
    figure = cases["frequency_curves"].draw(cases["frequency_curves"].table)
    formulas = [text for text in figure.findobj(Text) if "$" in text.get_text()]
    assert [text.get_parse_math() for text in formulas] == [True, True]
