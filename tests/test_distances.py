"""The distance of patterns to blank, channel by channel, against a plain reference."""

import numpy as np
import pytest
import torch
from torch import nn

from perceptual_efficacy import backbones, distances

LAYERS = {"relu1_1": 4, "relu1_2": 5, "relu2_1": 6}


@pytest.fixture(scope="module")
def backbone():
    return backbones.draw_random(LAYERS, seed=1)


@pytest.fixture(scope="module")
def pattern():
    pattern = np.random.default_rng(0).uniform(-1, 1, size=(3, 12, 12))
    return pattern / np.abs(pattern).max(axis=(1, 2), keepdims=True)


def reference(backbone, pattern, contrast):
    """The same in float64 and by loops: pad, run both images, normalise over channels, average over positions."""
    margin = backbone.receptive_field
    double = backbones.draw_random(LAYERS, seed=1).double()
    result = []
    for one in pattern:
        padded = np.pad(one, margin)
        images = [torch.tensor(0.5 + 0.5 * c * padded).expand(1, 3, -1, -1) for c in (contrast, 0)]
        for (_, shown), (_, blank) in zip(double.taps(images[0]), double.taps(images[1]), strict=True):
            maps = [activation.numpy()[0] for activation in (shown, blank)]
            lengths = [np.sqrt((activation**2).sum(axis=0) + 1e-10) for activation in maps]
            unit = [activation / length for activation, length in zip(maps, lengths, strict=True)]
            result.append(((unit[0] - unit[1]) ** 2).mean(axis=(1, 2)))
    return np.concatenate(result).reshape(len(pattern), -1)


def test_distances_equal_a_plain_reference(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.1, 0.7], batch_size=2)
    for number, contrast in enumerate((0.1, 0.7)):
        expected = reference(backbone, pattern, contrast)
        np.testing.assert_allclose(cube["distance"].values[:, number], expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_a_layers_total_equals_the_reference_closely(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.7])
    expected = reference(backbone, pattern, 0.7)
    for layer in LAYERS:
        units = cube["layer"].values == layer
        np.testing.assert_allclose(
            cube["distance"].values[:, 0, units].sum(axis=-1), expected[:, units].sum(axis=-1), rtol=1e-5
        )


def test_units_are_all_channels_from_shallow_to_deep(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.5])
    assert cube["layer"].values.tolist() == ["relu1_1"] * 4 + ["relu1_2"] * 5 + ["relu2_1"] * 6
    assert cube["channel"].values.tolist() == [*range(4), *range(5), *range(6)]
    assert cube["distance"].dtype == np.float32


def test_small_contrasts_grow_with_the_square(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.001, 0.002])["distance"].values
    first_layer = cube[..., :4].sum(axis=-1)
    np.testing.assert_allclose(first_layer[:, 1] / first_layer[:, 0], 4, rtol=0.05)


def test_where_the_pattern_lies_in_the_picture_does_not_matter(backbone):
    """Padded to the receptive field, a pattern is seen by the same units wherever it is (shifts by the pooling)."""
    shapes = np.zeros((2, 16, 16))
    shapes[0, 4:8, 4:8] = shapes[1, 8:12, 6:10] = 1
    cube = distances.contrast_distances(backbone, shapes, [0.5])["distance"].values
    np.testing.assert_allclose(cube[0], cube[1], rtol=1e-5, atol=1e-9)


def test_the_batch_size_does_not_matter(backbone, pattern):
    one, many = (
        distances.contrast_distances(backbone, pattern, [0.1, 0.5], batch_size=size)["distance"].values
        for size in (1, 6)
    )
    np.testing.assert_allclose(one, many, rtol=1e-3, atol=1e-4 * one.max())


def test_silent_positions_are_at_no_distance_and_not_missing(pattern):
    convolution = nn.utils.skip_init(nn.Conv2d, 3, 2, 3, padding=1)
    nn.init.zeros_(convolution.weight)
    nn.init.constant_(convolution.bias, -1)
    silent = backbones.Backbone({"relu1_1": nn.Sequential(convolution, nn.ReLU())}, {})
    assert (distances.contrast_distances(silent, pattern, [0.5])["distance"].values == 0).all()


@pytest.mark.parametrize("contrasts", [[], [0.0, 0.5], [0.5, 0.2], [0.5, 1.2]])
def test_contrasts_that_do_not_rise_within_their_range_are_refused(backbone, pattern, contrasts):
    with pytest.raises(ValueError, match=r"contrasts are .*; they must rise within \(0, 1\]"):
        distances.contrast_distances(backbone, pattern, contrasts)


def test_a_pattern_beyond_its_peak_is_refused(backbone, pattern):
    with pytest.raises(ValueError, match=r"A pattern reaches 2.*; its largest magnitude may be 1"):
        distances.contrast_distances(backbone, 2 * pattern, [0.5])
