"""Where the units of a network look: their receptive fields, and what the units in the middle of a picture need.

A network is a graph of nodes, as `torch.fx` has it. Rows are axis 0 of its maps, columns axis 1.
"""

import math
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional

# what computes a unit from its receptive field alone, at every place alike
LOCAL_MODULES = {
    *(nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.Dropout, nn.Identity),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Sigmoid),
}
LOCAL_LIBRARY_MODULES = {"BatchNormAct2d", "DropPath", "LayerNorm2d", "Permute", "StochasticDepth"}
LOCAL_FUNCTIONS = {
    *(torch.cat, torch.add, operator.add, torch.mul, operator.mul, "mul", torch.permute, "permute"),
    *(torch.relu, functional.relu, functional.gelu, functional.silu),
}
TURNED = {"permute", "Permute", "Linear", "LayerNorm", "layer_norm"}  # those whose maps may have their channels last

Interval = tuple[int, int]  # of rows or columns: the first, and the one after the last
Shown = tuple[slice, slice]  # rows and columns
WHOLE = (0, sys.maxsize)


def parts(network: fx.GraphModule, node: fx.Node, attribute: str) -> dict[str, Any]:
    """Modules with an attribute that a node of the graph runs, by path."""
    if node.op != "call_module":
        return {}
    modules = network.get_submodule(str(node.target)).named_modules(prefix=str(node.target))
    return {path: module for path, module in modules if getattr(module, attribute, None) is not None}


def _window(module: Any) -> tuple[tuple[int, int], ...]:
    """Kernel size, stride and dilation of a convolution or pooling, each in rows and columns."""
    return tuple(_pair(getattr(module, name, 1)) for name in ("kernel_size", "stride", "dilation"))


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def extents(network: fx.GraphModule, along: Callable[[tuple[int, int]], int] = max) -> dict[fx.Node, tuple[int, int]]:
    """Receptive field of the units of every node, and the pixels from one to the next; `along` chooses the axis.

    Convolutions and pooling windows count; global operations (squeeze and excitation, attention) do not.
    """
    found: dict[fx.Node, tuple[int, int]] = {}
    for node in network.graph.nodes:
        before = [found[other] for other in node.all_input_nodes if other in found]
        width, step = (max(values) for values in zip(*before, strict=True)) if before else (1, 1)
        for module in parts(network, node, "kernel_size").values():
            kernel, stride, dilation = map(along, _window(module))
            width += (kernel - 1) * dilation * step
            step *= stride
        found[node] = width, step
    return found


def not_local(network: fx.GraphModule, node: fx.Node) -> list[str]:
    """Name what a node runs that may compute a unit from more than its receptive field, or not alike everywhere."""
    if node.op == "call_module":
        modules = network.get_submodule(str(node.target)).modules()
        return [type(module).__name__ for module in modules if not _is_local(module)]
    return [str(node)] if node.op in {"call_function", "call_method"} and not _is_local_call(node) else []


def _is_local(part: nn.Module) -> bool:
    if isinstance(part, nn.LayerNorm):
        return len(part.normalized_shape) == 1  # over channels
    of_library = type(part).__module__.startswith(("timm.", "torchvision."))
    known = type(part) in LOCAL_MODULES or isinstance(part, nn.Sequential)
    named = of_library and type(part).__name__ in LOCAL_LIBRARY_MODULES
    return (known or named) and getattr(part, "padding_mode", None) != "circular"


def _is_local_call(node: fx.Node) -> bool:
    if node.target is functional.layer_norm:
        shape = node.kwargs["normalized_shape"] if "normalized_shape" in node.kwargs else node.args[1]
        return isinstance(shape, tuple | list) and len(shape) == 1  # over channels
    if node.target is torch.cat:
        return 1 in {*node.args[1:2], node.kwargs.get("dim")}  # over channels
    of_weights = all(used.op == "get_attr" for used in node.all_input_nodes)  # such as a scale given its shape
    return node.target in LOCAL_FUNCTIONS or of_weights


