"""Replace LPIPS: one line, and the same distance.

    metric = lpips.LPIPS(net="vgg")                      before; called as metric(x, y, normalize=True)
    metric = perceptual_metric("torchvision:vgg16")      after;  called as metric(x, y)

`python replace_lpips.py` compares the two on noise, with equal random weights, as those of ImageNet are a download.
"""

import warnings

import lpips
import torch

import perceptual_efficacy as pe


def perceptual_metric(network, weights="DEFAULT"):
    """Return LPIPS on torchvision's VGG-16, AlexNet or SqueezeNet 1.1: (N, 3, H, W) in [0, 1] -> (N,)."""
    backbone = pe.load_backbone(network, layers="lpips", weights=weights)
    return pe.PerceptualMetric(backbone, pe.lpips_weights(network))


def main():
    x, y = torch.rand(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():  # lpips asks torchvision for a network in a way that it has given up
        warnings.simplefilter("ignore", UserWarning)
        before = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    after = perceptual_metric("torchvision:alexnet", weights=None)
    for theirs, ours in zip(before.net.parameters(), after.backbone.network.parameters(), strict=True):
        theirs.data.copy_(ours)
    with torch.no_grad():
        print("before:", before(x, y, normalize=True).flatten())
        print("after: ", after(x, y))
        torch.testing.assert_close(after(x, y), before(x, y, normalize=True).flatten(), rtol=1e-5, atol=0)


if __name__ == "__main__":
    main()
