"""Inversion brings back what the channels see, reproducibly; its errors tell structure, colour and texture apart."""

import colour
import numpy as np
import pandas as pd
import pytest
import torch
from skimage import data

import perceptual_efficacy as pe
from perceptual_efficacy import baselines, image_files
from perceptual_efficacy.backbones.network import as_tensor
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.inversion import errors, invert, invert_selections, square, total_variation
from perceptual_efficacy.scores import select_channels

MEASURES = ("structure", "colour", "texture spectrum", "texture contrast")


@pytest.fixture(scope="module")
def metric():
    return pe.PerceptualMetric(draw_random({"relu1_1": 16, "relu1_2": 16}, seed=0))


@pytest.fixture(scope="module")
def photographs():
    return torch.cat([as_tensor(square(image, 32)) for image in (data.astronaut(), data.chelsea())])


@pytest.fixture(scope="module")
def noise(photographs):
    """What an inversion of seed 0 starts from: the image after one step that goes nowhere."""
    return torch.full_like(photographs, 0.5) + 0.1 * torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def inverted(metric, photographs):
    return invert(metric, photographs, seed=0, steps=60)


def one_channel(layer="relu1_2", weight=1.0):
    return pd.DataFrame({"layer": [layer], "channel": [3], "weight": [weight]})


