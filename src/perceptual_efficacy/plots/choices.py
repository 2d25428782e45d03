"""Figure: how much each analysis choice changes the difference between high and low channels, all else equal."""

import pandas as pd
from matplotlib.figure import Figure

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.plots.specification_curve import option_rows
from perceptual_efficacy.vocabulary import CHOICES, IDENTITY, RANKINGS


def table(carried: pd.DataFrame) -> pd.DataFrame:
    """Choose PE, mu1 and mu2 of what `multiverse.explore` returns as `carried`.

    A row per ranking, choice and option: its identity, choice, option, mean, and variance (the share that the choice
    carries).
    """
    rows = carried[carried["ranking"].isin(RANKINGS)]
    return rows[[*(name for name in IDENTITY if name in rows), "choice", "option", "mean", "variance"]]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw the mean of every option in a row of its own, and beside each choice its share of the variance."""
    pairs = table.drop_duplicates(["choice", "option"])
    options = [(choice, option) for choice in CHOICES for option in pairs.loc[pairs["choice"] == choice, "option"]]
    place, labels = option_rows(options)
    figure = style.figure(4.4)
    rankings = [ranking for ranking in RANKINGS if (table["ranking"] == ranking).any()]
    axes = figure.subplots(1, len(rankings), sharex=True, sharey=True, squeeze=False)[0]
    for axis, ranking in zip(axes, rankings, strict=True):
        for choice, rows in table[table["ranking"] == ranking].groupby("choice", sort=False):
            y = [place[str(choice), option] for option in rows["option"]]
            axis.plot(rows["mean"], y, color="#999999", linewidth=1, zorder=1)
            axis.scatter(rows["mean"], y, s=18, color=style.COLOURS[ranking], zorder=2)
            share, at = rows["variance"].iloc[0], (1.02, sum(y) / len(y))
            axis.annotate(f"{share:.0%}", at, xycoords=("axes fraction", "data"), va="center", size=7)
        axis.axvline(0, color="#999999", linewidth=0.7)
        axis.grid(axis="x")
        axis.set_title(f"by {style.SCORES[ranking]}")
    axes[0].set_yticks(list(place.values()), labels)
    axes[0].set_ylim(max(place.values()) + 0.7, -0.7)
    figure.supxlabel(
        f"High minus low, mean over all other choices: {shared.MEASURES[table['measure'].iloc[0]]}\n"
        "At the right, the share of the variance between analyses that the choice carries",
        fontsize=8.5,
    )
    figure.suptitle(shared.title("What carries the difference between high and low channels, and {}", table))
    return figure
