"""Networks of torchvision and timm: their layers' names, what those layers return, and what is refused."""

import random
from collections import OrderedDict

import lpips
import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn

import perceptual_efficacy as pe
from perceptual_efficacy.backbones import published
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.published import LPIPS_LAYERS

IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
VGG16 = {"relu1": 2 * (64,), "relu2": 2 * (128,), "relu3": 3 * (256,), "relu4": 3 * (512,), "relu5": 3 * (512,)}


def images(height, width, count=1):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def drawn(make, seed=0):
    """Return the network that its library makes once its weights have been drawn from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()


def seen(network, path, x):
    """Return what a module of a network returns when the whole network runs."""
    outputs = []
    handle = network.get_submodule(path).register_forward_hook(lambda _, __, output: outputs.append(output.clone()))
    with torch.no_grad():
        network(x)
    handle.remove()
    return outputs[0]


# Names
@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn"])
def test_layers_of_vgg16_are_named_by_block_and_have_vggs_widths(name):
    network = published.build(f"torchvision:{name}")
    backbone = Backbone(network.network, network.layers, {})
    expected = {f"{block}_{index}": w for block, widths in VGG16.items() for index, w in enumerate(widths, start=1)}
    assert list(backbone.layers.items()) == list(expected.items())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Krizhevsky: One weird trick for parallelizing convolutional neural networks, 2014
        ("alexnet", {"relu1": 64, "relu2": 192, "relu3": 384, "relu4": 256, "relu5": 256}),
        # the release notes of SqueezeNet 1.1: 64 filters at first, then the expansions of table 1 of the paper
        (
            "squeezenet1_1",
            {
                "relu1": 64,
                "fire2": 128,
                "fire3": 128,
                "fire4": 256,
                "fire5": 256,
                "fire6": 384,
                "fire7": 384,
                "fire8": 512,
                "fire9": 512,
            },
        ),
        ("resnet18", {"stem": 64, "stage1": 64, "stage2": 128, "stage3": 256, "stage4": 512}),  # He et al., table 1
    ],
)
def test_layers_have_the_names_and_widths_of_the_papers(name, expected):
    assert list(pe.load_backbone(f"random:{name}").layers.items()) == list(expected.items())


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning")  # lpips asks torchvision so
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
@pytest.mark.parametrize(("name", "net"), [("vgg16", "vgg"), ("alexnet", "alex"), ("squeezenet1_1", "squeeze")])
def test_lpips_layers_have_the_channels_of_the_package_lpips(name, net):
    theirs = lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, verbose=False).chns
    network = published.build(f"torchvision:{name}")
    backbone = Backbone(network.network, published.chosen_layers(network, "lpips"), {})
    assert list(backbone.layers.values()) == theirs
    assert tuple(backbone.layers) == LPIPS_LAYERS[f"torchvision:{name}"]


# Activations
@pytest.mark.parametrize(
    ("name", "layer", "own"),
    [
        ("alexnet", "relu1", lambda net: net.features[:2]),
        ("alexnet", "relu5", lambda net: net.features[:12]),
        ("vgg11_bn", "relu2_1", lambda net: net.features[:7]),
        ("squeezenet1_0", "fire4", lambda net: net.features[:6]),
        ("squeezenet1_1", "relu1", lambda net: net.features[:2]),
        ("squeezenet1_1", "fire3", lambda net: net.features[:5]),
        ("squeezenet1_1", "fire9", lambda net: net.features[:13]),
        ("resnet18", "stem", lambda net: nn.Sequential(net.conv1, net.bn1, net.relu)),
        (
            "resnet18",
            "stage2",
            lambda net: nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2),
        ),
        ("densenet121", "stage1", lambda net: net.features[:5]),
        ("mobilenet_v3_small", "stage2", lambda net: net.features[:4]),
        ("regnet_y_400mf", "stage1", lambda net: nn.Sequential(net.stem, net.trunk_output.block1)),
    ],
)
def test_activations_are_those_of_torchvisions_own_modules(name, layer, own):
    network = drawn(lambda: torchvision.models.get_model(name, weights=None), seed=3)
    x = images(64, 80, count=2)
    with torch.no_grad():
        expected = own(network)((x - IMAGENET[0]) / IMAGENET[1])
    torch.testing.assert_close(pe.load_backbone(f"random:{name}", layers=[layer], seed=3)(x), {layer: expected})


def test_layers_come_in_order_of_depth_whatever_the_order_asked_for():
    backbone = pe.load_backbone("random:alexnet", layers=["relu3", "relu1", "relu2"])
    assert (
        list(backbone.layers)
        == [name for name, _ in backbone.activations(images(64, 64))]
        == ["relu1", "relu2", "relu3"]
    )


def test_path_of_a_module_is_a_layer():
    network = drawn(lambda: torchvision.models.alexnet(weights=None))
    x = images(64, 64)
    with torch.no_grad():
        expected = network.features[:3]((x - IMAGENET[0]) / IMAGENET[1])
    torch.testing.assert_close(pe.load_backbone("random:alexnet", layers=["features.2"])(x), {"features.2": expected})


@pytest.mark.parametrize(
    ("name", "layers", "size"),
    [
        ("torchvision:alexnet", ["features.0", "relu1"], 64),
        ("torchvision:resnet18", ["layer1.0.bn2", "stage1"], 64),
        ("torchvision:googlenet", ["conv1.bn", "conv1"], 64),  # torch.nn.functional.relu(x, inplace=True)
        ("timm:test_resnet", ["layer1.0.bn1", "layer1.0.act1"], 64),  # an identity between both
    ],
)
def test_nonlinearity_in_place_does_not_overwrite_a_layer(name, layers, size):
    activations = pe.load_backbone(name, layers=layers, weights=None)(images(size, size))
    before, after = (activations[layer] for layer in layers)
    assert before.min() < 0 <= after.min()


def test_gradient_passes_a_layer_before_a_nonlinearity_in_place():
    backbone = pe.load_backbone("torchvision:googlenet", layers=["conv1.bn", "conv1"], weights=None)
    x = images(64, 64).requires_grad_()
    sum(activation.square().sum() for activation in backbone(x).values()).backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()


def test_activations_do_not_depend_on_the_mode_the_network_was_in():
    network = drawn(lambda: torchvision.models.resnet18(weights=None))
    expected = Backbone(network, {"stage1": "layer1"}, {})(images(64, 64))
    trained = drawn(lambda: torchvision.models.resnet18(weights=None)).train()
    torch.testing.assert_close(Backbone(trained, {"stage1": "layer1"}, {})(images(64, 64)), expected)


# Tokens and channels last
@pytest.mark.parametrize(("height", "width"), [(160, 160), (96, 96), (64, 128), (160, 96)])
def test_tokens_become_maps_as_timm_makes_them(height, width):
    network = drawn(lambda: timm.create_model("test_vit"), seed=2)
    mean, deviation = (torch.tensor(network.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    x = images(height, width, count=2)
    with torch.no_grad():
        first, third = network.forward_intermediates(
            (x - mean) / deviation, indices=[0, 2], output_fmt="NCHW", intermediates_only=True
        )
    backbone = pe.load_backbone("timm:test_vit", layers=["block1", "block3"], weights=None, seed=2)
    torch.testing.assert_close(backbone(x), {"block1": first, "block3": third})


@pytest.fixture(scope="module")
def transformer():
    return pe.load_backbone("timm:vit_tiny_patch16_224", layers=["block1"], weights=None)


def test_vision_transformer_of_one_size_gives_maps_of_its_patches_without_the_class_token(transformer):
    network = drawn(lambda: timm.create_model("vit_tiny_patch16_224"))
    tokens = seen(network, "blocks.0", 2 * images(224, 224) - 1)  # timm's mean and deviation of it are 0.5
    expected = tokens[:, 1:].reshape(1, 14, 14, 192).permute(0, 3, 1, 2)
    torch.testing.assert_close(transformer(images(224, 224)), {"block1": expected})


def test_class_token_of_torchvisions_transformers_is_left_out():
    network = torchvision.models.VisionTransformer(224, 32, num_layers=1, num_heads=2, hidden_dim=6, mlp_dim=8).eval()
    tokens = seen(network, "encoder.layers.encoder_layer_0", (images(224, 224) - IMAGENET[0]) / IMAGENET[1])
    backbone = Backbone(network, {"block1": "encoder.layers.encoder_layer_0"}, {})
    expected = tokens[:, 1:].reshape(1, 7, 7, 6).permute(0, 3, 1, 2)
    torch.testing.assert_close(backbone(images(224, 224)), {"block1": expected})


@pytest.mark.parametrize("name", ["stem", "stage1"])
def test_swins_channels_last_become_maps(name):
    network = drawn(lambda: torchvision.models.swin_t(weights=None), seed=1)
    path = {"stem": "features.0", "stage1": "features.1"}[name]
    last = seen(network, path, (images(64, 96) - IMAGENET[0]) / IMAGENET[1])
    assert last.shape == (1, 16, 24, 96)
    backbone = pe.load_backbone("random:swin_t", layers=[name], seed=1)
    torch.testing.assert_close(backbone(images(64, 96)), {name: last.permute(0, 3, 1, 2)})


def test_module_that_keeps_what_it_computed_keeps_no_shapes_without_numbers():
    # TinyViT's attention keeps its biases from the first pass on, which is that for the shapes of the layers
    network = drawn(lambda: timm.create_model("tiny_vit_5m_224"))
    expected = seen(network, "stages.1", (images(224, 224) - IMAGENET[0]) / IMAGENET[1])
    backbone = pe.load_backbone("timm:tiny_vit_5m_224", layers=["stage2"], weights=None)
    np.testing.assert_allclose(backbone(images(224, 224))["stage2"].numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


class Patches(nn.Module):
    """Tokens of patches of 16 x 16 pixels: the mean of each colour, and the patch's row and column."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(16)
        self.after = nn.Identity()

    def forward(self, x):
        return self.after(self.pool(x).flatten(2).transpose(1, 2))


