"""The published test images of super-resolution, and what others measured on them."""

import os
from pathlib import Path

import numpy as np
import pytest

from perceptual_efficacy import image_files
from perceptual_efficacy.superres import psnr_y, ssim_y
from perceptual_efficacy.superres.resize import cropped, degrade, upscale

FOLDER = os.environ.get("PERCEPTUAL_EFFICACY_TEST_DATA")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="PERCEPTUAL_EFFICACY_TEST_DATA, the folder of real data, is not set"),
]


def pairs(name, scale):
    """Originals and published low-resolution images of a set, by name."""
    folder = Path(FOLDER) / "super_resolution" / name
    low = sorted((folder / f"x{scale}_LR").glob("*.png"))
    assert len(low) == {"Set5": 5, "Set14": 14}[name]
    for path in low:
        original = image_files.read(folder / f"x{scale}_HR" / path.name)
        yield path.name, cropped(original, scale), image_files.read(path)


def mean_over(measure, name, scale):
    return np.mean([measure(upscale(low, scale), original, scale) for _, original, low in pairs(name, scale)])


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_originals_are_degraded_to_the_published_images_bit_for_bit(name, scale):
    for image, original, low in pairs(name, scale):
        np.testing.assert_array_equal(degrade(original, scale), low, err_msg=image)


# Set5: Table 2 of Lim et al., CVPR Workshops 2017. Set14: measured by others on these files; the published ones, 30.24
# and 26.00, are of another copy of some of its images
@pytest.mark.parametrize(
    ("name", "scale", "decibels", "tolerance"),
    [("Set5", 2, 33.66, 0.02), ("Set5", 4, 28.42, 0.02), ("Set14", 2, 30.33, 0.02), ("Set14", 4, 26.09, 0.02)],
)
def test_psnr_of_interpolation_is_the_published_one(name, scale, decibels, tolerance):
    assert mean_over(psnr_y, name, scale) == pytest.approx(decibels, abs=tolerance)


@pytest.mark.parametrize(("name", "scale", "similarity"), [("Set5", 2, 0.9299), ("Set5", 4, 0.8104)])
def test_ssim_of_interpolation_is_the_published_one(name, scale, similarity):
    assert mean_over(ssim_y, name, scale) == pytest.approx(similarity, abs=0.001)
