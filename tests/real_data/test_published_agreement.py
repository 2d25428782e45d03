"""Two-alternative choices of people on all triplets of BAPPS, and what a published network scores on them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perceptual_efficacy.datasets.bapps import CATEGORIES_2AFC
from perceptual_efficacy.judgements import TwoAlternativeChoices
from perceptual_efficacy.judgements.choices import two_alternative_score
from perceptual_efficacy.vocabulary import HUMAN_CEILING, SELF_AGREEMENT

FOLDER = os.environ.get("PERCEPTUAL_EFFICACY_TEST_DATA")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="PERCEPTUAL_EFFICACY_TEST_DATA, the folder of real data, is not set"),
]

# in percent, in the order of CATEGORIES_2AFC; of the network see the folder's MANIFEST.md
NETWORK = (78.35, 83.65, 71.20, 60.99, 63.97, 62.22)
UNBIASED = (76.1, 80.4, 67.0, 57.6, 61.0, 60.8)  # (5 x - 1) / 4 of the exact PEOPLE below
PEOPLE = (80.84, 84.35, 73.60, 66.09, 68.83, 68.61)


@pytest.fixture(scope="module")
def released():
    return pd.read_csv(Path(FOLDER) / "bapps" / "val_judgements_vgg_scratch.csv.gz", dtype={"triplet": str})


@pytest.fixture(scope="module")
def choices(released):
    """Every triplet a cluster of its own: the file does not say which share a reference."""
    clusters = released["category"] + released["triplet"]
    return TwoAlternativeChoices(released["judge"], released["category"], clusters, observers=np.full(len(released), 5))


@pytest.fixture(scope="module")
def distances(released):
    return released[["d0", "d1"]].to_numpy()


def percent(score):
    return 100 * np.asarray(score)


@pytest.mark.parametrize(("category", "published"), list(zip(CATEGORIES_2AFC, NETWORK, strict=True)))
def test_network_scores_what_was_published_in_every_category(choices, distances, category, published):
    index, part = choices.groups()[category]
    found = part.score(distances[index], np.ones((1, part.clusters)))["2afc"]
    assert percent(found) == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(("category", "published"), list(zip(CATEGORIES_2AFC, PEOPLE, strict=True)))
def test_people_score_what_was_published_in_every_category(choices, category, published):
    _, part = choices.groups()[category]
    assert percent(part.people(np.ones((1, part.clusters)))[SELF_AGREEMENT]) == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(("category", "expected"), list(zip(CATEGORIES_2AFC, UNBIASED, strict=True)))
def test_without_self_agreement_people_score_less(choices, category, expected):
    _, part = choices.groups()[category]
    assert percent(part.people(np.ones((1, part.clusters)))[HUMAN_CEILING]) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("category", "published"), list(zip(CATEGORIES_2AFC, NETWORK, strict=True)))
def test_what_triplets_earn_averages_to_what_was_published(released, category, published):
    rows = released[released["category"] == category]
    earned = two_alternative_score(rows["d0"], rows["d1"], rows["judge"])
    assert percent(earned.mean()) == pytest.approx(published, abs=0.01)


def test_all_categories_together_are_their_unweighted_mean(choices, distances):
    assert percent(choices.primary(distances)) == pytest.approx(np.mean(NETWORK), abs=0.01)


def test_people_on_all_categories_together_are_their_unweighted_mean(choices):
    ceiling = choices.people(np.ones((1, choices.clusters)))[SELF_AGREEMENT]
    assert percent(ceiling) == pytest.approx(np.mean(PEOPLE), abs=0.01)