@pytest.mark.parametrize(("height", "width"), [(32, 48), (64, 32), (48, 48)])
def test_tokens_of_images_that_are_not_square_lie_where_their_patches_do(height, width):
    x = images(height, width)
    expected = nn.functional.avg_pool2d((x - IMAGENET[0]) / IMAGENET[1], 16)
    torch.testing.assert_close(Backbone(Patches(), {"patches": "after"}, {})(x), {"patches": expected})


def test_tokens_that_fill_no_grid_of_the_images_shape_are_refused():
    backbone = Backbone(Patches(), {"patches": "after"}, {"architecture": "patches"})
    with pytest.raises(ValueError, match=r"'patches' of patches returns 6 tokens .* 50 x 33 pixels.*Use square images"):
        backbone(images(33, 50))


# What is kept
@pytest.mark.parametrize(
    ("name", "layers", "expected"),
    [
        ("alexnet", ["relu2"], {"features.0", "features.3"}),
        (
            "squeezenet1_1",
            ["fire2"],
            {"features.0", *(f"features.3.{part}" for part in ("squeeze", "expand1x1", "expand3x3"))},
        ),
        ("resnet18", ["stem"], {"conv1", "bn1"}),
    ],
)
def test_no_weight_deeper_than_the_deepest_layer_is_kept(name, layers, expected):
    backbone = pe.load_backbone(f"random:{name}", layers=layers)
    assert {key.rpartition(".")[0] for key in backbone.network.state_dict()} == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alexnet", {"relu1": 11, "relu2": 51, "relu3": 99, "relu4": 131, "relu5": 163}),
        # 7 wide at first, then pooling, and four convolutions per stage at steps of 4, 8, 16 and 32 pixels
        ("resnet18", {"stem": 7, "stage1": 43, "stage2": 99, "stage3": 211, "stage4": 435}),
    ],
)
def test_receptive_fields_are_the_known_ones(name, expected):
    assert pe.load_backbone(f"random:{name}").receptive_fields == expected


