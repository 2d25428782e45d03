"""The figures about agreement: their data against independent expectations, and that they draw the data."""

import itertools
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from matplotlib.colors import to_hex
from plotting import Case, EveryFigure, intervals, points, texts

from perceptual_efficacy.agreement import (
    Ranking,
    compare_selections,
    compare_single_channels,
    selection_distances,
)
from perceptual_efficacy.datasets import bapps, tid2013
from perceptual_efficacy.datasets import ladder as distortions
from perceptual_efficacy.judgements import Judgements, OpinionScores, SameOrDifferent, TwoAlternativeChoices
from perceptual_efficacy.judgements.choices import two_alternative_score
from perceptual_efficacy.judgements.thresholds import DetectionThresholds
from perceptual_efficacy.plots import (
    _agreement,
    groups,
    ladder,
    networks,
    selections,
    single_channels,
    style,
    thresholds,
)
from perceptual_efficacy.scores import SCORED, SILENT
from perceptual_efficacy.vocabulary import HUMAN_CEILING, SELF_AGREEMENT, identity

SCALE = 32.0  # pixels per degree
LAYERS = {"relu1_1": 6, "relu1_2": 9}
OF_NETWORK = {"network": "net", "architecture": "vgg", "weights": "learnt", "origin": "k-means"}
FIVE = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1")
THIRTEEN = (*FIVE, "relu3_2", "relu3_3", *(f"relu{block}_{number}" for block in (4, 5) for number in (1, 2, 3)))


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    random = np.random.default_rng(2)
    measured = random.uniform(-2.2, -1.0, 20)

    def predict(distance: float) -> dict[str, np.ndarray]:
        """Thresholds by one criterion for all, and the error of each by the criterion of all others."""
        error = random.normal(0, distance, 20)
        error -= error.mean()
        return {"predicted": measured + error, "error": error * 20 / 19}

    panels = [*thresholds.PANELS, ("relu1_1", "high")]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    **OF_NETWORK,
                    "dataset": "modelfest",
                    "pixels_per_degree": SCALE,
                    "layer": layer,
                    "selection": selection,
                    "number": np.arange(1, 21),
                    "name": [f"GaborPatch{number}" for number in range(1, 21)],
                    "measured": measured,
                    "measured_sd": 0.2,
                    "observers": 16,
                    **predict(0.15),
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
    table = table.assign(estimate=estimate, ci_low=estimate - 0.2, ci_high=estimate + 0.02, channels=4.0, n=20)
    about = {**OF_NETWORK, "dataset": "modelfest", "judged_by": "people", "group": "all"}
    return table.assign(**about, n_clusters=20, resampled_unit="stimuli and observers")


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
        attrs={**OF_NETWORK, "dataset": "judged_images"},
    )
    rankings = {score: Ranking(channels, score) for score in scores}
    names = ("L2", "PSNR", "SSIM", "FSIM", "MDSI", "GMSD")
    baselines = {name: np.exp(truth + random.normal(size=truth.shape)) for name in names}
    baselines["FSIM"][:] = np.nan
    # of 41 samples the ends of an interval are themselves samples, which no rounding moves
    found = compare_selections(cube, judgements, rankings, baselines=baselines, splits=50, replicates=41)
    correlations, alone = compare_single_channels(cube, judgements, rankings, shuffles=50, replicates=41)
    table = pd.concat([found, correlations], ignore_index=True).assign(judged_by=judged_by)
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
    judgements = TwoAlternativeChoices(share, comparisons["group"], comparisons["cluster"], observers=np.full(72, 5))
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
    levels = {number: len(distortion.amounts) for number, distortion in distortions.DISTORTIONS.items()}
    comparisons = steps(distortions.TYPES, levels, 3)
    is_dither = comparisons["group"].str.endswith(distortions.TYPES[distortions.DITHER])
    level = comparisons["level"].mask(is_dither, 0).to_numpy(dtype=float)
    judgements = OpinionScores(6 - level, comparisons["group"], comparisons["cluster"])
    return judge(comparisons, judgements, 0.9 * level[:, None], FIVE, "construction")


