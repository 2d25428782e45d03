"""Files of weights: what is read, what is refused, where they come from, and the study's own form of them."""

import hashlib
import http.server
import os
import pathlib
import pickle
import re
import socket
import struct
import threading
import time

import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import nn

import perceptual_efficacy as pe
from perceptual_efficacy.backbones import loading, published, store, weights
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.superres import edsr

NAME, LAYERS = "torchvision:squeezenet1_1", ["fire2"]
KEPT = ("features.0.", "features.3.")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def network():
    """SqueezeNet 1.1 as torchvision builds it, with weights of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return torchvision.models.squeezenet1_1(weights=None).eval()


@pytest.fixture
def state(network):
    return network.state_dict()


@pytest.fixture
def truncated(state):
    """The weights up to the layer `fire2` alone."""
    return {key: value for key, value in state.items() if key.startswith(KEPT)}


def images():
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def expected(network):
    """What the layer `fire2` returns, by torchvision's own modules."""
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    with torch.no_grad():
        return {"fire2": network.features[:4]((images() - mean) / deviation)}


def write(state, path):
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    return path


def load(path):
    return pe.load_backbone(NAME, layers=LAYERS, weights=path)


# Reading
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("part", ["state", "truncated"])
def test_weights_of_a_file_are_those_that_compute(request, tmp_path, expected, part, suffix):
    path = write(request.getfixturevalue(part), tmp_path / f"weights{suffix}")
    torch.testing.assert_close(load(path)(images()), expected)


def test_file_in_the_form_of_before_2020_is_read(tmp_path, truncated, expected):
    torch.save(truncated, tmp_path / "weights.pth", _use_new_zipfile_serialization=False)
    torch.testing.assert_close(load(tmp_path / "weights.pth")(images()), expected)


def test_weights_that_were_learning_when_saved_are_read(tmp_path, network, expected):
    torch.testing.assert_close(load(write(dict(network.named_parameters()), tmp_path / "w.pth"))(images()), expected)


def test_weights_from_a_file_get_no_gradient(tmp_path, network):
    backbone = load(write(dict(network.named_parameters()), tmp_path / "w.pth"))
    assert not any(weight.requires_grad for weight in backbone.parameters())


def test_card_tells_the_file_and_its_sha256(tmp_path, truncated):
    path = write(truncated, tmp_path / "mine.pth")
    card = load(path).card
    assert card["file_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    expected = {"origin": "weights mine.pth", "weights": "trained", "file": "mine.pth", "release": None}
    assert {key: card[key] for key in expected} == expected


def test_file_with_the_sha256_that_was_meant_is_taken(tmp_path, truncated, expected):
    path = write(truncated, tmp_path / "weights.pth")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    backbone = pe.load_backbone(NAME, layers=LAYERS, weights=path, sha256=sha256)
    torch.testing.assert_close(backbone(images()), expected)


def test_file_with_another_sha256_than_was_meant_is_refused_with_both(tmp_path, truncated):
    path = write(truncated, tmp_path / "weights.pth")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=rf"weights\.pth has sha256 {sha256}, not {'0' * 64}: it is a different file"):
        pe.load_backbone(NAME, layers=LAYERS, weights=path, sha256="0" * 64)


class Runs:
    """Calls a function when it is unpickled as pickles usually are."""

    def __init__(self, function, argument):
        self.call = function, (argument,)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize(
    "make",
    [lambda trace: Runs(pathlib.Path.touch, trace), lambda trace: Runs(os.system, f"touch {trace}")],
    ids=["function", "shell"],
)
def test_file_that_would_run_code_is_refused_and_runs_none(tmp_path, truncated, make, form):
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    payload = make(trace)
    if form == "pickle":
        path.write_bytes(pickle.dumps({"weight": payload}, protocol=2))
    else:
        content = {**truncated, "extra": payload}
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(ValueError, match=r"weights\.pth holds more than tensors and would run code when read: refused"):
        load(path)
    assert not trace.exists()


