"""Table: every photograph with its split, source and licence."""

import pandas as pd

from perceptual_efficacy.tables.rendering import readable as render

__all__ = ["render", "table"]


def table(photographs: pd.DataFrame) -> pd.DataFrame:
    """Leave out which photographs show the same scene."""
    return photographs.drop(columns="scene")
