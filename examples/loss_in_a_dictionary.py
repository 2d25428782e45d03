"""The loss by name and options from a training's configuration, as BasicSR-like toolboxes build theirs.

    perceptual_opt:
      type: PerceptualEfficacyLoss
      network: packaged:squeezenet1_1
      layers: [fire3]
      selection: high.safetensors     # of `perceptual-efficacy select`
      loss_weight: 0.1

In BasicSR, register the class with `@LOSS_REGISTRY.register()`.
"""

import torch
from torch import nn

import perceptual_efficacy as pe


class PerceptualEfficacyLoss(nn.Module):
    """Weighted distance of chosen channels, averaged over the batch."""

    def __init__(self, network, layers="all", selection="all", loss_weight=1.0, weights="DEFAULT"):
        super().__init__()
        backbone = pe.load_backbone(network, layers=layers, weights=weights)
        self.metric = pe.PerceptualMetric(backbone, selection, validate_range=False)
        self.loss_weight = loss_weight

    def forward(self, output, target):
        return self.loss_weight * self.metric(output, target, reduction="mean")


LOSSES = {"L1Loss": nn.L1Loss, "PerceptualEfficacyLoss": PerceptualEfficacyLoss}


def build_loss(options):
    """Return the loss that a section of the configuration describes."""
    return LOSSES[options["type"]](**{name: value for name, value in options.items() if name != "type"})


def main():
    options = {"type": "PerceptualEfficacyLoss", "network": "random:alexnet", "layers": ["relu1"], "loss_weight": 0.1}
    loss = build_loss(options)
    output, target = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    value = loss(output.requires_grad_(), target)
    value.backward()
    print(f"loss {value.item():.4f}, gradient of length {output.grad.norm():.4f}")


if __name__ == "__main__":
    main()
