"""Luma of gamma-encoded RGB by ITU-R BT.601: the grey of JPEG, of MATLAB's rgb2gray and of most measures of quality."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue


def luma(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return the luma, shape (...), of RGB values, shape (..., 3), on their own scale."""
    return image @ np.array(LUMA_WEIGHTS)
