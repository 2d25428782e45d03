"""The study's own form of a backbone on disk: its weights, and a card that says what they are."""

import os
from pathlib import Path
from typing import Any

import torch

from perceptual_efficacy import io, storage
from perceptual_efficacy.backbones import published
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.published import Architecture
from perceptual_efficacy.backbones.vgg import ARCHITECTURE, stages

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CARD = "card.json"


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
    storage.write_record(
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
    storage.DamagedFileError
        If the card or the weights are not what `save` wrote.
    """
    record = storage.read_record(Path(weights).with_name(CARD) if card is None else card)
    state = io.read_weights(weights, record["weights_sha256"])
    if record["architecture"] == ARCHITECTURE:
        backbone = Backbone(
            stages(dict(sorted(record["widths"].items()))), {layer: layer for layer in record["layer_order"]}, record
        )
    else:
        backbone = assemble(published.build(record["architecture"]), record)
    backbone.network.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()}, strict=True)
    backbone.network.to(PRECISIONS[precision])
    return backbone


def assemble(architecture: Architecture, card: dict[str, Any]) -> Backbone:
    """Cut a network after the layers whose paths its card gives."""
    return Backbone(
        architecture.network,
        card["paths"],
        card,
        mean=architecture.mean,
        standard_deviation=architecture.standard_deviation,
        tracing=architecture.tracing,
    )
