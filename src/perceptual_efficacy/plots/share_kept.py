"""Figure: agreement by the share of channels that is kept, of the best, the worst and random ones."""

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import HIGH, IDENTITY, LOW, RANDOM, RANDOM_HALVES, RANKINGS


def table(kept: pd.DataFrame) -> pd.DataFrame:
    """Put what a row is about in front of what `multiverse.explore` returns as `kept`.

    A row per ranking, selection (high, low, random) and share: its identity, share, estimate, ci_low and ci_high.
    """
    return kept[[*(name for name in IDENTITY if name in kept), "share", "estimate", "ci_low", "ci_high"]]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per ranking, with the central 95% of random channels in grey."""
    figure = style.figure(3.4)
    rankings = [ranking for ranking in RANKINGS if (table["ranking"] == ranking).any()]
    axes = figure.subplots(1, len(rankings), sharex=True, sharey=True, squeeze=False)[0]
    for axis, ranking in zip(axes, rankings, strict=True):
        rows = table[table["ranking"] == ranking]
        chance = rows[rows["selection"] == RANDOM]
        colour = style.COLOURS[RANDOM_HALVES]
        axis.fill_between(chance["share"], chance["ci_low"], chance["ci_high"], color=colour, alpha=0.6, linewidth=0)
        axis.plot(chance["share"], chance["estimate"], color="white", linewidth=1)
        for selection in (HIGH, LOW):
            chosen = rows[rows["selection"] == selection]
            look = {"color": style.COLOURS[selection], "marker": style.MARKERS[selection], "markersize": 4}
            axis.plot(chosen["share"], chosen["estimate"], **look)
        axis.set_title(f"by {style.SCORES[ranking]}")
        axis.set_xlabel("Share of channels kept")
        axis.xaxis.set_major_formatter("{x:.0%}")
        axis.grid(axis="y")
    axes[0].set_ylabel(shared.MEASURES[table["measure"].iloc[0]])
    figure.suptitle(shared.title("Agreement with {} by the share of channels kept", table))
    names = {HIGH: "highest channels", LOW: "lowest channels"}
    keys: list[Artist] = [
        Line2D([], [], color=style.COLOURS[name], marker=style.MARKERS[name], label=label)
        for name, label in names.items()
    ]
    style.legend(figure, [*keys, Patch(color=style.COLOURS[RANDOM_HALVES], label="random channels (central 95%)")], 3)
    return figure