@pytest.mark.parametrize("read", [load, lambda path: edsr.read(path, 2, 1, 4)], ids=["backbone", "superres.start"])
@pytest.mark.parametrize("harmless", [True, False])
def test_checkpoint_of_lightning_is_refused_and_runs_nothing(tmp_path, truncated, read, harmless):
    path, trace = tmp_path / "last.ckpt", tmp_path / "trace"
    checkpoint = {"epoch": 3, "state_dict": truncated, "callbacks": {"best": 0.5 if harmless else None}}
    if not harmless:
        checkpoint["hyper_parameters"] = Runs(pathlib.Path.touch, trace)
    torch.save(checkpoint, path)
    expected = "is not a state dict, .*: it holds epoch" if harmless else "would run code when read: refused"
    with pytest.raises(ValueError, match=rf"last\.ckpt .*{expected}"):
        read(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2**40),
        b"\x50"
        + bytes(7)
        + b'{"weight":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'.ljust(80),
    ],
    ids=["header", "header of a terabyte", "tensor"],
)
def test_safetensors_that_ask_for_gigabytes_are_refused(tmp_path, content):
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.safetensors cannot be read, it is damaged or not a weight file"):
        load(tmp_path / "weights.safetensors")


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("form", ["zip", "legacy", ".safetensors"])
def test_file_that_was_cut_is_refused(tmp_path, truncated, form, share):
    path = tmp_path / ("weights.safetensors" if form == ".safetensors" else "weights.pth")
    if form == "legacy":
        torch.save(truncated, path, _use_new_zipfile_serialization=False)
    else:
        write(truncated, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"{path} cannot be read, it is damaged or not a weight file .*Get it again"):
        load(path)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_page_that_was_saved_as_weights_is_refused(tmp_path, name):
    (tmp_path / name).write_text("<!DOCTYPE html><html><title>404 Not Found</title></html>" * 20)
    with pytest.raises(ValueError, match=f"{name} cannot be read, it is damaged or not a weight file"):
        load(tmp_path / name)


@pytest.mark.parametrize(
    ("wrap", "told"),
    [
        (lambda state: {"epoch": 90, "state_dict": state}, r"epoch \(int\), state_dict \(\w*[dD]ict\)"),
        (lambda state: list(state.values()), "list"),
        (lambda state: state["features.0.weight"], "Tensor"),
        (lambda state: {}, "nothing"),
    ],
    ids=["checkpoint", "list", "tensor", "empty"],
)
def test_what_is_no_state_dict_is_refused_telling_what_it_is(tmp_path, truncated, wrap, told):
    path = write(wrap(truncated), tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=rf"is not a state dict, .*: it holds {told}\. Save the state dict alone"):
        load(path)


def test_missing_file_is_refused_with_the_releases_there_are(tmp_path):
    message = rf"weights is '{tmp_path}/none\.pth': neither a file nor a release of {NAME} \(DEFAULT, IMAGENET1K_V1\)"
    with pytest.raises(FileNotFoundError, match=message):
        load(tmp_path / "none.pth")


def test_reading_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pth: there is no such weight file"):
        weights.read(tmp_path / "none.pth")


def test_unknown_release_is_refused_with_the_releases_there_are():
    with pytest.raises(
        FileNotFoundError, match=r"'IMAGENET1K_V9': .* of torchvision:resnet50 \(DEFAULT, .*_V2, .*_V1\)"
    ):
        pe.load_backbone("torchvision:resnet50", layers=["stem"], weights="IMAGENET1K_V9")


@pytest.mark.parametrize(
    ("given", "release"),
    [
        (torchvision.models.ResNet50_Weights.IMAGENET1K_V1, "IMAGENET1K_V1"),
        (torchvision.models.ResNet50_Weights.DEFAULT, "IMAGENET1K_V2"),
        ("ResNet50_Weights.IMAGENET1K_V1", "IMAGENET1K_V1"),
        ("ResNet50_Weights.DEFAULT", "IMAGENET1K_V2"),
        ("IMAGENET1K_V1", "IMAGENET1K_V1"),
    ],
    ids=str,
)
def test_torchvisions_own_names_of_weights_are_understood(given, release, monkeypatch):
    def not_here(url, name):
        raise weights.UnavailableError(f"{name} at {url}")

    monkeypatch.setattr(loading, "from_url", not_here)
    url = getattr(torchvision.models.ResNet50_Weights, release).url
    with pytest.raises(weights.UnavailableError, match=f"^{release} at {re.escape(url)}$"):
        loading.load_backbone("torchvision:resnet50", layers=["stem"], weights=given)


