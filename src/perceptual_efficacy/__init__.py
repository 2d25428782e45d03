"""Perceptual efficacy of the channels of deep networks: grating stimuli, probing, scores and selections.

The names below are imported on first use, so that importing the package does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perceptual_efficacy.backbones.loading import load_backbone as load_backbone
    from perceptual_efficacy.lpips import lpips_weights as lpips_weights
    from perceptual_efficacy.metric import PerceptualMetric as PerceptualMetric
    from perceptual_efficacy.probing import probe as probe
    from perceptual_efficacy.scores import score_channels as score_channels
    from perceptual_efficacy.scores import select_channels as select_channels
    from perceptual_efficacy.selections import save_selection as save_selection
    from perceptual_efficacy.stimuli import gratings as gratings

__version__ = "0.2.0"
_HOMES = {
    "PerceptualMetric": "metric",
    "gratings": "stimuli",
    "load_backbone": "backbones.loading",
    "lpips_weights": "lpips",
    "probe": "probing",
    "save_selection": "selections",
    "score_channels": "scores",
    "select_channels": "scores",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"perceptual_efficacy.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
