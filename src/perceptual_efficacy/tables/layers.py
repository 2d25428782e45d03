"""Table: how scores are distributed within layers, compared with random weights."""

import pandas as pd

from perceptual_efficacy.tables.scores_by_layer import render

__all__ = ["render", "table"]


def table(layers: pd.DataFrame) -> pd.DataFrame:
    """Show all of it."""
    return layers
