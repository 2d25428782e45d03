"""Table: every ModelFest stimulus with its mean threshold, and at which resolutions it survives and is used."""

import pandas as pd

from perceptual_efficacy.tables.rendering import readable, spread

STIMULUS = ["number", "name", "log10_threshold_contrast", "standard_deviation_over_observers", "observers"]


def table(comparisons: pd.DataFrame, patterns: pd.DataFrame) -> pd.DataFrame:
    """Join patterns with their mean log10 threshold contrast, its standard deviation over observers and their number.

    `comparisons` is what `datasets.modelfest.comparisons` returns; `patterns` has number, name, pixels_per_degree,
    energy_kept and used, a row per pattern and resolution.
    """
    judged = comparisons.groupby("first")["judgement"].agg(["mean", "std", "count"]).set_axis(STIMULUS[2:], axis=1)
    return patterns.join(judged, on="name")[[*STIMULUS, "pixels_per_degree", "energy_kept", "used"]]


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per stimulus."""
    at = table["pixels_per_degree"].map(" at {:g} px/deg".format)
    shown = table[STIMULUS].drop_duplicates()
    for what in ("energy_kept", "used"):
        shown = shown.merge(spread(table.assign(at=what + at), ["number", "name"], "at", what))
    return readable(shown)
