"""Selections as files that belong to one network; what else may be one: test_metric.py."""

import pandas as pd
import pytest
import torch
from safetensors import safe_open

import perceptual_efficacy as pe
from perceptual_efficacy import io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.backbones.vgg import draw_random

LAYERS = {"relu1_1": 4, "relu1_2": 5, "relu2_1": 6}


@pytest.fixture(scope="module")
def backbone():
    return draw_random(LAYERS, seed=1)


@pytest.fixture(scope="module")
def channels(backbone):
    return pe.score_channels(pe.probe(backbone, pe.gratings(frequencies=5, orientations=4, phases=2)))


@pytest.fixture
def file(channels, tmp_path):
    pe.save_selection(pe.select_channels(channels, "high"), tmp_path / "high.safetensors", channels, csf="flat")
    return tmp_path / "high.safetensors"


def pair():
    return torch.rand(2, 1, 3, 24, 20, generator=torch.Generator().manual_seed(0)).unbind()


def test_file_measures_what_its_table_does(backbone, channels, file):
    x, y = pair()
    table = pe.PerceptualMetric(backbone, pe.select_channels(channels, "high"))
    for form in (file, str(file)):
        assert torch.equal(pe.PerceptualMetric(backbone, form)(x, y), table(x, y))


def test_weights_are_kept(backbone, channels, tmp_path):
    weighted = pd.DataFrame({"layer": ["relu1_1", "relu2_1"], "channel": [3, 0], "weight": [0.3, 2]})
    pe.save_selection(weighted, tmp_path / "mine.safetensors", channels)
    x, y = pair()
    found = pe.PerceptualMetric(backbone, tmp_path / "mine.safetensors")
    assert torch.equal(found(x, y), pe.PerceptualMetric(backbone, weighted)(x, y))
    assert "channels=2 of 15, layers=['relu1_1', 'relu2_1']" in repr(found)


def test_any_reader_of_safetensors_sees_what_it_is(backbone, channels, file):
    chosen = set(pe.select_channels(channels, "high").itertuples(index=False, name=None))
    with safe_open(file, "numpy") as opened:
        held = {(layer, int(i)) for layer in opened.keys() for i in opened.get_tensor(layer).nonzero()[0]}  # noqa: SIM118
    assert held == chosen
    _, card = io.read_weights(file)
    about = {
        "network": backbone.identity["network"],
        "origin": "random weights",
        "csf": "flat",
        "version": pe.__version__,
    }
    assert about.items() <= card.items()
    assert card["pixels_per_degree"] == 32
    assert {layer: it["weights_sha256"] for layer, it in card["layers"].items()} == backbone.weights_sha256


def test_equal_selections_are_equal_bytes(channels, file, tmp_path):
    pe.save_selection(pe.select_channels(channels, "high"), tmp_path / "again.safetensors", channels, csf="flat")
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_other_weights_are_refused(file):
    message = (
        r"high\.safetensors is a selection for .*, random weights; the backbone is .*\. Up to relu1_1 the SHA-256 "
        r".* is \w{12}…, not \w{12}…"
    )
    with pytest.raises(ValueError, match=message):
        pe.PerceptualMetric(draw_random(LAYERS, seed=2), file)


def test_a_change_in_a_deeper_layer_matters_to_that_layer_alone(backbone, channels, tmp_path):
    shallow, deep = (pe.select_channels(channels, "high", layers=[layer]) for layer in ("relu1_1", "relu2_1"))
    pe.save_selection(shallow, tmp_path / "shallow.safetensors", channels)
    pe.save_selection(deep, tmp_path / "deep.safetensors", channels)
    tuned = draw_random(LAYERS, seed=1)
    tuned.network.get_submodule("relu2_1").get_parameter("1.weight").mul_(1.01)
    pe.PerceptualMetric(tuned, tmp_path / "shallow.safetensors")
    with pytest.raises(ValueError, match="Up to relu2_1"):
        pe.PerceptualMetric(tuned, tmp_path / "deep.safetensors")


def test_cut_elsewhere_or_saved_a_network_is_the_same(tmp_path):
    """Scored in one layer of three, then measured with in a network that was saved with all of them."""
    one = pe.load_backbone("random:alexnet", layers=["relu2"], seed=3)
    whole = pe.load_backbone("random:alexnet", layers="lpips", seed=3)
    channels = pe.score_channels(pe.probe(one, pe.gratings(frequencies=4, orientations=4, phases=1)))
    pe.save_selection(pe.select_channels(channels, "high"), tmp_path / "high.safetensors", channels)
    store.save(whole, tmp_path / "weights.safetensors", tmp_path / "card.json", name="mine", provenance={})
    for backbone in (one, whole, pe.load_backbone(tmp_path)):
        assert "layers=['relu2']" in repr(pe.PerceptualMetric(backbone, tmp_path / "high.safetensors"))
    assert one.weights_sha256["relu2"] == whole.weights_sha256["relu2"]
    assert len(set(whole.weights_sha256.values())) == 5


def test_layer_that_the_backbone_lacks_is_refused(file):
    with pytest.raises(
        ValueError,
        match=r"high\.safetensors selects channels of relu1_1, relu1_2, relu2_1 in .*; the backbone, .*, has relu1_1\.",
    ):
        pe.PerceptualMetric(draw_random({"relu1_1": 4}, seed=1), file)


def test_other_safetensors_are_refused(backbone, tmp_path):
    io.write_weights({"relu1_1": torch.ones(4).numpy()}, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"weights\.safetensors is no selection of channels"):
        pe.PerceptualMetric(backbone, tmp_path / "weights.safetensors")
    with pytest.raises(
        ValueError, match=r"selection is .*none\.safetensors'; expected .* an existing \.csv, \.parquet or"
    ):
        pe.PerceptualMetric(backbone, tmp_path / "none.safetensors")


def test_truncated_file_is_refused(backbone, file):
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"high\.safetensors: cannot be read as safetensors"):
        pe.PerceptualMetric(backbone, file)


def test_what_cannot_be_saved_leaves_no_file(channels, tmp_path):
    chosen = pe.select_channels(channels, "high")
    with pytest.raises(ValueError, match=r"path is .*high\.csv'; its name must end with \.safetensors"):
        pe.save_selection(chosen, tmp_path / "high.csv", channels)
    with pytest.raises(ValueError, match=r"has no column weights_sha256, .* Score the network again with this version"):
        pe.save_selection(chosen, tmp_path / "high.safetensors", channels.drop(columns="weights_sha256"))
    with pytest.raises(ValueError, match="The selection has channel 9 of 'relu1_1'"):
        pe.save_selection(chosen.assign(channel=9), tmp_path / "high.safetensors", channels)
    assert not list(tmp_path.iterdir())
