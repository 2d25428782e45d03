import json
import math

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import nn

from perceptual_efficacy import io, storage
from perceptual_efficacy.backbones import kmeans, store, vgg
from perceptual_efficacy.backbones.network import Backbone, as_tensor

LAYERS = {"relu1_1": 8, "relu1_2": 6, "relu2_1": 10}
VGG16 = {f"relu{block}_{index}": 1 for block, depth in enumerate((2, 2, 3, 3, 3), 1) for index in range(1, depth + 1)}


@pytest.fixture(scope="module")
def photographs():
    """Two smoothed noise images: neighbouring pixels agree, as in photographs."""
    noise = np.random.default_rng(0).normal(size=(2, 66, 50, 3)).cumsum(axis=1).cumsum(axis=2)
    low, high = noise.min(axis=(1, 2), keepdims=True), noise.max(axis=(1, 2), keepdims=True)
    return dict(zip("ab", np.round(255 * (noise - low) / (high - low)).astype(np.uint8), strict=True))


@pytest.fixture(scope="module")
def learnt(photographs):
    return kmeans.learn_kmeans(photographs, LAYERS, seed=3, patches=20_000, iterations=5)


def state(backbone):
    return {name: value.numpy().tobytes() for name, value in backbone.state_dict().items()}


# Shape
def test_layers_keep_their_order_and_channels():
    assert list(vgg.draw_random(LAYERS, seed=0).layers.items()) == list(LAYERS.items())


@pytest.mark.parametrize(
    ("deepest", "width"),
    [("relu1_1", 3), ("relu1_2", 5), ("relu2_1", 10), ("relu2_2", 14), ("relu3_1", 24), ("relu5_3", 196)],
)
def test_receptive_field_is_vggs(deepest, width):
    names = list(VGG16)[: list(VGG16).index(deepest) + 1]
    assert vgg.draw_random(dict.fromkeys(names, 1), seed=0).receptive_fields[names[-1]] == width


def test_activations_are_those_of_a_plain_vgg():
    backbone = vgg.draw_random(LAYERS, seed=0)
    images = torch.rand(2, 3, 12, 16, generator=torch.Generator().manual_seed(0))
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    weights = [value for name, value in backbone.state_dict().items() if name.endswith("weight")]
    first = nn.functional.conv2d((images - mean) / deviation, weights[0], padding=1).relu()
    second = nn.functional.conv2d(first, weights[1], padding=1).relu()
    third = nn.functional.conv2d(nn.functional.max_pool2d(second, 2), weights[2], padding=1).relu()
    torch.testing.assert_close(backbone(images), {"relu1_1": first, "relu1_2": second, "relu2_1": third})


def long_and_wide():
    """Windows that differ in rows and columns, with steps, dilation and no padding."""
    convolutions = [
        nn.Conv2d(3, 4, (1, 5), padding=(0, 2)),
        nn.Conv2d(4, 4, (5, 1), stride=(3, 2)),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.Conv2d(4, 4, 3, dilation=(1, 2), padding=1),
        nn.AvgPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
        nn.Conv2d(4, 2, (3, 5), padding=2),
    ]
    random = torch.Generator().manual_seed(0)
    for module in convolutions:
        for parameter in module.parameters():
            parameter.data = torch.randn(parameter.shape, generator=random)
    return Backbone(nn.Sequential(*convolutions), {f"layer{place}": str(place) for place in range(6)}, {})


@pytest.mark.parametrize("field", [1, 20, 37, 150])
@pytest.mark.parametrize(("height", "width"), [(150, 171), (173, 148)])
def test_units_in_the_middle_do_not_notice_that_the_rest_is_not_computed(height, width, field):
    backbone = long_and_wide().double()
    images = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    inner = dict(backbone.activations(images, min(field, height, width)))
    for layer, whole in backbone.activations(images):
        rows, columns = (
            min(math.ceil((1 - min(field, height, width) / length) / 2 * count - 1e-9), (count - 1) // 2)
            for count, length in zip(whole.shape[-2:], (height, width), strict=True)
        )
        expected = whole[..., rows : whole.shape[-2] - rows, columns : whole.shape[-1] - columns]
        torch.testing.assert_close(inner[layer], expected)


@pytest.mark.parametrize("field", [-2, 0, 13])
def test_field_that_does_not_fit_is_refused(field):
    backbone = vgg.draw_random(LAYERS, seed=0)
    with pytest.raises(ValueError, match=f"field is {field} pixels, the images have 16 x 12; expected at least 1"):
        next(backbone.activations(torch.rand(1, 3, 12, 16), field))


def test_what_the_middle_does_not_need_is_not_computed():
    backbone = vgg.draw_random(dict.fromkeys(list(VGG16)[:4], 1), seed=0)
    images = torch.rand(1, 3, 32, 32)
    dict(backbone.activations(images, 4))  # learns the sizes
    widths = []
    for module in backbone.network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, shown, output: widths.append(shown[0].shape[-1]))
    dict(backbone.activations(images, 4))
    # the last layer has 2 units in 4 pixels, whose convolutions see 4 and 6; twice that before pooling, and 2 more
    # for each of the first two, but from an even one on, as pooling goes by twos
    assert widths == [16, 15, 6, 4]