def test_weights_of_another_network_of_torchvision_are_refused():
    message = r"weights is ResNet18_Weights\.IMAGENET1K_V1, which is not of torchvision:resnet50; its releases are"
    for given in (torchvision.models.ResNet18_Weights.IMAGENET1K_V1, "ResNet18_Weights.IMAGENET1K_V1"):
        with pytest.raises(ValueError, match=message):
            loading.load_backbone("torchvision:resnet50", layers=["stem"], weights=given)


@pytest.mark.parametrize(("given", "told"), [(True, "bool"), ({"conv1.weight": torch.ones(1)}, "dict"), (3, "int")])
def test_weights_of_another_type_are_refused(given, told):
    with pytest.raises(
        ValueError, match=rf"^weights is a {told}; expected 'DEFAULT', a release's name or torchvision's"
    ):
        loading.load_backbone("torchvision:resnet50", layers=["stem"], weights=given)


def test_network_without_pretrained_weights_says_so():
    architecture = published.build("timm:test_resnet")._replace(releases={})
    with pytest.raises(ValueError, match="timm:test_resnet has no pre-trained weights; give a file, or None"):
        loading._find(architecture, weights.DEFAULT)


# Fitting
def test_missing_weight_is_named(tmp_path, truncated):
    del truncated["features.3.squeeze.bias"]
    path = write(truncated, tmp_path / "weights.pth")
    with pytest.raises(
        ValueError, match=r"weights\.pth does not fit the network\. missing: features\.3\.squeeze\.bias\."
    ):
        load(path)


def test_weight_of_another_shape_is_named_with_both(tmp_path, truncated):
    truncated["features.0.weight"] = torch.zeros(64, 3, 5, 5)
    path = write(truncated, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"another shape: features\.0\.weight \(64, 3, 5, 5\) for \(64, 3, 3, 3\)\."):
        load(path)


@pytest.mark.parametrize("key", ["features.0.scale", "features.1.weight", "features.3.squeeze.deep.weight"])
def test_unknown_weight_of_the_kept_part_is_named(tmp_path, truncated, key):
    path = write({**truncated, key: torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=rf"does not fit the network\. unknown: {re.escape(key)}\."):
        load(path)


@pytest.mark.parametrize("key", ["features.12.scale", "classifier.1.weight", "features.4.squeeze.weight"])
def test_unknown_weight_of_the_part_cut_off_is_let_be(tmp_path, truncated, expected, key):
    path = write({**truncated, key: torch.zeros(3)}, tmp_path / "weights.pth")
    torch.testing.assert_close(load(path)(images()), expected)


def test_names_with_a_prefix_are_refused_with_a_hint(tmp_path, truncated):
    path = write({f"module.{key}": value for key, value in truncated.items()}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"missing: features\.0\.weight.* and 5 more.* its names have a prefix"):
        load(path)


@pytest.mark.parametrize(
    ("name", "layer", "other", "told"),
    [
        ("vgg11", "relu1_1", "vgg11_bn", r"unknown: features\.1\.weight"),
        ("vgg11_bn", "relu1_1", "vgg11", r"missing: features\.1\.weight"),
        (
            "vgg16",
            "relu4_1",
            "vgg19",
            r"missing: features\.17\.weight, features\.17\.bias; unknown: features\.16\.weight",
        ),
        ("squeezenet1_0", "relu1", "squeezenet1_1", r"another shape: features\.0\.weight \(64, 3, 3, 3\) for \(96, 3"),
    ],
)
def test_weights_of_another_network_are_refused(name, layer, other, told):
    architecture = published.build(f"torchvision:{name}")
    backbone = Backbone(architecture.network, published.chosen_layers(architecture, [layer]), {})
    state = published.build(f"torchvision:{other}").network.state_dict()
    with pytest.raises(ValueError, match=rf"other\.pth does not fit the network\. .*{told}"):
        weights.fit(backbone.network, architecture.network, state, "other.pth")


def fitted(make, layers, rename):
    """Return two backbones: one with a network's weights, one that got them under other names."""
    own, blank = make(), make()
    reference = Backbone(own, layers, {})
    backbone = Backbone(blank, layers, {})
    weights.fit(backbone.network, blank, rename(own.state_dict()), "renamed.pth")
    return backbone, reference


def test_names_of_densenets_weights_in_torchvisions_own_files_are_known():
    # as torchvision.models.densenet._load_state_dict has it; nor do those files count batches
    def rename(state):
        former = {
            re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", key): value for key, value in state.items()
        }
        assert "features.denseblock1.denselayer1.norm.1.weight" in former
        return {key: value for key, value in former.items() if not key.endswith("num_batches_tracked")}

    layers = {"stem": "features.relu0", "stage1": "features.denseblock1"}
    backbone, reference = fitted(lambda: torchvision.models.densenet121(weights=None), layers, rename)
    torch.testing.assert_close(backbone(images()), reference(images()), rtol=0, atol=0)


def test_names_of_vision_transformers_weights_in_torchvisions_own_files_are_known():
    # as torchvision.models.vision_transformer.MLPBlock has it
    def rename(state):
        return {
            key.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): state[key] for key in state
        }

    def make():
        return torchvision.models.VisionTransformer(224, 32, num_layers=1, num_heads=2, hidden_dim=6, mlp_dim=8)

    backbone, reference = fitted(make, {"block1": "encoder.layers.encoder_layer_0"}, rename)
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(backbone(x), reference(x), rtol=0, atol=0)


