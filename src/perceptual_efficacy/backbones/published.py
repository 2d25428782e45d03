"""Published networks, built without weights; readable names for their layers."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from perceptual_efficacy.extras import extra

# the layers that LPIPS uses (lpips 0.1.4, pretrained_networks.py)
LPIPS_LAYERS = {
    "torchvision:vgg16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
    "torchvision:alexnet": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "torchvision:squeezenet1_1": ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"),
}
POOLS_AND_HEADS = re.compile(r"(maxpool|avgpool|aux|dropout|fc|classifier|head)", re.IGNORECASE)


class Packaged(NamedTuple):
    """A weight file within a package."""

    package: str
    version: str
    file: str  # in the package's folder
    sha256: str
    release: str
    licence: str
    mean: tuple[float, float, float]  # of red, green and blue, for images from 0 to 1
    standard_deviation: tuple[float, float, float]


# torchvision's architecture of the same name, in the training of its authors: release 1.1 of Iandola et al. (arXiv
# 1602.07360) for Caffe, whose networks take values from 0 to 255, less a mean.
PACKAGED = {
    "squeezenet1_1": Packaged(
        package="ndf",
        version="0.1.4",
        file="example_models/weights/squeezenet_weights.pkl",
        sha256="f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1",
        release="Caffe v1.1",
        licence="BSD (SqueezeNet's authors), MIT (the package)",
        mean=(123 / 255, 117 / 255, 104 / 255),
        standard_deviation=(1 / 255, 1 / 255, 1 / 255),
    )
}


class Architecture(NamedTuple):
    """A whole network, its layers and its preprocessing."""

    name: str  # with its library: torchvision:vgg16
    network: nn.Module
    layers: dict[str, str]  # readable name to path, from shallow to deep
    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]
    tracing: dict[str, Any]  # what torch.fx must not trace
    releases: dict[str, str]  # name of weights, the default first, to a URL, Hugging Face repository or package

    @property
    def library(self) -> str:
        return self.name.partition(":")[0]

    @property
    def short(self) -> str:
        return self.name.partition(":")[2]


def build(name: str, *, seed: int | None = None) -> Architecture:
    """Build `torchvision:NAME`, `timm:NAME` or `packaged:NAME` without trained weights.

    The seed is of the initial weights, drawn by the library's own code; None leaves them undefined, to be loaded. An
    unknown name is a ValueError that suggests similar ones.
    """
    library, _, short = name.partition(":")
    if library == "torchvision":
        return _from_torchvision(short, seed)
    if library == "timm":
        return _from_timm(short, seed)
    if library == "packaged":
        return _packaged(short, seed)
    raise ValueError(f"Network {name!r}: expected packaged:NAME, torchvision:NAME, timm:NAME, random:NAME or kmeans.")


def chosen_layers(architecture: Architecture, layers: str | Sequence[str]) -> dict[str, str]:
    """Return the paths of layers by name: "all", "lpips", or a list of names or of paths in the network.

    A layer that is unknown or given twice, no layer, or a network that LPIPS does not use is a ValueError.
    """
    if layers == "all":
        return architecture.layers
    if layers == "lpips":
        if architecture.name not in LPIPS_LAYERS:
            known = ", ".join(LPIPS_LAYERS)
            raise ValueError(f"{architecture.name} has no LPIPS layers; LPIPS is defined on {known}.")
        layers = LPIPS_LAYERS[architecture.name]
    if isinstance(layers, str):
        raise ValueError(f"layers is {layers!r}; expected 'all', 'lpips' or a list of layer names.")
    modules = dict(architecture.network.named_modules())
    paths: dict[str, str] = {}
    for layer in layers:
        if layer not in architecture.layers and (layer not in modules or not layer):
            raise ValueError(
                f"{architecture.name} has no layer {layer!r}.{_near(layer, [*architecture.layers, *modules])} "
                f"Its layers are {', '.join(architecture.layers)}; the path of a module works as well."
            )
        path = architecture.layers.get(layer, layer)
        if layer in paths or path in paths.values():
            raise ValueError(f"Layer {layer!r} of {architecture.name} is given twice, perhaps by another name.")
        paths[layer] = path
    if not paths:
        raise ValueError(f"No layer of {architecture.name} is given; its layers are {', '.join(architecture.layers)}.")
    return paths


@contextmanager
def initial_weights(seed: int | None) -> Iterator[None]:
    """Draw initial weights from a seed, or draw none; leave the global random state as it was."""
    with torch.random.fork_rng(devices=[]):
        if seed is None:
            with _WithoutInitialisation():
                yield
        else:
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed accelerators, too
            yield


class _WithoutInitialisation(TorchFunctionMode):
    """Skip everything in torch.nn.init: drawing VGG-16's weights takes two seconds, and they would be overwritten."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _from_torchvision(name: str, seed: int | None) -> Architecture:
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ValueError(f"torchvision has no network {name!r} for classification.{_near(name, known)}")
    # with auxiliary classifiers, so that their weights in a file are recognised
    auxiliary = name in {"googlenet", "inception_v3"}
    options = dict.fromkeys(("init_weights", "aux_logits", "transform_input"), True) if auxiliary else {}
    with initial_weights(seed):
        network = torchvision.models.get_model(name, weights=None, **options).eval()
    layers = _torchvision_layers(name, network)
    entries = torchvision.models.get_model_weights(name)
    members = [entries.DEFAULT, *(member for member in entries if member is not entries.DEFAULT)]
    mean, deviation = tuple(entries.DEFAULT.transforms().mean), tuple(entries.DEFAULT.transforms().std)
    # one release of VGG-16 expects another normalisation
    releases = {member.name: member.url for member in members if tuple(member.transforms().mean) == mean}
    return Architecture(f"torchvision:{name}", network, layers, mean, deviation, {}, releases)


