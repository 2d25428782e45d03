"""The figures of super-resolution and of inversions: their data against closed forms, and that they draw it legibly.

All scores, logs and images here are made up.
"""

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from perceptual_efficacy.plots import (
    inversions,
    style,
    superres_crops,
    superres_curves,
    superres_differences,
    superres_plane,
)

NETWORK = "made-up network (stand-in)"
OF_NETWORK = {"network": "made-up network", "weights": "learnt"}
WITHOUT = ("none", "bicubic", "start")  # selections of no network
HALVES = [(f"random_{number}", "random") for number in range(1, 6)]
TRAINED = [("l1", "none"), ("all", "all"), ("high", "high"), ("low", "low"), *HALVES]
REFERENCES = [("bicubic", "bicubic"), ("start", "start")]
HIGHER_IS_BETTER = {
    "PSNR-Y": True,
    "SSIM-Y": True,
    "MS-SSIM": True,
    "FSIM": True,
    "VSI": True,
    "MDSI": False,
    "HaarPSI": True,
    "GMSD": False,
    "LPIPS 0.1 AlexNet": False,
}
FOUR = ("Set5", "Set14", "BSD100", "Urban100")


def score(
    losses: list[tuple[str, str]] = TRAINED,
    datasets: tuple[str, ...] = ("Set5",),
    seeds: int = 1,
    images: int = 3,
    without: str = "",
) -> pd.DataFrame:
    """Scores in which a network's place is its number: PSNR-Y 28 + 0.1 number + 0.01 seed + image, MDSI 0.3 less 0.01
    times that; bicubic is far away from the rest, the initial checkpoint is near.
    """
    rows = []
    for dataset, (number, (loss, selection)), image in itertools.product(
        datasets, enumerate([*losses, *REFERENCES]), range(images)
    ):
        for seed in range(1 if selection in superres_plane.REFERENCES else seeds):
            gain = 0.1 * number + 0.01 * seed + image - 5 * (selection == "bicubic")
            for measure, higher in HIGHER_IS_BETTER.items():
                value = 28 + gain if measure == "PSNR-Y" else 0.3 + (0.01 if higher else -0.01) * gain
                rows.append((loss, selection, seed, dataset, f"image {image}", measure, value, higher))
    columns = ["loss", "selection", "seed", "dataset", "image", "measure", "value", "higher_is_better"]
    table = identify(pd.DataFrame(rows, columns=columns)).assign(
        file=lambda rows: rows["loss"] + "/seed" + rows["seed"].astype(str) + "/" + rows["image"] + ".png"
    )
    return table[~table["measure"].str.startswith(without)] if without else table


def identify(table: pd.DataFrame) -> pd.DataFrame:
    """Add the network whose channels a loss uses, where it uses any, and the draw of random halves."""
    names = {name: np.where(table["selection"].isin(WITHOUT), None, value) for name, value in OF_NETWORK.items()}
    draws = table["loss"].where(table["selection"] == "random").str.removeprefix("random_").astype("Int64")
    return table.assign(**names, draw=draws)


def log(losses: list[tuple[str, str]] = TRAINED, seeds: int = 1, steps: int = 8) -> pd.DataFrame:
    rows = [
        (loss, selection, seed, 100 * step, *([np.nan] * 2 if step == 0 else [0.1 / (step + seed), 0.5]))
        for (loss, selection), seed, step in itertools.product(losses, range(seeds), range(steps + 1))
    ]
    logs = identify(pd.DataFrame(rows, columns=["loss", "selection", "seed", "step", "l1", "distance"]))
    return logs.assign(psnr_y=28 + logs["seed"] + logs["step"] / 1000, mdsi=0.3 - logs["step"] / 10000)


def crop(count: int = 3, size: int = 24) -> pd.DataFrame:
    rows = [("Set5", f"image {number}", 12 * number, 24, size, size) for number in range(count)]
    return pd.DataFrame(rows, columns=["dataset", "image", "x", "y", "width", "height"])


