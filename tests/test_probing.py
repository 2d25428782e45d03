import numpy as np
import pytest
import torch
from torch import nn

from perceptual_efficacy import probing, stimuli
from perceptual_efficacy.backbones.vgg import draw_random

LAYERS = {"relu1_1": 5, "relu1_2": 4, "relu2_1": 6}


@pytest.fixture(scope="module")
def drawn():
    return stimuli.gratings(size=24, frequencies=3, orientations=4, phases=2, contrast=0.8)


@pytest.fixture(scope="module")
def backbone():
    return draw_random(LAYERS, seed=0)


@pytest.fixture(scope="module")
def tuning(backbone, drawn):
    return probing.probe(backbone, drawn)


def with_image(drawn, image):
    """Put one image in the place of every grating and of the blank."""
    return drawn.map(lambda images: images.copy(data=np.broadcast_to(image, images.shape).copy()), keep_attrs=True)


def reference(backbone, image, border=0.1):
    """Mean responses of all units to one grey image: one layer after the other, in float64."""
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    activation = torch.from_numpy((image.astype(np.float64) - mean[:, None, None]) / deviation[:, None, None])[None]
    responses = []
    weights = backbone.network.state_dict()
    for number, layer in enumerate(backbone.layers):
        if number == 2:
            activation = nn.functional.max_pool2d(activation, 2)
        (weight,) = (value for key, value in weights.items() if key.startswith(layer) and value.ndim == 4)
        activation = nn.functional.conv2d(activation, weight.double(), padding=1).relu()
        size = activation.shape[-1]
        left_out = int(border * size)
        responses += [
            channel[left_out : size - left_out, left_out : size - left_out].mean() for channel in activation[0]
        ]
    return np.array(responses)


def test_radial_responses_are_those_of_a_plain_loop(backbone, drawn, tuning):
    images = drawn.radial.stack(stimulus=("frequency", "phase"))
    for stimulus in range(6):
        image = images.isel(stimulus=stimulus)
        found = tuning.radial_response.sel(frequency=image.frequency.item(), phase=image.phase.item())
        np.testing.assert_allclose(found, reference(backbone, image.values), rtol=1e-5)


def test_oriented_responses_are_those_of_a_plain_loop(backbone, drawn, tuning):
    images = drawn.oriented.stack(stimulus=("frequency", "orientation", "phase"))
    for stimulus in range(0, 24, 5):
        image = images.isel(stimulus=stimulus)
        at = {name: image[name].item() for name in ("frequency", "orientation", "phase")}
        np.testing.assert_allclose(tuning.oriented_response.sel(at), reference(backbone, image.values), rtol=1e-5)


def test_blank_response_is_that_of_a_plain_loop(backbone, drawn, tuning):
    np.testing.assert_allclose(tuning.blank_response, reference(backbone, drawn.blank.values), rtol=1e-5)


def test_units_are_the_channels_of_the_layers_in_order(tuning):
    assert list(zip(tuning.layer.values.tolist(), tuning.channel.values.tolist(), strict=True)) == [
        (layer, channel) for layer, width in LAYERS.items() for channel in range(width)
    ]


def test_tuning_keeps_the_axes_of_the_gratings(drawn, tuning):
    for name in ("frequency", "orientation", "phase"):
        np.testing.assert_array_equal(tuning[name], drawn[name])


def test_tuning_keeps_the_attributes_of_the_gratings(tuning):
    names = ("pixels_per_degree", "contrast", "encoding")
    assert [tuning.attrs[name] for name in names] == [32, 0.8, "display"]


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_batch_size_does_not_change_the_result(backbone, drawn, tuning, batch_size):
    other = probing.probe(backbone, drawn, batch_size=batch_size)
    for name in ("radial_response", "oriented_response", "blank_response"):
        np.testing.assert_allclose(other[name], tuning[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("border", "expected"), [(0, 1 - (20 / 24) ** 2), (0.05, 1 - (20 / 22) ** 2), (0.1, 0)])
def test_border_is_left_out(filter_bank, drawn, border, expected):
    # a frame two pixels wide: all of it, half of its width, nothing of it
    frame = np.ones((24, 24), np.float32)
    frame[2:-2, 2:-2] = 0
    tuning = probing.probe(filter_bank([[[1]]]), with_image(drawn, frame), border=border)
    np.testing.assert_allclose(tuning.radial_response, expected, atol=1e-6)


def test_negative_means_are_rectified(filter_bank, drawn):
    # a linear unit follows the grey value minus 0.5: of the halves of -0.25 and 0.5 only the latter counts
    image = np.repeat(np.float32([0.25, 1]), 12)[:, None].repeat(24, axis=1)
    tuning = probing.probe(filter_bank([[[1]]], -0.5, nn.Identity()), with_image(drawn, image), border=0)
    np.testing.assert_allclose(tuning.radial_response, 0.25, atol=1e-6)


def test_only_units_that_went_below_zero_are_flagged(filter_bank, drawn):
    tuning = probing.probe(filter_bank([[[1]], [[1]], [[0]]], [-0.5, 0, 0], nn.Identity()), drawn)
    assert tuning.rectified.values.tolist() == [True, False, False]


def test_responses_of_a_linear_positive_unit_are_its_mean(filter_bank, drawn):
    # beside a unit that is rectified
    tuning = probing.probe(filter_bank([[[1]], [[1]]], [0, -0.5], nn.Identity()), drawn, border=0)
    expected = drawn.radial.values.mean(axis=(2, 3), dtype=np.float64)
    np.testing.assert_allclose(tuning.radial_response[0], expected, rtol=1e-5)


def test_global_random_states_are_left_alone(backbone, drawn):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    probing.probe(backbone, drawn)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_weights_are_left_alone(drawn):
    backbone = draw_random(LAYERS, seed=0)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    probing.probe(backbone, drawn)
    torch.testing.assert_close(dict(backbone.state_dict()), before, rtol=0, atol=0)


def test_progress_sees_every_batch(backbone, drawn):
    seen = []

    def progress(batches):
        for batch in batches:
            seen.append(len(batch))
            yield batch

    probing.probe(backbone, drawn, batch_size=5, progress=progress)
    assert seen == [5, 1, 5, 5, 5, 5, 4, 1]  # 6 radial gratings, 24 oriented ones, the blank


@pytest.mark.parametrize("name", ["radial_response", "oriented_response"])
def test_order_of_the_gratings_axes_does_not_matter(backbone, drawn, tuning, name):
    turned = probing.probe(backbone, drawn.transpose("x", "phase", "y", "orientation", "frequency").transpose("y", ...))
    assert turned[name].dims == tuning[name].dims
    np.testing.assert_allclose(turned[name], tuning[name], rtol=1e-5, atol=1e-6)


def test_order_and_number_of_gratings_do_not_matter(backbone, drawn, tuning):
    chosen = {"frequency": [2, 0], "orientation": [3, 1, 0]}
    found = probing.probe(backbone, drawn.isel(chosen))
    for name in ("radial_response", "oriented_response"):
        np.testing.assert_allclose(found[name], tuning[name].isel(chosen, missing_dims="ignore"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("border", [-0.1, 0.5, float("nan")])
def test_border_that_leaves_nothing_is_refused(backbone, drawn, border):
    with pytest.raises(ValueError, match=r"border is .*; it is a share .* and must lie in \[0, 0.5\)"):
        probing.probe(backbone, drawn, border=border)


def test_empty_batches_are_refused(backbone, drawn):
    with pytest.raises(ValueError, match="batch_size is 0; it must be at least 1"):
        probing.probe(backbone, drawn, batch_size=0)