def _packaged(name: str, seed: int | None) -> Architecture:
    """Build torchvision's network of a name with the preprocessing of its packaged weights."""
    if name not in PACKAGED:
        known = ", ".join(f"packaged:{known}" for known in PACKAGED)
        raise ValueError(f"There is no packaged:{name}; there is {known}.")
    own = PACKAGED[name]
    return _from_torchvision(name, seed)._replace(
        name=f"packaged:{name}",
        mean=own.mean,
        standard_deviation=own.standard_deviation,
        releases={own.release: f"{own.package}=={own.version}"},
    )


def _torchvision_layers(name: str, network: Any) -> dict[str, str]:
    (family,) = re.findall(r"^(?:wide_|)[a-z]+", name)  # vgg16_bn, resnext50_32x4d, swin_v2_t
    family = family.rstrip("_")
    if family == "vgg":
        return _vgg_layers(network.features)
    if family == "alexnet":
        found = [path for path, module in network.features.named_children() if isinstance(module, nn.ReLU)]
        return {f"relu{number}": f"features.{path}" for number, path in enumerate(found, 1)}
    if family == "squeezenet":
        fires = [path for path, module in network.features.named_children() if hasattr(module, "squeeze")]
        return {"relu1": "features.1"} | {f"fire{number}": f"features.{path}" for number, path in enumerate(fires, 2)}
    if family in {"resnet", "resnext", "wide_resnet"}:
        return {"stem": "relu"} | {f"stage{number}": f"layer{number}" for number in range(1, 5)}
    if family == "densenet":
        return {"stem": "features.relu0"} | {f"stage{i}": f"features.denseblock{i}" for i in range(1, 5)}
    if family == "regnet":
        return {"stem": "stem"} | {f"stage{i}": f"trunk_output.block{i}" for i in range(1, 5)}
    if family in {"convnext", "swin"}:
        return {"stem": "features.0"} | {f"stage{i}": f"features.{2 * i - 1}" for i in range(1, 5)}
    if family == "shufflenet":
        return {"stem": "conv1"} | {layer: layer for layer in ("stage2", "stage3", "stage4", "conv5")}
    if family == "efficientnet":
        *stages, head = list(network.features._modules)[1:]
        return {"stem": "features.0"} | {f"stage{i}": f"features.{i}" for i in stages} | {"head": f"features.{head}"}
    if family == "mobilenet":
        return _resolution_stages(network.features, "features")
    if family == "mnasnet":
        stacks = {f"stage{i}": f"layers.{7 + i}" for i in range(1, 7)}
        return {"stem": "layers.7"} | stacks | {"head": "layers.16"}
    if family == "maxvit":
        return {"stem": "stem"} | {f"stage{i + 1}": f"blocks.{i}" for i in range(len(network.blocks))}
    if family == "vit":
        return {f"block{i + 1}": f"encoder.layers.encoder_layer_{i}" for i in range(len(network.encoder.layers))}
    return {path: path for path, _ in network.named_children() if not POOLS_AND_HEADS.match(path)}


