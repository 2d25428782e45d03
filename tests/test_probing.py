import dataclasses
import math

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from perceptual_efficacy import probing, stimuli
from perceptual_efficacy.backbones.loading import load_backbone
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.scores import score_channels

LAYERS = {"relu1_1": 5, "relu1_2": 4, "relu2_1": 6}
SIZE = 34  # the field of 24 pixels, and half of the largest receptive field, 10, at each side


@pytest.fixture(scope="module")
def drawn():
    small = {"field": 1, "lowest_frequency": 2, "frequencies": 3, "oriented_every": 1}
    return stimuli.gratings(**small, pixels_per_degree=24, orientations=4, phases=2, contrast=0.8)


@pytest.fixture(scope="module")
def backbone():
    return draw_random(LAYERS, seed=0)


@pytest.fixture(scope="module")
def tuning(backbone, drawn):
    return probing.probe(backbone, drawn)


@dataclasses.dataclass(frozen=True)
class OneImage(stimuli.Gratings):
    """Gratings that all show one image, (y, x)."""

    image: np.ndarray = None

    def radial(self, frequency, size):
        return np.broadcast_to(self.image, (len(self.phase), size, size)).astype(np.float32)

    def oriented(self, frequency, size):
        return np.broadcast_to(self.image, (len(self.orientation), len(self.phase), size, size)).astype(np.float32)

    def isoluminant(self, direction, frequency, size):
        return np.broadcast_to(self.image, (len(self.phase), 3, size, size)).astype(np.float32)

    def blank(self, size):
        return np.broadcast_to(self.image, (size, size)).astype(np.float32)


def with_image(drawn, image):
    return OneImage(**vars(drawn), image=image)


def reference(backbone, image, field=24):
    """Mean responses of all units to the field of a grey image: one layer after the other, in float64."""
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    normalised = (image.astype(np.float64) - mean[:, None, None]) / deviation[:, None, None]
    activation = torch.from_numpy(normalised)[None]
    responses = []
    weights = backbone.network.state_dict()
    for number, layer in enumerate(backbone.layers):
        if number == 2:
            activation = nn.functional.max_pool2d(activation, 2)
        (weight,) = (value for key, value in weights.items() if key.startswith(layer) and value.ndim == 4)
        activation = nn.functional.conv2d(activation, weight.double(), padding=1).relu()
        size = activation.shape[-1]
        left_out = math.ceil((1 - field / image.shape[-1]) / 2 * size - 1e-9)
        responses += [
            channel[left_out : size - left_out, left_out : size - left_out].mean() for channel in activation[0]
        ]
    return np.array(responses)


def test_radial_responses_are_those_of_a_plain_loop(backbone, drawn, tuning):
    images = drawn.images(SIZE).radial.stack(stimulus=("frequency", "phase"))
    for stimulus in range(6):
        image = images.isel(stimulus=stimulus)
        found = tuning.radial_response.sel(frequency=image.frequency.item(), phase=image.phase.item())
        np.testing.assert_allclose(found, reference(backbone, image.values), rtol=1e-5)


def test_oriented_responses_are_those_of_a_plain_loop(backbone, drawn, tuning):
    images = drawn.images(SIZE - 12).oriented.stack(stimulus=("oriented_frequency", "orientation", "phase"))
    for stimulus in range(0, 24, 5):
        image = images.isel(stimulus=stimulus)
        at = {name: image[name].item() for name in ("oriented_frequency", "orientation", "phase")}
        expected = reference(backbone, image.values, field=12)
        np.testing.assert_allclose(tuning.oriented_response.sel(at), expected, rtol=1e-5)


def test_half_the_field_is_enough_for_oriented_gratings():
    # responses are averaged over phases, and these gratings are the same everywhere but for their phase
    network = draw_random({"relu1_1": 8, "relu1_2": 8, "relu2_1": 12}, seed=1)
    few = {"lowest_frequency": 1, "frequencies": 5, "oriented_every": 1, "orientations": 8}
    half, whole = (
        probing.probe(network, stimuli.gratings(field=field, **few)).oriented_response.mean("phase") for field in (2, 4)
    )
    np.testing.assert_allclose(half, whole, atol=0.02 * float(whole.max()))


@pytest.mark.parametrize("direction", ["red_green", "blue_yellow"])
def test_responses_to_colour_are_those_of_a_plain_loop(backbone, drawn, tuning, direction):
    for frequency in drawn.frequency:
        for phase, image in zip(drawn.phase, drawn.isoluminant(direction, frequency, SIZE), strict=True):
            found = tuning[f"{direction}_response"].sel(frequency=frequency, phase=phase)
            np.testing.assert_allclose(found, reference(backbone, image), rtol=1e-5)


def test_three_phases_are_not_taken_for_colours(backbone, drawn):
    three = dataclasses.replace(drawn, phase=(0.0, 120.0, 240.0))
    tuning = probing.probe(backbone, three)
    image = three.oriented(three.oriented_frequency[1], SIZE - 12)[2, 1]
    np.testing.assert_allclose(tuning.oriented_response[:, 1, 2, 1], reference(backbone, image, field=12), rtol=1e-5)


def test_blank_response_is_that_of_a_plain_loop(backbone, drawn, tuning):
    np.testing.assert_allclose(tuning.blank_response, reference(backbone, drawn.blank(SIZE)), rtol=1e-5)


def test_units_are_the_channels_of_the_layers_in_order(tuning):
    assert list(zip(tuning.layer.values.tolist(), tuning.channel.values.tolist(), strict=True)) == [
        (layer, channel) for layer, width in LAYERS.items() for channel in range(width)
    ]


def test_tuning_keeps_the_axes_of_the_gratings(drawn, tuning):
    for name in ("frequency", "oriented_frequency", "orientation", "phase"):
        np.testing.assert_array_equal(tuning[name], getattr(drawn, name))


