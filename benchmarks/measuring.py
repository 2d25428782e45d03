"""What the benchmarks share: ratios of runs in turn, since machines are shared, and rows of one table."""

import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
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


def peak_memory() -> float:
    """Largest memory that this process had, in GB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    # what getrusage says begins with the memory of the process that started this one
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"))
    return int(peak) / 1e6


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
