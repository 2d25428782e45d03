"""Rows of the tables of agreement and of compared runs that several tables show."""

import pandas as pd

from perceptual_efficacy.paired import DIFFERENCES
from perceptual_efficacy.vocabulary import ALL, HIGH, HIGH_LOW, IDENTITY, LOW, NONE, PRIMARY_MEASURES, RANDOM_HALVES

SELECTIONS = [ALL, HIGH, LOW, RANDOM_HALVES, HIGH_LOW]
OF_RUNS = [f"{first} - {second}" for first, second in DIFFERENCES]


def identified(table: pd.DataFrame) -> pd.DataFrame:
    """Put the columns that say what a row is about in front."""
    front = [name for name in IDENTITY if name in table]
    return table[front + [name for name in table if name not in front]]


def by_efficacy(agreement: pd.DataFrame) -> pd.DataFrame:
    """Choose the primary measure of every data set; of rankings PE, and what has none."""
    primary = agreement["measure"].isin(PRIMARY_MEASURES)
    return identified(agreement[primary & agreement["ranking"].isin(["pe", NONE])])
