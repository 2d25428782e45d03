"""Figure: perceptual efficacy of every channel against how well the channel alone agrees with judgements."""

import pandas as pd
from matplotlib.figure import Figure

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._correlations import RHO, draw_layers, mean_of_layers
from perceptual_efficacy.vocabulary import IDENTITY, SCORED, SINGLE_CHANNELS

CHANCE = {"2afc": 0.5, "srcc": 0.0}  # the score of a distance without information


def table(channels: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """Put every channel's PE and its own score side by side, with the correlation of the two in its layer.

    `channels` has the score and interval, `agreement` also the rows that `agreement.compare_single_channels` gives.
    A row per channel that has both: the columns of its identity, channel, pe, score (the primary measure), ci_low,
    ci_high, n_clusters and resampled_unit; and of its layer rho (Spearman's correlation of PE with the score), rho_low
    and rho_high (95% interval over what was judged) and p (of rho among shuffles). The last row has the mean of the
    layers' rho, and no channel.
    """
    rows = agreement[(agreement["selection"] == SINGLE_CHANNELS) & (agreement["ranking"] == "pe")]
    (measure,) = set(agreement["measure"]) & set(shared.MEASURES)
    scored = channels[(channels["status"] == SCORED) & channels["score"].notna()].astype({"channel": "Int64"})
    own = ["channel", "pe", "score", "ci_low", "ci_high"]
    found = rows.assign(measure=measure).rename(columns=RHO).merge(scored[["layer", *own]], on="layer", how="left")
    return found.filter([*IDENTITY, *own, "n_clusters", "resampled_unit", *RHO.values()])


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per layer, all on the same axes."""
    columns = 3 if table["layer"].nunique() <= 7 else 4  # of the layers and their mean
    each = 2.1 if columns == 3 else 1.75
    figure, axes = draw_layers(table, "score", columns, lambda lines: 1.5 + lines * each)
    measure, unit, clusters = table[["measure", "resampled_unit", "n_clusters"]].iloc[0]
    chance = CHANCE.get(measure)
    if chance is not None and table["score"].min() <= chance <= table["score"].max():
        for axis in axes:
            axis.axhline(chance, color="#999999", linewidth=1, zorder=0.9)
    interval = f"95% interval over {unit}" if table["rho_low"].notna().any() else f"no interval: only {clusters} {unit}"
    note = f"ρ: Spearman correlation of PE with the score ({interval})\np, two-sided: where ρ lies among shuffles of PE"
    figure.supxlabel(f"Perceptual efficacy PE (dimensionless)\n{note}", fontsize=8.5)
    figure.supylabel(f"{shared.MEASURES[measure]} of the channel alone", fontsize=8.5)
    title = shared.title("PE of every channel and its own agreement with {}", table)
    figure.suptitle(f"{title}\n{mean_of_layers(table)}")
    return figure
