"""Pre-trained networks as others distribute them: read strictly, and what their channels are known to do."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from skimage import data

import perceptual_efficacy as pe
from perceptual_efficacy.backbones import weights

FOLDER = os.environ.get("PERCEPTUAL_EFFICACY_TEST_DATA")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="PERCEPTUAL_EFFICACY_TEST_DATA, the folder of real data, is not set"),
]


def file(name):
    return Path(FOLDER) / "weights" / f"{name}.pth"


@pytest.mark.parametrize(("photograph", "expected"), [("chelsea", "Egyptian cat"), ("coffee", "espresso")])
def test_classifier_with_weights_that_we_read_names_what_it_is_shown(photograph, expected):
    release = torchvision.models.SqueezeNet1_0_Weights.IMAGENET1K_V1
    network = torchvision.models.squeezenet1_0(weights=None).eval()
    network.load_state_dict(weights.read(file("squeezenet1_0_deepcompression")), strict=True)
    image = release.transforms()(torch.from_numpy(getattr(data, photograph)()).permute(2, 0, 1))
    with torch.no_grad():
        best = network(image[None])[0].argmax()
    assert release.meta["categories"][best] == expected


def vgg16(layers):
    return pe.load_backbone("torchvision:vgg16", layers=layers, weights=file("vgg16_torchvision_first_layers"))


def test_truncated_vgg16_serves_the_layers_that_it_holds():
    assert vgg16(["relu1_1", "relu2_2", "relu3_1"]).layers == {"relu1_1": 64, "relu2_2": 128, "relu3_1": 256}


def test_truncated_vgg16_is_refused_for_a_deeper_layer_naming_what_it_lacks():
    message = r"vgg16_torchvision_first_layers\.pth does not fit .* missing: features\.12\.weight, features\.12\.bias"
    with pytest.raises(ValueError, match=message):
        vgg16(["relu3_2"])


def test_truncated_vgg16_is_known_to_be_torchvisions_release():
    card = vgg16(["relu1_1"]).card
    assert card["release"] == "IMAGENET1K_V1"
    assert card["origin"] == "IMAGENET1K_V1 weights of torchvision"
    # the folder's own list
    assert card["file_sha256"] == "20c5fe18f5992c672e40f2ba710ff146bf750526db637bd7788d4f30e1840f6f"


@pytest.mark.parametrize(
    ("name", "held"), [("squeezenet1_1", "squeezenet1_1_onnxzoo"), ("squeezenet1_0", "squeezenet1_0_deepcompression")]
)
def test_network_that_others_trained_is_taken_for_no_release(name, held):
    card = pe.load_backbone(f"torchvision:{name}", layers=["relu1"], weights=file(held)).card
    assert card["release"] is None
    assert card["origin"] == f"weights {held}.pth"


@pytest.fixture(scope="module")
def first_layer():
    """Scores of VGG-16's first layer, and its filters' sensitivity to grey patterns, (64, 3, 3)."""
    backbone = vgg16(["relu1_1"])
    scores = pe.score_channels(pe.probe(backbone, pe.gratings(frequencies=12, orientations=16, phases=4)))
    kernel = backbone.network.state_dict()["features.0.weight"].numpy()
    return scores, (kernel / np.array([0.229, 0.224, 0.225])[:, None, None]).sum(axis=1)


def test_first_layer_of_vgg16_has_oriented_channels_and_unoriented_ones(first_layer):
    # of 63 channels that respond to grey, 8 lie above 0.8 and 16 below 0.2: edges in one direction, and blobs
    osi = first_layer[0]["osi"].dropna()
    assert len(osi) > 60
    assert (osi > 0.8).sum() >= 5
    assert (osi < 0.2).sum() >= 10


def test_oriented_channels_of_vgg16_prefer_the_orientation_of_their_filters(first_layer):
    # the response to a grating rises with the magnitude of the filter's Fourier transform there, whatever the bias is
    scores, kernels = first_layer
    oriented = scores[scores["osi"] > 0.8]
    angle = np.deg2rad(np.arange(-90, 90, 180 / 16))
    row, column = np.meshgrid(np.arange(3), np.arange(3), indexing="ij")
    for channel, frequency, found in oriented[["channel", "steepest_frequency", "preferred_orientation"]].to_numpy():
        along = column * np.cos(angle)[:, None, None] - row * np.sin(angle)[:, None, None]  # upwards is against rows
        gain = np.abs((kernels[int(channel)] * np.exp(-2j * np.pi * frequency / 32 * along)).sum(axis=(1, 2)))
        expected = np.rad2deg(angle[gain.argmax()])
        assert abs((found - expected + 90) % 180 - 90) <= 180 / 16
