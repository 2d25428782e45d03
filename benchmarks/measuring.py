"""What the benchmarks share: ratios of runs in turn, since machines are shared, and rows of one table."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

Run = Callable[[], object]
PAIRS = 5


class Row(NamedTuple):
    """One line of the table."""

    name: str
    ratio: float  # median
    low: float
    high: float
    goal: float | None = None  # the ratio is to be at most this; None where there is no goal
    met: bool | None = None
    about: str = ""  # what was measured


def seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compared(
    name: str, numerator: Run, denominator: Run, *, goal: float | None = None, pairs: int = PAIRS, about: str = ""
) -> Row:
    """Say how many times longer one run takes than the other, by pairs in turn after a first that is not counted."""
    numerator()
    denominator()
    return of_ratios(name, [seconds(numerator) / seconds(denominator) for _ in range(pairs)], goal=goal, about=about)


def of_ratios(name: str, ratios: list[float], goal: float | None = None, about: str = "") -> Row:
    found = [float(ratio) for ratio in ratios]  # JSON knows no numbers of NumPy
    ratio = statistics.median(found)
    return Row(name, ratio, min(found), max(found), goal, None if goal is None else ratio <= goal, about)
