"""The figure of known answers: that it draws a network's beside people's and the control's."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from perceptual_efficacy.known_answers import COMPARED, OF_WAVEFORM
from perceptual_efficacy.plots import known_answers

FREQUENCIES = (1.25, 2.5, 5.0, 10.0)


def answers(network, layers, people=1.0):
    """Sensitivities of layers, the same in all answers and at all frequencies."""
    rows = [
        {"network": network, "weights": "trained", "layer": layer, "ranking": "pe", "selection": selection}
        | {"answer": answer, "standard": standard, "frequency": frequency, "sensitivity": value, "people": people}
        | {"extrapolated": layer == "b"}
        for (answer, standard, *_), selection, frequency in product(COMPARED, ("all", "high", "low"), FREQUENCIES)
        for layer, value in layers.items()
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def table():
    own = answers("net", {"a": 1.0, "b": 4.0, "mean of layers": 2.0})
    return known_answers.table(own, answers("chance", {"a": 0.1, "mean of layers": 0.5}))


def test_of_the_control_the_mean_is_shown_alone(table):
    assert table.groupby("network")["layer"].unique().map(list).to_dict() == {
        "net": ["a", "b", "mean of layers"],
        "chance": ["mean of layers"],
    }


def test_every_answer_is_drawn_by_layer_and_selection_beside_people_and_the_control(table):
    figure = known_answers.draw(table)
    assert len(figure.axes) == len(COMPARED)
    for axis in figure.axes:
        drawn = sorted(float(line.get_ydata()[0]) for line in axis.get_lines() if len(line.get_xdata()) == 4)
        people = (
            [1.0] if not axis.get_title().startswith("Oblique") else []
        )  # of the oblique effect the side alone is known
        assert drawn == pytest.approx(sorted([1.0, 4.0, 2.0, 2.0, 2.0, 0.5, *people]))
    low, high = figure.axes[2].get_ylim()
    assert (low, high) == figure.axes[3].get_ylim()
    assert low < 0.5 < 4 < high


def test_people_are_drawn_where_a_number_is_known(table):
    table.loc[(table["answer"] == OF_WAVEFORM) & (table["frequency"] < 5), "people"] = np.nan
    figure = known_answers.draw(table)
    (people,) = (line for line in figure.axes[0].get_lines() if line.get_marker() == "*")
    assert list(people.get_xdata()) == [5.0, 10.0]
