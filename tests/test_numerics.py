"""What the data type and the device change; the tolerances are those that docs/numerics.md states."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from perceptual_efficacy import distances
from perceptual_efficacy.backbones.loading import load_backbone
from perceptual_efficacy.probing import probe
from perceptual_efficacy.scores import score_channels, select_channels
from perceptual_efficacy.stimuli import gratings

LAYERS = ["relu1_2", "relu2_2"]
CONTRASTS = [0.003, 0.016, 0.1, 1.0]


def measured(precision="float32", device="cpu"):
    """Scores of the channels of a randomly weighted VGG-16, and the distances of three patterns from blank."""
    backbone = load_backbone("random:vgg16", layers=LAYERS, seed=4).to(device)
    backbone.network.to(getattr(torch, precision))
    drawn = gratings(field=2, lowest_frequency=1, frequencies=10, orientations=8, phases=2)
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    patterns = np.stack([np.exp(-8 * (x**2 + y**2)) * np.cos(f * np.pi * x) for f in (2, 6, 12)]).astype(np.float32)
    cube = distances.contrast_distances(backbone, patterns, CONTRASTS)["distance"].values
    return score_channels(probe(backbone, drawn)), cube


@pytest.fixture(scope="module")
def single():
    return measured()


@pytest.fixture(scope="module")
def half():
    return measured("bfloat16")


@pytest.mark.parametrize("layer", LAYERS)
def test_bfloat16_leaves_the_ranks_of_pe_nearly_as_they_are(single, half, layer):
    (one, _), (other, _) = single, half
    rows = (one["layer"] == layer) & one["pe"].notna() & other["pe"].notna()
    assert stats.spearmanr(one.loc[rows, "pe"], other.loc[rows, "pe"]).statistic > 0.998


@pytest.mark.parametrize("score", ["mu1", "mu2"])
def test_bfloat16_moves_the_typical_score_by_less_than_a_hundredth(single, half, score):
    (one, _), (other, _) = single, half
    assert (one[score] - other[score]).abs().median() < 0.01


def test_bfloat16_puts_few_channels_into_the_other_half(single, half):
    (one, _), (other, _) = single, half
    moved = set(select_channels(one).index) ^ set(select_channels(other).index)
    assert len(moved) / len(one) < 0.04


@pytest.mark.parametrize(("contrast", "tolerance"), [(0.003, 1.0), (0.016, 0.1), (0.1, 0.02), (1.0, 0.02)])
def test_bfloat16_changes_distances_little_but_at_the_lowest_contrasts(single, half, contrast, tolerance):
    (_, one), (_, other) = single, half
    level = CONTRASTS.index(contrast)
    total, again = (cube.reshape(3, len(CONTRASTS), -1).sum(axis=-1)[:, level] for cube in (one, other))
    np.testing.assert_allclose(again, total, rtol=tolerance)


def test_equal_runs_give_equal_bytes(single):
    scores, cube = measured()
    pd.testing.assert_frame_equal(scores, single[0], check_exact=True)
    assert cube.tobytes() == single[1].tobytes()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_cpu_gives(single):
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        scores, cube = measured(device="cuda")
    largest = single[1].max(axis=(0, 1), keepdims=True)
    np.testing.assert_allclose(cube, single[1], rtol=1e-3, atol=1e-4 * largest.max())
    for score in ("mu1", "mu2", "pe"):
        np.testing.assert_allclose(scores[score], single[0][score], atol=1e-3)
