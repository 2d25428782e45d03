"""The figures about all analyses: their data against what they are made from, and that they draw the data."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from perceptual_efficacy.multiverse import OPTIONS
from perceptual_efficacy.plots import choices, share_kept, specification_curve
from perceptual_efficacy.vocabulary import ANY, CHOICES, MEDIAN, RANKINGS

ABOUT = {"network": "net", "weights": "trained", "dataset": "modelfest", "judged_by": "people", "measure": "r"}


@pytest.fixture
def specifications():
    """64 analyses of each ranking, with the main one in the middle."""
    options = {**OPTIONS, "pixels_per_degree": (32.0,), "csf": ("barten",)}
    rows = [dict(zip(options, row, strict=True)) for row in product(*options.values())]
    parts = []
    for number, ranking in enumerate(RANKINGS):
        table = pd.DataFrame(rows).assign(ranking=ranking, estimate=np.linspace(-0.1, 0.2, len(rows)) - number / 10)
        if ranking == "mu1":
            table["combination"] = ANY
        parts.append(table.assign(rank=np.arange(len(rows), 0, -1.0), main=np.arange(len(rows)) == 20))
    table = pd.concat(parts, ignore_index=True).assign(p=0.5, band_low=-0.05, band_high=0.05, **ABOUT)
    return table.assign(ci_low=table["estimate"] - 0.05, ci_high=table["estimate"] + 0.05)


@pytest.fixture
def joint():
    rows = [
        {"ranking": ranking, "statistic": statistic, "estimate": value, "p_split": 0.03}
        for ranking in RANKINGS
        for statistic, value in ((MEDIAN, 0.05), ("share positive", 0.66))
    ]
    return pd.DataFrame(rows)


def test_specification_curve_draws_every_analysis_in_order(specifications, joint):
    table = specification_curve.table(specifications, joint)
    assert len(table) == len(specifications)
    figure = specification_curve.draw(table)
    above, below = figure.axes[: len(RANKINGS)], figure.axes[len(RANKINGS) :]
    for axis, ranking in zip(above, RANKINGS, strict=True):
        rows = table[table["ranking"] == ranking]
        drawn = next(line for line in axis.get_lines() if line.get_marker() == ".")
        np.testing.assert_allclose(drawn.get_xdata(), rows["rank"])
        np.testing.assert_allclose(drawn.get_ydata(), rows["estimate"])
        assert (np.diff(drawn.get_ydata()) < 0).all()
        assert "66% above 0" in axis.get_title()
        main = next(line for line in axis.get_lines() if len(set(line.get_xdata())) == 1)
        assert main.get_xdata()[0] == rows.loc[rows["main"], "rank"].item()
    marks = [len(line.get_xdata()) for line in below[0].get_lines() if line.get_marker() == "|"]
    assert marks == [32, 32, 64, 64] + [32] * 10  # two options each, but one resolution and one CSF
    labels = [text.get_text() for text in below[0].get_yticklabels()]
    assert labels[:4] == ["distance raw", "distance standardised", "px/deg 32", "CSF barten"]


def test_share_kept_draws_the_best_and_the_worst_over_random_channels():
    rows = [
        {"ranking": ranking, "selection": selection, "share": share, "estimate": value, "ci_low": 0.2, "ci_high": 0.6}
        for ranking in RANKINGS
        for selection, value in (("high", 0.7), ("low", 0.3), ("random", 0.5))
        for share in (0.25, 0.5, 0.75)
    ]
    table = share_kept.table(pd.DataFrame(rows).assign(**ABOUT))
    figure = share_kept.draw(table)
    for axis in figure.axes:
        drawn = {line.get_marker(): line.get_ydata()[0] for line in axis.get_lines()}
        assert (drawn["^"], drawn["v"]) == (0.7, 0.3)
        assert len(axis.collections) == 1


def test_choices_draw_the_mean_of_every_option():
    rows = [
        {"ranking": ranking, "choice": choice, "option": str(option), "mean": 0.1 * number, "variance": 0.25}
        for ranking in RANKINGS
        for choice in CHOICES
        for number, option in enumerate(OPTIONS[choice])
    ]
    table = choices.table(pd.DataFrame(rows).assign(**ABOUT))
    figure = choices.draw(table)
    places = np.concatenate([points.get_offsets() for points in figure.axes[0].collections])
    np.testing.assert_allclose(places[:, 0], table.loc[table["ranking"] == "pe", "mean"])
    assert len(set(places[:, 1])) == len(places)
    assert [text.get_text() for text in figure.axes[0].texts] == ["25%"] * 6
