"""Perceptual efficacy of the channels of deep networks: grating stimuli, probing, scores and selections.

The names below are imported on first use, so that importing the package does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perceptual_efficacy.backbones.loading import load_backbone
    from perceptual_efficacy.lpips import lpips_weights
    from perceptual_efficacy.metric import PerceptualMetric
    from perceptual_efficacy.probing import probe
    from perceptual_efficacy.scores import score_channels, select_channels
    from perceptual_efficacy.stimuli import gratings

__version__ = "0.1.0"
__all__ = [
    "PerceptualMetric",
    "gratings",
    "load_backbone",
    "lpips_weights",
    "probe",
    "score_channels",
    "select_channels",
]

_HOMES = {
    "PerceptualMetric": "metric",
    "gratings": "stimuli",
    "load_backbone": "backbones.loading",
    "lpips_weights": "lpips",
    "probe": "probing",
    "score_channels": "scores",
    "select_channels": "scores",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"perceptual_efficacy.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
