"""Selections of channels: what may be given as one, and files that say what network they were made for."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from perceptual_efficacy import __version__, io
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.probing import probe
from perceptual_efficacy.scores import score_channels, select_channels
from perceptual_efficacy.stimuli import gratings
from perceptual_efficacy.vocabulary import ALL, HIGH, LOW, SCORED, identity

SUFFIX = ".safetensors"
EXPECTED = f"None, 'all', 'high', 'low', a table, or an existing .csv, .parquet or {SUFFIX} file"
KIND = "selection of channels"  # in the header of a file
FORMULAS = ("csf",)  # columns that say how channels were scored

Selection = str | os.PathLike[str] | pd.DataFrame | None


def channel_weights(backbone: Backbone, selection: Selection) -> dict[str, Tensor]:
    """Return the weight of every channel, shape (channels,), by layer; see `PerceptualMetric` for `selection`."""
    layers = backbone.layers
    if selection is None or (isinstance(selection, str) and selection == ALL):
        return {layer: torch.ones(channels) for layer, channels in layers.items()}
    if isinstance(selection, str) and selection in (HIGH, LOW):
        return channel_weights(backbone, select_channels(score_channels(probe(backbone, gratings())), selection))
    if not isinstance(selection, str | os.PathLike | pd.DataFrame):
        raise ValueError(f"selection is a {type(selection).__name__}; expected {EXPECTED}.")
    if isinstance(selection, str | os.PathLike) and Path(selection).suffix == SUFFIX:
        return _restore(Path(selection), backbone)
    return weights_by_layer(selection if isinstance(selection, pd.DataFrame) else _read(selection), layers)


def weights_by_layer(table: pd.DataFrame, layers: Mapping[str, int]) -> dict[str, Tensor]:
    """Return the weight of every channel of layers with so many channels each, as a table of a selection has them."""
    if lacking := {"layer", "channel"} - set(table.columns):
        raise ValueError(f"The selection lacks the columns {sorted(lacking)}; it has {list(table.columns)}.")
    if "status" in table and ((table["status"] != SCORED).any() or _is_complete(table, layers)):
        raise ValueError(
            "The selection is a table of scores, of all channels: choose some of them with select_channels (or "
            "`perceptual-efficacy select`), or give None for all."
        )
    if table.empty:
        raise ValueError("The selection has no channel; half of a layer needs at least two scored channels in it.")
    table = table[["layer", "channel"]].assign(weight=table.get("weight", 1.0))
    for layer, channel in zip(table["layer"], table["channel"], strict=True):
        if channel not in range(layers.get(layer, 0)):
            held = ", ".join(f"{layer} (0 to {channels - 1})" for layer, channels in layers.items())
            raise ValueError(f"The selection has channel {channel} of {layer!r}; the backbone has {held}.")
    for twice in table[table.duplicated(["layer", "channel"])].to_dict("records"):
        raise ValueError(f"The selection has channel {twice['channel']} of {twice['layer']!r} twice.")
    weight = pd.to_numeric(table["weight"], errors="coerce")
    if not ((weight >= 0) & (weight < float("inf"))).all() or not weight.any():
        raise ValueError("The selection's weights must be finite, at least 0, and one of them above 0.")
    weights = {layer: torch.zeros(channels) for layer, channels in layers.items()}
    for layer, rows in table.assign(weight=weight).astype({"channel": int}).groupby("layer"):
        weights[str(layer)][rows["channel"].tolist()] = torch.tensor(rows["weight"].tolist(), dtype=torch.float32)
    return weights


def _is_complete(table: pd.DataFrame, layers: Mapping[str, int]) -> bool:
    return all(len(rows) == layers.get(str(layer)) for layer, rows in table.groupby("layer"))


def save_selection(
    selection: pd.DataFrame, path: str | os.PathLike[str], channels: pd.DataFrame, **formulas: Any
) -> None:
    """Write a selection with the network that it was made for, as safetensors.

    The file holds the weight of every channel by layer. Its header names the network, with the SHA-256 of the weights
    that each layer's channels are computed from, and this package's version: as a selection for `PerceptualMetric` the
    file fits that network alone.

    Parameters
    ----------
    selection
        layer, channel and optionally weight, as for `PerceptualMetric`.
    path
        A `.safetensors` file.
    channels
        What it was selected from, as `score_channels` returns it.
    **formulas
        What else is known of how the channels were scored and selected, such as `csf` or `half`, for the header.

    Raises
    ------
    ValueError
        If the path does not end so, `channels` does not say what network it is of, or lacks a selected channel.
    """
    if Path(path).suffix != SUFFIX:
        raise ValueError(f"path is {os.fspath(path)!r}; its name must end with {SUFFIX}.")
    if "weights_sha256" not in channels:
        raise ValueError(
            "The table of channels has no column weights_sha256, so a selection of them cannot say what network it is "
            "for. Score the network again with this version."
        )
    layers = {str(layer): rows for layer, rows in channels.groupby("layer", sort=False)}
    chosen = weights_by_layer(selection, {layer: len(rows) for layer, rows in layers.items()})
    arrays = {layer: weight.numpy() for layer, weight in chosen.items() if weight.any()}
    first = channels.iloc[0].to_dict()
    card = {
        "kind": KIND,
        "version": __version__,
        **{name: value for name, value in identity(first).items() if name != "layer"},
        **{name: first[name] for name in FORMULAS if name in first},
        **formulas,
        "layers": {layer: {"weights_sha256": layers[layer]["weights_sha256"].iloc[0]} for layer in arrays},
    }
    io.write_weights(arrays, path, card)


def saved_layers(path: str | os.PathLike[str]) -> list[str]:
    """Return the layers that a file of `save_selection` has channels of; none if it is no such file."""
    if Path(path).suffix != SUFFIX or not Path(path).is_file():
        return []
    return list(io.read_weights(path)[1].get("layers", {}))


def _restore(path: Path, backbone: Backbone) -> dict[str, Tensor]:
    """Read the weights of a file of `save_selection`; of another network they are a ValueError."""
    if not path.is_file():
        raise ValueError(f"selection is {os.fspath(path)!r}; expected {EXPECTED}.")
    arrays, card = io.read_weights(path)
    if card.get("kind") != KIND:
        raise ValueError(
            f"{path} is no selection of channels. `perceptual-efficacy select` and save_selection write one."
        )
    layers, held = backbone.layers, backbone.weights_sha256
    for layer, about in card["layers"].items():
        if layer not in layers:
            raise ValueError(
                f"{path} selects channels of {', '.join(card['layers'])} in {card['network']}; the backbone, "
                f"{backbone.identity['network']}, has {', '.join(layers)}."
            )
        if about["weights_sha256"] != held[layer]:
            raise ValueError(
                f"{path} is a selection for {card['network']}, {card['origin']}; the backbone is "
                f"{backbone.identity['network']}. Up to {layer} the SHA-256 of its weights "
                f"is {held[layer][:12]}…, not {about['weights_sha256'][:12]}…. A channel of other weights is another "
                f"channel: score this network and select anew. (Half precision changes the SHA-256, too: convert the "
                f"network after it has its selection.)"
            )
    return {
        layer: torch.from_numpy(arrays[layer]) if layer in arrays else torch.zeros(channels)
        for layer, channels in layers.items()
    }


def _read(path: str | os.PathLike[str]) -> pd.DataFrame:
    file = Path(path)
    if file.suffix not in {".csv", ".parquet"} or not file.is_file():
        raise ValueError(f"selection is {os.fspath(path)!r}; expected {EXPECTED}.")
    try:
        return io.read_table(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (ValueError, OSError) as error:
        raise ValueError(f"{file} is not a table: {str(error).splitlines()[0]}") from error
