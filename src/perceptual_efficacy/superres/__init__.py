"""Single-image super-resolution: the network, its training with a loss from chosen channels, and its scores."""

from perceptual_efficacy.superres.fidelity import psnr_y, ssim_y

__all__ = ["psnr_y", "ssim_y"]
