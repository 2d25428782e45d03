"""Backbones by name, and the study's own form of them on disk."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from perceptual_efficacy import io
from perceptual_efficacy.backbones import published
from perceptual_efficacy.backbones.kmeans import learn_kmeans
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.published import Architecture
from perceptual_efficacy.backbones.vgg import ARCHITECTURE, draw_random, stages
from perceptual_efficacy.backbones.weights import DEFAULT, Weights, fit, from_file, from_hugging_face, from_url, hash_in
from perceptual_efficacy.datasets import photographs

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
KMEANS_LAYERS = {"relu1_1": 32, "relu1_2": 32, "relu2_1": 64, "relu2_2": 64, "relu3_1": 128}
TRAINED_ON = ("astronaut", "coffee", "rocket", "motorcycle_left", "motorcycle_right", "china")
CARD = "card.json"

# The part of torchvision's VGG-16 that a study needs is often kept by itself: sha256 of its first convolution.
FIRST_CONVOLUTIONS = {
    "03c02e0544ea3b2a9e832ca1d3cba452e3e4a43f13fb64a7d9c59bd024e43f48": ("torchvision:vgg16", "IMAGENET1K_V1"),
}


def load_backbone(
    name: str | os.PathLike[str],
    *,
    layers: str | Sequence[str] = "all",
    weights: str | os.PathLike[str] | None = DEFAULT,
    seed: int = 0,
) -> Backbone:
    """Return a network as named layers, cut after the deepest one.

    Parameters
    ----------
    name
        `torchvision:NAME` or `timm:NAME`; `random:NAME`, torchvision's with random weights; `kmeans`, the default
        study's network, learnt from the bundled photographs in some seconds; or a folder in which a study has saved a
        backbone (`results/backbones/NAME`).
    layers
        "all", "lpips" (those that LPIPS uses of VGG-16, AlexNet and SqueezeNet 1.1), or a list of layer names; the path
        of a module serves as a name, too.
    weights
        "DEFAULT" or the name of a release of torchvision's, downloaded unless in the cache; a `.pth` or `.safetensors`
        file, which needs no more than the kept layers; or None: random ones.
    seed
        Of random weights and of k-means.

    Raises
    ------
    ValueError
        If the network, a layer or a release is not known, a layer has no channels, or the file does not fit.
    weights.UnavailableError
        If the weights are neither in a cache nor can be downloaded.
    FileNotFoundError
        If a file is missing.
    """
    if (Path(name) / CARD).is_file():
        return load(Path(name) / "weights.safetensors")
    name = os.fspath(name)
    if name == "kmeans":
        return _kmeans(layers, weights, seed)
    if name.startswith("random:"):
        name, weights = f"torchvision:{name.removeprefix('random:')}", None
    architecture = published.build(name, seed=seed if weights is None else None)
    paths = published.chosen_layers(architecture, layers)
    card: dict[str, Any] = {"architecture": name, "paths": paths}
    if weights is None:
        card |= {"origin": "random weights", "pretrained": False, "seed": seed}
        return _assemble(architecture, card)
    found = _find(architecture, os.fspath(weights))
    card |= {
        "origin": f"{found.release} weights of {architecture.library}" if found.release else f"weights {found.file}",
        "pretrained": True,
        "file": found.file,
        "file_sha256": found.sha256,
        "release": found.release,
    }
    backbone = _assemble(architecture, card)
    fit(backbone.network, architecture.network, found.state, found.file)
    return backbone


def _assemble(architecture: Architecture, card: dict[str, Any]) -> Backbone:
    return Backbone(
        architecture.network,
        card["paths"],
        card,
        mean=architecture.mean,
        standard_deviation=architecture.standard_deviation,
        tracing=architecture.tracing,
    )


def _kmeans(layers: str | Sequence[str], weights: str | os.PathLike[str] | None, seed: int) -> Backbone:
    if weights not in (DEFAULT, None):
        raise ValueError(
            f"weights is {weights!r}; kmeans is learnt here, or give the folder of a saved one as the name."
        )
    chosen = list(KMEANS_LAYERS) if layers == "all" else layers
    unknown = [layer for layer in chosen if layer not in KMEANS_LAYERS]
    if isinstance(chosen, str) or unknown:
        raise ValueError(f"kmeans has no layers {unknown or layers!r}; its layers are {', '.join(KMEANS_LAYERS)}.")
    deepest = max(list(KMEANS_LAYERS).index(layer) for layer in chosen)
    widths = dict(list(KMEANS_LAYERS.items())[: deepest + 1])
    whole = (
        draw_random(widths, seed)
        if weights is None
        else learn_kmeans(photographs.bundled(TRAINED_ON), widths, seed=seed)
    )
    return Backbone(whole.network, {layer: layer for layer in chosen}, whole.card)


def _find(architecture: Architecture, weights: str) -> Weights:
    """Read the weights that a release or a path names."""
    releases = architecture.releases
    if weights == DEFAULT and not releases:
        raise ValueError(f"{architecture.name} has no pre-trained weights; give a file, or None for random weights.")
    release = next(iter(releases)) if weights == DEFAULT else weights
    if release in releases:
        url = releases[release]
        return from_url(url, release) if url.startswith("http") else from_hugging_face(url, release)
    if not Path(weights).is_file():
        raise FileNotFoundError(
            f"weights is {weights!r}: neither a file nor a release of {architecture.name} "
            f"({', '.join([DEFAULT, *releases])})."
        )
    found = from_file(weights)
    return found._replace(release=_release(architecture, found))


def _release(architecture: Architecture, found: Weights) -> str | None:
    """Recognise a release by the hash in its file's name, or by its first convolution."""
    for release, url in architecture.releases.items():
        if (prefix := hash_in(url)) and found.sha256.startswith(prefix):
            return release
    first = next(iter(found.state.values())).contiguous()
    digest = hashlib.sha256(first.numpy().tobytes()).hexdigest() if first.dtype == torch.float32 else ""
    name, known = FIRST_CONVOLUTIONS.get(digest, (None, None))
    return known if name == architecture.name else None


