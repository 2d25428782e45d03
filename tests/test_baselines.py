"""Classic metrics against closed forms and scikit-image, what every distance must do, and the published scores."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy import signal
from skimage import color, data, metrics

from perceptual_efficacy import baselines
from perceptual_efficacy.datasets import comparisons
from perceptual_efficacy.vocabulary import SELF_AGREEMENT

PUBLISHED = Path(__file__).parents[1] / "src/perceptual_efficacy/claims/published.yaml"
NAMES = list(baselines.BASELINES)


def as_batch(image):
    """(height, width, 3), code values, to (1, 3, height, width), float64 in [0, 1]."""
    return torch.from_numpy(np.asarray(image, dtype=np.float64) / 255).permute(2, 0, 1)[None].contiguous()


def noisy(image, deviation, seed=0):
    noise = np.random.default_rng(seed).normal(scale=deviation, size=image.shape)
    return (image + noise).round().clip(0, 255).astype(np.uint8)


def uniform(red, green, blue, side=176):
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, side, side).contiguous()


@pytest.fixture(scope="module")
def photograph():
    return data.astronaut()[40:216, 130:310]


@pytest.fixture(scope="module")
def distorted(photograph):
    return noisy(photograph, 15)


def test_l2_is_the_mean_squared_error_over_pixels_and_colours():
    distance = baselines.measure(uniform(0.2, 0.5, 0.7, 8), uniform(0.2, 0.6, 0.7, 8), "L2")
    assert distance.item() == pytest.approx(0.1**2 / 3)


def test_l2_in_lab_is_the_mean_squared_difference_of_scikit_images_lab(photograph, distorted):
    expected = ((color.rgb2lab(photograph) - color.rgb2lab(distorted)) ** 2).mean()
    distance = baselines.measure(as_batch(photograph), as_batch(distorted), "L2 (Lab)")
    assert distance.item() == pytest.approx(expected, rel=1e-4)


def test_l2_in_lab_of_black_and_white_is_that_of_100_in_lightness():
    distance = baselines.measure(uniform(0.0, 0.0, 0.0, 8), uniform(1.0, 1.0, 1.0, 8), "L2 (Lab)")
    assert distance.item() == pytest.approx(100**2 / 3, rel=1e-4)


def test_negated_psnr_is_scikit_images(photograph, distorted):
    expected = metrics.peak_signal_noise_ratio(photograph, distorted, data_range=255)
    distance = baselines.measure(as_batch(photograph), as_batch(distorted), "PSNR")
    assert -distance.item() == pytest.approx(expected, rel=1e-9)


def test_negated_ssim_is_scikit_images_on_rounded_grey_without_the_border(photograph, distorted):
    grey, grey_distorted = ((image @ [299, 587, 114] / 1000).round() for image in (photograph, distorted))
    _, similarity = metrics.structural_similarity(
        grey, grey_distorted, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    distance = baselines.measure(as_batch(photograph), as_batch(distorted), "SSIM")
    assert -distance.item() == pytest.approx(similarity[5:-5, 5:-5].mean(), abs=1e-9)


def nafchis_mdsi(reference, distorted):
    """MDSI as the paper defines it (Nafchi et al. 2016), of code values and at full size."""
    to_lhm = np.array([[0.2989, 0.5870, 0.1140], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17]])
    (light_r, h_r, m_r), (light_d, h_d, m_d) = (
        np.moveaxis(one.astype(float) @ to_lhm.T, 2, 0) for one in (reference, distorted)
    )
    slope = np.array([[1, 0, -1]] * 3) / 3

    def gradient(light):
        return np.hypot(*(signal.convolve2d(light, kernel, mode="same") for kernel in (slope, slope.T)))

    def similarity(one, other, constant):
        return (2 * one * other + constant) / (one**2 + other**2 + constant)

    of_r, of_d, fused = gradient(light_r), gradient(light_d), gradient((light_r + light_d) / 2)
    shape = similarity(of_r, of_d, 140) + similarity(of_d, fused, 55) - similarity(of_r, fused, 55)
    colour = (2 * (h_r * h_d + m_r * m_d) + 550) / (h_r**2 + h_d**2 + m_r**2 + m_d**2 + 550)
    map_ = (0.6 * shape + 0.4 * colour).astype(complex) ** 0.25
    return np.abs(map_ - map_.mean()).mean() ** 0.25


def test_mdsi_is_nafchis_formula_in_which_reference_and_distorted_image_differ(photograph, distorted):
    distance = baselines.measure(as_batch(photograph), as_batch(distorted), "MDSI").item()
    assert distance == pytest.approx(nafchis_mdsi(photograph, distorted), rel=1e-6)
    assert distance != pytest.approx(nafchis_mdsi(distorted, photograph), rel=1e-3)


@pytest.mark.parametrize("name", ["SSIM", "MS-SSIM", "GMSD"])
def test_what_leaves_the_grey_value_alone_is_no_difference_on_grey(name):
    # 0.299 * 114 = 0.114 * 299: the changes cancel, and both images have the grey value 100
    red, blue = (uniform(*(np.array(rgb) / 255)) for rgb in ([100, 100, 100], [100 - 57, 100, 249.5]))
    assert baselines.measure(red, blue, name).item() == baselines.BASELINES[name].best


@pytest.mark.parametrize("name", NAMES)
def test_identical_images_are_at_the_best_distance_and_others_further(photograph, distorted, name):
    images = torch.cat([as_batch(photograph), as_batch(distorted)]).float()
    distance = baselines.measure(as_batch(photograph).float().expand(2, -1, -1, -1), images, name)
    assert distance[0].item() == baselines.BASELINES[name].best
    assert distance[1].item() > distance[0].item()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_identical_uniform_images_are_at_the_best_distance(name, level):
    image = uniform(level, level, level)
    assert baselines.measure(image, image, name).item() == baselines.BASELINES[name].best


@pytest.mark.parametrize("name", NAMES)
def test_uniform_images_are_at_finite_distances_no_better_than_the_best(photograph, name):
    black, white, grey, red = (
        uniform(*rgb) for rgb in [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0)]
    )
    shown = as_batch(photograph)[..., :176].float()
    reference = torch.cat([black, black, grey, grey, red, shown, black])
    image = torch.cat([white, grey, red, shown, black, white, shown * 1e-6])
    distance = baselines.measure(reference, image, name)
    assert torch.isfinite(distance).all()
    assert (distance >= baselines.BASELINES[name].best).all()


@pytest.mark.parametrize("name", NAMES)
def test_more_noise_is_further(photograph, name):
    images = torch.cat([as_batch(noisy(photograph, deviation)) for deviation in (2, 5, 12, 30)]).float()
    reference = as_batch(photograph).float().expand(4, -1, -1, -1)
    assert (baselines.measure(reference, images, name).diff() > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_does_not_matter(photograph, name):
    images = torch.cat([as_batch(noisy(photograph, deviation)) for deviation in (3, 10, 30)]).float()
    references = torch.cat([as_batch(photograph), as_batch(photograph[:, ::-1]), as_batch(photograph)]).float()
    one_by_one = [baselines.measure(references[i : i + 1], images[i : i + 1], name) for i in range(3)]
    torch.testing.assert_close(baselines.measure(references, images, name), torch.cat(one_by_one), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_is_right_to_four_decimals(photograph, distorted, name):
    reference, image = as_batch(photograph), as_batch(distorted)
    single = baselines.measure(reference.float(), image.float(), name)
    assert single.dtype == torch.float64
    torch.testing.assert_close(single, baselines.measure(reference, image, name), rtol=1e-6, atol=5e-5)


@pytest.mark.parametrize(("name", "least"), [("SSIM", 11), ("MS-SSIM", 161), ("HaarPSI", 16)])
def test_smaller_images_than_the_metric_is_defined_for_are_at_no_distance(name, least):
    images = torch.rand(2, 3, least, least + 7, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(baselines.measure(images, 1 - images, name)).all()
    distance = baselines.measure(images[:, :, 1:], 1 - images[:, :, 1:], name)
    assert distance.shape == (2,)
    assert torch.isnan(distance).all()


@pytest.mark.parametrize("name", NAMES)
def test_at_the_least_side_distances_are_finite(name):
    least = baselines.BASELINES[name].least_side
    images = torch.rand(2, 3, least, least, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(baselines.measure(images, 1 - images, name)).all()


def test_a_metric_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ValueError, match=r"no metric 'SIMM'; expected one of L2, L2 \(Lab\), PSNR, SSIM, .*GMSD"):
        baselines.measure(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), "SIMM")


@pytest.mark.parametrize(
    ("reference", "image"),
    [((1, 3, 8, 8), (1, 3, 8, 9)), ((2, 3, 8, 8), (1, 3, 8, 8)), ((1, 1, 8, 8), (1, 1, 8, 8)), ((3, 8, 8), (3, 8, 8))],
)
def test_shapes_that_differ_or_are_others_are_refused_naming_both(reference, image):
    with pytest.raises(ValueError, match=r"L2: the references have shape .*expected") as error:
        baselines.measure(torch.zeros(reference), torch.zeros(image), "L2")
    assert f"shape {reference}, the images {image}" in str(error.value)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (torch.full((1, 3, 8, 8), 255.0), r"the images are float32 in \[255.0, 255.0\]"),
        (torch.full((1, 3, 8, 8), -0.25), r"the images are float32 in \[-0.25, -0.25\]"),
        (torch.full((1, 3, 8, 8), torch.nan), r"the images are float32 in \[nan, nan\]"),
        (torch.ones((1, 3, 8, 8), dtype=torch.uint8), r"the images are uint8 in \[1, 1\]"),
    ],
)
def test_values_outside_their_range_are_refused_with_the_range_found(image, found):
    with pytest.raises(ValueError, match=f"PSNR: {found}; expected float32 or float64 in \\[0, 1\\]"):
        baselines.measure(torch.zeros(1, 3, 8, 8), image, "PSNR")


def test_the_reference_is_checked_too():
    with pytest.raises(ValueError, match=r"the references are float32 in \[2.0, 2.0\]"):
        baselines.measure(torch.full((1, 3, 8, 8), 2.0), torch.zeros(1, 3, 8, 8), "PSNR")


# All pairs of a table
SIZES = {"a": (32, 32), "b": (32, 32), "c": (20, 40), "d": (32, 32), "e": (8, 12)}


@pytest.fixture(scope="module", params=[1, 2])
def pairs(request, photograph):
    """Images by name, and a table that compares one or two of every size and shape, of one or two sides."""
    images, rows = {}, []
    for place, (name, (height, width)) in enumerate(SIZES.items()):
        images[name] = photograph[place : place + height, 2 * place : 2 * place + width]
        for number in range(1 + place % 2):
            row = {"reference": name}
            for side, deviation in list(zip(("first", "second"), (5, 20), strict=True))[: request.param]:
                row[side] = f"{name}{number}{side}"
                images[row[side]] = noisy(images[name], deviation, seed=number)
            rows.append(row | {f"{role}_sha256": f"sha256 of {one}" for role, one in row.items()})
    return images, comparisons.table(rows, dataset="pairs", judged_by="people")


@pytest.fixture(scope="module")
def one_by_one(pairs):
    """What `measure` says of every pair alone, shape (comparisons, sides, metrics)."""
    images, table = pairs
    sides = [side for side in ("first", "second") if table[side].notna().all()]
    distances = [
        baselines.measure(as_batch(images[row["reference"]]).float(), as_batch(images[row[side]]).float(), name).item()
        for row in table.to_dict("records")
        for side in sides
        for name in NAMES
    ]
    return np.array(distances).reshape(len(table), len(sides), len(NAMES))


def measured(pairs, **options):
    images, table = pairs

    def read(path, sha256):
        assert sha256 == f"sha256 of {path}"
        return images[path]

    return baselines.baseline_distances(table, read, **options)


@pytest.fixture(scope="module")
def cube(pairs):
    return measured(pairs)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_distances_of_a_table_are_those_of_every_pair_whatever_the_batch_size(pairs, one_by_one, size):
    found = measured(pairs, batch_size=size)["distance"].values
    assert found.shape == one_by_one.shape
    np.testing.assert_allclose(found, one_by_one, rtol=0, atol=2e-6)


def test_distances_of_a_table_are_by_side_and_metric(pairs, cube):
    _, table = pairs
    assert cube["distance"].dims == ("comparison", "side", "metric")
    assert cube["metric"].values.tolist() == NAMES
    assert cube.sizes["comparison"] == len(table) == 7
    assert cube.sizes["side"] == (2 if table["second"].notna().any() else 1)
    assert cube["distance"].dtype == np.float64


def test_distances_of_images_that_are_too_small_are_missing_in_the_table(pairs, cube):
    _, table = pairs
    missing = cube["distance"].isnull().all("side")
    too_small = [[min(SIZES[name]) < baselines.BASELINES[metric].least_side for metric in NAMES] for name in SIZES]
    expected = np.array(too_small)[[list(SIZES).index(name) for name in table["reference"]]]
    np.testing.assert_array_equal(missing.values, expected)


def test_every_metric_of_a_table_is_described(cube):
    assert cube["description"].values.tolist() == [baselines.BASELINES[name].description for name in NAMES]


def test_progress_through_a_table_is_by_comparison(pairs):
    seen = []

    def progress(rows):
        for row in rows:
            seen.append(row["first"])
            yield row

    images, table = pairs
    measured((images, table[-2:]), progress=progress)
    assert seen == list(table["first"][-2:])


def judged_by_people():
    """Published scores of the data sets with judgements; super-resolution's are of another kind."""
    published = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    return [scores for name, scores in published.items() if name != "superres"]


