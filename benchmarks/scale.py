"""Measure distances of four times as many pairs of images: does the time grow in proportion, and the memory not at all?

Images of 64 x 64 by the packaged SqueezeNet, each run in a process of its own, whose peak memory counts.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from measuring import Row, of_ratios, peak_memory

from perceptual_efficacy import distances, load_backbone

FEW, TIMES, PAIRS = 200, 4, 5


def measured(count: int) -> tuple[float, float]:
    """Seconds, and peak memory in GB, of `count` triplets."""
    ran = subprocess.run([sys.executable, __file__, str(count)], capture_output=True, check=True, text=True)  # noqa: S603
    seconds, memory = map(float, ran.stdout.split())
    return seconds, memory


def rows() -> Iterator[Row]:
    runs = [(measured(FEW), measured(TIMES * FEW)) for _ in range(PAIRS)]
    about = f"{TIMES * FEW} and {FEW} triplets of 64 x 64 pixels, SqueezeNet 1.1"
    time_ratios = [many[0] / few[0] / TIMES for few, many in runs]
    yield of_ratios(f"time of {TIMES}x as many triplets / {TIMES}x the time of a quarter", time_ratios, 1.1, about)
    memory = f"{runs[0][0][1]:.2f} GB"
    yield of_ratios(
        f"memory of {TIMES}x as many triplets / of a quarter",
        [many[1] / few[1] for few, many in runs],
        1.1,
        f"{memory}; the cube itself grows, by 12 kB a triplet",
    )


def run(count: int) -> None:
    backbone = load_backbone("packaged:squeezenet1_1")
    names = [str(row) for row in range(count)]
    table = pd.DataFrame({"reference": names, "first": names, "second": names}).assign(
        reference_sha256="", first_sha256="", second_sha256="", dataset="random", judged_by="no one"
    )
    random = np.random.default_rng(0)

    def read(path: str, sha256: str) -> np.ndarray:
        return random.integers(256, size=(64, 64, 3), dtype=np.uint8)

    distances.image_distances(backbone, table[:8], read)  # what is only done once
    start = time.perf_counter()
    distances.image_distances(backbone, table, read)
    print(time.perf_counter() - start, peak_memory())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", help="measure so many triplets alone, and print seconds and GB")
    if (given := parser.parse_args().count) is None:
        for row in rows():
            print(row, flush=True)
    else:
        run(given)
