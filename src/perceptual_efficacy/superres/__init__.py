"""Single-image super-resolution: the network, its training with a loss from chosen channels, and its judges."""

from perceptual_efficacy.superres.fidelity import psnr_y, ssim_y

__all__ = ["PRIMARY", "psnr_y", "ssim_y"]

PRIMARY = "MDSI"  # the judge that decides between losses; the others stand beside it
