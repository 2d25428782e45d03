"""Backbones: convolutional networks cut into named layers, from random weights, from k-means, or from a file."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from perceptual_efficacy import io

# The channel statistics of ImageNet, which torchvision's networks expect; ours follow the same convention.
MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)

Progress = Callable[[Iterable[Any]], Iterable[Any]]


class Backbone(nn.Module):
    """A chain of named layers, in evaluation mode for good.

    Parameters
    ----------
    stages
        Layer name to the module that computes it from the layer before.
    card
        What is known about the weights: their origin, and whatever else belongs into `card.json`.
    """

    mean: Tensor
    standard_deviation: Tensor

    def __init__(self, stages: Mapping[str, nn.Module], card: Mapping[str, Any]) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(stages)
        self.card = dict(card)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("standard_deviation", torch.tensor(STANDARD_DEVIATION).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode, whatever the mode of a model this backbone is part of."""
        super().train(False)
        return self

    @property
    def layers(self) -> dict[str, int]:
        """Layer names in order of depth, with their number of channels."""
        return {name: _last_convolution(stage).out_channels for name, stage in self.stages.items()}

    @property
    def units(self) -> dict[str, tuple[str, NDArray[Any]]]:
        """Coordinates of the dimension `unit`, all channels from shallow to deep: `layer` and `channel`."""
        layers = self.layers
        return {
            "layer": ("unit", np.repeat(list(layers), list(layers.values()))),
            "channel": ("unit", np.concatenate([np.arange(width) for width in layers.values()])),
        }

    @property
    def receptive_field(self) -> int:
        """Width in pixels of the patch that one unit of the deepest layer sees."""
        width, step = 1, 1
        for module in self.stages.modules():
            if isinstance(module, nn.Conv2d | nn.MaxPool2d):
                kernel, stride = (
                    size[0] if isinstance(size, tuple) else size for size in (module.kernel_size, module.stride)
                )
                width += (kernel - 1) * step
                step *= stride
        return width

    def taps(self, images: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and activations, (N, channels, H, W), from shallow to deep.

        Parameters
        ----------
        images
            (N, 3, H, W), display code values in [0, 1].

        Notes
        -----
        Only the layer in hand is kept in memory: reduce it before asking for the next.
        """
        activation = (images - self.mean) / self.standard_deviation
        for name, stage in self.stages.items():
            activation = stage(activation)
            yield name, activation

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the activations of all layers, by name."""
        return dict(self.taps(images))


def _last_convolution(stage: nn.Module) -> nn.Conv2d:
    return [module for module in stage.modules() if isinstance(module, nn.Conv2d)][-1]


def vgg_shaped(layers: Mapping[str, int], card: Mapping[str, Any]) -> Backbone:
    """Return a VGG-shaped backbone with uninitialised weights.

    3 x 3 convolutions with ReLU, and 2 x 2 max-pooling where the block number rises.

    Parameters
    ----------
    layers
        Names `relu{block}_{index}` in VGG's order to the number of channels.
    card
        See `Backbone`.

    Raises
    ------
    ValueError
        If the names are not VGG's names in VGG's order.
    """
    stages: dict[str, nn.Module] = {}
    block, index, channels = 1, 0, 3
    for name, width in layers.items():
        if name not in {f"relu{block}_{index + 1}", f"relu{block + 1}_1"} or (not stages and name != "relu1_1"):
            raise ValueError(
                f"Layer {name!r} after {list(stages)}: expected VGG's names in order, "
                f"relu1_1, relu1_2, …, relu2_1, and so on."
            )
        new_block = name == f"relu{block + 1}_1"
        block, index = (block + 1, 1) if new_block else (block, index + 1)
        # skip_init: a constructor that draws weights would use up the global random state
        convolution = torch.nn.utils.skip_init(nn.Conv2d, channels, width, 3, padding=1)
        pooling = [nn.MaxPool2d(2)] if new_block else []
        stages[name] = nn.Sequential(*pooling, convolution, nn.ReLU())
        channels = width
    if not stages:
        raise ValueError("A backbone needs at least one layer, got none.")
    return Backbone(stages, card)


def draw_random(layers: Mapping[str, int], seed: int) -> Backbone:
    """Return a VGG-shaped backbone with Kaiming-normal weights (He et al. 2015) and no bias."""
    backbone = vgg_shaped(layers, {"origin": "random weights", "pretrained": False, "seed": seed})
    generator = torch.Generator().manual_seed(seed)
    for stage in backbone.stages.values():
        convolution = _last_convolution(stage)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return backbone


def learn_kmeans(
    photographs: Mapping[str, NDArray[np.uint8]],
    layers: Mapping[str, int],
    *,
    seed: int,
    patches: int = 40_000,
    iterations: int = 20,
    whitening: float = 0.1,
    progress: Progress = iter,
) -> Backbone:
    """Return a VGG-shaped backbone learnt from photographs without labels.

    Layer by layer: patches of the layer's input are whitened, spherical k-means finds the filters, and each channel is
    scaled to zero mean and unit variance before its ReLU, as Krähenbühl et al. do.

    Parameters
    ----------
    photographs
        RGB images by name, each of shape (height, width, 3).
    layers
        Layer names to channels, see `vgg_shaped`.
    seed
        Seed of the patch positions and the first centroids.
    patches
        Patches per layer, drawn evenly from the photographs.
    iterations
        Iterations of k-means.
    whitening
        Regularisation of the whitening, as a share of the mean eigenvalue of the patches' covariance.
    progress
        Wraps the iteration over layers, e.g. `tqdm`.

    Raises
    ------
    ValueError
        If there is no photograph, one is too small for the deepest layer, or they do not vary.

    References
    ----------
    Coates, Ng: Learning Feature Representations with K-Means, 2012. Krähenbühl, Doersch, Donahue, Darrell:
    Data-dependent Initializations of Convolutional Neural Networks, ICLR 2016.
    """
    if not photographs:
        raise ValueError("k-means needs at least one photograph, got none.")
    card = {
        "origin": "stacked spherical k-means on whitened patches",
        "pretrained": False,
        "seed": seed,
        "patches": patches,
        "iterations": iterations,
        "whitening": whitening,
    }
    backbone = vgg_shaped(layers, card)
    least = 3 * 2 ** sum(isinstance(module, nn.MaxPool2d) for module in backbone.modules())
    for name, photograph in photographs.items():
        if min(photograph.shape[:2]) < least:
            raise ValueError(
                f"Photograph {name!r} is {photograph.shape[1]} x {photograph.shape[0]} pixels; "
                f"these layers need at least {least} x {least}."
            )
    random = np.random.default_rng(seed)
    images = [as_tensor(photograph) for photograph in photographs.values()]
    activations = [(image - backbone.mean) / backbone.standard_deviation for image in images]
    with torch.inference_mode():
        for stage in progress(backbone.stages.values()):
            *pooling, convolution, relu = stage
            for pool in pooling:
                activations = [pool(activation) for activation in activations]
            sample = _sample_patches(activations, patches, random)
            weight, bias = _kmeans_filters(sample, convolution.out_channels, iterations, whitening, random)
            convolution.weight.copy_(torch.from_numpy(weight).view_as(convolution.weight))
            convolution.bias.copy_(torch.from_numpy(bias))
            activations = [relu(convolution(activation)) for activation in activations]
    return backbone


def as_tensor(photograph: NDArray[np.uint8]) -> Tensor:
    """Turn an RGB image (height, width, 3), 0 to 255, into (1, 3, height, width), float32 in [0, 1]."""
    return torch.from_numpy(np.array(photograph)).permute(2, 0, 1)[None].to(torch.float32) / 255


def _sample_patches(
    activations: Iterable[Tensor], count: int, random: np.random.Generator, width: int = 3
) -> NDArray[np.float64]:
    """Draw `count` patches evenly from the maps, each flattened in a convolution's order: (count, channels * 9)."""
    maps = [activation[0].numpy() for activation in activations]
    samples = []
    for number, share in zip(maps, np.diff(np.linspace(0, count, len(maps) + 1).astype(int)), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(number, (width, width), axis=(1, 2))  # type: ignore[call-overload]
        rows = random.integers(windows.shape[1], size=share)
        columns = random.integers(windows.shape[2], size=share)
        samples.append(windows[:, rows, columns].swapaxes(0, 1).reshape(share, -1))
    return np.concatenate(samples).astype(np.float64)


def _kmeans_filters(
    sample: NDArray[np.float64], count: int, iterations: int, whitening: float, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (count, dimensions) and biases (count,) of filters whose responses to the sample have unit variance."""
    mean = sample.mean(axis=0)
    centred = sample - mean
    eigenvalues, eigenvectors = np.linalg.eigh(centred.T @ centred / len(centred))
    if eigenvalues[-1] <= 1e-12 * (sample**2).mean():
        raise ValueError("k-means needs patches that differ; these are all alike: all photographs are uniform.")
    scale = 1 / np.sqrt(eigenvalues.clip(0) + whitening * eigenvalues.mean())
    whitener = (eigenvectors * scale) @ eigenvectors.T
    centroids = spherical_kmeans(centred @ whitener, count, iterations, random)
    weight = centroids @ whitener
    response = centred @ weight.T
    weight /= np.maximum(response.std(axis=0), 1e-12)[:, None]
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)


def spherical_kmeans(
    points: NDArray[np.float64], count: int, iterations: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return `count` unit vectors (count, dimensions) that are local optima of the summed cosine similarity.

    A cluster that loses all its points starts again from the point that fits its own centroid worst.
    """
    directions = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    if count > len(directions):
        raise ValueError(f"{count} clusters need at least as many points, got {len(directions)}.")
    centroids = directions[random.choice(len(directions), size=count, replace=False)]
    for _ in range(iterations):
        similarity = directions @ centroids.T
        nearest = similarity.argmax(axis=1)
        fit = similarity[np.arange(len(directions)), nearest]
        members = scipy.sparse.csr_array(
            (np.ones(len(nearest)), (nearest, np.arange(len(nearest)))), (count, len(nearest))
        )
        sums = members @ directions
        empty = np.flatnonzero(np.bincount(nearest, minlength=count) == 0)
        sums[empty] = directions[np.argsort(fit, kind="stable")[: len(empty)]]
        centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centroids


def save(
    backbone: Backbone,
    weights: str | os.PathLike[str],
    card: str | os.PathLike[str],
    *,
    name: str,
    provenance: io.Provenance,
) -> None:
    """Write the weights as safetensors, and the card: origin, layers, preprocessing, and the weights' SHA-256."""
    sha256 = io.write_weights({key: value.numpy() for key, value in backbone.state_dict().items()}, weights)
    io.write_record(
        {
            **backbone.card,
            "name": name,
            "architecture": "vgg-shaped",
            "layers": backbone.layers,
            "layer_order": list(backbone.layers),
            "receptive_field_px": backbone.receptive_field,
            "preprocessing": {"input": "RGB, 0 to 1", "mean": MEAN, "standard_deviation": STANDARD_DEVIATION},
            "weights_sha256": sha256,
            "provenance": provenance,
        },
        card,
    )


def load(weights: str | os.PathLike[str], card: str | os.PathLike[str] | None = None) -> Backbone:
    """Read a backbone that `save` wrote; the card is the `card.json` beside the weights unless given.

    Raises
    ------
    io.DamagedFileError
        If the card or the weights are not what `save` wrote.
    """
    record = io.read_record(Path(weights).with_name("card.json") if card is None else card)
    layers = {layer: record["layers"][layer] for layer in record["layer_order"]}
    backbone = vgg_shaped(layers, record)
    state = io.read_weights(weights, record["weights_sha256"])
    backbone.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()}, strict=True)
    return backbone
