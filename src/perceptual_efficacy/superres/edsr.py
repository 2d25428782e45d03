"""EDSR, the network for super-resolution: its baseline form, or a smaller one."""

import math
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from perceptual_efficacy import io, storage
from perceptual_efficacy.backbones import weights
from perceptual_efficacy.backbones.network import as_tensor
from perceptual_efficacy.vocabulary import OF_NETWORK

SCALES = (2, 3, 4)
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)  # of each colour; the published networks subtract it
BLOCKS, WIDTH = 16, 64  # of EDSR-baseline
LARGE_WIDTH, LARGE_RESIDUAL_SCALE = 256, 0.1  # of the authors' large EDSR, which has 32 blocks
SHAPE = ("scale", "blocks", "width", "residual_scale")
RUN = (*OF_NETWORK, "scale", "loss", "selection", "draw", "seed")  # identify a network, in the order of columns

_convolution = partial(nn.Conv2d, kernel_size=3, padding=1)


class EDSR(nn.Module):
    """Enlarge images (N, 3, H, W), display code values in [0, 1], to (N, 3, scale H, scale W); not clipped.

    Inside it computes in code values of 0 to 255, and its weights have their published names, so that the authors'
    files of EDSR-baseline can be loaded.

    Parameters
    ----------
    scale
        2, 3 or 4; another one is a ValueError.
    blocks, width
        Residual blocks and channels, at least one of each; EDSR-baseline has 16 and 64.
    residual_scale
        Factor of what each block adds, above 0; the authors' large EDSR (32 blocks, 256 channels) has 0.1.

    References
    ----------
    Lim, Son, Kim, Nah, Lee: Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR Workshops 2017.
    """

    mean: Tensor

    def __init__(self, scale: int, blocks: int = BLOCKS, width: int = WIDTH, residual_scale: float = 1.0) -> None:
        if scale not in SCALES:
            raise ValueError(f"EDSR is asked for the scale {scale}; it is made for {', '.join(map(str, SCALES))}.")
        if blocks < 1 or width < 1:
            raise ValueError(f"EDSR is asked for {blocks} blocks of {width} channels; it needs at least one of each.")
        if not 0 < residual_scale < math.inf:
            raise ValueError(f"EDSR is asked for residuals times {residual_scale}; expected a finite number above 0.")
        super().__init__()
        self.scale, self.blocks, self.width, self.residual_scale = scale, blocks, width, residual_scale
        self.card: dict[str, Any] = {}  # what is known of the weights
        self.register_buffer("mean", 255 * torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1), persistent=False)
        self.head = nn.Sequential(_convolution(3, width))
        self.body = nn.Sequential(*(_Block(width, residual_scale) for _ in range(blocks)), _convolution(width, width))
        steps = [2, 2] if scale == 4 else [scale]
        upsampler = [layer for step in steps for layer in (_convolution(width, step**2 * width), nn.PixelShuffle(step))]
        self.tail = nn.Sequential(nn.Sequential(*upsampler), _convolution(width, 3))

    @property
    def identity(self) -> dict[str, Any]:
        """What results say of the network, with None for what does not apply.

        network, architecture, weights and origin are those of the network whose channels the loss uses.
        """
        return {name: {**self.card, "scale": self.scale}.get(name) for name in RUN}

    def forward(self, images: Tensor) -> Tensor:
        """Enlarge images; see the class."""
        features = self.head(255 * images - self.mean)
        enlarged: Tensor = self.tail(features + self.body(features))
        return (enlarged + self.mean) / 255


class _Block(nn.Module):
    """A residual block without normalisation."""

    def __init__(self, width: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.body = nn.Sequential(_convolution(width, width), nn.ReLU(inplace=True), _convolution(width, width))

    def forward(self, features: Tensor) -> Tensor:
        residual = self.body(features)
        return features + (residual if self.residual_scale == 1 else self.residual_scale * residual)


def draw(scale: int, blocks: int, width: int, seed: int, residual_scale: float | None = None) -> EDSR:
    """Build a network with PyTorch's initial weights, drawn from a seed; the global random state stays as it is.

    Without a scale of residuals it is 1.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return EDSR(scale, blocks, width, 1.0 if residual_scale is None else residual_scale)


def load(
    state: Mapping[str, Tensor], scale: int, blocks: int, width: int, source: str, residual_scale: float | None = None
) -> EDSR:
    """Build a network with given weights, ours or the authors'.

    Weights of another architecture are a ValueError. So are those as wide as the authors' large EDSR unless the scale
    of residuals is stated, which no weights show; it is 1 otherwise.
    """
    if residual_scale is None and width >= LARGE_WIDTH:
        raise ValueError(
            f"{source}: a network of {width} channels. The authors' large EDSR multiplies its residuals by "
            f"{LARGE_RESIDUAL_SCALE}, which no weights show. State superres.network.residual_scale: "
            f"{LARGE_RESIDUAL_SCALE} for theirs, 1 for a network without."
        )
    network = EDSR(scale, blocks, width, 1.0 if residual_scale is None else residual_scale)
    try:
        weights.fit(network, network, state, source)
    except ValueError as error:
        raise ValueError(
            f"{error} Expected EDSR for the scale {scale} with {blocks} blocks of {width} channels: correct "
            f"superres.network or superres.scales, or give the weights of such a network."
        ) from error
    return network


def read(
    path: str | os.PathLike[str], scale: int, blocks: int, width: int, residual_scale: float | None = None
) -> EDSR:
    """Build a network with the weights of a `.pth` or `.safetensors` file; see `load`."""
    return load(weights.read(path), scale, blocks, width, os.fspath(path), residual_scale)


def save(network: EDSR, weights_file: str | os.PathLike[str], card: str | os.PathLike[str]) -> None:
    """Write the weights as safetensors with the network's card in the header; a file of the card is for people."""
    state = {name: value.numpy(force=True) for name, value in network.state_dict().items()}
    shape = {name: getattr(network, name) for name in SHAPE}
    record = {**network.card, **shape}
    io.write_weights(state, weights_file, record)
    storage.write_record(record, card)


def restore(weights_file: str | os.PathLike[str]) -> EDSR:
    """Read a network that `save` wrote; see `io.read_weights` for damaged files."""
    arrays, card = io.read_weights(weights_file)
    state = {name: torch.from_numpy(value) for name, value in arrays.items()}
    network = load(state, source=os.fspath(weights_file), **{name: card[name] for name in SHAPE})
    network.card = card
    return network


@torch.inference_mode()
def enlarge(network: EDSR, image: NDArray[np.uint8], device: Any = "cpu") -> NDArray[np.uint8]:
    """Super-resolve one 8-bit image, shape (height, width, 3), and round it to 8 bits."""
    enlarged = network(as_tensor(image).to(device))[0].clamp(0, 1)
    rounded: NDArray[np.uint8] = (255 * enlarged).round().to(torch.uint8).permute(1, 2, 0).numpy(force=True)
    return rounded