def pixels(table: pd.DataFrame) -> dict[tuple[str, str, str], np.ndarray]:
    """Noise for every crop of a table, at low resolution of a quarter of the size."""
    random = np.random.default_rng(0)
    keys = table[["dataset", "image", "method", "height"]].itertuples(index=False, name=None)
    return {
        key: random.integers(
            0, 256, (height // 4, height // 4, 3) if key[2] == "low resolution" else (height,) * 2 + (3,)
        ).astype(np.uint8)
        for *key_, height in keys
        for key in [tuple(key_)]
    }


def invert(layers: int = 2, photographs: int = 3, selections: tuple[str, ...] = ("all", "high", "low")) -> pd.DataFrame:
    """Errors that tell layer, photograph, selection, seed and measure by their digits."""
    names = [*((name, None) for name in selections), ("random", 1), ("random", 2)]
    rows = [
        (f"relu{layer}_2", f"photograph {photograph}", selection, draw, seed, measure, value + 0.1 * seed)
        for layer, photograph, (number, (selection, draw)), seed, (place, measure) in itertools.product(
            range(1, layers + 1), range(photographs), enumerate(names), (3, 7), enumerate(inversions.READABLE)
        )
        for value in [layer + 0.1 * number + 10 * place]
    ]
    table = pd.DataFrame(rows, columns=["layer", "image", "selection", "draw", "seed", "measure", "value"])
    folder, image = table["layer"] + "/", table["image"] + ".png"
    files = folder + table["selection"] + table["draw"].map("{:.0f}".format) + table["seed"].astype(str) + image
    return table.astype({"draw": "Int64"}).assign(**OF_NETWORK, file=files, reference=folder + image)


def noise(table: pd.DataFrame) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {file: random.integers(0, 256, (32, 40, 3)).astype(np.uint8) for file in table["file"]}


class Case(NamedTuple):
    table: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]


def plane(**made: object) -> Case:
    return Case(superres_plane.table(score(**made)), superres_plane.draw)


def curves(logs: pd.DataFrame) -> Case:
    return Case(superres_curves.table(logs), superres_curves.draw)


def crops(count: int, **made: object) -> Case:
    table = superres_crops.table(score(**made), crop(count))
    return Case(table, lambda table: superres_crops.draw(table, pixels(table)))


def differences(**made: object) -> Case:
    return Case(superres_differences.table(score(**made)), superres_differences.draw)


def inverted(layers: int, photographs: int) -> Case:
    scores = invert(layers, photographs)
    table = inversions.table(scores, list(scores["image"].unique()))
    return Case(table, lambda table: inversions.draw(table, noise(table)))


ONE = [("high", "high")]
CASES: dict[str, Callable[[], Case]] = {
    "plane of one set, one seed": plane,
    "plane of four sets, five seeds": lambda: plane(datasets=FOUR, seeds=5),
    "plane of six sets": lambda: plane(datasets=(*FOUR, "a set with rather a long name", "Manga109"), seeds=2),
    "plane of one loss": lambda: plane(losses=ONE),
    "plane of one loss, without L1": lambda: plane(losses=[("low", "low")]),
    "curves of one seed": lambda: curves(log()),
    "curves of five seeds": lambda: curves(log(seeds=5)),
    "curves of one loss": lambda: curves(log(ONE)),
    "curves of many steps": lambda: curves(log().assign(step=lambda logs: 1000 * logs["step"])),
    "curves without validation": lambda: curves(log().drop(columns=["psnr_y", "mdsi"])),
    "curves of nothing but the start": lambda: curves(log(steps=0)),
    "crops of three images": lambda: crops(3, seeds=5),
    "crops of one image": lambda: crops(1),
    "crops of one loss": lambda: crops(2, losses=ONE),
    "differences of one set, one seed": lambda: differences(images=1),
    "differences of four sets, five seeds": lambda: differences(datasets=FOUR, seeds=5, images=7),
    "differences without LPIPS": lambda: differences(without="LPIPS"),
    "differences of one loss": lambda: differences(losses=ONE),
    **{
        f"inversions of {photographs} photographs at {layers} layers": (
            lambda layers=layers, photographs=photographs: inverted(layers, photographs)
        )
        for layers, photographs in ((1, 1), (1, 3), (2, 1), (2, 3), (3, 3), (5, 3))
    },
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]()


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def lines(axis: Axes, selection: str, markersize: float | None = None) -> list[Line2D]:
    """The lines in a selection's colour, if asked those with a marker of a size."""
    return [
        line
        for line in axis.get_lines()
        if line.get_color() == style.COLOURS[selection]
        and (markersize is None or (line.get_markersize(), line.get_marker() != "None") == (markersize, True))
    ]


