"""Tables for people: rounding, missing values, escaping."""

import pandas as pd
import pytest

from perceptual_efficacy import tables


@pytest.fixture
def written(tmp_path):
    table = pd.DataFrame(
        {"name": ["a_b", "c|d"], "value": [0.123456789, float("nan")], "count": [10000.0, 3.0], "p": [1.5e-7, 1.0]}
    )
    paths = [tmp_path / f"table.{kind}" for kind in ("csv", "md", "tex", "html")]
    tables.write(table, *paths)
    return [path.read_text() for path in paths]


def test_csv_keeps_six_digits_and_leaves_missing_values_empty(written):
    assert written[0] == "name,value,count,p\na_b,0.123457,10000,1.5e-07\nc|d,,3,1\n"


def test_markdown_rounds_to_three_digits_and_marks_missing_values(written):
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in written[1].splitlines()]
    assert rows[2] == ["a_b", "0.123", "10000", "1.5e-07"]
    assert rows[3] == ["c\\|d", "–", "3", "1"]


def test_latex_is_escaped(written):
    assert r"a\_b & 0.123 & 10000 & 1.5e-07 \\" in written[2]


def test_latex_needs_no_package_beyond_booktabs(written):
    assert written[2].startswith(r"\begin{tabular}{llll}")
    assert written[2].count(r"\toprule") == written[2].count(r"\bottomrule") == 1


def test_html_is_escaped(tmp_path):
    table = pd.DataFrame({"name": ["<script>alert(1)</script>"]})
    tables.write(table, *(tmp_path / f"table.{kind}" for kind in ("csv", "md", "tex", "html")))
    assert "<script>" not in (tmp_path / "table.html").read_text()
