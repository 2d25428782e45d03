"""Figure: high minus low channels under all combinations of analysis choices, over what shuffled channels give."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from perceptual_efficacy.plots import _agreement as shared
from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import ANY, CHOICES, IDENTITY, MEDIAN, RANKINGS

NAMES = {  # of choices, with how their options are written
    "cube": ("distance", "{}"),
    "pixels_per_degree": ("px/deg", "{:g}"),
    "csf": ("CSF", "{}"),
    "baseline": ("baseline", "{}"),
    "orientation_at": ("μ₂ at the", "{} frequency"),
    "share": ("channels kept", "{:.0%}"),
    "combination": ("PE by", "{}"),
    "slope_per": ("slope per", "{}"),
}
BAND, INTERVALS = "#D3D3D3", "#8FB8D8"
GAP = 0.5  # rows between two choices


def table(specifications: pd.DataFrame, joint: pd.DataFrame) -> pd.DataFrame:
    """Choose the shuffled rankings of one network and data set, in the order of their estimates.

    `specifications` and `joint` are what `multiverse.explore` returns. A row per ranking and specification: its
    identity and choices, main, estimate, ci_low, ci_high, p, rank, band_low and band_high; share_positive, median and
    p_joint (of the median, among shuffles) are those of the ranking.
    """
    rows = specifications[specifications["ranking"].isin(RANKINGS)].sort_values(["ranking", "rank"], kind="stable")
    of_all = joint.pivot_table(index="ranking", columns="statistic", values="estimate")
    p_joint = joint[joint["statistic"] == MEDIAN].set_index("ranking")["p_split"]
    rows = rows.assign(
        share_positive=rows["ranking"].map(of_all["share positive"]),
        median=rows["ranking"].map(of_all[MEDIAN]),
        p_joint=rows["ranking"].map(p_joint),
    )
    columns = [*CHOICES, "main", "estimate", "ci_low", "ci_high", "p", "rank", "band_low", "band_high"]
    columns += ["share_positive", "median", "p_joint"]
    return rows[list(dict.fromkeys([name for name in IDENTITY if name in rows] + columns))].reset_index(drop=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel per ranking: the sorted differences, and below them which option of each choice they take."""
    main_first = table.sort_values("main", ascending=False, kind="stable")
    options = [(choice, option) for choice in CHOICES for option in main_first[choice].unique() if option != ANY]
    place, labels = option_rows(options)
    rankings = [ranking for ranking in RANKINGS if (table["ranking"] == ranking).any()]
    figure = style.figure(7.0)
    axes = figure.subplots(
        2, len(rankings), sharex="col", sharey="row", squeeze=False, gridspec_kw={"height_ratios": (1, 1.35)}
    )
    for (above, below), ranking in zip(axes.T, rankings, strict=True):
        rows = table[table["ranking"] == ranking]
        _curve(above, rows)
        for choice, option in options:
            chosen = rows[rows[choice] == option]
            below.plot(chosen["rank"], np.full(len(chosen), place[choice, option]), "|", color="#444444", markersize=4)
        main = rows.loc[rows["main"], "rank"]
        for axis in (above, below):
            axis.axvline(float(main.iloc[0]), color=style.COLOURS["pe"], linewidth=1, zorder=0)
        share, median, p = rows[["share_positive", "median", "p_joint"]].iloc[0]
        above.set_title(
            f"{style.SCORES[ranking]}: {len(rows)} analyses\n{share:.0%} above 0, median {style.signed(median, '.2f')}"
            f"\np = {p:.2g}, all at once"
        )
    axes[0, 0].set_ylabel(f"High minus low:\n{shared.MEASURES[table['measure'].iloc[0]]}")
    axes[1, 0].set_yticks(list(place.values()), labels)
    axes[1, 0].set_ylim(max(place.values()) + 0.7, -0.7)
    figure.suptitle(shared.title("High minus low channels under all analysis choices, and {}", table))
    keys = [
        Line2D([], [], color="black", marker=".", linestyle="none", label="an analysis"),
        Line2D([], [], color=INTERVALS, linewidth=1, label="its 95% interval"),
        Patch(color=BAND, label="channels shuffled (central 95% of the sorted differences)"),
        Line2D([], [], color=style.COLOURS["pe"], linewidth=1, label="the study’s main result"),
    ]
    axes[1, len(rankings) // 2].set_xlabel("Analyses, from the largest difference to the smallest")
    style.legend(figure, keys, 2)
    return figure


def option_rows(options: list[tuple[str, object]]) -> tuple[dict[tuple[str, object], float], list[str]]:
    """Return where every option is drawn, with a gap between choices, and its label."""
    place: dict[tuple[str, object], float] = {}
    labels, at, last = [], -1.0, ""
    for choice, option in options:
        name, form = NAMES[choice]
        at += 1 + GAP * (choice != last and last != "")
        place[choice, option] = at
        labels.append(f"{name} {form.format(_number(option))}")
        last = choice
    return place, labels


def _number(option: object) -> object:
    """Return the number that an option says; the text if it says none."""
    try:
        return float(str(option))
    except ValueError:
        return option


def _curve(axis: Axes, rows: pd.DataFrame) -> None:
    axis.fill_between(rows["rank"], rows["band_low"], rows["band_high"], color=BAND, linewidth=0)
    axis.vlines(rows["rank"], rows["ci_low"], rows["ci_high"], color=INTERVALS, linewidth=0.4)
    axis.plot(rows["rank"], rows["estimate"], ".", color="black", markersize=2.5)
    axis.axhline(0, color="#999999", linewidth=0.7)
    axis.grid(axis="y")