# What every figure must be


def test_a_figure_is_legible_and_drawn_again_from_its_csv(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    drawn: dict[int, tuple[str, BboxBase]] = {}  # laying out draws as well: the last time counts
    original = Text.draw

    def record(self: Text, renderer: object) -> None:
        original(self, renderer)
        if self.get_visible() and self.get_text().strip():
            drawn[id(self)] = (self.get_text(), Text.get_window_extent(self, renderer))

    figure = case.draw(case.table)
    assert max(figure.get_size_inches()) * 200 <= 1800
    assert NETWORK in texts(figure)
    said = texts(figure)
    monkeypatch.setattr(Text, "draw", record)
    paths = {kind: tmp_path / f"a.{kind}" for kind in ("png", "pdf", "csv")}
    figure.savefig(tmp_path / "figure.png")
    assert drawn
    for text, box in drawn.values():
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.width + 1, text
        assert box.y1 <= figure.bbox.height + 1, text
    for (text, box), (other, second) in itertools.combinations(drawn.values(), 2):
        assert not box.padded(-0.5).overlaps(second.padded(-0.5)), (text, other)
    monkeypatch.undo()
    style.save(figure, case.table, **paths)
    assert texts(case.draw(pd.read_csv(paths["csv"]))) == said


def test_equal_input_gives_equal_bytes(tmp_path) -> None:
    for name in ("plane of one set, one seed", "crops of one image", "inversions of 1 photographs at 1 layers"):
        written = []
        for run in "ab":
            table, draw = CASES[name]()
            paths = {kind: tmp_path / f"{run}.{kind}" for kind in ("png", "pdf", "csv")}
            style.save(draw(table), table, **paths)
            written.append([path.read_bytes() for path in paths.values()])
        assert written[0] == written[1]


def test_these_figures_load_neither_torch_nor_the_stages_before() -> None:
    names = ("superres_plane", "superres_curves", "superres_crops", "superres_differences", "inversions")
    modules = ", ".join(f"perceptual_efficacy.plots.{name}" for name in names)
    slow = "{'torch', 'matplotlib.pyplot', 'perceptual_efficacy.superres', 'perceptual_efficacy.inversion'}"
    code = f"import sys, {modules}; print(sorted({slow} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_loss_has_a_colour_and_a_shape_of_its_own() -> None:
    assert set(style.LOSSES) <= set(style.COLOURS)
    for looks in ([style.COLOURS[name] for name in style.LOSSES], [marker for _, marker in style.LOSSES.values()]):
        assert len(set(looks)) == len(style.LOSSES)
    assert {name: style.LOSSES[name][1] for name in style.MARKERS} == style.MARKERS  # as in the other figures


# The plane of distortion and perceived quality


def test_the_plane_averages_over_images_and_then_over_seeds() -> None:
    table = superres_plane.table(score(datasets=FOUR, seeds=5, images=3))
    assert len(table) == 4 * (9 * (5 + 1) + 2 * 2)
    assert (table["images"] == 3).all()
    high = table[(table["dataset"] == "Set14") & (table["loss"] == "high")].set_index("seed")
    # of the third network: images add 0, 1 and 2, seeds 0 to 0.04
    np.testing.assert_allclose(high.loc[["0", "4", "mean"], "psnr_y"], 28 + 0.2 + 1 + np.array([0, 0.04, 0.02]))
    np.testing.assert_allclose(high.loc[["0", "4", "mean"], "mdsi"], 0.3 - 0.01 * (1.2 + np.array([0, 0.04, 0.02])))
    assert list(table["loss"].unique()) == [loss for loss, _ in [*TRAINED, *REFERENCES]]


def test_the_plane_draws_seeds_small_and_means_large() -> None:
    table = superres_plane.table(score(datasets=FOUR, seeds=5))
    for axis, (_, rows) in zip(superres_plane.draw(table).axes, table.groupby("dataset", sort=False), strict=True):
        is_mean = rows["seed"] == "mean"
        for selection in ("none", "all", "high", "low", "random"):
            chosen = rows["selection"] == selection
            for size, which in ((superres_plane.LARGE, is_mean), (superres_plane.SMALL, ~is_mean)):
                drawn = np.concatenate([line.get_xydata() for line in lines(axis, selection, size)])
                np.testing.assert_array_equal(drawn, rows.loc[chosen & which, ["psnr_y", "mdsi"]])
            assert {line.get_marker() for line in lines(axis, selection)} == {style.LOSSES[selection][1]}


def test_what_lies_far_from_the_rest_is_an_arrow_with_its_values() -> None:
    table = superres_plane.table(score())
    axis = superres_plane.draw(table).axes[0]
    # of the tenth network: 28 + 0.9 + 1 - 5 dB
    (start,) = lines(axis, "start")
    np.testing.assert_allclose(start.get_xydata(), [[30, 0.28]])
    low, high = axis.get_xlim()
    trained = table.loc[~table["selection"].isin(superres_plane.REFERENCES), "psnr_y"]
    assert trained.max() - trained.min() > 0.3 * (high - low)
    (arrow,) = axis.texts
    assert arrow.get_text() == "bicubic\n24.90 dB, 0.331"
    assert not lines(axis, "bicubic")  # no point at a place that is not its own
    assert arrow.xy == (0, 1)  # to the left and up
    assert arrow.xyann[0] > 0
    assert arrow.xyann[1] < 1
    assert "Arrows" in texts(axis.figure)


def test_a_near_reference_is_a_point() -> None:
    scores = score()
    near = scores["selection"] == "bicubic"
    scores.loc[near & (scores["measure"] == "PSNR-Y"), "value"] += 5
    scores.loc[near & (scores["measure"] == "MDSI"), "value"] -= 0.05
    axis = superres_plane.draw(superres_plane.table(scores)).axes[0]
    assert not axis.texts
    assert "Arrows" not in texts(axis.figure)
    np.testing.assert_allclose(lines(axis, "bicubic")[0].get_xydata(), [[29.9, 0.281]])


def test_random_halves_have_one_entry_in_the_legend() -> None:
    figure = superres_plane.draw(superres_plane.table(score()))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [name for name, _ in style.LOSSES.values()]


def test_a_metric_that_the_plane_needs_is_missed_by_name() -> None:
    with pytest.raises(ValueError, match=r"by \['PSNR-Y', 'SSIM-Y', .*; the figure needs MDSI"):
        superres_plane.table(score(without="MDSI"))


def test_means_over_different_images_are_refused() -> None:
    scores = score(seeds=2)
    lost = (scores["loss"] == "low") & (scores["seed"] == 1) & (scores["image"] == "image 2")
    for some in (lost, lost & (scores["measure"] == "MDSI")):
        with pytest.raises(ValueError, match=r"Set5, loss 'low', seed 1: 2 images have both of .* expected all 3"):
            superres_plane.table(scores[~some])
        with pytest.raises(ValueError, match="2 images have both"):
            superres_plane.table(scores.assign(value=scores["value"].mask(some)))
    of_loss = (scores["loss"] == "low") & (scores["measure"] == "PSNR-Y")
    with pytest.raises(ValueError, match="loss 'low', seed 0: 0 images"):
        superres_plane.table(scores[~of_loss])


# Training curves


def test_curves_add_the_mean_over_seeds() -> None:
    table = superres_curves.table(log(seeds=3))
    high = table[(table["loss"] == "high") & (table["step"] == 200)].set_index("seed")
    assert list(high.index) == ["0", "1", "2", "mean"]
    assert high.loc["mean", "l1"] == pytest.approx(0.1 * (1 / 2 + 1 / 3 + 1 / 4) / 3)
    assert high.loc["mean", "psnr_y"] == pytest.approx(28 + 1 + 0.2)
    assert high.loc["mean", "distance"] == 0.5
    start = table[(table["step"] == 0) & (table["seed"] == "mean")]
    assert start["l1"].isna().all()
    assert start["mdsi"].to_numpy() == pytest.approx(0.3)


def test_a_mean_exists_only_where_all_seeds_do() -> None:
    logs = log(ONE, seeds=2)
    logs = logs[(logs["seed"] == 0) | (logs["step"] <= 300)]
    logs.loc[(logs["seed"] == 1) & (logs["step"] == 200), "mdsi"] = np.nan
    means = superres_curves.table(logs).query("seed == 'mean'").set_index("step")
    assert list(means.index) == [0, 100, 200, 300]
    assert means.index[means["mdsi"].isna()].tolist() == [200]


def test_curves_are_drawn_thin_for_seeds_and_thick_for_their_mean() -> None:
    table = superres_curves.table(log(seeds=3))
    axes = superres_curves.draw(table).axes
    for axis, quantity in zip(axes, ("l1", "psnr_y", "mdsi"), strict=True):
        for selection, losses in (("none", 1), ("high", 1), ("random", 5)):
            drawn = lines(axis, selection)
            assert len(drawn) == losses * (3 + 1)
            rows = table[
                (table["selection"] == selection)
                & (table["loss"] == table["loss"].where(table["selection"] == selection).dropna().iloc[0])
            ].dropna(subset=quantity)
            for line, seed in zip(drawn, ("0", "1", "2", "mean"), strict=False):
                np.testing.assert_array_equal(line.get_xydata(), rows.loc[rows["seed"] == seed, ["step", quantity]])
                assert (line.get_linewidth() > 0.5) == (line.get_marker() != "None") == (seed == "mean")


def test_one_seed_is_drawn_once() -> None:
    axis = superres_curves.draw(superres_curves.table(log())).axes[0]
    assert len(axis.get_lines()) == len(TRAINED)


def test_seeds_without_a_common_step_are_drawn_all_the_same() -> None:
    logs = log(ONE, seeds=2)
    logs["step"] += logs["seed"]
    axis = superres_curves.draw(superres_curves.table(logs)).axes[1]
    assert [len(line.get_xdata()) for line in lines(axis, "high")] == [9, 9, 0]


def test_a_panel_without_data_says_so() -> None:
    logs = log()
    for lacking in (logs.drop(columns=["psnr_y", "mdsi"]), logs.assign(psnr_y=np.nan, mdsi=None)):
        training, *validation = superres_curves.draw(superres_curves.table(lacking)).axes
        assert len(training.get_lines()) == len(TRAINED)
        for axis in validation:
            assert [text.get_text() for text in axis.texts] == ["no validation images"]
            assert not axis.get_lines()


def test_distances_of_different_units_are_in_the_table_alone() -> None:
    logs = log([("l1", "none"), *ONE])
    table = superres_curves.table(logs.assign(distance=logs["distance"].where(logs["selection"] != "none")))
    assert table.loc[table["selection"] == "high", "distance"].notna().any()
    assert "istance" not in texts(superres_curves.draw(table))


def test_logs_without_seeds_or_rows_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"have 81 rows and the columns \['loss', 'selection', 'step'.*expected \['network'"
    ):
        superres_curves.table(log().drop(columns="seed"))
    with pytest.raises(ValueError, match="have 0 rows"):
        superres_curves.table(log().iloc[:0])


