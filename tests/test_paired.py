"""Comparisons of repeated runs: hand-made scores with closed forms."""

import numpy as np
import pandas as pd
import pytest

from perceptual_efficacy import paired

COLUMNS = ["selection", "draw", "seed", "image", "measure", "value", "higher_is_better"]


def table(values, *, run="high", draw=None, measure="m", higher_is_better=True, seeds=None):
    """Scores of one run: values of shape (images, seeds)."""
    values = np.atleast_2d(np.asarray(values, dtype=float).T).T
    seeds = range(1, values.shape[1] + 1) if seeds is None else seeds
    return pd.DataFrame(
        [
            [run, draw, seed, f"image {number}", measure, value, higher_is_better]
            for number, row in enumerate(values)
            for seed, value in zip(seeds, row, strict=True)
        ],
        columns=COLUMNS,
    ).astype({"draw": "Int64"})


def compare(*tables, primary="m", **options):
    return paired.compare_runs(pd.concat(tables, ignore_index=True), primary=primary, **options)


def row(found, selection, measure="m"):
    return found.set_index(["measure", "selection"]).loc[(measure, selection)]


def drawn(images=12, seeds=3, seed=0):
    return np.random.default_rng(seed).normal(size=(images, seeds))


# Means
def test_the_mean_of_a_selection_is_over_images_and_seeds():
    found = compare(table([[1, 2], [3, 6]]))
    assert row(found, "high")["estimate"] == pytest.approx(3)


def test_random_halves_are_averaged():
    halves = [table([[value] * 2] * 3, run="random", draw=value) for value in (1, 2, 6)]
    found = compare(*halves)
    assert row(found, "random halves")[["estimate", "halves"]].tolist() == pytest.approx([3, 3])


def test_counts_are_those_of_images_seeds_and_halves():
    found = compare(table(drawn(11, 4)), table(drawn(11, 4), run="random", draw=1))
    assert row(found, "high")[["images", "seeds", "halves", "n_clusters"]].tolist() == [11, 4, 1, 11]


# Differences
@pytest.mark.parametrize(("higher_is_better", "sign"), [(True, 1), (False, -1)])
def test_a_difference_is_positive_where_the_first_is_better(higher_is_better, sign):
    high, low = (
        table([[value] * 2] * 3, run=run, higher_is_better=higher_is_better) for value, run in ((5, "high"), (2, "low"))
    )
    found = compare(high, low)
    assert row(found, "high - low")["estimate"] == pytest.approx(3 * sign)
    assert row(found, "low - high")["estimate"] == pytest.approx(-3 * sign)


def test_the_mean_of_a_selection_keeps_its_sign_where_lower_is_better():
    assert row(compare(table([[5, 5]] * 3, higher_is_better=False)), "high")["estimate"] == 5


def test_differences_of_selections_that_are_not_there_are_missing():
    found = compare(table(drawn()), table(drawn(), run="none")).set_index("selection")
    columns = ["estimate", "ci_low", "ci_high", "p", "p_holm"]
    assert found.loc["high - low", columns].isna().all()
    assert found.loc["high - none", columns].notna().all()


def test_given_differences_are_computed():
    found = compare(table(drawn()), table(drawn(), run="mine"), differences=[("mine", "high")])
    assert "mine - high" in set(found["selection"])


