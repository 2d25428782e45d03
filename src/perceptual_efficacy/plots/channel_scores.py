"""Figure: mu1 and mu2 of every channel of a layer, sorted."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots._examples import channels_of, ranked
from perceptual_efficacy.vocabulary import OF_NETWORK, SCORED

NAMES = {"mu1": "Frequency sensitivity μ₁", "mu2": "Orientation selectivity μ₂"}


def table(channels: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Sort the channels of a layer by each score.

    A row per score and channel: the network, layer, score (mu1 or mu2), rank (from 1, the highest), channel, status and
    value; ties by channel index. Channels that were not scored come last, with neither rank nor value.
    """
    rows = channels_of(channels, layer)
    parts = [ranked(rows.assign(score=score, value=rows[score]), "value") for score in NAMES]
    columns = [*OF_NETWORK, "layer", "score", "rank", "channel", "status", "value"]
    return pd.concat(parts, ignore_index=True)[columns]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel of bars per score, with the median and the number of channels that were not scored."""
    figure = style.figure(4.4)
    axes = figure.subplots(len(NAMES), 1, sharex=True)
    for axis, (score, name) in zip(axes, NAMES.items(), strict=True):
        rows = table[table["score"] == score]
        bars = rows[rows["rank"].notna()]
        # between many bars a gap would be narrower than a pixel
        width = 0.8 if len(bars) <= 150 else 1.0
        axis.bar(bars["rank"].astype(int), bars["value"], width=width, color=style.COLOURS[score])
        median = bars["value"].median()
        axis.axhline(median, color="#444444", linestyle="--", linewidth=1)
        axis.set_xlim(0.25, len(bars) + 0.75)
        where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axis.annotate(f"median {median:.2f}", (1, median), (-2, 3), ha="right", **where)
        axis.set_ylabel(f"{name}\n(dimensionless)")
        axis.grid(axis="y")
    style.round_ticks(axes[-1].xaxis, 10, integer=True)
    unscored = int((rows["status"] != SCORED).sum())
    note = f"{unscored} of {len(rows)} channels not scored and not shown" if unscored else "all of them scored"
    axes[-1].set_xlabel(f"Rank of the channel by the score of its panel ({note})")
    figure.suptitle(f"Scores of the {len(rows)} channels of {table['layer'].iloc[0]}, {style.network_of(table)}")
    return figure
