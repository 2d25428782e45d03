"""Time the distance cube against the bare forward pass of the same network, once per distinct image.

Run as `python benchmarks/image_distances.py`: pairs of runs in turn, since machines are shared, and the median ratio.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from perceptual_efficacy import distances
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.vgg import draw_random

WIDTHS = {1: [64] * 2, 2: [128] * 2, 3: [256] * 3, 4: [512] * 3, 5: [512] * 3}
VGG16 = {f"relu{block}_{number}": width for block, all_ in WIDTHS.items() for number, width in enumerate(all_, 1)}
SIDES = ("first", "second")
PAIRS = 5


class Case(NamedTuple):
    name: str
    height: int
    width: int
    references: int
    each: int  # comparisons per reference
    sides: list[str]
    batch_size: int


CASES = [
    Case("TID2013-shaped, 384 x 512", 384, 512, references=1, each=12, sides=["first"], batch_size=4),
    Case("BAPPS-shaped, 64 x 64", 64, 64, references=64, each=1, sides=["first", "second"], batch_size=24),
]


def table_of(case: Case) -> pd.DataFrame:
    """Comparisons of images that have no files."""
    count = case.references * case.each
    columns = {side: [f"{side} {row}" for row in range(count)] if side in case.sides else None for side in SIDES}
    table = pd.DataFrame({"reference": [f"reference {row // case.each}" for row in range(count)], **columns})
    return table.assign(reference_sha256="", first_sha256="", second_sha256="")


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(backbone: Backbone, case: Case) -> tuple[int, list[float]]:
    """Return the number of distinct images, and how many times longer the cube takes, of several pairs of runs."""
    random, table = np.random.default_rng(0), table_of(case)
    images = {
        path: random.integers(256, size=(case.height, case.width, 3), dtype=np.uint8)
        for path in pd.unique(table[["reference", *case.sides]].to_numpy().ravel())
    }

    def forward() -> None:
        stack = list(images.values())
        with torch.inference_mode():
            for start in range(0, len(stack), case.batch_size):
                batch = torch.from_numpy(np.stack(stack[start : start + case.batch_size])).permute(0, 3, 1, 2)
                for _ in backbone.taps(batch.to(torch.float32, memory_format=torch.channels_last) / 255):
                    pass

    def cube() -> None:
        distances.image_distances(backbone, table, lambda path, _: images[path], batch_size=case.batch_size)

    forward()
    cube()
    pairs = [(seconds(forward), seconds(cube)) for _ in range(PAIRS)]
    return len(images), [second / first for first, second in pairs]


if __name__ == "__main__":
    network = draw_random(VGG16, seed=0).to(memory_format=torch.channels_last)
    for one in CASES:
        count, ratios = compare(network, one)
        shown = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
        print(f"{one.name}: {count} images, {statistics.median(ratios):.2f} times the forward pass ({shown})")
