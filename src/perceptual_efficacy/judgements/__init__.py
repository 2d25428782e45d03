"""Judgements, one module for each kind of answer: how a distance is scored on it, and what is resampled."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from perceptual_efficacy.judgements.choices import TwoAlternativeChoices
from perceptual_efficacy.judgements.opinions import OpinionScores
from perceptual_efficacy.judgements.protocol import Judgements
from perceptual_efficacy.judgements.same_different import SameOrDifferent
from perceptual_efficacy.judgements.thresholds import DetectionThresholds
from perceptual_efficacy.vocabulary import OPINIONS, SAME_OR_DIFFERENT, THRESHOLDS, TWO_ALTERNATIVES

__all__ = [
    "KINDS",
    "DetectionThresholds",
    "Judgements",
    "OpinionScores",
    "SameOrDifferent",
    "TwoAlternativeChoices",
    "read",
]

KINDS: Mapping[str, Any] = {
    TWO_ALTERNATIVES: TwoAlternativeChoices,
    SAME_OR_DIFFERENT: SameOrDifferent,
    OPINIONS: OpinionScores,
    THRESHOLDS: DetectionThresholds,
}


def read(comparisons: pd.DataFrame, cube: xr.DataArray | None = None) -> Judgements:
    """Return the judgements in a table of comparisons, of the kind that its column `judgement_type` names.

    Parameters
    ----------
    comparisons
        One row per comparison, or per stimulus and observer (see `datasets`).
    cube
        Distances of the same comparisons. Detection thresholds need it: its coordinates are the stimuli and contrasts.

    Raises
    ------
    ValueError
        If the table has no or several kinds of judgements, or one that is not in `KINDS`.
    """
    found = comparisons["judgement_type"].unique()
    if len(found) != 1 or found[0] not in KINDS:
        raise ValueError(
            f"judgement_type is {', '.join(map(repr, found)) or 'missing'}; it must be one of {', '.join(KINDS)}."
        )
    return KINDS[found[0]].of(comparisons, cube)