# Crops


def test_crops_come_with_the_scores_of_the_whole_image_by_the_first_seed() -> None:
    table = superres_crops.table(score(seeds=3).query("seed != 0 or selection in ['bicubic', 'start']"), crop(2))
    methods = ["low resolution", "bicubic", "start", "l1", "all", "high", "low", "random_1", "original"]
    assert table["method"].tolist() == 2 * methods
    assert table["label"].tolist()[2:9] == [
        "initial checkpoint",
        "L1 only",
        "all channels",
        "high half",
        "low half",
        "random half 1",
        "original",
    ]
    second = table[table["image"] == "image 1"].set_index("method")
    assert second.loc["high", "seed"] == 1
    assert second.loc["high", "psnr_y"] == pytest.approx(28 + 0.2 + 0.01 + 1)
    assert second.loc["high", "mdsi"] == pytest.approx(0.3 - 0.0121)
    assert second.loc[["low resolution", "original"], ["psnr_y", "mdsi", "seed"]].isna().all(axis=None)
    assert (second[["x", "y", "width", "height"]] == [12, 24, 24, 24]).all(axis=None)


def test_losses_of_one_selection_go_by_their_names() -> None:
    losses = [("high_weak", "high"), ("high_strong", "high"), ("low", "low")]
    table = superres_crops.table(score(losses), crop(1))
    assert table["label"].tolist()[3:-1] == ["high_weak", "high_strong", "low half"]


