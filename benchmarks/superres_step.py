"""Time a fine-tuning step with a selection's loss against one with a plain feature loss, and one with LPIPS-VGG.

Run as `python benchmarks/superres_step.py`: steps of all losses in turn, since machines are shared, and the median of
their ratios. A step is EDSR-baseline x4 on a batch of 16 patches of 192 pixels, as in config/paper.yaml: forward,
backward and Adam. The plain feature loss is the mean squared difference of torchvision's own VGG-16, cut after relu2_2;
LPIPS is the package lpips. All weights are random: the time does not depend on them.
"""

import argparse
import statistics
import warnings
from collections.abc import Callable, Iterator

import lpips
import pandas as pd
import torch
import torchvision
from measuring import Row, of_ratios, seconds
from torch import Tensor
from torch.nn import functional

from perceptual_efficacy.backbones.loading import load_backbone
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.superres import edsr

Loss = Callable[[Tensor, Tensor], Tensor]
LAYER = "relu2_2"


def plain() -> Loss:
    """Mean squared difference of activations: the feature loss of Johnson et al. 2016."""
    network = torchvision.models.vgg16().features[:9].eval().requires_grad_(False)
    network = network.to(memory_format=torch.channels_last)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = network(target)
        return functional.mse_loss(network(output), wanted)

    return loss


def selection() -> Loss:
    """The distance by half of the channels."""
    half = pd.DataFrame({"layer": LAYER, "channel": range(0, 128, 2)})
    metric = PerceptualMetric(load_backbone("random:vgg16", layers=[LAYER]), half, validate_range=False)
    metric.to(memory_format=torch.channels_last)
    return lambda output, target: metric(output, target).mean()


def lpips_vgg() -> Loss:
    """LPIPS on VGG-16, as its package computes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its way to ask torchvision for a network
        metric = lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False)
    return lambda output, target: metric(output, target, normalize=True).mean()


def step(loss: Loss | None, batch: int, patch: int) -> Callable[[], None]:
    network = edsr.draw(4, edsr.BLOCKS, edsr.WIDTH, seed=0).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)
    random = torch.Generator().manual_seed(0)
    low, high = (
        torch.rand(batch, 3, size, size, generator=random).to(memory_format=torch.channels_last)
        for size in (patch // 4, patch)
    )

    def run() -> None:
        adam.zero_grad()
        output = network(low)
        total = functional.l1_loss(output, high)
        if loss is not None:
            total = total + 0.1 * loss(output, high)
        total.backward()
        adam.step()

    return run


def rows(batch: int = 16, patch: int = 192, rounds: int = 3) -> Iterator[Row]:
    losses = {"L1": None, "L1 + plain features": plain(), "L1 + selection": selection(), "L1 + LPIPS-VGG": lpips_vgg()}
    steps = {name: step(loss, batch, patch) for name, loss in losses.items()}
    for run in steps.values():
        run()  # warm up
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, run in steps.items():
            times[name].append(seconds(run))
    told = ", ".join(f"{name} {statistics.median(values):.2f} s" for name, values in times.items())
    for other, goal in (("L1 + plain features", 1.15), ("L1 + LPIPS-VGG", 0.5)):
        ratios = [mine / theirs for mine, theirs in zip(times["L1 + selection"], times[other], strict=True)]
        yield of_ratios(f"step with L1 + selection / {other}", ratios, goal=goal, about=told)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=7)
    for row in rows(**vars(parser.parse_args())):
        print(row, flush=True)
