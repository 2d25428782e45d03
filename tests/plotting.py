"""What every figure must be, and how tests read a figure; what several test files share."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from perceptual_efficacy.plots import style


class Case(NamedTuple):
    """A table, and the figure that is drawn from it."""

    table: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]


class EveryFigure:
    """Tests of what every figure must be; a test file derives a class and gives the fixture `case`."""

    def test_equal_input_gives_equal_bytes_from_whose_csv_the_figure_can_be_drawn(
        self, case: Case, tmp_path: Path
    ) -> None:
        for run in "ab":
            figure = case.draw(case.table)
            titles = [axis.get_title() for axis in figure.axes]
            paths = {kind: tmp_path / f"{run}.{kind}" for kind in ("png", "pdf", "csv")}
            style.save(figure, case.table, **paths)
        for kind in ("png", "pdf", "csv"):
            assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
        assert b"CreationDate" not in (tmp_path / "a.pdf").read_bytes()
        assert [axis.get_title() for axis in case.draw(pd.read_csv(tmp_path / "a.csv")).axes] == titles

    def test_it_is_of_moderate_size_and_no_text_overlaps_another_or_leaves_the_page(
        self, case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        drawn: dict[int, tuple[str, float, BboxBase]] = {}  # laying out draws as well: the last time counts
        original = Text.draw

        def record(self: Text, renderer: object) -> None:
            original(self, renderer)
            if self.get_visible() and self.get_text().strip():
                drawn[id(self)] = (self.get_text(), self.get_rotation(), Text.get_window_extent(self, renderer))

        figure = case.draw(case.table)
        monkeypatch.setattr(Text, "draw", record)
        assert max(figure.get_size_inches()) * 200 <= 1800
        figure.savefig(tmp_path / "figure.png")
        assert drawn
        for text, _, box in drawn.values():
            assert box.x0 >= 0, text
            assert box.y0 >= 0, text
            assert box.x1 <= figure.bbox.width + 1, text
            assert box.y1 <= figure.bbox.height + 1, text
        # the boxes around slanted labels overlap where the labels do not
        upright = [(text, box) for text, rotation, box in drawn.values() if rotation % 90 == 0]
        for (text, box), (other, second) in itertools.combinations(upright, 2):
            assert not box.padded(-0.5).overlaps(second.padded(-0.5)), (text, other)


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def points(axis: Axes, colour: str, marker: str) -> Line2D:
    """The line that is drawn with one colour and marker."""
    (line,) = (line for line in axis.get_lines() if (line.get_color(), line.get_marker()) == (colour, marker))
    return line


def intervals(axis: Axes, colour: str) -> np.ndarray:
    """Ends of the intervals that are drawn in one colour, shape (intervals, 2 ends, x and y)."""
    (bars,) = (bars for bars in axis.collections if to_hex(bars.get_edgecolor()[0]) == to_hex(colour))
    return np.stack(bars.get_segments())
