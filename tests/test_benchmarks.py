"""What the benchmarks write: the table and the JSON of the same rows."""

import json
import sys

import numpy as np
import pytest
from miniature import ROOT


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import measuring
    import run

    yield measuring, run
    for name in ("measuring", "run", "study_by_rule"):
        sys.modules.pop(name, None)


def test_rows_are_written_as_a_table_and_as_json(benchmarks, tmp_path):
    measuring, run = benchmarks
    of_numpy = np.array([1.25, 0.75, 2.0])
    rows = [
        measuring.of_ratios("slow / fast", of_numpy, goal=1),
        measuring.of_ratios("fast / slow", [0.5], goal=1, about="one run"),
        measuring.of_ratios("no goal", [3.0]),
    ]
    run.write(rows, {"processor": "any"}, tmp_path)
    found = json.loads((tmp_path / "summary.json").read_text())
    assert found["processor"] == "any"
    assert found["rows"][0] == {
        "name": "slow / fast", "ratio": 1.25, "low": 0.75, "high": 2.0, "goal": 1, "met": False, "about": "",
    }  # fmt: skip
    assert [row["met"] for row in found["rows"]] == [False, True, None]
    table = (tmp_path / "summary.md").read_text()
    assert "| slow / fast | 1.25 | 0.75 to 2.00 | at most 1: **missed** |  |" in table
    assert "| fast / slow | 0.50 | 0.50 to 0.50 | at most 1: met | one run |" in table
    assert "| no goal | 3.00 | 3.00 to 3.00 |  |  |" in table


def test_the_seconds_of_a_study_are_added_by_rule(benchmarks, tmp_path):
    from study_by_rule import markdown

    for cores, times in {"two": 1, "one": 2}.items():
        for name, seconds in {"plot_ladder/a": 2, "plot_ladder/b": 3, "probe_channels": 1}.items():
            path = tmp_path / cores / f"{name}.tsv"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(f"s\tcpu_time\n{times * seconds}\t0\n")
        (tmp_path / cores / "unfinished.tsv").touch()
    assert markdown(tmp_path / "two").splitlines()[2:] == [
        "| plot_ladder | 2 | 5 |",
        "| probe_channels | 1 | 1 |",
        "| **all** | 3 | 6 |",
    ]
    assert markdown(tmp_path / "two", tmp_path / "one").splitlines() == [
        "| rule | jobs | seconds | with one core |",
        "| --- | ---: | ---: | ---: |",
        "| plot_ladder | 2 | 5 | 10 |",
        "| probe_channels | 1 | 1 | 2 |",
        "| **all** | 3 | 6 | 12 |",
    ]


def test_rules_that_took_little_are_shown_together(benchmarks, tmp_path):
    from study_by_rule import LONGEST, markdown

    for number in range(LONGEST + 2):
        (tmp_path / f"rule_{number}.tsv").write_text(f"s\n{number}\n")
    assert markdown(tmp_path).splitlines()[-2:] == ["| 2 others | 2 | 1 |", "| **all** | 22 | 231 |"]