def test_tuning_keeps_the_attributes_of_the_gratings(tuning):
    names = ("pixels_per_degree", "field", "contrast", "encoding", "picture_size")
    assert [tuning.attrs[name] for name in names] == [24, 1, 0.8, "display", SIZE]


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_batch_size_does_not_change_the_result(backbone, drawn, tuning, batch_size):
    other = probing.probe(backbone, drawn, batch_size=batch_size)
    for name in ("radial_response", "oriented_response", "blank_response"):
        np.testing.assert_allclose(other[name], tuning[name], rtol=1e-5, atol=1e-6)


def test_without_colour_all_else_is_the_same(backbone, drawn, tuning):
    grey = probing.probe(backbone, drawn, colour=False)
    xr.testing.assert_identical(grey, tuning.drop_vars(["red_green_response", "blue_yellow_response"]))
    assert score_channels(grey)["chromatic_index"].isna().all()


def test_only_the_field_counts(filter_bank, drawn):
    frame = np.ones((32, 32))
    frame[4:-4, 4:-4] = np.random.default_rng(0).uniform(size=(24, 24))
    tuning = probing.probe(filter_bank([[[1]]]), with_image(drawn, frame), size=32)
    np.testing.assert_allclose(tuning.radial_response, frame[4:-4, 4:-4].mean(), rtol=1e-6)


@pytest.mark.parametrize("reach", [1, 5, 6])
def test_no_unit_in_the_field_sees_padding(filter_bank, drawn, reach):
    """A filter that sums over its receptive field gives its area everywhere, as long as no zeros are in it."""
    tuning = probing.probe(filter_bank(np.ones((1, 2 * reach + 1, 2 * reach + 1))), with_image(drawn, 1.0))
    assert tuning.attrs["picture_size"] == 24 + 2 * (reach + 1)
    np.testing.assert_allclose(tuning.radial_response, (2 * reach + 1) ** 2, rtol=1e-6)
    assert not tuning["sees_padding"].any()


def test_layers_that_would_need_larger_pictures_are_told(drawn):
    backbone = draw_random({"relu1_1": 2, "relu2_1": 2, "relu3_1": 2}, seed=0)
    fields = list(backbone.receptive_fields.values())
    tuning = probing.probe(backbone, drawn, largest=24 + 2 * (fields[1] // 2))
    assert tuning["sees_padding"].groupby("layer").any().values.tolist() == [False, False, True]


def test_negative_means_are_rectified(filter_bank, drawn):
    # a linear unit follows the grey value minus 0.5: of the halves of -0.25 and 0.5 only the latter counts
    image = np.repeat(np.float32([0.25, 1]), 12)[:, None].repeat(24, axis=1)
    tuning = probing.probe(filter_bank([[[1]]], -0.5, nn.Identity()), with_image(drawn, image), size=24)
    np.testing.assert_allclose(tuning.radial_response, 0.25, atol=1e-6)


def test_only_units_that_went_below_zero_are_flagged(filter_bank, drawn):
    tuning = probing.probe(filter_bank([[[1]], [[1]], [[0]]], [-0.5, 0, 0], nn.Identity()), drawn)
    assert tuning.rectified.values.tolist() == [True, False, False]


def test_responses_of_a_linear_positive_unit_are_its_mean(filter_bank, drawn):
    # beside a unit that is rectified
    tuning = probing.probe(filter_bank([[[1]], [[1]]], [0, -0.5], nn.Identity()), drawn, size=24)
    expected = drawn.images().radial.values.mean(axis=(2, 3), dtype=np.float64)
    np.testing.assert_allclose(tuning.radial_response[0], expected, rtol=1e-5)


def test_global_random_states_are_left_alone(backbone, drawn):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    probing.probe(backbone, drawn)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_network_is_left_alone(drawn):
    backbone = draw_random(LAYERS, seed=0)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    probing.probe(backbone, drawn)
    torch.testing.assert_close(dict(backbone.state_dict()), before, rtol=0, atol=0, check_stride=True)


def test_progress_sees_every_batch(backbone, drawn):
    seen = []

    def progress(batches):
        for batch in batches:
            seen.append(batch[0])
            yield batch

    probing.probe(backbone, drawn, batch_size=5, progress=progress)
    # two radial gratings of each frequency and colour, eight oriented ones in two batches, the blank
    assert seen == ["radial"] * 3 + ["oriented"] * 6 + ["red_green"] * 3 + ["blue_yellow"] * 3 + ["blank"]


@pytest.mark.parametrize("name", ["largest", "size"])
def test_pictures_smaller_than_the_field_are_refused(backbone, drawn, name):
    with pytest.raises(ValueError, match=f"{name} is 20 pixels; the field alone has 24"):
        probing.probe(backbone, drawn, **{name: 20})


def test_empty_batches_are_refused(backbone, drawn):
    with pytest.raises(ValueError, match="batch_size is 0; it must be at least 1"):
        probing.probe(backbone, drawn, batch_size=0)


def test_network_of_one_size_is_shown_pictures_of_it():
    backbone = load_backbone("random:vit_b_16", layers=["block1"])
    drawn = stimuli.gratings(frequencies=3, orientations=2, phases=1, oriented_every=1)
    tuning = probing.probe(backbone, drawn, colour=False)
    assert backbone.only_size == tuning.attrs["picture_size"] == 224
    xr.testing.assert_identical(tuning, probing.probe(backbone, drawn, colour=False, size=224))


def test_network_that_is_no_backbone_is_refused():
    with pytest.raises(ValueError, match="The network is a Linear; expected a Backbone, as load_backbone returns"):
        probing.probe(nn.Linear(1, 1), stimuli.gratings())
