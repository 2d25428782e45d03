"""Columns and fixed words that tables share, each written once."""

from collections.abc import Mapping
from typing import Any

# What a row is about, in the order of the columns; a table has those that apply.
IDENTITY = (
    "network",
    "architecture",
    "weights",  # trained, learnt or random
    "origin",  # of the weights, in words
    "release",  # of pre-trained weights; "none" for other weights
    "dataset",
    "judged_by",  # people, or construction
    "pixels_per_degree",
    "scale",  # of super-resolution
    "loss",  # that a network for super-resolution was fine-tuned with, by name
    "group",
    "cube",
    "layer",
    "ranking",
    "selection",
    "draw",  # number of a random half
    "measure",
    "seed",
)
OF_NETWORK = IDENTITY[:5]
OF_DATASET = IDENTITY[5:7]
INTERVAL = ("estimate", "ci_low", "ci_high")

TRAINED, LEARNT, RANDOM_WEIGHTS = "trained", "learnt", "random"  # weights
PEOPLE, CONSTRUCTION = "people", "construction"  # judged_by
TWO_ALTERNATIVES, SAME_OR_DIFFERENT, OPINIONS, THRESHOLDS = "2afc", "same", "mos", "threshold"  # judgement_type

EVERYTHING = "all"  # the group of all comparisons
RAW, STANDARDISED = "raw", "standardised"  # cubes
NONE = "none"  # release, cube, layer or ranking of what has none
ALL_LAYERS = "all layers"
MEAN_OF_LAYERS = "mean of layers"
RANKINGS = ("pe", "mu1", "mu2")
FLAT_CSF = "pe with a flat CSF"  # rankings
LOWER_CSF, HIGHER_CSF = "pe with the CSF an octave lower", "pe with the CSF an octave higher"

ALL, HIGH, LOW, RANDOM = "all", "high", "low", "random"  # selections
RANDOM_HALVES = "random halves"
HIGH_LOW, LOW_HIGH = "high - low", "low - high"
BICUBIC, START = "bicubic", "start"  # interpolation and the initial checkpoint, which no loss has fine-tuned
PRIMARY_MEASURES = ("2afc", "map", "srcc", "r")  # of choices, same or different, opinions and thresholds
SINGLE_CHANNELS = "single channels"
HUMAN_CEILING = "human ceiling"
SELF_AGREEMENT = "human ceiling, with self-agreement"  # as published for choices of two
LEAVE_ONE_OUT = "leave-one-observer-out"
RMS_CONTRAST, WEIGHTED_ENERGY = "RMS contrast", "CSF-weighted energy"  # baselines of thresholds
FITTED_ENERGY = "energy, CSF fitted to these thresholds"

# choices of an analysis, what stands for one that makes no difference, and a statistic over analyses
CHOICES = ("cube", "pixels_per_degree", "csf", "baseline", "orientation_at", "share", "combination", "slope_per")
ANY = "any"
MEDIAN = "median difference"

# answers to gratings
OF_WAVEFORM, OF_ORIENTATION, OF_FREQUENCY = "square against sine", "oblique against cardinal", "against the standard"

SCORED = "scored"  # status of a channel
SHOWN = "shown"  # status of a stimulus
STRUCTURE = "structure"  # primary error of inversions
REMAINING_DISTANCE = "remaining distance"  # of inversions, a measure beside their errors
MDSI, PSNR_Y = "MDSI", "PSNR-Y"  # metrics of super-resolved images: the primary one, and that of published results


def identity(of: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what attributes, or the columns of a row, say of what a result is about, in the order of `IDENTITY`."""
    return {name: of[name] for name in IDENTITY if name in of}