def save(
    backbone: Backbone,
    weights: str | os.PathLike[str],
    card: str | os.PathLike[str],
    *,
    name: str,
    provenance: io.Provenance,
) -> None:
    """Write the weights as safetensors, and the card: origin, layers, preprocessing, and the weights' SHA-256."""
    state = {key: value.numpy(force=True) for key, value in backbone.network.state_dict().items()}
    sha256 = io.write_weights(state, weights)
    filters, filters_of = backbone.first_filters
    io.write_record(
        {
            **backbone.card,
            "name": name,
            "layers": backbone.layers,
            "layer_order": list(backbone.layers),
            "first_filters": filters,
            "first_filters_of": filters_of,
            "receptive_fields_px": backbone.receptive_fields,
            "preprocessing": backbone.preprocessing,
            "weights_sha256": sha256,
            "provenance": provenance,
        },
        card,
    )


def load(
    weights: str | os.PathLike[str], card: str | os.PathLike[str] | None = None, *, precision: str = "float32"
) -> Backbone:
    """Read a backbone that `save` wrote; the card is the `card.json` beside the weights unless given.

    The network computes in `precision`, "float32" or "bfloat16"; what it is shown is normalised in float32.

    Raises
    ------
    io.DamagedFileError
        If the card or the weights are not what `save` wrote.
    """
    record = io.read_record(Path(weights).with_name(CARD) if card is None else card)
    state = io.read_weights(weights, record["weights_sha256"])
    if record["architecture"] == ARCHITECTURE:
        backbone = Backbone(
            stages(dict(sorted(record["widths"].items()))), {layer: layer for layer in record["layer_order"]}, record
        )
    else:
        backbone = _assemble(published.build(record["architecture"]), record)
    backbone.network.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()}, strict=True)
    backbone.network.to(PRECISIONS[precision])
    return backbone
