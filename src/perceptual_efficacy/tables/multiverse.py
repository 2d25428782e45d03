"""Table: every data set's main result under all combinations of analysis choices, at once."""

import pandas as pd

from perceptual_efficacy.tables._chosen import identified
from perceptual_efficacy.tables.rendering import intervals, readable, spread
from perceptual_efficacy.vocabulary import MEDIAN

ROW = ["network", "dataset", "judged_by", "layer", "ranking"]


def table(joint: pd.DataFrame) -> pd.DataFrame:
    """Put what a number is of in front; `joint` is what `multiverse.explore` returns, of all networks and data sets."""
    return identified(joint)


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per network, data set and ranking."""
    rows = table.assign(
        shown=intervals(table).where(
            table["statistic"] == MEDIAN, table["estimate"].map("{:.0%}".format, na_action="ignore")
        )
    )
    of_median = rows.loc[rows["statistic"] == MEDIAN, [*ROW, "n", "p_split"]].rename(columns={"n": "analyses"})
    of_median = of_median.rename(columns={"p_split": "p of the median"})
    positive = rows.loc[rows["statistic"] == "share positive", [*ROW, "p_split"]]
    shown = (
        spread(rows, ROW, "statistic", "shown")
        .merge(of_median)
        .merge(positive.rename(columns={"p_split": "p of the share"}))
    )
    return readable(shown)