# chains, branches that are joined, sums, a look at the whole picture, tokens
@pytest.mark.parametrize(
    "name",
    ["alexnet", "squeezenet1_1", "googlenet", "resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "vit_b_16"],
)
@pytest.mark.parametrize("field", [1, 50])
def test_activations_in_the_middle_are_those_of_the_whole_picture(name, field):
    backbone = pe.load_backbone(f"random:{name}")
    size = backbone.only_size or 171
    x = images(size, size)
    inner = dict(backbone.activations(x, field))
    for layer, whole in backbone.activations(x):
        first, stop = in_the_field(whole.shape[-1], size, field)
        torch.testing.assert_close(inner[layer], whole[..., first:stop, first:stop], rtol=1e-4, atol=1e-5)


def in_the_field(count, size, field):
    """Units of a row or column that lie in a field in the middle, at least the middle ones."""
    inside = [unit for unit in range(count) if unit >= (1 - field / size) / 2 * count - 1e-9]
    first = min(inside[0], (count - 1) // 2)
    return first, count - first


@pytest.mark.parametrize(
    ("name", "layers", "expected"),
    [
        ("torchvision:alexnet", ["relu1", "relu2"], ("features.0.weight", "relu1")),
        ("torchvision:resnet18", ["stem", "stage1"], ("conv1.weight", "stem")),
        ("torchvision:resnet18", ["stage1"], ("conv1.weight", None)),
        ("torchvision:squeezenet1_1", ["fire2"], ("features.0.weight", None)),
        ("timm:test_vit", ["block1"], ("patch_embed.proj.weight", None)),
    ],
)
def test_first_filters_are_those_of_a_layer_that_has_their_channels(name, layers, expected):
    assert pe.load_backbone(name, layers=layers, weights=None).first_filters == expected


# What is refused
def test_unknown_layer_is_refused_with_the_nearest_and_all_valid_ones():
    message = r"resnet18 has no layer 'stge4'\. Did you mean stage4.*\? Its layers are stem, stage1, .*stage4; the path"
    with pytest.raises(ValueError, match=message):
        pe.load_backbone("random:resnet18", layers=["stage1", "stge4"])


@pytest.mark.parametrize("layer", ["", "features.99", "relu1_1 "])
def test_what_is_no_layer_is_refused(layer):
    with pytest.raises(ValueError, match=f"torchvision:vgg11 has no layer {layer!r}"):
        published.chosen_layers(published.build("torchvision:vgg11"), [layer])


def test_one_layer_that_is_not_in_a_list_is_refused():
    with pytest.raises(ValueError, match="layers is 'relu1'; expected 'all', 'lpips' or a list of layer names"):
        pe.load_backbone("random:alexnet", layers="relu1")


def test_no_layers_are_refused():
    with pytest.raises(ValueError, match="No layer of torchvision:alexnet is given; its layers are relu1, relu2"):
        pe.load_backbone("random:alexnet", layers=[])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision:vgg61", "torchvision has no network 'vgg61'.* Did you mean .*vgg16"),
        ("torchvision:fcn_resnet50", "torchvision has no network 'fcn_resnet50' for classification"),
        ("timm:vit_tny_patch16_224", "timm has no network 'vit_tny_patch16_224'. Did you mean vit_tiny_patch16_224"),
        ("random:alexnett", "torchvision has no network 'alexnett'.* Did you mean alexnet"),
        ("alexnet", "Network 'alexnet': expected packaged:NAME, torchvision:NAME, timm:NAME, random:NAME or kmeans"),
        ("keras:vgg16", "Network 'keras:vgg16': expected packaged:NAME, torchvision:NAME"),
    ],
)
def test_unknown_network_is_refused_with_near_names(name, message):
    with pytest.raises(ValueError, match=message):
        pe.load_backbone(name, weights=None)


