"""PSNR and SSIM of super-resolved images by the field's convention: luma of 8-bit images, without their border."""

import numpy as np
from numpy.typing import NDArray

from perceptual_efficacy.extras import extra

with extra("superres"):
    from skimage.metrics import structural_similarity

Image = NDArray[np.uint8]


def psnr_y(image: Image, reference: Image, shave: int) -> float:
    """Peak signal-to-noise ratio of the luma, in dB, as published for super-resolution.

    Parameters
    ----------
    image, reference
        RGB, shape (height, width, 3), uint8: rounded, as it would be saved.
    shave
        Pixels left out at each side; by convention the scale.

    Returns
    -------
    10 log10(255² / mean squared difference of `luma`); infinity for equal luma.

    Raises
    ------
    ValueError
        If an image is not such an array, the two differ in size, or nothing is left within the border.
    """
    first, second = _luma_within(image, reference, shave)
    error = np.mean((first - second) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def ssim_y(image: Image, reference: Image, shave: int) -> float:
    """Structural similarity of the luma, as published for super-resolution.

    An 11 x 11 Gaussian window of 1.5 pixels, population statistics, at full size.

    Parameters
    ----------
    image, reference, shave
        As for `psnr_y`.

    Returns
    -------
    The mean over where the window fits; 1 for equal luma.

    Raises
    ------
    ValueError
        As for `psnr_y`, or if nothing is left that the window fits in.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli: Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE
    Transactions on Image Processing 13(4), 2004.
    """
    pair = _luma_within(image, reference, shave)
    if min(pair[0].shape) < 11:
        raise ValueError(f"Within its border the image is {pair[0].shape}; SSIM's window needs 11 x 11 pixels.")
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(*pair, data_range=255, **window))


def luma(image: Image) -> NDArray[np.float64]:
    """Luma of 8-bit RGB by BT.601, 16 to 235, as MATLAB's rgb2ycbcr on double images: not rounded."""
    return 16 + image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


def _luma_within(image: Image, reference: Image, shave: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    for role, array in (("image", image), ("reference", reference)):
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            raise ValueError(f"The {role} is {array.dtype} {array.shape}; expected uint8 (height, width, 3).")
    if image.shape != reference.shape:
        raise ValueError(f"The image has shape {image.shape}, the reference {reference.shape}; they must be equal.")
    if shave < 0 or min(image.shape[:2]) <= 2 * shave:
        raise ValueError(f"shave is {shave}; of {image.shape[1]} x {image.shape[0]} pixels that leaves nothing.")
    return luma(within(image, shave)), luma(within(reference, shave))


def within(image: Image, shave: int) -> Image:
    """Leave out the border of an image."""
    return image[shave : len(image) - shave, shave : image.shape[1] - shave]