def test_crops_are_drawn_pixel_by_pixel() -> None:
    table = superres_crops.table(score(), crop(2))
    images = pixels(table)
    axes = superres_crops.draw(table, images).axes
    for axis, row in zip(axes, table.to_dict("records"), strict=True):
        (image,) = axis.images
        np.testing.assert_array_equal(image.get_array(), images[row["dataset"], row["image"], row["method"]])
        assert image.get_interpolation() == "nearest"
        assert image.get_extent() == [0, 24, 24, 0]  # that of the low resolution, too
        said = axis.get_xlabel()
        if row["method"] == "original":
            assert said == "PSNR-Y (dB)\nMDSI"
        elif row["method"] == "low resolution":
            assert said == ""
        else:
            assert [float(number) for number in said.split()] == pytest.approx([row["psnr_y"], row["mdsi"]], abs=6e-3)


def test_crops_that_cannot_be_shown_are_refused() -> None:
    with pytest.raises(ValueError, match="0 crops; the figure shows 1 to 3"):
        superres_crops.table(score(), crop(0))
    with pytest.raises(ValueError, match="4 crops"):
        superres_crops.table(score(images=4), crop(4))
    with pytest.raises(
        ValueError, match=r"Image 'image 2' of 'Set5' has no scores.*images are \['image 0', 'image 1'\]"
    ):
        superres_crops.table(score(images=2), crop(3))
    table = superres_crops.table(score(), crop(1))
    images, key = pixels(table), ("Set5", "image 0", "high")
    with pytest.raises(ValueError, match=r"no pixels of \('Set5', 'image 0', 'high'\); there are of \["):
        superres_crops.draw(table, {name: value for name, value in images.items() if name != key})
    for wrong in (images[key][:20], images[key] / 255, images[key][..., 0]):
        with pytest.raises(ValueError, match=r"'high'\) are .*; expected uint8 \(24, 24, 3\)"):
            superres_crops.draw(table, {**images, key: wrong})
    low = ("Set5", "image 0", "low resolution")
    with pytest.raises(ValueError, match="'low resolution'"):
        superres_crops.draw(table, {**images, low: images[key][:7, :7]})