def test_lpips_layers_of_a_network_that_lpips_does_not_use_are_refused():
    with pytest.raises(
        ValueError, match=r"resnet18 has no LPIPS layers; LPIPS is defined on torchvision:vgg16, .*alex"
    ):
        pe.load_backbone("random:resnet18", layers="lpips")


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("resnet18", "fc", r"\(1, 1000\)"),
        ("alexnet", "classifier", r"\(1, 1000\)"),
        ("alexnet", "classifier.1", r"\(1, 4096\)"),
        # one value per channel for the whole image, whatever its size: nothing to compare position by position
        ("resnet18", "avgpool", r"\(1, 512, 1, 1\)"),
        ("alexnet", "avgpool", r"\(1, 256, 6, 6\)"),
    ],
)
def test_layer_without_maps_of_channels_is_refused(name, layer, shape):
    message = f"Layer '{layer}' of torchvision:{name} returns shape {shape} .* maps of channels.*Choose an earlier"
    with pytest.raises(ValueError, match=message):
        pe.load_backbone(f"random:{name}", layers=[layer])


def test_layer_that_returns_several_tensors_is_refused():
    class Twice(nn.Module):
        def forward(self, x):
            return x, x

    network = nn.Sequential(OrderedDict(twice=Twice()))
    with pytest.raises(ValueError, match="Layer 'twice' of The network returns no tensor"):
        Backbone(network, {"twice": "twice"}, {}, tracing={"leaf_modules": [Twice]})


def test_path_that_is_not_in_the_network_is_refused():
    with pytest.raises(
        ValueError, match=r"Layer 'bank': the graph of the network has no module or node 'fourth'\. .*from .* to "
    ):
        Backbone(nn.Sequential(OrderedDict(first=nn.Conv2d(3, 2, 3))), {"bank": "fourth"}, {})


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 64, 64, 3), (64, 64)])
def test_images_of_another_shape_are_refused_with_it(shape):
    backbone = pe.load_backbone("random:alexnet", layers=["relu1"])
    with pytest.raises(ValueError, match=rf"shape \({', '.join(map(str, shape))}\); expected \(N, 3, height, width\)"):
        backbone(torch.zeros(shape))


