"""What every figure must be, and how tests read a figure; what several test files share."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, BboxBase, TransformedBbox

from perceptual_efficacy.plots import style


class Case(NamedTuple):
    """A table, and the figure that is drawn from it."""

    table: pd.DataFrame
    draw: Callable[[pd.DataFrame], Figure]


class Drawn(NamedTuple):
    """What is known of a figure that was drawn and saved."""

    titles: list[str]  # of its axes
    inches: tuple[float, float]
    page: BboxBase
    texts: list[tuple[str, float, BboxBase]]  # each text with its rotation and the box around it
    files: dict[str, Path]


class EveryFigure:
    """Tests of what every figure must be; a test file derives a class and gives the fixture `case`."""

    @pytest.fixture(scope="class")
    @classmethod
    def drawn(cls, case: Case, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
        found: dict[int, tuple[str, float, BboxBase]] = {}  # laying out draws as well: the last time counts
        original = Text.draw

        def record(self: Text, renderer: object) -> None:
            original(self, renderer)
            if isinstance(renderer, RendererAgg) and self.get_visible() and self.get_text().strip():
                found[id(self)] = (self.get_text(), self.get_rotation(), Text.get_window_extent(self, renderer))

        figure = case.draw(case.table)
        titles, inches = [axis.get_title() for axis in figure.axes], tuple(figure.get_size_inches())
        page = TransformedBbox(figure.bbox_inches, Affine2D().scale(200))
        folder = tmp_path_factory.mktemp("figure")
        files = {kind: folder / f"figure.{kind}" for kind in ("png", "pdf", "csv")}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Text, "draw", record)
            style.save(figure, case.table, **files)
        return Drawn(titles, inches, page, list(found.values()), files)

    def test_a_figure_can_be_drawn_from_its_csv(self, case: Case, drawn: Drawn) -> None:
        again = case.draw(pd.read_csv(drawn.files["csv"]))
        assert [axis.get_title() for axis in again.axes] == drawn.titles

    @pytest.mark.slow  # `make reproduce` compares all figures of a study; a few of them: test_plots_superres.py
    def test_equal_input_gives_equal_bytes(self, case: Case, drawn: Drawn, tmp_path: Path) -> None:
        again = {kind: tmp_path / f"again.{kind}" for kind in drawn.files}
        style.save(case.draw(case.table), case.table, **again)
        for kind, path in again.items():
            assert path.read_bytes() == drawn.files[kind].read_bytes()
        assert b"CreationDate" not in drawn.files["pdf"].read_bytes()

    def test_no_text_overlaps_another_or_leaves_the_page(self, drawn: Drawn) -> None:
        assert drawn.texts
        for text, _, box in drawn.texts:
            assert box.x0 >= 0, text
            assert box.y0 >= 0, text
            assert box.x1 <= drawn.page.width + 1, text
            assert box.y1 <= drawn.page.height + 1, text
        # the boxes around slanted labels overlap where the labels do not
        upright = [(text, box) for text, rotation, box in drawn.texts if rotation % 90 == 0]
        for (text, box), (other, second) in itertools.combinations(upright, 2):
            assert not box.padded(-0.5).overlaps(second.padded(-0.5)), (text, other)

    def test_a_png_is_of_moderate_size(self, drawn: Drawn) -> None:
        assert max(drawn.inches) * 200 <= 1800


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
