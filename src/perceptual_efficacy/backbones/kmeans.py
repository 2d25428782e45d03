"""Layers learnt from photographs without labels, by stacked spherical k-means."""

from collections.abc import Iterable, Mapping

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from perceptual_efficacy.backbones.network import MEAN, STANDARD_DEVIATION, Backbone, Progress, as_tensor
from perceptual_efficacy.backbones.vgg import card_of, cut, stages
from perceptual_efficacy.vocabulary import LEARNT


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
        RGB images by name, each of shape (height, width, 3). It is a ValueError if there is none, one is too small for
        the deepest layer, or they do not vary.
    layers
        Layer names to channels, see `vgg.stages`.
    seed
        Seed of the patch positions and the first centroids.
    patches, iterations
        Patches per layer, drawn evenly from the photographs; iterations of k-means.
    whitening
        Regularisation of the whitening, as a share of the mean eigenvalue of the patches' covariance.
    progress
        Wraps the iteration over layers, e.g. `tqdm`.

    References
    ----------
    Coates, Ng: Learning Feature Representations with K-Means, 2012. Krähenbühl, Doersch, Donahue, Darrell:
    Data-dependent Initializations of Convolutional Neural Networks, ICLR 2016.
    """
    if not photographs:
        raise ValueError("k-means needs at least one photograph, got none.")
    network = stages(layers)
    least = 3 * 2 ** sum(isinstance(module, nn.MaxPool2d) for module in network.modules())
    for name, photograph in photographs.items():
        if min(photograph.shape[:2]) < least:
            raise ValueError(
                f"Photograph {name!r} is {photograph.shape[1]} x {photograph.shape[0]} pixels; "
                f"these layers need at least {least} x {least}."
            )
    random = np.random.default_rng(seed)
    images = [as_tensor(photograph) for photograph in photographs.values()]
    mean, deviation = torch.tensor([MEAN, STANDARD_DEVIATION]).view(2, 1, 3, 1, 1)
    activations = [(image - mean) / deviation for image in images]
    with torch.inference_mode():
        for *pooling, convolution, relu in progress(network):
            for pool in pooling:
                activations = [pool(activation) for activation in activations]
            sample = _sample_patches(activations, patches, random)
            weight, bias = _kmeans_filters(sample, convolution.out_channels, iterations, whitening, random)
            convolution.weight.copy_(torch.from_numpy(weight).view_as(convolution.weight))
            convolution.bias.copy_(torch.from_numpy(bias))
            activations = [relu(convolution(activation)) for activation in activations]
    origin = "stacked spherical k-means on whitened patches"
    options = {"patches": patches, "iterations": iterations, "whitening": whitening}
    return cut(network, layers, {**card_of(layers, origin, LEARNT, seed), **options})


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
        raise ValueError("k-means needs patches that differ; all photographs are uniform.")
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
        members = scipy.sparse.csr_array(
            (np.ones(len(nearest)), (nearest, np.arange(len(nearest)))), (count, len(nearest))
        )
        sums = members @ directions
        empty = np.flatnonzero(np.bincount(nearest, minlength=count) == 0)
        sums[empty] = directions[np.argsort(similarity.max(axis=1), kind="stable")[: len(empty)]]
        centroids = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centroids