# Differences


def test_a_difference_is_positive_where_the_high_half_is_better() -> None:
    """The low half is the network after the high one, and so better in every judge: by 0.1 dB, or by 0.001."""
    table = superres_differences.table(score(seeds=5, datasets=FOUR))
    assert len(table) == 4 * 3 * 9
    for measure, rows in table.groupby("measure"):
        assert rows["improvement"].to_numpy() == pytest.approx(-0.1 if measure == "PSNR-Y" else -0.001), measure
        assert set(rows["unit"]) == {"dB" if measure == "PSNR-Y" else "dimensionless"}
    assert (table["seeds"] == 5).all()
    assert table["measure"].iloc[0] == "MDSI"


def test_differences_pair_the_halves_by_seed() -> None:
    scores = score(seeds=3)
    scores.loc[(scores["loss"] == "high") & (scores["seed"] == 1), "value"] += 3
    kept = ~((scores["loss"] == "low") & (scores["seed"] == 2))
    table = superres_differences.table(scores[kept].sample(frac=1, random_state=0))
    assert (table["seeds"] == 2).all()
    psnr = table.loc[table["measure"] == "PSNR-Y", "improvement"]
    assert psnr.to_numpy() == pytest.approx(-0.1 + 3 / 2)  # seeds 0 and 1; without pairs the high half's third counts
    mdsi = table.loc[table["measure"] == "MDSI", "improvement"]
    assert mdsi.to_numpy() == pytest.approx(-0.001 - 3 / 2)


