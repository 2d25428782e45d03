"""Columns and fixed words that tables share, each written once."""

from collections.abc import Mapping
from typing import Any

# What a row is about, in the order of the columns; a table has those that apply.
IDENTITY = (
    "network",
    "architecture",
    "weights",  # trained, learnt or random
    "origin",  # of the weights, in words
    "dataset",
    "judged_by",  # people, or construction
    "pixels_per_degree",
    "scale",  # of super-resolution
    "group",
    "cube",
    "layer",
    "ranking",
    "selection",
    "draw",  # number of a random half
    "measure",
    "seed",
)
OF_NETWORK = IDENTITY[:4]
OF_DATASET = IDENTITY[4:6]
INTERVAL = ("estimate", "ci_low", "ci_high")

TRAINED, LEARNT, RANDOM_WEIGHTS = "trained", "learnt", "random"  # weights
PEOPLE, CONSTRUCTION = "people", "construction"  # judged_by
TWO_ALTERNATIVES, SAME_OR_DIFFERENT, OPINIONS, THRESHOLDS = "2afc", "same", "mos", "threshold"  # judgement_type

EVERYTHING = "all"  # the group of all comparisons
RAW, STANDARDISED = "raw", "standardised"  # cubes
NONE = "none"  # cube, layer or ranking of what has none
ALL_LAYERS = "all layers"
MEAN_OF_LAYERS = "mean of layers"
RANKINGS = ("pe", "mu1", "mu2")
FLAT_CSF = "pe with a flat CSF"  # a ranking

ALL, HIGH, LOW, RANDOM = "all", "high", "low", "random"  # selections
RANDOM_HALVES = "random halves"
HIGH_LOW, LOW_HIGH = "high - low", "low - high"
SINGLE_CHANNELS = "single channels"
HUMAN_CEILING = "human ceiling"
LEAVE_ONE_OUT = "leave-one-observer-out"

SCORED = "scored"  # status of a channel


def identity(of: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what attributes, or the columns of a row, say of what a result is about, in the order of `IDENTITY`."""
    return {name: of[name] for name in IDENTITY if name in of}
