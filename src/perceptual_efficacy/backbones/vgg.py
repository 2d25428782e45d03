"""VGG-shaped stand-ins of any width: 3 x 3 convolutions with ReLU, and 2 x 2 max-pooling between blocks."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.published import initial_weights
from perceptual_efficacy.vocabulary import RANDOM_WEIGHTS

ARCHITECTURE = "vgg-shaped"


def stages(layers: Mapping[str, int]) -> nn.Sequential:
    """Return one stage per layer, each a convolution with ReLU after max-pooling where the block number rises.

    The layers are names `relu{block}_{index}`, with their number of channels; names that are not VGG's in VGG's order
    are a ValueError. The weights are uninitialised.
    """
    chain: OrderedDict[str, nn.Module] = OrderedDict()
    block, index, channels = 1, 0, 3
    for name, width in layers.items():
        if name not in {f"relu{block}_{index + 1}", f"relu{block + 1}_1"} or (not chain and name != "relu1_1"):
            raise ValueError(
                f"Layer {name!r} after {list(chain)}: expected VGG's names in order, "
                f"relu1_1, relu1_2, …, relu2_1, and so on."
            )
        new_block = name == f"relu{block + 1}_1"
        block, index = (block + 1, 1) if new_block else (block, index + 1)
        with initial_weights(None):
            convolution = nn.Conv2d(channels, width, 3, padding=1)
        pooling = [nn.MaxPool2d(2)] if new_block else []
        chain[name] = nn.Sequential(*pooling, convolution, nn.ReLU())
        channels = width
    return nn.Sequential(chain)


def card_of(layers: Mapping[str, int], origin: str, weights: str, seed: int) -> dict[str, Any]:
    """Return what a network of `stages` is: the layers' widths, and how its weights came about."""
    about = {"origin": origin, "weights": weights, "seed": seed}
    return {"architecture": ARCHITECTURE, "widths": dict(layers), **about}


def cut(network: nn.Module, layers: Iterable[str], card: Mapping[str, Any]) -> Backbone:
    """Return the backbone that ends with the deepest of these layers, from a network of `stages` and its card."""
    return Backbone(network, {layer: layer for layer in layers}, card, channels=card["widths"])


def draw_random(layers: Mapping[str, int], seed: int) -> Backbone:
    """Return a VGG-shaped backbone with Kaiming-normal weights (He et al. 2015) and no bias."""
    network = stages(layers)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return cut(network, layers, card_of(layers, "random weights", RANDOM_WEIGHTS, seed))