def test_constants_that_a_network_computes_for_itself_are_not_asked_of_the_file():
    def make():  # of shifted windows: which of them border on each other
        return timm.models.SwinTransformer(embed_dim=8, depths=(2, 2), num_heads=(1, 1), num_classes=3)

    backbone, reference = fitted(make, {"stage1": "layers.0", "stage2": "layers.1"}, dict)
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(backbone(x), reference(x), rtol=0, atol=0)


# From hubs
class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's `files`, as torch's hub and Hugging Face's do."""

    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{self.server.etags.get(self.path, hashlib.sha256(content).hexdigest())}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.files, server.etags = [], {}, {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nobody(monkeypatch):
    """Address of a port that nobody listens to."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    """Where torch's hub keeps what it downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def content(tmp_path, truncated):
    return write(truncated, tmp_path / "source.pth").read_bytes()


@pytest.fixture
def file(server, content):
    """Name of a served weight file, with the beginning of its sha256 as torch's hub has it."""
    name = f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.files[f"/models/{name}"] = content
    return name


def test_weights_of_a_url_are_downloaded_into_torchs_cache(server, torch_home, content, file, truncated):
    found = weights.from_url(f"{server.url}/models/{file}", "V1")
    assert (torch_home / file).read_bytes() == content
    torch.testing.assert_close(found.state, truncated, rtol=0, atol=0)
    assert found[1:] == (file, hashlib.sha256(content).hexdigest(), "V1", None)


def test_weights_in_torchs_cache_are_not_downloaded_again(nobody, torch_home, content, file):
    torch_home.mkdir(parents=True)
    (torch_home / file).write_bytes(content)
    assert weights.from_url(f"{nobody}/models/{file}", "V1").sha256 == hashlib.sha256(content).hexdigest()


def test_download_of_another_hash_is_refused_and_not_kept(server, torch_home, content):
    server.files["/models/net-00000000.pth"] = content
    with pytest.raises(ValueError, match=r"net-00000000\.pth does not match the hash in its name: invalid hash value"):
        weights.from_url(f"{server.url}/models/net-00000000.pth", "V1")
    assert list(torch_home.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content + b"\0"])
def test_damaged_file_in_torchs_cache_is_refused(nobody, torch_home, content, file, damage):
    torch_home.mkdir(parents=True)
    (torch_home / file).write_bytes(damage(content))
    with pytest.raises(ValueError, match=rf"{torch_home / file} .*damaged"):
        weights.from_url(f"{nobody}/models/{file}", "V1")


def test_file_of_another_hash_in_torchs_cache_is_refused_with_both(nobody, torch_home, content):
    torch_home.mkdir(parents=True)
    (torch_home / "net-00000000.pth").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()[:16]
    with pytest.raises(ValueError, match=f"has sha256 {sha256}…, its name says 00000000. It is damaged: delete it"):
        weights.from_url(f"{nobody}/models/net-00000000.pth", "V1")


def test_without_network_and_cache_the_file_and_where_to_put_it_are_told(nobody, torch_home):
    url = f"{nobody}/models/net-01234567.pth"
    message = (
        rf"net-01234567\.pth is not in the cache and could not be downloaded from {url} \(.*refused.*\)\. "
        rf".*sha256 begins with 01234567\) and put it at {torch_home}/net-01234567\.pth"
    )
    with pytest.raises(weights.UnavailableError, match=message):
        weights.from_url(url, "V1")
    assert list(torch_home.iterdir()) == []