def test_images_and_seeds_are_paired_whatever_the_order_of_the_rows():
    # what differs from image to image and seed to seed cancels, and leaves no uncertainty
    values = 100 * drawn()
    low = table(values, run="low").sample(frac=1, random_state=0)
    found = row(compare(table(values + 0.5), low), "high - low")
    assert found[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx([0.5] * 3)


def test_measures_are_compared_apart():
    found = compare(table([[1, 1]] * 3), table([[7, 7]] * 3, measure="other"))
    assert [row(found, "high", name)["estimate"] for name in ("m", "other")] == pytest.approx([1, 7])


# Uncertainty
def half_width(found):
    return (found["ci_high"] - found["ci_low"]) / 2


def test_interval_of_an_additive_model_has_the_variances_of_images_and_seeds():
    random = np.random.default_rng(1)
    of_images, of_seeds = random.normal(size=60), random.normal(scale=0.5, size=40)
    found = row(compare(table(of_images[:, None] + of_seeds), replicates=8000), "high")
    expected = np.sqrt(of_images.var() / 60 + of_seeds.var() / 40)
    assert half_width(found) / 1.96 == pytest.approx(expected, rel=0.1)


def test_interval_of_a_difference_has_the_variance_of_the_random_halves():
    of_halves = np.random.default_rng(2).normal(size=40)
    halves = [table([[value] * 2] * 10, run="random", draw=i) for i, value in enumerate(of_halves)]
    found = row(compare(table([[0, 0]] * 10), *halves, replicates=8000), "high - random halves")
    assert half_width(found) / 1.96 == pytest.approx(np.sqrt(of_halves.var() / 40), rel=0.1)


def test_what_was_not_repeated_is_compared_without_the_variance_of_seeds():
    of_images = np.random.default_rng(3).normal(size=60)
    found = compare(table(drawn(60, 5)), table(of_images, run="bicubic", seeds=[0]), replicates=8000)
    assert half_width(row(found, "bicubic")) / 1.96 == pytest.approx(np.sqrt(of_images.var() / 60), rel=0.1)


def test_the_bootstrap_depends_on_its_seed_alone():
    one, same, other = (compare(table(drawn()), seed=seed)["ci_low"].iloc[0] for seed in (0, 0, 1))
    assert one == same != other


def test_a_difference_of_which_every_sample_is_positive_has_the_least_p():
    # twice (1 + 0) / (1 + 199)
    found = compare(table(drawn() + 100), table(drawn(), run="low"), replicates=199)
    assert row(found, "high - low")["p"] == pytest.approx(0.01)


def test_no_difference_has_a_p_of_one():
    assert row(compare(table(drawn()), table(drawn(), run="low")), "high - low")["p"] == 1


def test_a_selection_alone_has_no_p():
    assert np.isnan(row(compare(table(drawn())), "high")["p"])


@pytest.mark.parametrize(("images", "missing"), [(9, True), (10, False)])
def test_fewer_than_ten_images_have_neither_interval_nor_p(images, missing):
    found = row(compare(table(drawn(images) + 1), table(drawn(images), run="low")), "high - low")
    assert found[["ci_low", "ci_high", "p", "p_holm"]].isna().tolist() == [missing] * 4
    assert np.isfinite(found["estimate"])


def test_p_values_of_the_other_measures_are_corrected_together_and_the_primarys_is_not():
    shifts = {"m": 100, "a": 100, "b": 100, "c": 0}
    tables = [
        part
        for name, shift in shifts.items()
        for part in (table(drawn() + shift, measure=name), table(drawn(), run="low", measure=name))
    ]
    found = compare(*tables, replicates=199)
    corrected = {name: row(found, "high - low", name)["p_holm"] for name in shifts}
    # Holm: 0.01 by 3 and by 2, the larger one for both, as the first is; 1 stays
    assert corrected == pytest.approx({"m": 0.01, "a": 0.03, "b": 0.03, "c": 1})


def test_each_difference_is_corrected_by_itself():
    found = compare(table(drawn() + 100, measure="a"), table(drawn(), run="low", measure="a"), replicates=199)
    assert row(found, "low - high", "a")["p_holm"] == pytest.approx(0.01)


# What is missing
def test_an_image_of_which_a_run_has_no_value_is_left_out_for_that_measure():
    values = np.tile([[1.0], [2], [9]], 2)
    low = values.copy()
    low[2, 1] = np.nan
    other = [table(values, run=run, measure="other") for run in ("high", "low")]
    found = compare(table(values), table(low, run="low"), *other)
    assert [row(found, "high", name)["estimate"] for name in ("m", "other")] == [1.5, 4]
    assert [row(found, "high", name)["images"] for name in ("m", "other")] == [2, 3]


def test_a_measure_without_any_value_is_left_out():
    found = compare(table(drawn()), table(np.full((12, 3), np.nan), measure="MS-SSIM"))
    assert set(found["measure"]) == {"m"}


def test_scores_without_any_value_are_refused():
    with pytest.raises(ValueError, match="There is nothing to compare: no image has a score by any measure"):
        compare(table(np.full((12, 3), np.nan)))


@pytest.mark.parametrize("lacking", [[0], [0, 1, 2]], ids=["one seed's image", "an image"])
def test_a_run_that_lacks_an_image_is_refused_by_its_name(lacking):
    with pytest.raises(ValueError, match="The scores of low lack an image by a seed"):
        compare(table(drawn()), table(drawn(), run="low").drop(index=lacking))


def test_a_run_that_lacks_a_seed_is_refused_with_its_seeds():
    with pytest.raises(ValueError, match=r"high has the seeds \[1, 2, 3\], low \[1, 2\]; they are compared seed by"):
        compare(table(drawn()), table(drawn(seeds=2), run="low"))


def test_runs_by_other_seeds_are_refused():
    with pytest.raises(ValueError, match=r"high has the seeds \[1, 2, 3\], low \[2, 3, 4\]"):
        compare(table(drawn()), table(drawn(), run="low", seeds=[2, 3, 4]))


def test_random_halves_by_other_numbers_of_seeds_are_refused():
    halves = [table(drawn(seeds=count), run="random", draw=count) for count in (1, 3)]
    with pytest.raises(ValueError, match="The runs of random halves differ in their number of seeds"):
        compare(*halves)


def test_two_scores_of_one_image_by_one_seed_are_refused():
    with pytest.raises(ValueError, match=r"high has several scores of image 0 by seed 1 \(m\); expected one"):
        compare(table(drawn()), table(drawn()).head(1))


def test_a_random_half_is_named_by_its_draw():
    halves = [table(drawn(), run="random", draw=draw) for draw in (1, 2)]
    with pytest.raises(ValueError, match="The scores of random 2 lack an image by a seed"):
        compare(halves[0], halves[1].drop(index=0))


def test_images_of_two_data_sets_may_have_equal_names():
    parts = [table([[value, value]] * 3).assign(dataset=name) for name, value in (("a", 1), ("b", 3))]
    assert row(compare(*parts), "high")[["estimate", "images"]].tolist() == pytest.approx([2, 6])


# What a comparison is about
def test_a_comparison_says_what_it_is_about_and_runs_without_a_network_join_it():
    of_network = table(drawn()).assign(network="vgg16", weights="trained", scale=4)
    found = compare(of_network, table(drawn(), run="none").assign(network=None, weights=None, scale=4))
    assert found[["network", "weights", "scale"]].drop_duplicates().to_numpy().tolist() == [["vgg16", "trained", 4]]
    assert list(found)[:5] == ["network", "weights", "scale", "measure", "selection"]


@pytest.mark.parametrize("name", ["network", "scale", "layer"])
def test_scores_of_two_things_are_not_compared(name):
    with pytest.raises(ValueError, match=rf"The scores are of several values of '{name}': \['a', 'b'\]"):
        compare(table(drawn()).assign(**{name: "a"}), table(drawn(), run="low").assign(**{name: "b"}))


def test_test_sets_are_compared_together_and_one_by_one():
    parts = [table([[value, value]] * 3).assign(dataset=name) for name, value in (("b", 1), ("a", 3))]
    found = paired.compare_test_sets(pd.concat(parts), primary="m")
    of_high = found[found["selection"] == "high"]
    assert of_high[["group", "estimate"]].to_numpy().tolist() == [["all", 2], ["b", 1], ["a", 3]]


def test_layers_are_compared_one_by_one_and_by_their_mean():
    parts = [table([[value, value]] * 3).assign(layer=name) for name, value in (("relu2", 1), ("relu1", 4))]
    halves = [part.assign(selection="random", draw=1) for part in parts]
    found = paired.compare_layers(pd.concat([*parts, *halves]), primary="m")
    for selection in ("high", "random halves"):
        rows = found[found["selection"] == selection]
        assert rows[["layer", "estimate"]].to_numpy().tolist() == [["relu2", 1], ["relu1", 4], ["mean of layers", 2.5]]