@pytest.mark.parametrize(
    "names",
    [
        ["relu1_2"],
        ["relu2_1"],
        ["conv1_1"],
        ["relu1_1", "relu1_3"],
        ["relu1_1", "relu2_2"],
        ["relu1_1", "relu3_1"],
        ["relu1_1", "relu2_1", "relu1_2"],
    ],
)
def test_names_out_of_vggs_order_are_refused(names):
    with pytest.raises(ValueError, match=f"Layer '{names[-1]}' after .*: expected VGG's names in order"):
        vgg.stages(dict.fromkeys(names, 4))


def test_backbone_without_layers_is_refused():
    with pytest.raises(ValueError, match="at least one layer, got none"):
        vgg.draw_random({}, seed=0)


def test_backbone_stays_in_evaluation_mode_inside_a_training_model():
    backbone = vgg.draw_random(LAYERS, seed=0)
    nn.Sequential(backbone).train()
    assert not any(module.training for module in backbone.modules())


def test_weights_do_not_learn():
    assert not any(parameter.requires_grad for parameter in vgg.draw_random(LAYERS, seed=0).parameters())


# Random weights
def test_random_weights_depend_on_the_seed_alone():
    first, again, other = (state(vgg.draw_random(LAYERS, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "build",
    [
        lambda photographs: vgg.draw_random(LAYERS, seed=0),
        lambda photographs: kmeans.learn_kmeans(photographs, {"relu1_1": 4}, seed=0, patches=200, iterations=1),
    ],
    ids=["random", "kmeans"],
)
def test_global_random_states_are_left_alone(photographs, build):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    build(photographs)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_random_weights_are_normal_with_the_variance_of_he():
    # He et al. 2015: variance 2 / fan-in; the sample variance of n normal values spreads by sqrt(2 / n)
    backbone = vgg.draw_random({"relu1_1": 64, "relu1_2": 128}, seed=0)
    weight = backbone.state_dict()["network.relu1_2.0.weight"].double()
    variance = 2 / (64 * 9)
    assert weight.var().item() == pytest.approx(variance, rel=4 * (2 / weight.numel()) ** 0.5)
    assert weight.mean().item() == pytest.approx(0, abs=4 * (variance / weight.numel()) ** 0.5)


def test_random_weights_have_no_bias():
    values = vgg.draw_random(LAYERS, seed=0).state_dict()
    assert all((value == 0).all() for name, value in values.items() if name.endswith("bias"))


# k-means
@pytest.mark.parametrize("seed", range(5))
def test_spherical_kmeans_recovers_separated_directions(seed):
    random = np.random.default_rng(seed)
    poles = np.array([[1.0, 0, 0], [-1, 0, 0]])
    points = np.repeat(poles, 50, axis=0) + 0.2 * random.normal(size=(100, 3))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    expected = KMeans(2, n_init=1, random_state=0).fit(unit).cluster_centers_
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = kmeans.spherical_kmeans(points * random.uniform(0.1, 10, size=(100, 1)), 2, 10, random)
    np.testing.assert_allclose(found[found[:, 0].argsort()], expected[expected[:, 0].argsort()], atol=1e-9)


def test_spherical_kmeans_never_lowers_the_summed_similarity():
    points = np.random.default_rng(0).normal(size=(300, 5))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    similarity = [
        (unit @ kmeans.spherical_kmeans(points, 6, iterations, np.random.default_rng(1)).T).max(axis=1).sum()
        for iterations in range(15)
    ]
    assert (np.diff(similarity) >= -1e-9).all()
    assert similarity[-1] > similarity[0] + 1


def test_centroids_have_unit_length():
    points = np.random.default_rng(0).normal(size=(60, 4))
    centroids = kmeans.spherical_kmeans(points, 9, 3, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_cluster_without_points_starts_again_where_the_fit_is_worst(seed):
    # most starts draw the common point twice or more: a cluster that stayed empty would miss a rare direction
    points = np.vstack([np.tile([2.0, 0, 0], (30, 1)), [[0, 1, 0], [0, 0, 3]]])
    centroids = kmeans.spherical_kmeans(points, 3, 5, np.random.default_rng(seed))
    np.testing.assert_allclose(centroids[centroids.argmax(axis=1).argsort()], np.eye(3), atol=1e-12)


def test_more_clusters_than_points_are_refused():
    with pytest.raises(ValueError, match="3 clusters need at least as many points, got 2"):
        kmeans.spherical_kmeans(np.eye(2), 3, 1, np.random.default_rng(0))


def test_learning_is_deterministic(photographs, learnt):
    again = kmeans.learn_kmeans(photographs, LAYERS, seed=3, patches=20_000, iterations=5)
    assert state(again) == state(learnt)


def test_learning_depends_on_the_seed(photographs, learnt):
    other = kmeans.learn_kmeans(photographs, LAYERS, seed=4, patches=20_000, iterations=5)
    assert state(other) != state(learnt)


@pytest.mark.parametrize("layer", LAYERS)
def test_responses_to_the_photographs_are_standardised_before_the_relu(photographs, learnt, layer):
    # the 20,000 patches sample 2 x 3,072 positions: all positions together must come close
    stages = vgg.stages(LAYERS)
    stages.load_state_dict(learnt.network.state_dict())
    responses = []
    for photograph in photographs.values():
        activation = (as_tensor(photograph) - learnt.mean) / learnt.standard_deviation
        for name, (*pooling, convolution, relu) in stages.named_children():
            activation = nn.Sequential(*pooling)(activation)
            if name == layer:
                responses.append(nn.functional.conv2d(activation, convolution.weight, convolution.bias).flatten(2)[0])
            activation = relu(convolution(activation))
    response = torch.cat(responses, dim=1)
    torch.testing.assert_close(response.mean(dim=1), torch.zeros(LAYERS[layer]), atol=0.05, rtol=0)
    torch.testing.assert_close(response.std(dim=1), torch.ones(LAYERS[layer]), atol=0.05, rtol=0)


def test_learning_without_photographs_is_refused():
    with pytest.raises(ValueError, match="at least one photograph, got none"):
        kmeans.learn_kmeans({}, LAYERS, seed=0)


def test_photograph_smaller_than_a_patch_of_the_deepest_layer_is_refused(photographs):
    with pytest.raises(ValueError, match="Photograph 'b' is 50 x 5 pixels; these layers need at least 6 x 6"):
        kmeans.learn_kmeans(photographs | {"b": photographs["b"][:5]}, LAYERS, seed=0)


def test_uniform_photographs_are_refused():
    with pytest.raises(ValueError, match="patches that differ"):
        kmeans.learn_kmeans({"grey": np.full((20, 20, 3), 128, np.uint8)}, LAYERS, seed=0, patches=100)


def test_photograph_becomes_a_tensor_of_unit_range():
    photograph = np.zeros((2, 5, 3), np.uint8)
    photograph[1, 4] = 0, 51, 255
    tensor = as_tensor(photograph)
    assert tensor.shape == (1, 3, 2, 5)
    torch.testing.assert_close(tensor[0, :, 1, 4], torch.tensor([0, 0.2, 1]))


# Files
@pytest.fixture
def saved(tmp_path):
    backbone = vgg.draw_random(LAYERS, seed=5)
    store.save(backbone, tmp_path / "weights.safetensors", tmp_path / "card.json", name="small", provenance={"a": 1})
    return backbone, tmp_path


def test_saved_backbone_comes_back_bit_for_bit(saved):
    backbone, folder = saved
    assert state(store.load(folder / "weights.safetensors")) == state(backbone)


def test_saved_backbone_keeps_its_layers(saved):
    _, folder = saved
    assert list(store.load(folder / "weights.safetensors").layers.items()) == list(LAYERS.items())


def test_the_weights_alone_say_what_they_are(saved):
    backbone, folder = saved
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").unlink()
    assert state(store.load(folder / "weights.safetensors")) == state(backbone)
    assert json.dumps(io.read_weights(folder / "weights.safetensors")[1]) == json.dumps(card)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("name", "small"),
        ("origin", "random weights"),
        ("weights", "random"),
        ("seed", 5),
        ("receptive_fields_px", {"relu1_1": 3, "relu1_2": 5, "relu2_1": 10}),
        ("layer_order", ["relu1_1", "relu1_2", "relu2_1"]),
        ("provenance", {"a": 1}),
        (
            "preprocessing",
            {"input": "RGB, 0 to 1", "mean": [0.485, 0.456, 0.406], "standard_deviation": [0.229, 0.224, 0.225]},
        ),
    ],
)
def test_card_says_what_the_backbone_is(saved, key, expected):
    _, folder = saved
    assert store.load(folder / "weights.safetensors").card[key] == expected


def test_saving_twice_gives_equal_bytes(saved):
    backbone, folder = saved
    again = folder / "again"
    store.save(backbone, again / "weights.safetensors", again / "card.json", name="small", provenance={"a": 1})
    for name in ("weights.safetensors", "card.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_truncated_weights_are_refused(saved):
    _, folder = saved
    content = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(content[:-1])
    with pytest.raises(storage.DamagedFileError, match=r"weights\.safetensors: cannot be read as safetensors"):
        store.load(folder / "weights.safetensors")
