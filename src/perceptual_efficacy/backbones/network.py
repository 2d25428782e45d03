"""A backbone: a network as named layers of channels, cut after the deepest layer asked for."""

import copy
import difflib
import hashlib
import logging
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from perceptual_efficacy.backbones import locality
from perceptual_efficacy.vocabulary import NONE, OF_NETWORK

# channel statistics of ImageNet, which torchvision's networks and ours expect
MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)

MAPS, CHANNELS_LAST, TOKENS = "maps", "channels last", "tokens"  # what a layer may return; all become maps
MAKERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)  # modules whose output shares no memory with anything
TORCH_ERRORS = (RuntimeError, AssertionError, ValueError)  # what networks raise on a size that they do not take

Progress = Callable[[Iterable[Any]], Iterable[Any]]


class Backbone(nn.Module):
    """A network as named layers. It stays in evaluation mode, and gradients reach its input only.

    Parameters
    ----------
    network
        Takes images (N, 3, H, W), normalised by `mean` and `standard_deviation`; it is cut after the deepest layer. Its
        modules are used, not copied.
    layers
        Layer name to the path of a module, whose last output is used, or of a node as torchvision's feature extraction
        names it.
    card
        Facts about the network and its weights, such as architecture and origin; what `card.json` holds.
    mean, standard_deviation
        Of each colour channel of the images that the network was trained on.
    tracing
        Keyword arguments of `torch.fx`'s tracer: modules and functions that must not be traced.
    channels
        Channels of each link of a network of `vgg.stages`: a chain whose layers are links is cut without tracing.

    Raises
    ------
    ValueError
        If there is no layer, a path is not in the network, or a layer does not return maps of channels: (N, channels,
        H, W), (N, H, W, channels), or tokens (N, positions, channels) that fill a grid of the image's shape.
    """

    mean: Tensor
    standard_deviation: Tensor

    def __init__(
        self,
        network: nn.Module,
        layers: Mapping[str, str],
        card: Mapping[str, Any],
        *,
        mean: Sequence[float] = MEAN,
        standard_deviation: Sequence[float] = STANDARD_DEVIATION,
        tracing: Mapping[str, Any] | None = None,
        channels: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        if not layers:
            raise ValueError("A backbone needs at least one layer, got none.")
        self.card = dict(card)
        self.network = _cut_chain(network, layers) if channels else _cut(network.eval(), layers, dict(tracing or {}))
        _keep_layers(self.network)
        self.preprocessing = {"input": "RGB, 0 to 1", "mean": [*mean], "standard_deviation": [*standard_deviation]}
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("standard_deviation", torch.tensor(standard_deviation).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.train(False)
        self._middles: dict[tuple[int, ...], locality.Middle] = {}
        self.only_size: int | None = None  # width and height in pixels of the images it takes, if there is but one
        self._layouts = (
            {name: (MAPS, channels[layers[name]], 0) for name in self._nodes()}
            if channels
            else self._learn_layouts(network)
        )

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode, whatever the mode of a model this backbone is part of."""
        super().train(False)
        return self

    def channels_last(self) -> "Backbone":
        """Return a copy with channels last in memory, in which convolutions run faster; this one stays as it is."""
        return copy.deepcopy(self).to(memory_format=torch.channels_last)

    @property
    def layers(self) -> dict[str, int]:
        """Layer names in order of depth, with their number of channels."""
        return {name: channels for name, (_, channels, _) in self._layouts.items()}

    @property
    def weights_sha256(self) -> dict[str, str]:
        """SHA-256 of the weights that each layer is computed from, by layer: those of deeper layers do not matter."""
        held = {
            name: hashlib.sha256(value.float().numpy(force=True).tobytes()).hexdigest()
            for name, value in self.network.state_dict().items()
            if value.is_floating_point()  # others count batches in training
        }
        used: dict[fx.Node, set[str]] = {}
        for node in self.network.graph.nodes:
            path = f"{node.target}." if node.op in {"call_module", "get_attr"} else " "
            own = {name for name in held if f"{name}.".startswith(path)}
            used[node] = own.union(*(used[other] for other in node.all_input_nodes))
        return {
            layer: hashlib.sha256("".join(f"{name} {held[name]}\n" for name in sorted(used[node])).encode()).hexdigest()
            for layer, node in self._nodes().items()
        }

    @property
    def units(self) -> dict[str, tuple[Any, ...]]:
        """Coordinates of the dimension `unit`, all channels from shallow to deep: layer, channel, receptive field."""
        layers, fields = self.layers, self.receptive_fields
        widths = list(layers.values())
        return {
            "layer": ("unit", np.repeat(list(layers), widths)),
            "channel": ("unit", np.concatenate([np.arange(width) for width in widths])),
            "receptive_field": ("unit", np.repeat([fields[layer] for layer in layers], widths), {"units": "pixels"}),
        }

    @property
    def identity(self) -> dict[str, str]:
        """Columns and attributes that name this network in results: network, architecture, weights, origin, release."""
        known = {"network": self.card.get("name", self._name()), **self.card}
        known["release"] = known.get("release") or NONE
        return {name: known[name] for name in OF_NETWORK if name in known}

    @property
    def receptive_fields(self) -> dict[str, int]:
        """Width in pixels of the patch that one unit of each layer sees.

        Convolutions and pooling windows count; global operations (squeeze and excitation, attention) do not.
        """
        return {layer: width for layer, (width, _) in self._extents().items()}

    @property
    def steps(self) -> dict[str, int]:
        """Pixels from one unit of each layer to the next."""
        return {layer: step for layer, (_, step) in self._extents().items()}

    def _extents(self) -> dict[str, tuple[int, int]]:
        """Receptive field of each layer's units, and pixels from one to the next."""
        found = locality.extents(self.network)
        return {layer: found[node] for layer, node in self._nodes().items()}

    def check_local(self) -> None:
        """Raise a ValueError unless every unit sees its receptive field alone, so that images may be cut into tiles."""
        if self.only_size is not None:
            raise ValueError(
                f"{self._name()} takes images of {self.only_size} pixels alone, which are not cut into tiles."
            )
        strange = [name for node in self.network.graph.nodes for name in locality.not_local(self.network, node)]
        if strange:
            raise ValueError(
                f"{self._name()} cannot be run tile by tile: its {strange[0]} may see more of an image than its "
                f"receptive field. Measure smaller images, or take layers before it."
            )

    @property
    def first_filters(self) -> tuple[str | None, str | None]:
        """Key of the first convolution's weights, and the layer whose channels its filters give; None if there is none.

        Between the filters and such a layer lie only normalisation and nonlinearities.
        """
        layers = {node: name for name, node in self._nodes().items()}
        node = next(
            (node for node in self.network.graph.nodes if locality.parts(self.network, node, "kernel_size")), None
        )
        if node is None:
            return None, None
        path, *more = locality.parts(self.network, node, "kernel_size")
        while not more and node not in layers and len(node.users) == 1:
            (node,) = node.users
            more = [part for part in locality.parts(self.network, node, "weight").values() if part.weight.ndim > 1]
        return f"{path}.weight", None if more else layers.get(node)

    def activations(self, images: Tensor, field: int | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and activations from shallow to deep.

        Only what is still needed is kept in memory: reduce a layer before asking for the next.

        Parameters
        ----------
        images
            (N, 3, H, W), display code values in [0, 1].
        field
            Height and width in pixels of a field in the middle of the images: of its units alone are activations
            yielded, and what they do not need is not computed. A field smaller than a layer's step still has the unit
            in its middle.

        Yields
        ------
        Name, and activations (N, channels, H, W). The network computes in the data type of its weights; activations of
        less than 32 bits are yielded as float32.

        Raises
        ------
        ValueError
            If the images have another shape, or a size that the network cannot take, or the field does not fit in them.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"Images have shape {tuple(images.shape)}; expected (N, 3, height, width).")
        if field is not None and not 1 <= field <= min(images.shape[-2:]):
            raise ValueError(
                f"field is {field} pixels, the images have {images.shape[-1]} x {images.shape[-2]}; "
                f"expected at least 1 and no more than their smaller side."
            )
        middle = None if field is None else self._middle(images.shape[-2:], field)
        for name, activation in self._walk(images, {} if middle is None else middle.crops):
            maps = self._as_maps(name, activation, images.shape[-2:])
            yield name, maps if middle is None else maps[(..., *middle.units[name])]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the activations of all layers, by name, as `activations` yields them."""
        if torch.compiler.is_compiling():  # a compiler decides on its own what to keep, and looks into no graph
            found = {name: _at_least_single(value) for name, value in self.network(self._normalised(images)).items()}
            return {name: self._as_maps(name, found[name], images.shape[-2:]) for name in self._layouts}
        return dict(self.activations(images))

    def _normalised(self, images: Tensor) -> Tensor:
        weights = list(self.network.parameters())
        dtype = weights[0].dtype if weights else images.dtype
        return ((images - self.mean) / self.standard_deviation).to(dtype)

    def _middle(self, size: Sequence[int], field: int) -> locality.Middle:
        """What the units in a field in the middle of images of a size need."""
        found = self._middles.get((*size, field))
        if found is None:
            maps = self._shapes((size[0], size[1]), as_maps=True)
            inner = {
                name: (_inner(rows, size[0], field), _inner(columns, size[1], field))
                for name, (*_, rows, columns) in maps.items()
            }
            if all(kind == MAPS for kind, _, _ in self._layouts.values()):
                found = locality.middle(self.network, self._nodes(), inner)
            else:
                units = {name: (slice(*rows), slice(*columns)) for name, (rows, columns) in inner.items()}
                found = locality.Middle({}, units)
            self._middles[(*size, field)] = found
        return found

    def _walk(self, images: Tensor, crops: Mapping[str, locality.Shown]) -> Iterator[tuple[str, Tensor]]:
        """Run the network node by node, and crop what it returns; yield it at each layer, before it is cropped."""
        names = {node: name for name, node in self._nodes().items()}
        nodes = [node for node in self.network.graph.nodes if node.op != "output"]
        last_use = {used: node for node in nodes for used in node.all_input_nodes}
        interpreter = fx.Interpreter(self.network, garbage_collect_values=False)
        interpreter.args_iter = iter([self._normalised(images)])
        for node in nodes:
            try:
                value = interpreter.run_node(node)
            except TORCH_ERRORS as error:
                self._explain(images, error)
                raise
            interpreter.env[node] = value
            if node in names:
                if not isinstance(value, Tensor):
                    raise ValueError(f"Layer {names[node]!r} of {self._name()} returns no tensor. Choose another one.")
                yield names[node], _at_least_single(value)
            for used in {*node.all_input_nodes, node}:
                if last_use.get(used, node) is node:
                    del interpreter.env[used]
            if node.name in crops:
                interpreter.env[node] = value[(..., *crops[node.name])]
            del value

    def _nodes(self) -> dict[str, fx.Node]:
        """Graph nodes of the layers, by name, from shallow to deep."""
        *nodes, output = self.network.graph.nodes
        depth = {node: place for place, node in enumerate(nodes)}
        return dict(sorted(output.args[0].items(), key=lambda layer: depth[layer[1]]))

    def _as_maps(self, name: str, activation: Tensor, size: Sequence[int]) -> Tensor:
        kind, _, leading = self._layouts[name]
        if kind == CHANNELS_LAST:
            return activation.permute(0, 3, 1, 2)
        if kind == TOKENS:
            grid = _grid(activation.shape[1] - leading, size)
            if grid is None:
                raise ValueError(
                    f"Layer {name!r} of {self._name()} returns {activation.shape[1]} tokens for images of {size[1]} x "
                    f"{size[0]} pixels; they fill no grid of that shape. Use square images."
                )
            return activation[:, leading:].unflatten(1, grid).permute(0, 3, 1, 2)
        return activation

    def _learn_layouts(self, network: nn.Module) -> dict[str, tuple[str, int, int]]:
        """Kind, channels and leading tokens of each layer, from its shapes for two sizes; nothing is computed."""
        # tokens before those of the image's positions: timm states their number, torchvision's transformers have one
        leading_tokens = int(getattr(network, "num_prefix_tokens", hasattr(network, "class_token")))
        declared = getattr(network, "output_fmt", None)
        layouts = {}
        second = self._shapes_if_taken((448, 512))  # None: a network for one size only
        self.only_size = None if second is not None else 224
        for name, shape in self._shapes((224, 224)).items():
            grows = [] if second is None else [axis for axis in range(len(shape)) if shape[axis] != second[name][axis]]
            if len(shape) == 4 and (grows == [1, 2] or (second is None and declared == "NHWC")):
                layouts[name] = CHANNELS_LAST, shape[3], 0
            elif len(shape) == 4 and (grows == [2, 3] or second is None):
                layouts[name] = MAPS, shape[1], 0
            elif len(shape) == 3 and (leading := [n for n in (leading_tokens, 0) if _grid(shape[1] - n, (224, 224))]):
                layouts[name] = TOKENS, shape[2], leading[0]
            else:
                raise ValueError(
                    f"Layer {name!r} of {self._name()} returns shape {shape} for an image of 224 x 224 pixels; it must "
                    f"return maps of channels, (N, channels, height, width), or tokens that fill a grid of the image's "
                    f"shape. Choose an earlier layer."
                )
        return layouts

    def _shapes(self, size: tuple[int, int], *, as_maps: bool = False) -> dict[str, tuple[int, ...]]:
        try:
            with (
                quiet("torch._subclasses.fake_tensor", logging.CRITICAL),
                FakeTensorMode(allow_non_fake_inputs=True),
                torch.no_grad(),
            ):
                images = torch.empty(1, 3, *size)
                found = self.activations(images) if as_maps else self._walk(images, {})
                return {name: tuple(value.shape) for name, value in found}
        finally:
            self.network.train().eval()  # drops what a module keeps between passes (TinyViT's attention): no numbers

    def _shapes_if_taken(self, size: tuple[int, int]) -> dict[str, tuple[int, ...]] | None:
        try:
            return self._shapes(size)
        except TORCH_ERRORS:
            return None

    def _explain(self, images: Tensor, error: Exception) -> None:
        """Raise a plain error if the network failed because the images are too small."""
        height, width = images.shape[-2:]
        if isinstance(images, FakeTensor) or self._shapes_if_taken((height, width)):
            return
        sizes = [*range(min(height, width) + 1, 65), 96, 128, 160, 192, 224, 240, 256, 299, 320, 384, 448, 512]
        takes = next((size for size in sizes if self._shapes_if_taken((size, size))), None)
        if takes is not None:
            # a message that was made when the network was traced, before there was an image, names a proxy for it
            first = re.sub(r" (\(Proxy\(\w+\)\)|but got Proxy\(\w+\)!)", "", str(error).splitlines()[0])
            reason = f" ({first.rstrip('.')})"
            limit = "no others than" if self._shapes_if_taken((takes + 32, takes + 32)) is None else "at least"
            raise ValueError(
                f"{self._name()} does not take images of {width} x {height} pixels{reason}; it takes {limit} {takes} x "
                f"{takes}."
            ) from error

    def __repr__(self) -> str:
        return f"Backbone({self._name()}, layers={self.layers})"

    def _name(self) -> str:
        return str(self.card.get("architecture", "The network"))


def _cut(network: nn.Module, layers: Mapping[str, str], tracing: dict[str, Any]) -> fx.GraphModule:
    """Return the network as a graph that ends with the deepest layer and holds nothing that is not needed for it."""
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    nodes = get_graph_node_names(network, tracing, suppress_diff_warning=True)[1]
    for name, path in layers.items():
        if not any(node == path or node.startswith(f"{path}.") for node in nodes):
            inside = next((node for node in nodes if path.startswith(f"{node}.")), None)
            near = [inside] if inside else difflib.get_close_matches(path, nodes, n=3)
            raise ValueError(
                f"Layer {name!r}: the graph of the network has no module or node {path!r}."
                + (f" Did you mean {' or '.join(near)}?" if near else "")
                + f" It has {len(nodes)}, from {nodes[0]} to {nodes[-1]}; get_graph_node_names of "
                f"torchvision.models.feature_extraction lists them."
            )
    return_nodes = {path: name for name, path in layers.items()}
    traced = create_feature_extractor(network, return_nodes, tracer_kwargs=tracing, suppress_diff_warning=True).eval()
    return fx.GraphModule(traced, traced.graph)  # torchvision's keeps a second graph, for training


def _cut_chain(network: nn.Module, layers: Mapping[str, str]) -> fx.GraphModule:
    """Cut a chain of modules whose layers are its links, without torchvision, whose import takes seconds."""
    traced = fx.symbolic_trace(network)
    _, *nodes, output = traced.graph.nodes
    last = {node.target.partition(".")[0]: node for node in nodes}
    output.args = ({name: last[path] for name, path in layers.items()},)
    traced.graph.eliminate_dead_code()
    return fx.GraphModule(traced, traced.graph)


def _keep_layers(cut: fx.GraphModule) -> None:
    """Keep in-place operations from overwriting what a layer returned, also behind an identity or a view.

    One that alone uses the output of a convolution or normalisation may stay in place, which saves a copy.
    """
    *nodes, output = cut.graph.nodes
    returned = set(output.args[0].values())

    def made_for(user: fx.Node) -> bool:
        (source, *_) = user.all_input_nodes
        made = source.op == "call_module" and isinstance(cut.get_submodule(str(source.target)), MAKERS)
        return made and source not in returned and len(source.users) == 1

    calls = [node for node in nodes if node.op == "call_module"]
    unsafe = {str(node.target) for node in calls if not made_for(node)}  # a module may be called more than once
    safe = {str(node.target) for node in calls} - unsafe
    for path, module in cut.named_modules():
        if getattr(module, "inplace", False) and path not in safe:
            setattr(module, "inplace", False)  # noqa: B010 - as a module's type allows
    for node in nodes:
        if node.kwargs.get("inplace") and not made_for(node):
            node.update_kwarg("inplace", False)


@contextmanager
def quiet(logger: str, level: int) -> Iterator[None]:
    """Let a logger report only what is of a level or above."""
    log = logging.getLogger(logger)
    before = log.level
    log.setLevel(level)
    try:
        yield
    finally:
        log.setLevel(before)


def _at_least_single(value: Tensor) -> Tensor:
    return value if value.dtype.itemsize >= 4 else value.float()


def _grid(positions: int, size: Sequence[int]) -> tuple[int, int] | None:
    """Height and width of a grid with this many positions and the image's shape, if there is one."""
    height, width = size
    divisor = math.gcd(height, width)
    scale = math.isqrt(positions * divisor * divisor // (height * width)) if positions > 0 else 0
    grid = (scale * height // divisor, scale * width // divisor)
    return grid if scale and grid[0] * grid[1] == positions else None


def _inner(count: int, length: int, field: int) -> tuple[int, int]:
    """First of a layer's units in a field in the middle of an image's rows or columns, and the one after the last."""
    first = min(math.ceil((1 - field / length) / 2 * count - 1e-9), (count - 1) // 2)
    return first, count - first


def check_backbone(value: object) -> None:
    """Raise a ValueError, which says how to make a backbone, if this is none."""
    if not isinstance(value, Backbone):
        raise ValueError(
            f"The network is a {type(value).__name__}; expected a Backbone, as load_backbone returns. Make one of a "
            f"network of yours: Backbone(network, {{name: path of a module}}, {{'architecture': name}})."
        )


def best_device() -> torch.device:
    """Return the device that networks run on, an accelerator if there is one, set to full precision and determinism."""
    use_exact_kernels()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_named(name: str | None) -> torch.device:
    """Return a device by its name, the best one unless given; one that is not there is a ValueError."""
    best = best_device()
    if name is None:
        return best
    try:
        device = torch.device(name)
        torch.empty(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # a build of torch without CUDA asserts that it has it
        count = torch.cuda.device_count()
        there = ", ".join(["cpu", *(f"cuda:{number}" for number in range(count))])
        raise ValueError(
            f"There is no device {name!r} here ({str(error).splitlines()[0]}); there is {there}."
        ) from error
    return device


def use_exact_kernels() -> None:
    """Set accelerators to full precision and determinism, in this process."""
    # TensorFloat-32 would round the inputs of every convolution to 11 bits
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True


def grey_images(values: Tensor) -> Tensor:
    """Turn grey values (N, height, width) into images (N, 3, height, width), channels last in memory."""
    return values[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def as_tensor(photograph: NDArray[np.uint8]) -> Tensor:
    """Turn an RGB image into a batch of one, as networks take it.

    Parameters
    ----------
    photograph
        Shape (height, width, 3), 0 to 255.

    Returns
    -------
    Shape (1, 3, height, width), float32 in [0, 1].
    """
    return torch.from_numpy(np.array(photograph)).permute(2, 0, 1)[None].to(torch.float32) / 255