def test_file_that_the_server_lacks_is_unavailable(server, torch_home):
    with pytest.raises(weights.UnavailableError, match=r"net-01234567\.pth is not in the cache .*Not Found"):
        weights.from_url(f"{server.url}/net-01234567.pth", "V1")


def test_release_of_a_network_is_downloaded_fitted_and_told(server, torch_home, file, expected, monkeypatch):
    releases = {"IMAGENET1K_V2": f"{server.url}/models/{file}", "IMAGENET1K_V1": "https://example.invalid/net-0.pth"}
    build = published.build
    monkeypatch.setattr(published, "build", lambda *args, **kwargs: build(*args, **kwargs)._replace(releases=releases))
    backbone = pe.load_backbone(NAME, layers=LAYERS)
    torch.testing.assert_close(backbone(images()), expected)
    assert backbone.card["release"] == "IMAGENET1K_V2"
    assert backbone.card["origin"] == "IMAGENET1K_V2 weights of torchvision"


def test_release_is_recognised_by_the_hash_of_a_renamed_file(tmp_path, truncated, monkeypatch):
    path = write(truncated, tmp_path / "renamed.pth")
    prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    build = published.build
    releases = {"IMAGENET1K_V1": f"https://example.invalid/net-{prefix}.pth"}
    monkeypatch.setattr(published, "build", lambda *args, **kwargs: build(*args, **kwargs)._replace(releases=releases))
    assert load(path).card["release"] == "IMAGENET1K_V1"


def test_every_file_of_torchvision_for_classification_has_a_hash_in_its_name():
    models = torchvision.models
    urls = [entry.url for name in models.list_models(module=models) for entry in models.get_model_weights(name)]
    assert len(urls) > 80
    assert [url for url in urls if not weights.hash_in(url)] == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://download.pytorch.org/models/vgg16-397923af.pth", "397923af"),
        ("https://download.pytorch.org/models/mnasnet0.5_top1_67.823-3ffadce67e.pth", "3ffadce67e"),
        ("https://download.pytorch.org/models/vgg16.pth", ""),
        ("timm/resnet18d.ra2_in1k", ""),
    ],
)
def test_hash_is_read_off_the_name_of_a_file(url, expected):
    assert weights.hash_in(url) == expected


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """A server in the place of Hugging Face's, and an empty cache."""
    use_hub(monkeypatch, tmp_path, server.url)
    return server


def use_hub(monkeypatch, tmp_path, url):
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def serve_model(hub, tmp_path, state, repository):
    content = write(state, tmp_path / "model.safetensors").read_bytes()
    hub.files[f"/{repository}/resolve/main/model.safetensors"] = content
    return content


def test_weights_of_hugging_face_are_downloaded_and_kept(hub, tmp_path, truncated):
    content = serve_model(hub, tmp_path, truncated, "timm/net")
    for _ in range(2):
        found = weights.from_hugging_face("timm/net", "a1")
        torch.testing.assert_close(found.state, truncated, rtol=0, atol=0)
        assert found[1:] == ("model.safetensors", hashlib.sha256(content).hexdigest(), "a1", None)
    assert sum(asked.startswith("GET /timm/net/resolve") for asked in hub.asked) == 1


def test_damaged_file_in_hugging_faces_cache_is_refused(hub, tmp_path, truncated):
    content = serve_model(hub, tmp_path, truncated, "timm/net")
    weights.from_hugging_face("timm/net", "a1")
    (blob,) = (tmp_path / "hub").rglob(hashlib.sha256(content).hexdigest())
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"model\.safetensors has sha256 .*, its name says .*It is damaged: delete it"):
        weights.from_hugging_face("timm/net", "a1")


UNAVAILABLE = (
    r"model\.safetensors of timm/net is not in the cache and could not be downloaded from "
    r"http.*/timm/net/resolve/main/model\.safetensors \(.+\)\. Get the file elsewhere .* give its path as the weights"
)