def test_published_psnr_is_given_once_per_method_scale_and_set_with_a_source():
    entries = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))["superres"]
    keys = [(entry["selection"], entry["scale"], entry["dataset"]) for entry in entries]
    assert len(set(keys)) == len(keys)
    assert all(entry["source"] and 20 < entry["psnr_y"] < 40 for entry in entries)


def test_published_scores_are_shares_one_per_group_with_a_source():
    for dataset in judged_by_people():
        assert set(dataset) == {"measure", "groups", "scores"}
        for score in dataset["scores"]:
            assert {"metric", "values", "source"} <= set(score) <= {"metric", "values", "source", "note"}
            assert len(score["values"]) == len(dataset["groups"])
            assert all(0 < value < 1 for value in score["values"])


def test_published_scores_name_our_metrics_as_we_do():
    named = {score["metric"] for dataset in judged_by_people() for score in dataset["scores"]}
    networks = {"random network", "k-means network", "SqueezeNet", "AlexNet", "VGG", "LPIPS-VGG", "LPIPS-Alex"}
    networks |= {"DISTS", "PieAPP"}
    assert named - networks - {SELF_AGREEMENT} == set(NAMES)


def test_an_image_of_another_size_than_its_reference_is_refused_naming_both():
    images = {"r": (8, 8, 3), "a": (8, 8, 3), "b": (8, 9, 3)}
    rows = [{"reference": "r", "first": name, "reference_sha256": "", "first_sha256": ""} for name in "ab"]
    with pytest.raises(ValueError, match="b is 9 x 8 pixels, its reference r 8 x 8"):
        baselines.baseline_distances(comparisons.table(rows), lambda path, _: np.zeros(images[path], np.uint8))
