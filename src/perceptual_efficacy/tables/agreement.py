"""Table: every score of every selection in the CSV; shown are the halves by PE of every layer, and random halves."""

import pandas as pd

from perceptual_efficacy.tables._chosen import SELECTIONS, by_efficacy, identified
from perceptual_efficacy.tables.rendering import dataset, intervals, readable, spread
from perceptual_efficacy.vocabulary import EVERYTHING, HIGH_LOW, NONE, RAW, STANDARDISED

ROW = ["network", "data", "judged_by", "layer", "measure"]
P_VALUES = ["p_split", "p_holm", "p_matched"]
STANDARDISED_DIFFERENCE = f"{HIGH_LOW}, {STANDARDISED}"


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Put what a score is of in front."""
    return identified(agreement)


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per layer: the scores of all comparisons by the primary measure."""
    rows = by_efficacy(table)
    shown = (rows["cube"] == RAW) & rows["selection"].isin(SELECTIONS)
    shown |= (rows["cube"] == STANDARDISED) & (rows["selection"] == HIGH_LOW)
    rows = rows[shown & (rows["group"] == EVERYTHING) & (rows["layer"] != NONE)]
    name = rows["selection"].where(rows["cube"] == RAW, STANDARDISED_DIFFERENCE)
    rows = rows.assign(data=dataset(rows), name=name, shown=intervals(rows))
    scores = spread(rows, ROW, "name", "shown").merge(rows.loc[name == HIGH_LOW, [*ROW, "n", *P_VALUES]])
    return readable(scores[[*ROW, "n", *SELECTIONS, *P_VALUES, STANDARDISED_DIFFERENCE]])
