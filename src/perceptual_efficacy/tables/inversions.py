"""Table: errors of images made from the features of chosen channels, and differences between them."""

import pandas as pd

from perceptual_efficacy.tables._chosen import identified
from perceptual_efficacy.tables.rendering import mean_scores, readable, spread
from perceptual_efficacy.vocabulary import LOW_HIGH, MEAN_OF_LAYERS

ROW = ["network", "layer", "selection"]


def table(inversions: pd.DataFrame) -> pd.DataFrame:
    """Choose the errors and differences that exist, and leave out the mean over a single layer.

    A difference is positive where the first selection has the smaller error; "low - high" is left out, as "high - low"
    says the same.
    """
    shown = inversions[inversions["estimate"].notna() & (inversions["selection"] != LOW_HIGH)]
    several = shown.groupby("network")["layer"].transform("nunique") > 2  # two are one layer and its mean
    return identified(shown[several | (shown["layer"] != MEAN_OF_LAYERS)])


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per selection, with a column per measure."""
    scores = spread(table.assign(shown=mean_scores(table)), ROW, "measure", "shown")
    others = table.groupby(ROW, sort=False)[["images", "seeds"]].first()
    headings = {"selection": "channels", "images": "photographs"}
    return readable(scores.merge(others, on=ROW).rename(columns=headings))
