"""What more than one test file needs."""

import numpy as np
import pytest
import torch
from torch import nn

from perceptual_efficacy.backbones import MEAN, STANDARD_DEVIATION, Backbone


def build_filter_bank(kernels, bias=0.0, nonlinearity=None):
    """Return a backbone whose one layer, "bank", filters the grey value of the image by these square kernels.

    Kernels of shape (filters, width, width), in grey values; padding repeats the edge.
    """
    kernels = torch.as_tensor(np.asarray(kernels), dtype=torch.float32)
    width = kernels.shape[-1]
    convolution = nn.Conv2d(3, len(kernels), width, padding=width // 2, padding_mode="replicate")
    deviation, mean = torch.tensor(STANDARD_DEVIATION), torch.tensor(MEAN)
    # a third of the grey value from each colour, whose normalisation by mean and deviation is undone
    convolution.weight = nn.Parameter(kernels[:, None] * deviation[:, None, None] / 3)
    convolution.bias = nn.Parameter(kernels.sum(dim=(1, 2)) * mean.mean() + torch.as_tensor(bias, dtype=torch.float32))
    return Backbone({"bank": nn.Sequential(convolution, nn.ReLU() if nonlinearity is None else nonlinearity)}, {})


@pytest.fixture(scope="session")
def filter_bank():
    """Return `build_filter_bank`."""
    return build_filter_bank