def test_differences_are_drawn_by_metric_and_by_set() -> None:
    table = superres_differences.table(score(datasets=FOUR, images=4))
    table["improvement"] += np.random.default_rng(0).normal(scale=0.01, size=len(table))
    figure = superres_differences.draw(table)
    assert figure.axes[0].get_title() == "MDSI (primary)"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(FOUR)
    for axis, (measure, rows) in zip(figure.axes, table.groupby("measure", sort=False), strict=True):
        assert axis.get_title().startswith(str(measure))
        assert ("dB" in axis.get_title()) == (measure == "PSNR-Y")
        zero, points, means = axis.get_lines()
        assert set(zero.get_xdata()) == {0}
        np.testing.assert_array_equal(points.get_xdata(), rows["improvement"])
        np.testing.assert_array_equal(np.round(points.get_ydata()), rows["dataset"].map(FOUR.index))
        np.testing.assert_allclose(
            means.get_xdata(), [rows.loc[rows["dataset"] == name, "improvement"].mean() for name in FOUR]
        )
        low, high = axis.get_xlim()
        assert low == -high
        assert high > rows["improvement"].abs().max()


def test_equal_scores_are_drawn_on_the_zero_line() -> None:
    table = superres_differences.table(score()).assign(improvement=0.0)
    assert set(superres_differences.draw(table).axes[0].get_lines()[2].get_xdata()) == {0}


def test_without_both_halves_there_is_a_note() -> None:
    for losses in (ONE, [("low", "low"), ("all", "all")], [("all", "all")]):
        table = superres_differences.table(score(losses))
        assert table["improvement"].isna().all()
        figure = superres_differences.draw(table)
        assert superres_differences.NONE in texts(figure)
        assert NETWORK in texts(figure)


def test_differences_of_what_is_ambiguous_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 losses use the high half: \['weak', 'strong'\]"):
        superres_differences.table(score([("weak", "high"), ("strong", "high"), ("low", "low")]))
    scores = score()
    scores.loc[(scores["measure"] == "VSI") & (scores["loss"] == "low"), "higher_is_better"] = False
    with pytest.raises(ValueError, match="For VSI higher is better in some rows and worse in others"):
        superres_differences.table(scores)


# Inversions


def test_inversions_are_those_of_the_first_seed_with_their_errors() -> None:
    scores = invert(2, 3)
    shown = ["photograph 2", "photograph 0"]
    table = inversions.table(scores, shown)
    assert table["selection"].tolist() == 4 * ["original", "all", "high", "low", "random"]
    assert table["image"].tolist() == 2 * [name for name in shown for _ in range(5)]
    of_original = table["selection"] == "original"
    assert (table.loc[~of_original, "seed"] == 3).all()
    assert table.loc[of_original, ["seed", "draw", *inversions.READABLE]].isna().all(axis=None)
    assert table.loc[of_original, "file"].iloc[0] == "relu1_2/photograph 2.png"
    assert (table.loc[table["selection"] == "random", "draw"] == 1).all()
    row = table[(table["layer"] == "relu2_2") & (table["selection"] == "low")].iloc[0]
    assert row[list(inversions.READABLE)].tolist() == pytest.approx(
        [2.5, 12.5, 22.5, 32.5]  # layer 2, third selection, seed 3
    )


@pytest.mark.parametrize(("layers", "shown"), [(1, 3), (2, 3), (3, 2)])
def test_the_first_photographs_are_shown_fewer_of_many_layers(layers: int, shown: int) -> None:
    table = inversions.table(invert(layers, 4))
    assert list(table["image"].unique()) == [f"photograph {number}" for number in range(shown)]


def test_inversions_are_drawn_beside_their_photograph() -> None:
    table = inversions.table(invert(2, 2), ["photograph 0", "photograph 1"])
    images = noise(table)
    figure = inversions.draw(table, images)
    order = table.set_index(["layer", "image", "selection"])["file"]
    keys = [
        (layer, photograph, name)
        for layer in ("relu1_2", "relu2_2")
        for photograph in ("photograph 0", "photograph 1")
        for name in ("original", "all", "high", "low", "random")
    ]
    for axis, key in zip(figure.axes, keys, strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), images[order[key]])
        if key[2] == "original":
            assert axis.get_xlabel() == key[1]
    # layer 1, second selection, seed 3
    assert figure.axes[2].get_xlabel() == "structure 1.400\ncolour 11.4\nspectrum 21.40\ncontrast 31.40"
    assert [axis.get_title() for axis in figure.axes[:5]] == [
        "photograph",
        "all\nchannels",
        "high half",
        "low half",
        "random\nhalf 1",
    ]


