"""Optimise an image by gradient descent: start from grey, and bring it close to a photograph by the metric."""

import torch

import perceptual_efficacy as pe
from perceptual_efficacy.backbones.network import as_tensor
from perceptual_efficacy.datasets import photographs
from perceptual_efficacy.inversion import square


def approach(metric, photograph, steps, learning_rate=0.05):
    """Return an image in [0, 1] that is near a photograph (1, 3, H, W), and the distances on its way there."""
    image = torch.full_like(photograph, 0.5).requires_grad_()
    adam = torch.optim.Adam([image], lr=learning_rate)
    distance_to = metric.against(photograph)  # its activations are computed once
    distances = []
    for _ in range(steps):
        adam.zero_grad()
        distance = distance_to(image, reduction="sum")
        distance.backward()
        adam.step()
        image.data.clamp_(0, 1)
        distances.append(distance.item())
    return image.detach(), distances


def main():
    backbone = pe.load_backbone("packaged:squeezenet1_1", layers=["relu1"])
    photograph = as_tensor(square(photographs.bundled(["chelsea"])["chelsea"], 64))
    _, distances = approach(pe.PerceptualMetric(backbone), photograph, steps=30)
    print(f"distance {distances[0]:.4f} at first, {distances[-1]:.4f} after {len(distances)} steps")


if __name__ == "__main__":
    main()
