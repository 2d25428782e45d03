"""The study's own form of a backbone on disk: its weights, whose header says what they are."""

import os
from typing import Any

import torch

from perceptual_efficacy import io, storage
from perceptual_efficacy.backbones import published
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.published import Architecture
from perceptual_efficacy.backbones.vgg import ARCHITECTURE, cut, stages

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
WEIGHTS = "weights.safetensors"

AnyPath = str | os.PathLike[str]


def save(backbone: Backbone, weights: AnyPath, card: AnyPath, *, name: str, provenance: io.Provenance) -> None:
    """Write the weights as safetensors, and in its header what they are; the card repeats that for people."""
    state = {key: value.numpy(force=True) for key, value in backbone.network.state_dict().items()}
    filters, filters_of = backbone.first_filters
    record = {
        **backbone.card,
        "name": name,
        "layers": backbone.layers,
        "layer_order": list(backbone.layers),
        "first_filters": filters,
        "first_filters_of": filters_of,
        "receptive_fields_px": backbone.receptive_fields,
        "preprocessing": backbone.preprocessing,
        "provenance": provenance,
    }
    io.write_weights(state, weights, record)
    storage.write_record(record, card)


def load(weights: AnyPath, *, precision: str = "float32") -> Backbone:
    """Read a backbone that `save` wrote.

    The network computes in `precision`, "float32" or "bfloat16"; what it is shown is normalised in float32. See
    `io.read_weights` for damaged files.
    """
    state, record = io.read_weights(weights)
    if record["architecture"] == ARCHITECTURE:
        backbone = cut(stages(record["widths"]), record["layers"], record)
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