def drawn(size=64, seed=0, deviation=30.0):
    """Grey white noise around 128."""
    values = 128 + deviation * np.random.default_rng(seed).standard_normal((size, size))
    return np.repeat(values.round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def waves(period=4, amplitude=60.0, shift=0, size=64):
    """A vertical grating, which a shift by whole periods leaves alone."""
    row = 128 + amplitude * np.sin(2 * np.pi * (np.arange(size) + shift) / period + 0.3)
    return np.broadcast_to(row.round().astype(np.uint8)[None, :, None], (size, size, 3)).copy()


def uniform(red, green, blue, size=32):
    return np.broadcast_to(np.array([red, green, blue], dtype=np.uint8), (size, size, 3)).copy()


# Inversion
def test_inversion_lowers_the_distance_more_than_tenfold(metric, photographs, noise, inverted):
    assert (metric(inverted, photographs) < metric(noise.clamp(0, 1), photographs) / 10).all()


def test_all_channels_bring_back_the_photograph_better_than_noise(photographs, noise, inverted):
    squared = [baselines.measure(photographs, images, "L2") for images in (inverted, noise.clamp(0, 1))]
    assert (squared[0] < squared[1] / 4).all()
    structure = [baselines.measure(photographs, images, "GMSD") for images in (inverted, noise.clamp(0, 1))]
    assert (structure[0] < structure[1] / 2).all()


def test_inversion_has_the_photographs_shape_and_range_and_no_gradient(photographs, inverted):
    assert (inverted.shape, inverted.dtype) == (photographs.shape, photographs.dtype)
    assert 0 <= inverted.min() <= inverted.max() <= 1
    assert not inverted.requires_grad


def test_images_of_a_batch_do_not_influence_each_other(photographs):
    double = pe.PerceptualMetric(draw_random({"relu1_1": 8}, seed=0).double())
    both = photographs.double()
    alone = torch.cat([invert(double, both[i : i + 1], seed=0, steps=10) for i in range(2)])
    torch.testing.assert_close(invert(double, both, seed=0, steps=10), alone, rtol=0, atol=1e-6)


def test_equal_seeds_give_equal_bytes_and_others_another_image(metric, photographs):
    first, again, other = (invert(metric, photographs, seed=seed, steps=3) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_image_and_selection_starts_from_the_same_noise(metric, photographs, noise):
    for chosen in (metric, pe.PerceptualMetric(metric.backbone, one_channel())):
        still = invert(chosen, photographs, seed=0, steps=1, learning_rate=0)
        torch.testing.assert_close(still, noise.clamp(0, 1))


def test_an_image_is_done_where_its_search_first_leaves_no_more_than_the_share(photographs):
    double = pe.PerceptualMetric(draw_random({"relu1_1": 16, "relu1_2": 16}, seed=0).double())
    targets, share, steps = photographs.double(), 0.5, 40
    distance = double.against(targets)
    grey = distance(torch.full_like(targets, 0.5))
    monitored = invert(double, targets, seed=0, steps=steps, remaining=share)
    left = distance(monitored) / grey
    assert ((0.99 * share < left) & (left < share)).all()
    assert (distance(invert(double, targets, seed=0, steps=steps)) < distance(monitored) / 2).all()
    one = torch.cat([invert(double, targets[i : i + 1], seed=0, steps=steps, remaining=share) for i in range(2)])
    torch.testing.assert_close(one, monitored, rtol=0, atol=1e-6)


def test_where_the_share_is_not_reached_an_image_is_that_of_the_last_step(metric, photographs):
    found = invert(metric, photographs, seed=0, steps=3, remaining=1e-6)
    assert torch.equal(found, invert(metric, photographs, seed=0, steps=3))


def test_global_random_states_are_left_alone(metric, photographs):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    invert(metric, photographs, seed=0, steps=1)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_inversion_works_where_gradients_are_off(metric, photographs):
    with torch.no_grad():
        without = invert(metric, photographs, seed=0, steps=2)
    assert torch.equal(without, invert(metric, photographs, seed=0, steps=2))


def test_more_variation_is_smoother(metric, photographs):
    varying = [
        total_variation(invert(metric, photographs, seed=0, steps=20, variation=strength)) for strength in (0, 0.3, 3)
    ]
    assert (varying[0] > varying[1]).all()
    assert (varying[1] > varying[2]).all()


def test_the_prior_is_as_strong_whatever_the_weights_of_the_channels(photographs):
    backbone = draw_random({"relu1_1": 4}, seed=0).double()
    weak, strong = (pe.PerceptualMetric(backbone, one_channel("relu1_1", weight)) for weight in (1e-6, 1.0))
    torch.testing.assert_close(
        *(invert(chosen, photographs.double(), seed=0, steps=10) for chosen in (weak, strong)), rtol=0, atol=1e-4
    )


def test_channels_that_see_nothing_give_a_smooth_image_and_no_error(photographs):
    backbone = draw_random({"relu1_1": 4}, seed=0)
    for weight in backbone.parameters():
        weight.data.zero_()
    images = invert(pe.PerceptualMetric(backbone), photographs, seed=0, steps=20, variation=1.0)
    assert torch.isfinite(images).all()


def test_progress_is_by_step(metric, photographs):
    seen = []

    def progress(steps):
        for step in steps:
            seen.append(step)
            yield step

    invert(metric, photographs, seed=0, steps=3, progress=progress)
    assert seen == [0, 1, 2]


def test_distance_against_held_references_is_the_metrics(metric, photographs, noise):
    images = noise.clamp(0, 1)
    assert torch.equal(metric.against(photographs)(images), metric(images, photographs))


def test_references_activations_are_computed_once(metric, photographs, monkeypatch):
    passes = []
    activations = type(metric.backbone).activations
    monkeypatch.setattr(type(metric.backbone), "activations", lambda self, x: passes.append(x) or activations(self, x))
    invert(metric, photographs, seed=0, steps=5)
    assert sum(torch.equal(images, photographs) for images in passes) == 1
    assert len(passes) == 6


# Selections
@pytest.fixture(scope="module")
def selections(tmp_path_factory):
    """Inversions of two photographs by selections of eight channels: the scores, and what they were made from."""
    backbone = draw_random({"relu1_1": 8}, seed=0)
    channels = pd.DataFrame({"layer": "relu1_1", "channel": range(8), "status": "scored", "pe": np.arange(8) / 8})
    originals = {"a": square(data.astronaut(), 32), "b": square(data.chelsea(), 32)}
    folder = tmp_path_factory.mktemp("inverted")
    settings = {"seeds": [1, 4], "halves": 2, "remaining": 0.5, "steps": 40, "learning_rate": 0.05}
    return invert_selections(backbone, channels, "relu1_1", originals, folder, **settings), backbone, originals


def test_every_selection_seed_and_photograph_has_every_measure(selections):
    scores, backbone, _ = selections
    keys = ["selection", "draw", "seed", "image", "measure"]
    assert len(scores) == len(scores[keys].drop_duplicates()) == 5 * 2 * 2 * (len(MEASURES) + 1)
    assert set(scores["measure"]) == {*MEASURES, "remaining distance"}
    runs = scores[["selection", "draw"]].drop_duplicates().astype(object)
    assert runs["selection"].tolist() == ["all", "high", "low", "random", "random"]
    assert runs["draw"].tolist() == [pd.NA, pd.NA, pd.NA, 1, 2]
    known = {name: backbone.identity[name] for name in ("network", "architecture", "weights", "origin")}
    assert (scores[list(known)] == list(known.values())).all(axis=None)
    assert (scores["layer"] == "relu1_1").all()
    assert not scores["higher_is_better"].any()


def test_scores_are_those_of_the_files_that_they_name(selections):
    scores, backbone, originals = selections
    row = scores[(scores["selection"] == "high") & (scores["seed"] == 4) & (scores["image"] == "b")].iloc[0]
    np.testing.assert_array_equal(image_files.read(row["reference"]), originals["b"])
    inverted = image_files.read(row["file"])
    assert row["value"] == errors(inverted, originals["b"])[row["measure"]]
    high = pe.PerceptualMetric(backbone, pd.DataFrame({"layer": "relu1_1", "channel": range(4, 8)}))
    targets = torch.cat([as_tensor(image) for image in originals.values()])
    expected = invert(high, targets, seed=4, remaining=0.5, steps=40, learning_rate=0.05)[1]
    np.testing.assert_array_equal(inverted, (255 * expected).round().byte().permute(1, 2, 0).numpy())


def test_inversions_of_a_photograph_leave_an_equal_share_even_if_a_search_does_not_reach_it(selections, tmp_path):
    scores, backbone, originals = selections
    left = scores.loc[scores["measure"] == "remaining distance", "value"]
    assert left.between(0.495, 0.5).all()
    channels = pd.DataFrame({"layer": "relu1_1", "channel": range(8), "status": "scored", "pe": np.arange(8) / 8})
    options = {"seeds": [1], "halves": 1, "remaining": 0.01, "steps": 25}
    hurried = invert_selections(backbone, channels, "relu1_1", originals, tmp_path, **options)
    shares = hurried[hurried["measure"] == "remaining distance"].groupby("image")["value"]
    targets = torch.cat([as_tensor(image) for image in originals.values()])
    slowest = []
    for selection in ("all", "high", "low", "random"):
        metric = pe.PerceptualMetric(backbone, select_channels(channels, selection, draw=1))
        found = metric(invert(metric, targets, seed=1, steps=25), targets)
        slowest.append(found / metric(torch.full_like(targets, 0.5), targets))
    assert (shares.max() > 0.01).all()
    np.testing.assert_allclose(shares.max(), torch.stack(slowest).amax(dim=0), rtol=0.01)
    assert (shares.min() > 0.98 * shares.max()).all()


# Total variation
def test_total_variation_of_an_edge_is_its_height_times_length_in_all_colours():
    image = torch.zeros(1, 3, 10, 20)
    image[..., 7:] = 0.5
    # 10 of 200 pixels have a difference of 0.5 in each of three colours; smoothing adds at most 1/255 per pixel
    assert total_variation(image).item() == pytest.approx(10 * 0.5 * np.sqrt(3) / 200, abs=1 / 255)


def test_total_variation_is_isotropic_where_a_plane_rises():
    down, right = torch.meshgrid(torch.arange(100.0), torch.arange(100.0), indexing="ij")
    plane = ((0.3 * down + 0.4 * right) / 2)[None, None]
    assert total_variation(plane).item() == pytest.approx(0.25, rel=0.01)


def test_total_variation_of_a_uniform_image_has_a_finite_gradient():
    image = torch.full((1, 3, 5, 5), 0.5, requires_grad=True)
    total_variation(image).sum().backward()
    assert image.grad.abs().max() == 0


# Errors of inversion
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps is 0; it must be a finite number of at least 1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it must be a finite number of at least 0"),
        ({"variation": -1.0}, "variation is -1.0; it must be a finite number of at least 0"),
        ({"remaining": -0.1}, "remaining is -0.1; it must be a finite number of at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(metric, photographs, setting, message):
    with pytest.raises(ValueError, match=message):
        invert(metric, photographs, seed=0, **setting)


def test_photographs_out_of_range_are_refused_even_if_the_metric_takes_them(photographs):
    lenient = pe.PerceptualMetric(draw_random({"relu1_1": 4}, seed=0), validate_range=False)
    with pytest.raises(ValueError, match=r"photographs lie in \[.*, 1.5\]; expected values in \[0, 1\]"):
        invert(lenient, photographs / photographs.max() * 1.5, seed=0, steps=1)


def test_photographs_of_one_pixel_across_are_refused(metric):
    with pytest.raises(ValueError, match="photographs are 1 x 8 pixels; expected at least 2 x 2"):
        invert(metric, torch.rand(1, 3, 8, 1), seed=0, steps=1)


def test_an_objective_that_is_not_finite_is_refused_with_its_step(photographs):
    backbone = draw_random({"relu1_1": 4}, seed=0)
    next(backbone.parameters()).data.fill_(float("nan"))
    with pytest.raises(ValueError, match="Step 1 of 7: image 0 is at distance nan"):
        invert(pe.PerceptualMetric(backbone), photographs, seed=0, steps=7)


# The central square
def test_square_is_the_centre_of_the_photograph():
    photograph = np.zeros((20, 51, 3), dtype=np.uint8)
    photograph[:, 15:35] = 200
    np.testing.assert_array_equal(square(photograph, 5), np.full((5, 5, 3), 200))


def test_square_at_full_size_is_the_photograph_itself():
    photograph = data.astronaut()
    np.testing.assert_array_equal(square(photograph, 512), photograph)


def test_square_keeps_the_mean_of_a_photograph():
    small = square(data.astronaut(), 64)
    assert small.shape == (64, 64, 3)
    np.testing.assert_allclose(small.mean(axis=(0, 1)), data.astronaut().mean(axis=(0, 1)), atol=1)


def test_photograph_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match=r"60 x 40 pixels; it holds no square of 64 x 64\. Choose a size from 1 to 40"):
        square(np.zeros((40, 60, 3), dtype=np.uint8), 64)


# What an image has lost
def test_identical_images_have_no_error():
    image = square(data.astronaut(), 64)
    assert errors(image, image.copy()) == dict.fromkeys(MEASURES, 0)


def test_more_noise_is_a_larger_error_by_every_measure():
    image = square(data.astronaut(), 64)
    noise = np.random.default_rng(0).standard_normal(image.shape)
    few, many = (errors((image + s * noise).round().clip(0, 255).astype(np.uint8), image) for s in (4, 40))
    assert all(0 < few[name] < many[name] for name in MEASURES)


def test_structure_is_gmsd():
    image, reference = drawn(seed=1), square(data.astronaut(), 64)
    expected = baselines.measure(as_tensor(reference), as_tensor(image), "GMSD").item()
    assert errors(image, reference)["structure"] == expected


def test_black_and_white_are_100_in_colour():
    # equally far from L* = 50, where the formula's weight of lightness is one
    assert errors(uniform(0, 0, 0), uniform(255, 255, 255))["colour"] == pytest.approx(100, abs=1e-3)


def test_colour_is_the_mean_ciede2000_of_colour_science():
    random = np.random.default_rng(0)
    image, reference = random.integers(256, size=(2, 32, 32, 3), dtype=np.uint8)
    lab = [colour.XYZ_to_Lab(colour.sRGB_to_XYZ(x / 255)) for x in (reference, image)]
    expected = colour.delta_E(*lab, method="CIE 2000").mean()
    assert errors(image, reference)["colour"] == pytest.approx(expected, rel=1e-3)


def test_shift_of_a_grating_is_no_difference_in_texture():
    found = errors(waves(shift=2), waves())  # by half a period: the negative
    assert found["texture spectrum"] < 0.05
    assert found["texture contrast"] < 0.01


def test_circular_shift_of_a_periodic_random_texture_is_structure_but_hardly_texture():
    tile = drawn(size=8, seed=2)
    texture = np.tile(tile, (8, 8, 1))
    found = errors(np.roll(texture, (3, 2), axis=(0, 1)), texture)
    other = errors(np.tile(drawn(size=8, seed=3), (8, 8, 1)), texture)
    assert found["structure"] > other["structure"] / 2
    assert found["texture spectrum"] < other["texture spectrum"] / 2
    assert found["texture contrast"] < 0.02 < other["texture contrast"]


def test_half_the_contrast_is_log_2_in_contrast_and_twice_that_in_power():
    found = errors(drawn(deviation=20), drawn(deviation=40))
    assert found["texture contrast"] == pytest.approx(np.log10(2), abs=0.01)
    assert found["texture spectrum"] == pytest.approx(np.log10(4), abs=0.02)


def test_white_noise_lost_is_the_logarithm_of_its_variance_over_that_of_rounding():
    found = errors(uniform(128, 128, 128, 128), drawn(size=128, deviation=10))
    # rounding adds 1/12 to the noise itself as well
    expected = np.log10((100 + 1 / 12 + 1 / 12) / (1 / 12))
    assert found["texture contrast"] == pytest.approx(expected / 2, abs=0.01)
    assert found["texture spectrum"] == pytest.approx(expected, abs=0.2)  # a logarithm's mean is lower


def test_rounding_alone_is_little_of_a_difference_in_texture():
    one, other = (drawn(seed=seed, deviation=0.3) for seed in (0, 1))
    assert errors(one, other)["texture spectrum"] < 0.3


def test_texture_of_another_orientation_or_frequency_is_seen():
    for other in (waves().swapaxes(0, 1), waves(period=8), waves(period=16)):
        found = errors(other, waves())
        assert found["texture spectrum"] > 0.5
        assert found["texture contrast"] < 0.05


def test_brightness_is_no_texture():
    found = errors(drawn() + np.uint8(5), drawn())
    assert found["texture spectrum"] < 1e-9
    assert found["texture contrast"] < 1e-9
    assert found["colour"] > 1


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((32, 32, 3), dtype=np.float32), r"The image is float32 of shape \(32, 32, 3\); expected uint8"),
        (np.zeros((32, 32), dtype=np.uint8), r"The image is uint8 of shape \(32, 32\); expected uint8 of shape"),
        (np.zeros((15, 32, 3), dtype=np.uint8), "The image is 32 x 15 pixels; texture needs at least 16 x 16"),
        (np.zeros((32, 24, 3), dtype=np.uint8), "The image is 24 x 32 pixels, its reference 32 x 32"),
    ],
)
def test_images_of_another_kind_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        errors(image, uniform(0, 0, 0))
