"""Table: how much better one loss is than another, by every measure."""

import pandas as pd

from perceptual_efficacy.tables._chosen import OF_RUNS, identified
from perceptual_efficacy.tables.rendering import mean_scores, readable
from perceptual_efficacy.tables.superres import HEADINGS
from perceptual_efficacy.vocabulary import LOW_HIGH

SHOWN = ["scale", "network", "group", "selection", "measure", "better by", "p", "p_holm", "images", "seeds"]


def table(losses: pd.DataFrame) -> pd.DataFrame:
    """Choose the differences, which are positive where the first loss is better, whichever way the measure goes.

    "low - high" is left out, as "high - low" says the same.
    """
    shown = losses["selection"].isin(OF_RUNS) & (losses["selection"] != LOW_HIGH)
    return identified(losses[shown & losses["estimate"].notna()])


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per difference and measure."""
    shown = table.assign(**{"scale": table["scale"].map("x{}".format), "better by": mean_scores(table)})
    return readable(shown[SHOWN].rename(columns=HEADINGS | {"selection": "difference"}))
