"""Bicubic resizing as MATLAB's imresize does it: bit for bit how the published low-resolution test images were made."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

CUBIC_WIDTH = 4  # pixels of the coarser image that the kernel spans


def degrade(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return the low-resolution image, shape (height / scale, width / scale, 3), of a `cropped` one; see `resize`."""
    height, width = image.shape[:2]
    if height % scale or width % scale:
        raise ValueError(
            f"The image is {width} x {height} pixels; expected multiples of the scale {scale}. Crop it first."
        )
    return resize(image, height // scale, width // scale)


def upscale(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return the bicubic interpolation of an image, `scale` times as high and wide; see `resize`."""
    return resize(image, image.shape[0] * scale, image.shape[1] * scale)


def cropped(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Cut off rows at the bottom and columns at the right until height and width are multiples of the scale."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize an 8-bit image, shape (height, width, channels), to at least one pixel by Keys's cubic kernel (a = -1/2).

    As MATLAB's `imresize(image, [height width], "bicubic")`: downwards the kernel is stretched, against aliasing; rows
    are resized first, then columns, and each result is rounded to 8 bits. Beyond the border the outermost pixels
    repeat, as in the releases of MATLAB that made the published test images; newer ones mirror it.

    References
    ----------
    Keys: Cubic Convolution Interpolation for Digital Image Processing, IEEE Transactions on Acoustics, Speech, and
    Signal Processing 29(6), 1981.
    """
    if image.dtype != np.uint8 or image.ndim != 3:
        raise ValueError(f"The image is {image.dtype} {image.shape}; expected uint8 (height, width, channels).")
    if min(*image.shape[:2], height, width) < 1:
        raise ValueError(
            f"An image of {image.shape[1]} x {image.shape[0]} pixels cannot be resized to {width} x {height}."
        )
    rows, columns = _weights(image.shape[0], height), _weights(image.shape[1], width)
    resized = _rounded(np.tensordot(rows, image.astype(np.float64), axes=1))
    resized = _rounded(np.tensordot(resized, columns, axes=(1, 1)))
    return resized.transpose(0, 2, 1).astype(np.uint8)


def _rounded(values: NDArray[Any]) -> NDArray[np.float64]:
    """Code values, halves up; the sums' own rounding errors must not decide where a half goes."""
    return np.floor(np.clip(values, 0, 255).round(9) + 0.5)


@lru_cache(maxsize=8)  # 16 MB each for photographs of 2000 pixels
def _weights(size: int, target: int) -> NDArray[np.float64]:
    """Weight of every pixel of a line in every pixel of the resized line, shape (target, size)."""
    scale = target / size
    stretch = max(1.0, 1 / scale)
    centre = (np.arange(target) + 0.5) / scale - 0.5
    reach = CUBIC_WIDTH * stretch
    first = np.floor(centre - reach / 2)
    pixel = first[:, None] + np.arange(int(np.ceil(reach)) + 2)
    weight = _cubic((centre[:, None] - pixel) / stretch)
    weight /= weight.sum(axis=1, keepdims=True)
    weights = np.zeros((target, size))
    np.add.at(weights, (np.arange(target)[:, None], np.clip(pixel, 0, size - 1).astype(int)), weight)
    return weights


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys's kernel."""
    x = np.abs(x)
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, inner, np.where(x <= 2, outer, 0))
