"""Write into docs/reliability.md what the reliability tests said: `make reliability`, after the four targets.

Each target keeps its tests' own output as JUnit XML in results/reliability; no cell of the two tables is typed by hand.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pandas as pd
from refresh import DOCS, ROOT, fill

TARGETS = {
    "conda": "make test-conda",
    "slurm": "make test-slurm",
    "faults": "make test-faults",
    "reproduce": "make reproduce",
}


class Test(NamedTuple):
    """What one test said: `row` has fault, tried and, if it came to that, survived."""

    name: str
    outcome: str
    reason: str
    row: dict[str, str]


class Suite(NamedTuple):
    """What one target said."""

    target: str
    day: str
    seconds: float
    machine: str
    tests: list[Test]


def read(target: str, path: Path) -> Suite:
    """Read what a target kept; of one that has not run there are no tests, and the page says so."""
    if not path.is_file():
        return Suite(target, "not run", 0.0, "–", [])
    suite = next(ElementTree.parse(path).iter("testsuite"))  # noqa: S314 - our own tests wrote it
    return Suite(
        target,
        suite.attrib["timestamp"][:10],
        float(suite.attrib["time"]),
        properties(suite)["machine"],
        [test_of(case) for case in suite.iter("testcase")],
    )


def properties(element: ElementTree.Element) -> dict[str, str]:
    return {item.attrib["name"]: item.attrib["value"] for item in element.findall("properties/property")}


def test_of(case: ElementTree.Element) -> Test:
    for outcome in ("failure", "error", "skipped"):
        if (found := case.find(outcome)) is not None:
            said = found.attrib.get("message", "").partition("\n")[0].removeprefix("Skipped: ")
            return Test(case.attrib["name"], "failed" if outcome == "error" else outcome, said, properties(case))
    row = properties(case)
    if row and "survived" not in row:
        raise ValueError(f"{case.attrib['name']} passed without saying how the fault was survived.")
    return Test(case.attrib["name"], "passed", "", row)


def summary(suites: list[Suite]) -> str:
    rows = []
    for suite in suites:
        outcomes = [test.outcome for test in suite.tests]
        rows.append(
            {
                "target": f"`{suite.target}`",
                "passed": outcomes.count("passed"),
                "failed": outcomes.count("failed") + outcomes.count("failure"),
                "skipped": outcomes.count("skipped"),
                "minutes": f"{suite.seconds / 60:.0f}",
                "on": suite.machine,
                "day": suite.day,
            }
        )
    return pd.DataFrame(rows).to_markdown(index=False)


def faults(suites: list[Suite]) -> str:
    rows = pd.DataFrame(cells(suites), columns=["fault", "tried", "survived", "target"])
    first = {fault: number for number, fault in reversed(list(enumerate(rows["fault"])))}
    rows = rows.sort_values("fault", key=lambda column: column.map(first), kind="stable")
    return rows.to_markdown(index=False)


def cells(suites: list[Suite]) -> Iterator[tuple[str, str, str, str]]:
    for suite in suites:
        for test in suite.tests:
            if test.row:
                told = {
                    "passed": f"yes: {test.row.get('survived')}",
                    "skipped": f"not tried here: {test.reason}",
                }.get(test.outcome, f"**no**: `{test.name}` fails, {test.reason}")
                row = (test.row["fault"], test.row["tried"], told, f"`{suite.target}`")
                yield tuple(re.sub(r"([|<])", r"\\\1", cell) for cell in row)


def threads(suites: list[Suite]) -> str:
    """Return what the comparison of two numbers of threads says, a table of its own."""
    found = "".join(test.row.get("threads", "") for suite in suites for test in suite.tests)
    return found or f"Not compared yet: `{TARGETS['reproduce']}` has not run."


def main() -> None:
    folder, page = ROOT / "results" / "reliability", DOCS / "reliability.md"
    suites = [read(target, folder / f"{name}.xml") for name, target in TARGETS.items()]
    fill(page, "summaries", summary(suites), __file__)
    fill(page, "faults", faults(suites), __file__)
    fill(page, "threads", threads(suites), __file__)


if __name__ == "__main__":
    main()