def _vgg_layers(features: nn.Sequential) -> dict[str, str]:
    """Name the ReLUs `relu{block}_{index}`, as Simonyan and Zisserman's convolutions are; pooling ends a block."""
    layers, block, index = {}, 1, 0
    for path, module in features.named_children():
        if isinstance(module, nn.MaxPool2d):
            block, index = block + 1, 0
        elif isinstance(module, nn.ReLU):
            index += 1
            layers[f"relu{block}_{index}"] = f"features.{path}"
    return layers


def _resolution_stages(features: nn.Sequential, path: str) -> dict[str, str]:
    """Name the last block before every step to a lower resolution `stage{number}`."""
    children = dict(features.named_children())
    lowers = [any(getattr(part, "stride", 1) in {2, (2, 2)} for part in child.modules()) for child in children.values()]
    last = [name for name, lower in zip(children, [*lowers[1:], True], strict=True) if lower]
    return {f"stage{number}": f"{path}.{name}" for number, name in enumerate(last[1:] if lowers[1] else last, 1)}


def _from_timm(name: str, seed: int | None) -> Architecture:
    with extra("timm"):
        import timm
        from timm.models import get_notrace_functions, get_notrace_modules

    known = timm.list_models()
    if name.partition(".")[0] not in known:
        raise ValueError(f"timm has no network {name!r}.{_near(name, known)}")
    try:
        with initial_weights(seed):
            network = timm.create_model(name, pretrained=False).eval()
    except RuntimeError as error:  # timm's answer to a tag that it does not know
        tags = ", ".join(timm.list_pretrained(f"{name.partition('.')[0]}.*")) or "none"
        raise ValueError(f"timm:{name} cannot be built ({error}). Its pre-trained variants: {tags}.") from error
    stages = getattr(network, "feature_info", None)
    if not stages:
        raise ValueError(f"timm:{name} does not declare its stages; use another network.")
    modules = dict(network.named_modules())
    stages = [stage for stage in getattr(stages, "info", stages) if stage["module"] in modules]
    word = "block" if len({stage["reduction"] for stage in stages}) == 1 < len(stages) else "stage"
    paths = [stage["module"] for stage in stages]
    kinds = [re.split(r"[.\d]", path)[0] for path in paths]
    layers = {"stem": paths.pop(0)} if len(paths) > 1 and kinds[0] != kinds[1] else {}
    layers |= {f"{word}{number}": path for number, path in enumerate(paths, 1)}
    settings: Any = network.pretrained_cfg
    tracing = {"leaf_modules": get_notrace_modules(), "autowrap_functions": get_notrace_functions()}
    releases = {settings["tag"] or "default": settings["hf_hub_id"]} if settings.get("hf_hub_id") else {}
    return Architecture(f"timm:{name}", network, layers, settings["mean"], settings["std"], tracing, releases)


def _near(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    found = difflib.get_close_matches(name, list(known), n=3)
    return f" Did you mean {' or '.join(found)}?" if found else ""
