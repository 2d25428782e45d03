"""Our distance beside that of the package lpips, on its own example images, and with a pre-trained network."""

import os
from pathlib import Path

import lpips
import pytest
import torch

import perceptual_efficacy as pe
from perceptual_efficacy import image_files
from perceptual_efficacy.backbones.network import as_tensor
from perceptual_efficacy.lpips import lpips_weights

FOLDER = os.environ.get("PERCEPTUAL_EFFICACY_TEST_DATA")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="PERCEPTUAL_EFFICACY_TEST_DATA, the folder of real data, is not set"),
    pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning"),  # lpips asks so
    pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning"),
]

NETS = {"vgg": "vgg16", "alex": "alexnet", "squeeze": "squeezenet1_1"}


@pytest.fixture(scope="module")
def examples():
    """The reference, and both images that the package compares with it."""
    reference, *others = (
        as_tensor(image_files.read(Path(FOLDER) / "lpips" / f"{name}.png")) for name in ("ex_ref", "ex_p0", "ex_p1")
    )
    return torch.cat(others), reference.expand(2, -1, -1, -1)


def theirs(net, backbone, calibrated):
    """The package's own distance, with the weights of our backbone."""
    distance = lpips.LPIPS(net=net, pnet_rand=True, lpips=calibrated, verbose=False)
    state = backbone.network.state_dict()
    for name, weight in distance.net.named_parameters():  # slice1.0.weight is features.0.weight
        weight.data.copy_(state.pop(f"features.{name.partition('.')[2]}"))
    assert not state
    return distance


def ours(net, backbone, calibrated):
    return pe.PerceptualMetric(backbone, lpips_weights(f"torchvision:{NETS[net]}") if calibrated else None)


def assert_equal(net, backbone, calibrated, images, references):
    with torch.no_grad():
        expected = theirs(net, backbone, calibrated)(2 * images - 1, 2 * references - 1).flatten()
        torch.testing.assert_close(ours(net, backbone, calibrated)(images, references), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("calibrated", [False, True], ids=["uncalibrated", "calibrated"])
@pytest.mark.parametrize("net", NETS)
def test_distance_of_photographs_is_that_of_the_package(net, examples, calibrated):
    backbone = pe.load_backbone(f"random:{NETS[net]}", layers="lpips", seed=3)
    assert_equal(net, backbone, calibrated, *examples)


@pytest.fixture(scope="module")
def squeezenet():
    file = Path(FOLDER) / "weights" / "squeezenet1_1_onnxzoo.pth"
    return pe.load_backbone("torchvision:squeezenet1_1", layers="lpips", weights=file)


@pytest.mark.parametrize("calibrated", [False, True], ids=["uncalibrated", "calibrated"])
def test_distance_by_a_pretrained_network_is_that_of_the_package(squeezenet, examples, calibrated):
    assert_equal("squeeze", squeezenet, calibrated, *examples)


@pytest.mark.parametrize("calibrated", [False, True], ids=["uncalibrated", "calibrated"])
def test_pretrained_network_finds_the_blurred_example_farther_than_the_warped_one_unlike_squared_error(
    squeezenet, examples, calibrated
):
    # as people do: figure 1 of Zhang et al. 2018 shows such pairs
    images, references = examples
    blurred, warped = ours("squeeze", squeezenet, calibrated)(images, references)
    assert blurred > 1.5 * warped
    error = (images - references).square().mean(dim=(1, 2, 3))
    assert error[0] < error[1]