def test_what_was_not_measured_or_inverted_is_left_out() -> None:
    scores = invert(1, 1, ("high", "low"))
    table = inversions.table(scores[~scores["measure"].str.startswith("texture")], ["photograph 0"])
    assert table["selection"].tolist() == ["original", "high", "low", "random"]
    figure = inversions.draw(table, noise(table))
    assert figure.axes[1].get_xlabel() == "structure 1.300\ncolour 11.3"
    assert "texture" not in texts(figure)
    only = inversions.table(scores[scores["selection"] == "high"], ["photograph 0"])
    assert len(inversions.draw(only, noise(only)).axes) == 2


def test_an_inversion_that_one_photograph_lacks_leaves_a_gap() -> None:
    scores = invert(1, 2)
    scores = scores[(scores["image"] != "photograph 1") | (scores["selection"] != "low")]
    table = inversions.table(scores, ["photograph 0", "photograph 1"])
    axes = inversions.draw(table, noise(table)).axes
    assert [axis.get_visible() for axis in axes] == [True] * 8 + [False, True]


def test_a_long_name_of_a_photograph_is_cut() -> None:
    scores = invert(3, 1).replace({"image": {"photograph 0": "a_name_of_more_than_two_lines_of_text"}})
    table = inversions.table(scores, list(scores["image"].unique()))
    assert inversions.draw(table, noise(table)).axes[0].get_xlabel() == "a_name_of_mo\nre_than_two…"


def test_inversions_that_cannot_be_shown_are_refused() -> None:
    scores = invert(1, 4)
    with pytest.raises(ValueError, match="4 photographs; the figure shows 1 to 3"):
        inversions.table(scores, list(scores["image"].unique()))
    with pytest.raises(ValueError, match="0 photographs"):
        inversions.table(scores, [])
    with pytest.raises(ValueError, match=r"Photograph 'a cat' has no scores; there are \['photograph 0'"):
        inversions.table(scores, ["photograph 0", "a cat"])
    table = inversions.table(scores, ["photograph 0"])
    images, file = noise(table), table.set_index("selection").loc["high", "file"]
    with pytest.raises(ValueError, match=rf"no image '{file}'; there are \["):
        inversions.draw(table, {name: value for name, value in images.items() if name != file})
    with pytest.raises(ValueError, match=rf"'{file}' is float64 \(32, 40, 3\); expected uint8 \(height, width, 3\)"):
        inversions.draw(table, {**images, file: images[file] / 255})


def test_a_metric_without_values_is_left_out_of_the_differences():
    rows = [
        {"loss": half, "selection": half, "seed": 1, "dataset": "d", "image": "a", "measure": measure, "value": value}
        for half, offset in (("high", 0.0), ("low", 1.0))
        for measure, value in (("MDSI", offset), ("MS-SSIM", float("nan")))
    ]
    found = superres_differences.table(pd.DataFrame(rows).assign(**OF_NETWORK, higher_is_better=False))
    assert list(found["measure"]) == ["MDSI"]
    assert list(found["improvement"]) == [1.0]


# Names from outside
ODD = (r"$\frac{$", "<img src=x onerror=alert(1)>", "a_b & c | d $x$")


def test_odd_names_of_images_are_drawn_as_they_are(tmp_path) -> None:
    named = {f"image {number}": name for number, name in enumerate(ODD)}
    table = superres_crops.table(score().replace({"image": named}), crop().replace({"image": named}))
    figure = superres_crops.draw(table, pixels(table))
    said = texts(figure)
    style.save(figure, table, **{kind: tmp_path / f"a.{kind}" for kind in ("png", "pdf", "csv")})
    for name in ODD:
        assert f"Set5, {name}: 24 × 24 pixels" in said
    assert pd.read_csv(tmp_path / "a.csv")["image"].unique().tolist() == list(ODD)


@pytest.mark.parametrize("reach", [0.00047, 0.019, 3.0])
def test_ticks_of_differences_do_not_overlap(reach: float) -> None:
    table = superres_differences.table(score(seeds=2))
    table["improvement"] *= reach / table["improvement"].abs().max()
    figure = superres_differences.draw(table)
    figure.draw_without_rendering()
    for axis in figure.axes:
        boxes = [label.get_window_extent() for label in axis.get_xticklabels() if label.get_text()]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
        assert len(boxes) == 3