# Sizes
@pytest.mark.parametrize("shape", [(16, 16), (16, 80)])
def test_image_too_small_is_refused_with_a_size_that_works(shape):
    # 31 -> 7 -> 3 -> 1: the second pooling window of AlexNet is 3 wide
    backbone = pe.load_backbone("random:alexnet")
    message = (
        f"torchvision:alexnet does not take images of {shape[1]} x {shape[0]} pixels .*; it takes at least 31 x 31"
    )
    with pytest.raises(ValueError, match=message):
        backbone(images(*shape))


def test_size_that_an_error_names_is_the_smallest_that_works():
    backbone = pe.load_backbone("random:alexnet")
    assert backbone(images(31, 31))["relu5"].shape == (1, 256, 1, 1)
    with pytest.raises(ValueError, match="30 x 30 pixels"):
        backbone(images(30, 30))


def test_image_that_is_too_small_for_deeper_layers_alone_is_taken():
    assert pe.load_backbone("random:alexnet", layers=["relu1"])(images(16, 16))["relu1"].shape == (1, 64, 3, 3)


@pytest.mark.parametrize("shape", [(200, 200), (224, 200)])
def test_vision_transformer_of_one_size_refuses_others_naming_it(transformer, shape):
    message = (
        rf"timm:vit_tiny_patch16_224 does not take images of {shape[1]} x {shape[0]} pixels \(Input \w+ doesn't.*\);"
    )
    with pytest.raises(ValueError, match=f"{message} it takes no others than 224 x 224"):
        transformer(images(*shape))


# Random weights
@pytest.mark.parametrize("name", ["torchvision:squeezenet1_1", "timm:test_resnet"])
def test_random_weights_depend_on_the_seed_alone(name):
    def state(seed, elsewhere):
        torch.manual_seed(elsewhere)
        backbone = pe.load_backbone(
            name, layers=published.build(name).layers.keys() & {"relu1", "stem"}, weights=None, seed=seed
        )
        return {key: value.numpy().tobytes() for key, value in backbone.network.state_dict().items()}

    with torch.random.fork_rng(devices=[]):
        assert state(1, elsewhere=5) == state(1, elsewhere=6)
        assert state(1, elsewhere=5) != state(2, elsewhere=5)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_random_weights_are_those_of_the_authors_code(library):
    name, make = {
        "torchvision": ("squeezenet1_1", lambda: torchvision.models.squeezenet1_1(weights=None)),
        "timm": ("test_resnet", lambda: timm.create_model("test_resnet")),
    }[library]
    expected = drawn(make, seed=4).state_dict()
    torch.testing.assert_close(dict(published.build(f"{library}:{name}", seed=4).network.state_dict()), dict(expected))


@pytest.mark.parametrize(
    "make",
    [
        lambda: pe.load_backbone("random:resnet18", layers=["stem"]),
        lambda: pe.load_backbone("timm:test_vit", layers=["block1"], weights=None),
        lambda: published.build("torchvision:convnext_tiny"),
        lambda: published.build("timm:test_convnext"),
        lambda: pe.load_backbone("random:alexnet", layers=["relu1"])(images(64, 64)),
    ],
    ids=["torchvision", "timm", "torchvision, weights to be loaded", "timm, weights to be loaded", "activations"],
)
def test_global_random_states_are_left_alone(make):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    make()
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]


# The default study's network by name
def test_layers_of_kmeans_are_chosen_by_name():
    backbone = pe.load_backbone("kmeans", layers=["relu1_2", "relu2_1"], weights=None)
    assert backbone.layers == {"relu1_2": 32, "relu2_1": 64}
    assert max(backbone.receptive_fields.values()) == 10


@pytest.mark.parametrize("layers", [["relu1_1", "relu9_1"], "relu1_1"])
def test_unknown_layer_of_kmeans_is_refused_with_the_valid_ones(layers):
    with pytest.raises(ValueError, match=r"kmeans has no layers .*; its layers are relu1_1, relu1_2, relu2_1, relu2_2"):
        pe.load_backbone("kmeans", layers=layers, weights=None)