def of_two_networks(*parts: pd.DataFrame) -> pd.DataFrame:
    """Tables of agreement, of two networks that agree equally well, as a study concatenates them."""
    return pd.concat(
        [
            part.assign(network=network, weights=weights)
            for network, weights in (("net", "trained"), ("net_random", "random"))
            for part in parts
        ],
        ignore_index=True,
    )


LAYERS_OF = {"net": "relu2_2", "net_random": "mean of layers"}


@pytest.fixture(scope="module")
def by_people(choices: Images, opinions: Images) -> list[pd.DataFrame]:
    """Tables of agreement with two of the data sets that people judged."""
    detected = opinions.agreement.replace({"measure": {"srcc": "r"}})
    return [
        detected.assign(dataset="modelfest", pixels_per_degree=SCALE),
        choices.agreement.assign(dataset="bapps_2afc"),
    ]


NAMES = (
    *("thresholds", "selections", "groups", "single_channels", "ladder", "networks"),
    "groups of TID2013",
    "selections of images",
    "selections of a ladder",
    "single_channels of a ladder",
    "networks on four data sets",
)


@pytest.fixture(scope="module")
def cases(
    predictions: pd.DataFrame,
    agreement: pd.DataFrame,
    choices: Images,
    opinions: Images,
    built: Images,
    by_people: list[pd.DataFrame],
) -> dict[str, Case]:
    return {
        "thresholds": Case(thresholds.table(predictions), thresholds.draw),
        "selections": Case(selections.table(agreement), selections.draw),
        "groups": Case(groups.table(choices.agreement, "relu2_2"), groups.draw),
        "groups of TID2013": Case(groups.table(opinions.agreement, "relu2_2"), groups.draw),
        "selections of images": Case(selections.table(choices.agreement), selections.draw),
        "selections of a ladder": Case(selections.table(built.agreement), selections.draw),
        "single_channels": Case(single_channels.table(choices.channels, choices.agreement), single_channels.draw),
        "single_channels of a ladder": Case(
            single_channels.table(built.channels, built.agreement), single_channels.draw
        ),
        "ladder": Case(
            ladder.table(
                selection_distances(built.distance, built.channels), built.comparisons, identity(built.distance.attrs)
            ),
            partial(ladder.draw, layer="relu2_2"),
        ),
        "networks": Case(networks.table(of_two_networks(*by_people), LAYERS_OF), networks.draw),
        "networks on four data sets": Case(
            networks.table(
                of_two_networks(*by_people, *(part.assign(dataset=part["dataset"] + ", again") for part in by_people)),
                LAYERS_OF,
            ),
            networks.draw,
        ),
    }


