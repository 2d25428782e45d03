"""Table: all, high and low channels of every layer, and random halves of it."""

import pandas as pd

from perceptual_efficacy.tables._chosen import SELECTIONS, by_efficacy
from perceptual_efficacy.tables.rendering import dataset, intervals, readable, spread
from perceptual_efficacy.vocabulary import EVERYTHING, HIGH_LOW, NONE, RAW, STANDARDISED

ROW = ["network", "data", "judged_by", "layer", "measure"]
P_VALUES = ["p_split", "p_holm", "p_matched"]
STANDARDISED_DIFFERENCE = f"{HIGH_LOW}, {STANDARDISED}"


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Choose the scores of all comparisons by the primary measure: see `agreement.table`."""
    rows = by_efficacy(agreement)
    shown = (rows["cube"] == RAW) & rows["selection"].isin(SELECTIONS)
    shown |= (rows["cube"] == STANDARDISED) & (rows["selection"] == HIGH_LOW)
    return rows[shown & (rows["group"] == EVERYTHING) & (rows["layer"] != NONE)]


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per layer."""
    name = table["selection"].where(table["cube"] == RAW, STANDARDISED_DIFFERENCE)
    rows = table.assign(data=dataset(table), name=name, shown=intervals(table))
    shown = spread(rows, ROW, "name", "shown").merge(rows.loc[name == HIGH_LOW, [*ROW, "n", *P_VALUES]])
    return readable(shown[[*ROW, "n", *SELECTIONS, *P_VALUES, STANDARDISED_DIFFERENCE]])
