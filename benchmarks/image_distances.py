"""Time the distance cube and the probing of VGG-16 against torchvision's bare forward pass, and other packages.

Run as `python benchmarks/image_distances.py`: pairs of runs in turn, since machines are shared, and the median ratio.
The forward pass is of every distinct image once, of the same layers in float32; the package lpips, and piq's content
loss of normalised activations, which its LPIPS is, compute pair by pair.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import lpips
import numpy as np
import pandas as pd
import piq
import torch
import torchvision
from measuring import Row, compared

from perceptual_efficacy import distances, probing, stimuli
from perceptual_efficacy.backbones.loading import load_backbone

Distance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
SIDES = ("first", "second")
BATCH = 4  # gratings


class Case(NamedTuple):
    name: str
    height: int
    width: int
    references: int
    each: int  # comparisons per reference
    sides: list[str]
    batch_size: int


CASES = [
    Case("TID2013-shaped, 384 x 512", 384, 512, references=1, each=5, sides=["first"], batch_size=4),
    Case("BAPPS-shaped, 64 x 64", 64, 64, references=48, each=1, sides=["first", "second"], batch_size=24),
]


def table_of(case: Case) -> pd.DataFrame:
    """Comparisons of images that have no files."""
    count = case.references * case.each
    columns = {side: [f"{side} {row}" for row in range(count)] if side in case.sides else None for side in SIDES}
    table = pd.DataFrame({"reference": [f"reference {row // case.each}" for row in range(count)], **columns})
    made = {"dataset": "random", "judged_by": "no one", "judgement_type": "none"}
    return table.assign(reference_sha256="", first_sha256="", second_sha256="", **made)


def images_of(case: Case) -> dict[str, np.ndarray]:
    random, table = np.random.default_rng(0), table_of(case)
    paths = pd.unique(table[["reference", *case.sides]].to_numpy().ravel())
    return {path: random.integers(256, size=(case.height, case.width, 3), dtype=np.uint8) for path in paths}


def batch_of(images: list[np.ndarray]) -> torch.Tensor:
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return batch.to(torch.float32, memory_format=torch.channels_last) / 255


def cube(case: Case, images: dict[str, np.ndarray], layers: str, precision: torch.dtype) -> Callable[[], object]:
    backbone = load_backbone("random:vgg16", layers=layers)
    backbone.network.to(precision)
    read = lambda path, _: images[path]  # noqa: E731
    return partial(distances.image_distances, backbone, table_of(case), read, batch_size=case.batch_size)


def forward(case: Case, images: dict[str, np.ndarray]) -> Callable[[], object]:
    network = torchvision.models.vgg16().features[:30].eval().to(memory_format=torch.channels_last)
    stack = list(images.values())

    def run() -> None:
        with torch.inference_mode():
            for start in range(0, len(stack), case.batch_size):
                network(batch_of(stack[start : start + case.batch_size]))

    return run


def of_lpips() -> Distance:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated arguments of torchvision in lpips
        network = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    return partial(network, normalize=True)


def of_piq() -> Distance:
    layers = ["3", "8", "15", "22", "29"]  # those of LPIPS
    features = torchvision.models.vgg16().features[:30].eval()
    return piq.ContentLoss(features, layers=layers, weights=[1.0] * len(layers), normalize_features=True)


def package(case: Case, images: dict[str, np.ndarray], distance: Distance) -> Callable[[], object]:
    def run() -> None:
        with torch.inference_mode():
            for row in table_of(case).to_dict("records"):
                for side in case.sides:
                    distance(batch_of([images[row["reference"]]]), batch_of([images[row[side]]]))

    return run


def probed() -> tuple[Callable[[], object], Callable[[], object]]:
    """Probing VGG-16 with a few gratings, and its bare forward pass of as many pictures of that size."""
    backbone = load_backbone("random:vgg16", layers="lpips")
    shown = stimuli.gratings(frequencies=4, orientations=2, phases=2)
    size = probing.picture_size(backbone, shown)
    network = torchvision.models.vgg16().features[:30].eval().to(memory_format=torch.channels_last)
    counts = {  # of pictures by size: oriented gratings are shown in a smaller field
        size: 3 * len(shown.frequency) * len(shown.phase) + 1,
        size - shown.pixels + shown.oriented_pixels: len(shown.oriented_frequency)
        * len(shown.orientation)
        * len(shown.phase),
    }
    pictures = {side: torch.rand(BATCH, 3, side, side).to(memory_format=torch.channels_last) for side in counts}

    def forward() -> None:
        with torch.inference_mode():
            for side, count in counts.items():
                for start in range(0, count, BATCH):
                    network(pictures[side][: min(BATCH, count - start)])

    return partial(probing.probe, backbone, shown, batch_size=BATCH), forward


def rows() -> Iterator[Row]:
    for case in CASES:
        shown = images_of(case)
        yield compared(
            f"distance cube of 13 layers / forward pass, {case.name}",
            cube(case, shown, "all", torch.float32),
            forward(case, shown),
            goal=1.15,
        )
        passes = 2 * case.each * len(case.sides) * case.references
        for name, distance in (("package lpips", of_lpips()), ("piq's content loss", of_piq())):
            yield compared(
                f"distance cube of 5 layers / {name}, {case.name}",
                cube(case, shown, "lpips", torch.float32),
                package(case, shown, distance),
                pairs=2,
                about=f"the package runs {passes} forward passes for {len(shown)} images: {len(shown) / passes:.2f}",
            )
    about = "what the field's units do not need is not computed"
    yield compared("probing / forward pass", *probed(), goal=1.15, pairs=2, about=about)


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
