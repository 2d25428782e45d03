"""Table: how many stimuli of every study of thresholds are shown, and why others are left out."""

import numpy as np
import pandas as pd

from perceptual_efficacy.tables.rendering import readable
from perceptual_efficacy.vocabulary import SHOWN

STUDY = ["dataset", "study"]


def table(stimuli: pd.DataFrame) -> pd.DataFrame:
    """Count the stimuli of every study: shown ones, all, and those that are left out, by reason.

    `stimuli` is what `patches.on_display` returns, with the column `dataset`. A row per study: dataset,
    study, stimuli, observers (the smallest and the largest number), shown, and a column per reason.
    """
    groups = stimuli.groupby(STUDY, sort=True)
    observers = groups["observers"].agg(lambda n: " to ".join(map("{:.0f}".format, np.unique([n.min(), n.max()]))))
    reasons = pd.crosstab([stimuli[name] for name in STUDY], stimuli["shown"])
    order = [SHOWN, *sorted(str(name) for name in reasons if name != SHOWN)]
    counts = reasons.reindex(columns=order, fill_value=0)
    return pd.concat([groups.size().rename("stimuli"), observers, counts], axis=1).reset_index()


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per study, and how many stimuli are left out for which reason."""
    reasons = list(table)[list(table).index(SHOWN) + 1 :]
    left_out = [
        "; ".join(f"{reason}: {count}" for reason, count in zip(reasons, counts, strict=True) if count)
        for counts in table[reasons].to_numpy()
    ]
    return readable(table.drop(columns=reasons).assign(left_out=left_out))