def test_offline_without_cache_hugging_faces_file_is_unavailable(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(weights.UnavailableError, match=UNAVAILABLE):
        weights.from_hugging_face("timm/net", "a1")
    assert hub.asked == []


def test_offline_hugging_faces_file_comes_from_the_cache(hub, tmp_path, truncated, monkeypatch):
    serve_model(hub, tmp_path, truncated, "timm/net")
    weights.from_hugging_face("timm/net", "a1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    torch.testing.assert_close(weights.from_hugging_face("timm/net", "a1").state, truncated, rtol=0, atol=0)


def test_without_network_hugging_faces_file_is_unavailable(nobody, tmp_path, monkeypatch):
    use_hub(monkeypatch, tmp_path, nobody)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # before every further attempt
    with pytest.raises(weights.UnavailableError, match=UNAVAILABLE):
        weights.from_hugging_face("timm/net", "a1")


def test_repository_that_is_not_there_is_unavailable(hub):
    with pytest.raises(weights.UnavailableError, match=UNAVAILABLE):
        weights.from_hugging_face("timm/net", "a1")


def test_default_weights_of_a_network_of_timm_are_hugging_faces(hub, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        network = timm.create_model("test_resnet").eval()
    repository = timm.get_pretrained_cfg("test_resnet").hf_hub_id
    serve_model(hub, tmp_path, network.state_dict(), repository)
    backbone = pe.load_backbone("timm:test_resnet", layers=["stem"])
    mean, deviation = (torch.tensor(network.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = nn.Sequential(network.conv1, network.bn1, network.act1)((images() - mean) / deviation)
    torch.testing.assert_close(backbone(images()), {"stem": expected})
    assert backbone.card["release"] == timm.get_pretrained_cfg("test_resnet").tag


# The study's own form
@pytest.fixture(scope="module", params=["torchvision:alexnet", "timm:test_vit", "torchvision:googlenet"])
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    layers = {"torchvision:alexnet": ["relu2"], "timm:test_vit": ["block1"], "torchvision:googlenet": ["conv2"]}
    backbone = pe.load_backbone(request.param, layers=layers[request.param], weights=None)
    store.save(backbone, folder / "weights.safetensors", folder / "card.json", name="net", provenance={"a": 1})
    return backbone, folder


def test_saved_network_computes_the_same_bit_for_bit(saved):
    backbone, folder = saved
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(store.load(folder / "weights.safetensors")(x), backbone(x), rtol=0, atol=0)


def test_saved_network_is_loaded_by_its_folder(saved):
    backbone, folder = saved
    assert pe.load_backbone(folder).layers == backbone.layers


def test_loaded_network_saves_the_same_bytes(saved, tmp_path):
    _, folder = saved
    again = store.load(folder / "weights.safetensors")
    store.save(again, tmp_path / "weights.safetensors", tmp_path / "card.json", name="net", provenance={"a": 1})
    for name in ("weights.safetensors", "card.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_half_precision_computes_in_bfloat16_and_yields_float32(tmp_path, network):
    path = write(network.state_dict(), tmp_path / "weights.pth")
    store.save(load(path), tmp_path / "w.safetensors", tmp_path / "card.json", name="net", provenance={})
    backbone = store.load(tmp_path / "w.safetensors", precision="bfloat16")
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    half = torchvision.models.squeezenet1_1(weights=None).eval()
    half.load_state_dict(network.state_dict())
    with torch.no_grad():
        expected = half.to(torch.bfloat16).features[:4](((images() - mean) / deviation).to(torch.bfloat16))
    found = backbone(images())["fire2"]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected.float(), rtol=0, atol=0)


@pytest.mark.parametrize("options", [{"layers": ["relu1"]}, {"weights": "other.pth"}, {"sha256": "0" * 64}])
def test_other_layers_or_weights_for_a_saved_backbone_are_refused(saved, options):
    with pytest.raises(ValueError, match="is a saved backbone; it has its own layers and weights: give no others"):
        pe.load_backbone(saved[1], **options)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_finite_numbers_are_refused(tmp_path, value):
    state = dict(pe.load_backbone("random:alexnet", layers=["relu1"]).network.state_dict())
    state["features.0.weight"] = torch.full_like(state["features.0.weight"], value)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"not finite numbers: features\.0\.weight"):
        pe.load_backbone("torchvision:alexnet", layers=["relu1"], weights=tmp_path / "weights.pth")


def test_weights_that_are_integers_are_refused(tmp_path):
    state = dict(pe.load_backbone("random:alexnet", layers=["relu1"]).network.state_dict())
    state["features.0.weight"] = state["features.0.weight"].mul(100).to(torch.int8)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"not finite numbers: features\.0\.weight"):
        pe.load_backbone("torchvision:alexnet", layers=["relu1"], weights=tmp_path / "weights.pth")
