"""Figure: perceptual efficacy of every channel against how well the channel alone agrees with judgements."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._correlations import correlation, place
from perceptual_efficacy.vocabulary import IDENTITY, MEAN_OF_LAYERS, SCORED, SINGLE_CHANNELS

CHANCE = {"2afc": 0.5, "srcc": 0.0}  # the score of a distance without information


def table(channels: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """Put every channel's PE and its own score side by side, with the correlation of the two in its layer.

    Parameters
    ----------
    channels
        What `scores.score_channels` returns, with the score and interval that
        `agreement.compare_single_channels` gives every channel.
    agreement
        What `agreement.compare_selections` and `agreement.compare_single_channels` return of the same network and one
        data set, with the column `judged_by`, concatenated.

    Returns
    -------
    One row per channel that has both: the columns of its identity, channel, pe, score (the primary measure), ci_low,
    ci_high, n_clusters and resampled_unit; and of its layer rho (Spearman's correlation of PE with the score), rho_low
    and rho_high (95% interval over what was judged) and p (of rho among shuffles). The last row has the mean of the
    layers' rho, and no channel.
    """
    rows = agreement[(agreement["selection"] == SINGLE_CHANNELS) & (agreement["ranking"] == "pe")]
    (measure,) = set(agreement["measure"]) & set(shared.MEASURES)
    rows = rows.assign(measure=measure).rename(
        columns={"estimate": "rho", "ci_low": "rho_low", "ci_high": "rho_high", "p_split": "p"}
    )
    shown = channels.loc[(channels["status"] == SCORED) & channels["score"].notna()].astype({"channel": "Int64"})
    shown = shown[["layer", "channel", "pe", "score", "ci_low", "ci_high"]]
    columns = ["channel", "pe", "score", "ci_low", "ci_high", "n_clusters", "resampled_unit"]
    return rows.merge(shown, on="layer", how="left").filter([*IDENTITY, *columns, "rho", "rho_low", "rho_high", "p"])


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per layer, all on the same axes."""
    layers = [layer for layer in table["layer"].unique() if layer != MEAN_OF_LAYERS]
    columns = 3 if len(layers) <= 6 else 4
    lines = -(-len(layers) // columns)
    figure = style.figure(1.5 + lines * (2.1 if columns == 3 else 1.75))
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    chance = CHANCE.get(table["measure"].iloc[0], np.nan)
    near = table["score"].min() <= chance <= table["score"].max()
    for number, (axis, layer) in enumerate(zip(axes.flat[: len(layers)], layers, strict=True)):
        rows = table[table["layer"] == layer]
        if near:
            axis.axhline(chance, color="#999999", linewidth=1, zorder=1)
        axis.scatter(
            rows["pe"],
            rows["score"],
            s=12 if len(rows) <= 150 else 6,
            color=style.COLOURS["pe"],
            edgecolor="#333333",
            linewidth=0.25,
            alpha=0.8,
        )
        title = f"{layer}, {rows['channel'].notna().sum()} channels\n{correlation(rows)}\n{place(rows)}"
        axis.set_title(title, fontsize=8.5 if columns == 3 else 8)
        axis.grid()
        axis.tick_params(labelbottom=number + columns >= len(layers))  # none is below
    for axis in axes.flat[len(layers) :]:
        axis.set_visible(False)
    unit, clusters = table["resampled_unit"].iloc[0], table["n_clusters"].iloc[0]
    interval = f"95% interval over {unit}" if table["rho_low"].notna().any() else f"no interval: only {clusters} {unit}"
    note = f"ρ: Spearman correlation of PE with the score ({interval})\np, two-sided: where ρ lies among shuffles of PE"
    figure.supxlabel(f"Perceptual efficacy PE (dimensionless)\n{note}", fontsize=8.5)
    figure.supylabel(f"{shared.MEASURES[table['measure'].iloc[0]]} of the channel alone", fontsize=8.5)
    mean = table[table["layer"] == MEAN_OF_LAYERS]
    figure.suptitle(
        f"{shared.title('PE of every channel and its own agreement with {}', table)}\n"
        f"mean of layers: {correlation(mean)}, {place(mean)}"
    )
    return figure
