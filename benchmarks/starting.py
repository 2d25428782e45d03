"""Time what a user waits for first: the import of the package, and the command line's help, over their goals."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from measuring import PAIRS, Row, of_ratios, seconds

GOALS = {  # seconds
    "import perceptual_efficacy": ([sys.executable, "-c", "import perceptual_efficacy"], 0.3),
    "perceptual-efficacy --help": ([str(Path(sys.executable).with_name("perceptual-efficacy")), "--help"], 0.5),
}


def rows() -> Iterator[Row]:
    for name, (command, goal) in GOALS.items():
        taken = [seconds(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(2 * PAIRS)]  # noqa: B023, S603
        ratios = [one / goal for one in taken[1:]]
        yield of_ratios(f"{name} / {goal:g} s", ratios, goal=1, about="a process of its own each time")


if __name__ == "__main__":
    for row in rows():
        print(row)
