"""Table: the scores of every layer."""

import pandas as pd

from perceptual_efficacy.tables.rendering import readable
from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED

QUARTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}


def table(channels: pd.DataFrame) -> pd.DataFrame:
    """Count each layer's channels, those scored and those rectified, and give quartiles of mu1, mu2 and PE."""
    layers = [*OF_NETWORK, "layer"]
    scored = channels["status"] == SCORED
    counted = channels.assign(scored=scored).groupby(layers, sort=False)
    found = counted.agg(channels=("channel", "size"), scored=("scored", "sum"), rectified=("rectified", "sum"))
    of_scored = channels[scored].groupby(layers, sort=False)
    for score in ("mu1", "mu2", "pe"):
        for name, share in QUARTILES.items():
            found[f"{score}_{name}"] = of_scored[score].quantile(share)
    return found.reset_index()


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show all but what the table of networks says."""
    return readable(table.drop(columns=["architecture", "weights", "origin"]))