class Middle(NamedTuple):
    """What the units in the middle of a picture need."""

    crops: dict[str, Shown]  # of the maps that a node returns, by its name: the rest is not needed any more
    units: dict[str, Shown]  # those in the middle of each layer's maps, as cropped before


def middle(
    network: fx.GraphModule, layers: Mapping[str, fx.Node], wanted: Mapping[str, tuple[Interval, Interval]]
) -> Middle:
    """Find what the wanted units of each layer need: the farther a layer from the deepest, the more around the middle.

    Maps are cropped where the whole rest of the network is computed from them alone, by whole steps of its deepest
    units, so that all units stay in their places; what the crop's new border changes is cropped off later.

    Parameters
    ----------
    network
        The graph, whose layers are maps with their rows and columns last.
    layers
        Node of every layer.
    wanted
        Rows and columns of every layer, as counted in the maps of the whole picture.
    """
    nodes = [node for node in network.graph.nodes if node.op != "output"]
    alone, of_node = _left_alone(nodes), {node: layer for layer, node in layers.items()}
    crops: dict[str, list[slice]] = {}
    units: dict[str, list[slice]] = {}
    for axis in (0, 1):
        steps = {node: step for node, (_, step) in extents(network, itemgetter(axis)).items()}
        needed = _needed(network, {layers[layer]: intervals[axis] for layer, intervals in wanted.items()}, axis)
        origin = 0  # first pixel that is still there
        for place, node in enumerate(nodes):
            gone = origin // steps[node]
            if node in of_node:
                units.setdefault(of_node[node], []).append(_slice(wanted[of_node[node]][axis], gone))
            if node in alone and needed[node][1] < WHOLE[1]:
                grid = math.lcm(*(steps[later] for later in nodes[place:])) // steps[node]
                first = max(needed[node][0] // grid * grid, gone)
                crops.setdefault(node.name, []).append(_slice((first, needed[node][1]), gone))
                origin = first * steps[node]
    return Middle(*({name: (rows, columns) for name, (rows, columns) in of.items()} for of in (crops, units)))


def _slice(interval: Interval, gone: int) -> slice:
    return slice(interval[0] - gone, interval[1] - gone)


def _left_alone(nodes: Iterable[fx.Node]) -> set[fx.Node]:
    """Nodes that all later ones are computed from, without any other."""
    shown = [node for node in nodes if node.op != "get_attr"]
    last_use = {used: node for node in shown for used in node.all_input_nodes}
    alive: set[fx.Node] = set()
    found = set()
    for node in shown:
        alive = {other for other in {*alive, node} if last_use.get(other, node) is not node}
        if alive == {node}:
            found.add(node)
    return found


def _needed(network: fx.GraphModule, wanted: Mapping[fx.Node, Interval], axis: int) -> dict[fx.Node, Interval]:
    """Rows or columns of every node's maps that the wanted ones are computed from; they may lie beyond its borders."""
    found = dict(wanted)
    for node in reversed(network.graph.nodes):
        for source in node.all_input_nodes if node in found else ():
            seen = _seen(network, node, found[node], axis)
            first, stop = found.get(source, seen)
            found[source] = min(first, seen[0]), max(stop, seen[1])
    return found


def _seen(network: fx.GraphModule, node: fx.Node, interval: Interval, axis: int) -> Interval:
    """Rows or columns of a node's input that some of its output's are computed from."""
    kinds = {type(module).__name__ for module in parts(network, node, "training").values()}
    kinds.add(getattr(node.target, "__name__", str(node.target)))
    if kinds & TURNED or not_local(network, node):
        return WHOLE
    first, stop = interval
    for module in parts(network, node, "kernel_size").values():
        if isinstance(module.padding, str):
            return WHOLE
        kernel, stride, dilation = (of_both[axis] for of_both in _window(module))
        padding = _pair(module.padding)[axis]
        first, stop = first * stride - padding, (stop - 1) * stride - padding + (kernel - 1) * dilation + 1
    return first, stop