@pytest.fixture(scope="class", params=NAMES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


class TestEveryFigure(EveryFigure):
    pass


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


def test_thresholds_come_with_their_agreement_and_standard_errors(
    cases: dict[str, Case], predictions: pd.DataFrame
) -> None:
    table = cases["thresholds"].table
    assert list(table[["layer", "selection"]].drop_duplicates().itertuples(index=False, name=None)) == list(
        thresholds.PANELS
    )
    for _, rows in table.groupby(["layer", "selection"]):
        error = rows["error"].to_numpy()  # leaving the stimulus out
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


def test_the_largest_errors_are_named_inside_their_panel_and_on_no_point(cases: dict[str, Case]) -> None:
    table, draw = cases["thresholds"]
    figure = draw(table)
    for axis, (_, rows) in zip(figure.axes, table.groupby(["layer", "selection"], sort=False), strict=False):
        assert [text.get_text() for text in axis.texts] == rows.loc[rows["outlier"], "name"].tolist()
        points = axis.transData.transform(rows[["measured", "predicted"]])
        for text in axis.texts:
            box = text.get_window_extent()
            assert box.count_contains(points) == 0
            assert axis.bbox.padded(1).fully_containsx(box.x0)
            assert axis.bbox.padded(1).fully_containsx(box.x1)


def test_a_panel_without_predictions_is_refused(predictions: pd.DataFrame) -> None:
    without = predictions[(predictions["layer"] != "all layers") | (predictions["selection"] != "low")]
    with pytest.raises(ValueError, match="no predictions of 'low' for 'all layers'"):
        thresholds.table(without)


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


# Figures of judged images


def test_names_are_those_that_the_library_gives() -> None:
    from perceptual_efficacy import baselines

    primary = {kind.measures[0] for kind in (TwoAlternativeChoices, SameOrDifferent, OpinionScores)}
    kinds = [*primary, DetectionThresholds.measures[0]]
    assert set(kinds) == set(_agreement.MEASURES) == set(_agreement.MEANINGS)
    of_thresholds = {"RMS contrast", "CSF-weighted energy", "energy, CSF fitted to these thresholds"}
    of_images = {*groups.SIGNS, *selections.BASELINES} - {HUMAN_CEILING, SELF_AGREEMENT} - of_thresholds
    assert of_images <= set(baselines.BASELINES)
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
    expected = {*layers, *(("none", name) for name in ("L2", "SSIM", HUMAN_CEILING, SELF_AGREEMENT))}
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
    for axis in groups.draw(table).axes:
        assert [text.get_text() for text in axis.texts] == [groups.NO_SCORE]
        assert axis.texts[0].get_position()[1] == axis.get_yticks()[-1]


def test_a_layer_without_agreement_is_refused_by_name(choices: Images) -> None:
    with pytest.raises(ValueError, match=r"Layer 'conv9' .* it has \['relu1_1', 'relu1_2'"):
        groups.table(choices.agreement, "conv9")


def test_judgements_that_score_nothing_are_refused(choices: Images) -> None:
    table = choices.agreement.assign(estimate=np.nan)
    with pytest.raises(ValueError, match=r"No distance has a score \(2afc\) on judged_images"):
        selections.table(table)


def test_images_known_by_construction_are_never_called_judged_by_people(built: Images, cases: dict[str, Case]) -> None:
    figures = [
        groups.draw(groups.table(built.agreement, "relu2_2")),
        *(cases[name].draw(cases[name].table) for name in NAMES if name.endswith("of a ladder")),
    ]
    for figure in figures:
        shown = " ".join(texts(figure).split())  # lines may be broken anywhere
        assert "by construction: known ordering, no human ratings" in shown
        assert "human" not in shown.replace("no human ratings", "")
    assert _agreement.BY_CONSTRUCTION in texts(cases["ladder"].draw(cases["ladder"].table))
    assert "construction" not in texts(cases["groups"].draw(cases["groups"].table))


def test_too_few_clusters_have_points_without_intervals(cases: dict[str, Case]) -> None:
    table, draw = cases["selections of a ladder"]
    figure = draw(table)
    scores = table[table["selection"] != "random halves"]
    assert scores["ci_low"].isna().all()
    for axis in figure.axes:
        for selection, marker in style.MARKERS.items():
            assert np.isfinite(points(axis, style.COLOURS[selection], marker).get_ydata()).all()
            assert intervals(axis, style.COLOURS[selection]).size == 0
    assert "No intervals: only 3 references" in texts(figure)


def test_selections_of_images_are_drawn_as_tabled(cases: dict[str, Case]) -> None:
    table, draw = cases["selections of images"]
    assert set(table["group"]) == {"all"}
    axes = draw(table).axes
    for axis, ranking in zip(axes, ("pe", "mu1", "mu2"), strict=True):
        rows = table[(table["ranking"] == ranking) & (table["selection"] == "high")]
        line = points(axis, style.COLOURS["high"], style.MARKERS["high"])
        np.testing.assert_array_equal(line.get_ydata(), rows["estimate"])
        assert list(rows["layer"]) == [*THIRTEEN, "all layers", "mean of layers"]
        drawn = {line.get_ydata()[0] for line in axis.get_lines() if line.get_marker() == "None"}
        # FSIM has no score
        shown = table[table["selection"].isin(["L2", "SSIM", "MDSI", HUMAN_CEILING, SELF_AGREEMENT])]
        assert drawn == set(shown["estimate"])
    assert "FSIM" not in texts(draw(table))
    assert axes[0].get_yscale() == "linear"


def test_only_correlations_are_on_fishers_scale(cases: dict[str, Case]) -> None:
    table, draw = cases["selections of a ladder"]
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
    table = ladder.table({("relu1_1", "all"): distance[:, None]}, comparisons, OF_NETWORK)
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
    with pytest.raises(ValueError, match=r"shape \(167, 1\); expected \(168, 1\)"):
        ladder.table(selection_distances(built.distance[:-1], built.channels), built.comparisons, OF_NETWORK)


def test_networks_score_their_own_layer_and_their_own_difference(
    cases: dict[str, Case], choices: Images, by_people: list[pd.DataFrame]
) -> None:
    table, draw = cases["networks"]
    assert list(table["dataset"].unique()) == ["modelfest", "bapps_2afc"]
    assert [axis.get_title(loc="left").split("\n")[0] for axis in draw(table).axes[::2]] == [
        "modelfest, 32 px/deg",
        "bapps_2afc",
    ]
    distances = selection_distances(choices.distance, choices.channels)
    rows = table[(table["network"] == "net") & (table["dataset"] == "bapps_2afc")].set_index("selection")
    scores = {
        half: two_alternative_score(*distances["relu2_2", half].T, choices.judgements.judgement).mean()
        for half in ("all", "high", "low")
    }
    for half, score in scores.items():
        assert rows.loc[half, "estimate"] == pytest.approx(score)
    assert rows.loc["high - low", "estimate"] == pytest.approx(scores["high"] - scores["low"])
    agreement = by_people[1].query("layer == 'relu2_2' and ranking == 'pe' and cube == 'raw' and group == 'all'")
    found = agreement[(agreement["selection"] == "high - low") & (agreement["measure"] == "2afc")]
    assert rows.loc["high - low", "p_split"] == found["p_split"].item()
    assert set(rows.index) == {"all", "high", "low", "high - low", "random halves"}
    assert len(table) == 2 * 2 * 5
    assert dict(zip(table["network"], table["layer"], strict=True)) == LAYERS_OF


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


def test_a_layer_that_all_networks_share_is_named_once(by_people: list[pd.DataFrame]) -> None:
    figure = networks.draw(networks.table(of_two_networks(*by_people), dict.fromkeys(LAYERS_OF, "mean of layers")))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["net", "net_random\nrandom weights"]
    assert texts(figure).count("mean of layers") == 1


def test_networks_without_intervals_have_points(built: Images) -> None:
    table = networks.table(of_two_networks(built.agreement.assign(judged_by="people")), LAYERS_OF)
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
    numbers = ["estimate", "ci_low", "ci_high", "p_split"]
    for unscored in (table["network"] == "net", table["network"] != ""):
        without = table.assign(**{name: table[name].mask(unscored) for name in numbers})
        scores, difference, *_ = draw(without).axes
        count = without.loc[unscored, "network"].nunique()
        assert [text.get_text() for text in scores.texts] == [networks.NO_SCORE] * count
        assert [text.get_text() for text in difference.texts[1:]].count("–") == count


def test_networks_are_not_shown_by_what_nobody_judged(built: Images) -> None:
    with pytest.raises(ValueError, match="judged_images is judged by construction"):
        networks.table(of_two_networks(built.agreement), LAYERS_OF)


def test_networks_by_an_unknown_layer_are_refused(by_people: list[pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match=r"Layer 'conv9' of net .* modelfest; it has \['relu1_1'"):
        networks.table(of_two_networks(*by_people), {**LAYERS_OF, "net": "conv9"})


# Names from outside
def test_odd_name_of_a_kind_of_image_is_drawn_as_it_is(cases: dict[str, Case], tmp_path) -> None:
    case = cases["groups"]
    figure = case.draw(case.table.replace({"group": {"cnn": r"$\frac{$", "traditional": "<b>&|$x$"}}))
    figure.savefig(tmp_path / "a.png")
    named = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert {r"$\frac{$", "<b>&|$x$"} < set(named)
