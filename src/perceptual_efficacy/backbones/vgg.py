"""VGG-shaped stand-ins of any width: 3 x 3 convolutions with ReLU, and 2 x 2 max-pooling between blocks."""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import nn

from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.vocabulary import RANDOM_WEIGHTS

ARCHITECTURE = "vgg-shaped"


def stages(layers: Mapping[str, int]) -> nn.Sequential:
    """Return one stage per layer, each a convolution with ReLU after max-pooling where the block number rises.

    The weights are uninitialised.

    Parameters
    ----------
    layers
        Names `relu{block}_{index}` in VGG's order to the number of channels.

    Raises
    ------
    ValueError
        If the names are not VGG's names in VGG's order.
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
        # skip_init: a constructor that draws weights would use up the global random state
        convolution = torch.nn.utils.skip_init(nn.Conv2d, channels, width, 3, padding=1)
        pooling = [nn.MaxPool2d(2)] if new_block else []
        chain[name] = nn.Sequential(*pooling, convolution, nn.ReLU())
        channels = width
    return nn.Sequential(chain)


def draw_random(layers: Mapping[str, int], seed: int) -> Backbone:
    """Return a VGG-shaped backbone with Kaiming-normal weights (He et al. 2015) and no bias."""
    network = stages(layers)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    card = {
        "architecture": ARCHITECTURE,
        "widths": dict(layers),
        "origin": "random weights",
        "weights": RANDOM_WEIGHTS,
        "seed": seed,
    }
    return Backbone(network, {name: name for name in layers}, card)