def test_file_of_weights_for_kmeans_is_refused():
    with pytest.raises(ValueError, match=r"weights is 'mine\.pth'; kmeans is learnt here"):
        pe.load_backbone("kmeans", weights="mine.pth")


# Networks of many families, from the first layers on
NETWORKS = {
    "torchvision:alexnet": (["relu1", "relu3"], 64),
    "torchvision:convnext_tiny": (["stem", "stage1"], 64),
    "torchvision:densenet121": (["stem", "stage1"], 64),
    "torchvision:efficientnet_b0": (["stem", "stage1", "stage2"], 64),
    "torchvision:googlenet": (["conv1", "conv2", "inception3a"], 64),
    "torchvision:mnasnet0_5": (["stem", "stage1"], 64),
    "torchvision:mobilenet_v3_small": (["stage1", "stage2"], 64),
    "torchvision:regnet_y_400mf": (["stem", "stage1"], 64),
    "torchvision:resnet18": (["stem", "stage1"], 64),
    "torchvision:shufflenet_v2_x0_5": (["stem", "stage2"], 64),
    "torchvision:squeezenet1_0": (["relu1", "fire2", "fire3"], 64),
    "torchvision:swin_t": (["stem", "stage1"], 64),
    "torchvision:vgg11_bn": (["relu1_1", "relu2_1"], 64),
    "timm:convnext_atto": (["stage1"], 64),
    "timm:efficientnet_lite0": (["stage1", "stage2"], 64),
    "timm:mobilenetv4_conv_small": (["stem", "stage1", "stage2"], 64),
    "timm:poolformer_s12": (["stage1"], 64),
    "timm:regnety_002": (["stem", "stage1"], 64),
    "timm:resnet18d": (["stem", "stage1"], 64),
    "timm:test_vit": (["block1", "block2"], 160),
    "timm:vit_tiny_patch16_224": (["block1", "block2"], 224),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    """A network with random weights, and the width of the images to show to it."""
    layers, size = NETWORKS[request.param]
    return pe.load_backbone(request.param, layers=layers, weights=None), size


def test_every_channel_of_any_network_has_a_finite_score_or_a_reason(network):
    backbone, size = network
    shown = pe.gratings(field=2, lowest_frequency=1, frequencies=3, oriented_every=1, orientations=2, phases=2)
    table = pe.score_channels(pe.probe(backbone, shown, size=size, batch_size=8))
    assert table.groupby("layer", sort=False).size().to_dict() == backbone.layers
    scored = table["status"] == "scored"
    assert scored.any()
    assert table.loc[~scored, "status"].str.startswith("not scored: ").all()
    assert np.isfinite(table.loc[scored, ["mu1", "mu2", "pe"]]).all(axis=None)


def test_distance_of_any_network_is_zero_to_the_image_itself_alone(network):
    backbone, size = network
    metric = pe.PerceptualMetric(backbone)
    x = images(size, size, count=2)
    assert metric(x, x).tolist() == [0, 0]
    assert (metric(x, x.flip(-1)) > 0).all()


def test_gradient_of_any_network_reaches_the_image_and_no_weight(network):
    backbone, size = network
    x = images(size, size).requires_grad_()
    pe.PerceptualMetric(backbone)(x, x.detach().flip(-1)).sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()
    assert all(weight.grad is None and not weight.requires_grad for weight in backbone.parameters())


def test_random_weights_leave_the_generators_of_accelerators_alone(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    pe.load_backbone("random:alexnet", layers=["relu1"], seed=7)
    assert seeded == []


def test_a_layer_asked_for_twice_by_two_names_is_refused():
    with pytest.raises(ValueError, match=r"Layer 'features\.3' of torchvision:vgg16 is given twice"):
        pe.load_backbone("random:vgg16", layers=["relu1_2", "features.3"])


def test_unknown_tag_of_timm_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"timm:resnet18\.nonsense cannot be built .* resnet18\.a1_in1k"):
        pe.load_backbone("timm:resnet18.nonsense", weights=None)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("random:vgg16", {"weights": "vgg.pth"}, "random:vgg16 has random weights, not 'vgg.pth'"),
        ("random:vgg16", {"sha256": "0" * 64}, "sha256 is given, but random:vgg16 has no weights from a file"),
        ("torchvision:vgg16", {"weights": None, "sha256": "0" * 64}, "sha256 is given, but torchvision:vgg16"),
    ],
)
def test_what_would_be_ignored_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        pe.load_backbone(name, **options)
