"""Table: all, high and low channels by category, kind of distortion or study, of every data set."""

import pandas as pd

from perceptual_efficacy.tables._chosen import SELECTIONS, by_efficacy
from perceptual_efficacy.tables.rendering import dataset, intervals, readable, resampled, spread
from perceptual_efficacy.vocabulary import HIGH_LOW, HUMAN_CEILING, MEAN_OF_LAYERS, NONE, STANDARDISED

ROW = ["network", "data", "judged_by", "group", "measure"]


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Choose the mean over layers, and the human ceiling, by the primary measure."""
    rows = by_efficacy(agreement[agreement["dataset"] != "modelfest"])
    shown = (rows["layer"] == MEAN_OF_LAYERS) & rows["selection"].isin(SELECTIONS)
    shown |= (rows["layer"] == NONE) & (rows["selection"] == HUMAN_CEILING)
    return rows[shown & (rows["cube"] != STANDARDISED)]


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per group."""
    rows = table.assign(data=dataset(table), resampled=resampled(table), shown=intervals(table))
    of_difference = rows.loc[rows["selection"] == HIGH_LOW, [*ROW, "n", "resampled", "p_split"]]
    shown = spread(rows, ROW, "selection", "shown").merge(of_difference)
    return readable(shown.reindex(columns=[*ROW, "n", "resampled", *SELECTIONS, "p_split", HUMAN_CEILING]))
