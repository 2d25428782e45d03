"""Scores of repeated runs by image and seed: means of selections of channels, and differences between them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perceptual_efficacy import statistics
from perceptual_efficacy.statistics import LEAST_CLUSTERS
from perceptual_efficacy.vocabulary import (
    ALL,
    EVERYTHING,
    HIGH,
    INTERVAL,
    LOW,
    MEAN_OF_LAYERS,
    NONE,
    OF_NETWORK,
    RANDOM,
    RANDOM_HALVES,
)

ABOUT = (*OF_NETWORK, "scale", "group", "layer")  # a comparison is about one value of each
SCORE = ("selection", "draw", "image", "seed", "measure", "higher_is_better")  # identify a score in it
DIFFERENCES = ((HIGH, LOW), (LOW, HIGH), (HIGH, ALL), (HIGH, RANDOM_HALVES), (HIGH, NONE))

Floats = NDArray[np.float64]


def compare_runs(
    scores: pd.DataFrame,
    *,
    primary: str,
    differences: Sequence[tuple[str, str]] = DIFFERENCES,
    replicates: int = 2_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Average scores over images and seeds, and compare selections image by image and seed by seed.

    Parameters
    ----------
    scores
        One row per run, image and measure. A run is a selection (all, high, low, random, or any other) and, of random
        halves, a draw. Columns: selection, draw, image (and dataset, if images of several have equal names), seed,
        measure, value, higher_is_better; and what the result is about: network, weights, scale, group, layer, ...
    primary
        The measure that is judged; the p-values of all others are corrected together.
    differences
        Pairs of selections to compare; missing where one of them has no scores.
    replicates, seed
        Of the bootstrap: images and seeds are drawn crossed (every drawn seed has every drawn image), and so are random
        halves. The same draws for every selection and measure.

    Returns
    -------
    One row per measure and selection, and per measure and difference.

    network, weights, scale, group, layer, ...; measure, selection
        As in the scores. "random halves" is the mean of them; a difference is called "high - low".
    estimate, ci_low, ci_high
        Of a selection the mean, in the measure's unit. Of a difference how much better the first one is: positive where
        it is better, whichever way the measure goes. 95% bootstrap interval, missing with fewer than 10 images.
    p, p_holm
        Two-sided bootstrap p-value of a difference; for measures other than the primary one, Holm-corrected over them.
    images, seeds, halves, n_clusters, resampled_unit
        Their numbers; n_clusters is the number of images.

    Raises
    ------
    ValueError
        If there is no score, the scores are of several networks, scales, groups or layers, or a run lacks the score of
        an image by a seed that others have, or has two of it.
    """
    about = _about(scores)
    rows = []
    for measure, part in scores.groupby("measure", sort=False):
        part = part[part.groupby(_image_keys(part))["value"].transform(lambda values: bool(values.notna().all()))]
        if part.empty:  # no image has a score, as of MS-SSIM on small ones
            continue
        found = _by_selection(part)
        counts = [max(values.shape[axis] for values in found.values()) for axis in range(3)]
        random = np.random.default_rng(seed)
        # how often each image, seed and random half is in each sample; the first sample is the full one
        drawn = [
            np.vstack([np.ones(count), statistics.resampled_counts(count, replicates, random)]).astype(np.float64)
            for count in counts
        ]
        sign = 1 if bool(part["higher_is_better"].iloc[0]) else -1
        means = {name: _means(values, drawn) for name, values in found.items()}
        missing = np.full(replicates + 1, np.nan)
        samples = dict(means) | {
            f"{first} - {second}": sign * (means.get(first, missing) - means.get(second, missing))
            for first, second in differences
        }
        numbers = {
            "images": counts[0],
            "seeds": counts[1],
            "halves": counts[2] if RANDOM_HALVES in found else 0,
            "n_clusters": counts[0],
            "resampled_unit": f"images and {counts[1]} seed{'s' if counts[1] > 1 else ''}",
        }
        enough = counts[0] >= LEAST_CLUSTERS
        for name, values in samples.items():
            interval = statistics.percentile_interval(values[1:]) if enough else (np.nan, np.nan)
            # twice the smaller share of samples on one side of 0
            p = statistics.permutation_p(0.0, values[1:]) if enough and name not in means else np.nan
            result = dict(zip(INTERVAL, (values[0], *interval), strict=True)) | {"p": p}
            rows.append({**about, "measure": measure, "selection": name, **result, **numbers})
    if not rows:
        raise ValueError("There is nothing to compare: no image has a score by any measure.")
    table = pd.DataFrame(rows)
    secondary = table["p"].where(table["measure"] != primary)
    table["p_holm"] = secondary.groupby(table["selection"]).transform(statistics.holm).fillna(table["p"])
    return table


def compare_test_sets(scores: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Compare the runs on all test images together and on each data set; see `compare_runs`.

    The column group is "all" or the data set.
    """
    groups = [(EVERYTHING, scores), *scores.groupby("dataset", sort=False)]
    return pd.concat([compare_runs(part.assign(group=name), **options) for name, part in groups], ignore_index=True)


def compare_layers(scores: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Compare the runs at each layer, and by their means over layers; see `compare_runs`.

    The column layer is a layer or "mean of layers".
    """
    keys = [name for name in (*ABOUT, *SCORE) if name in scores and name != "layer"]
    mean = scores.groupby(keys, sort=False, dropna=False, as_index=False)["value"].mean().assign(layer=MEAN_OF_LAYERS)
    parts = [*(part for _, part in scores.groupby("layer", sort=False)), mean]
    return pd.concat([compare_runs(part, **options) for part in parts], ignore_index=True)


def _about(scores: pd.DataFrame) -> dict[str, Any]:
    """Return what a comparison is about. Runs without a network, as of L1 alone, belong to that of the others."""
    about = {}
    for name in scores.columns.intersection(list(ABOUT)):
        values = scores[name].dropna().unique().tolist()
        if len(values) > 1:
            raise ValueError(f"The scores are of several values of {name!r}: {values}; compare one at a time.")
        if values:
            about[name] = values[0]
    return about


def _image_keys(scores: pd.DataFrame) -> list[str]:
    return [name for name in ("dataset", "image") if name in scores]


def _means(values: Floats, drawn: Sequence[Floats]) -> Floats:
    """Mean score in every sample, of scores (images, seeds, halves); an axis of length 1 was not repeated."""
    shares = [
        counts / length if length > 1 else np.ones((len(counts), 1))
        for counts, length in zip(drawn, values.shape, strict=True)
    ]
    return np.einsum("ish,ri,rs,rh->r", values, *shares, optimize=True)


def _by_selection(part: pd.DataFrame) -> dict[str, Floats]:
    """Scores by one measure (images, seeds, halves) by selection, all with the same images in the same order."""
    found: dict[str, list[Floats]] = {}
    repeated: dict[str, list[Any]] = {}  # seeds of each run that has several
    image = _image_keys(part)
    draws = part["draw"].map(lambda draw: "" if pd.isna(draw) else f" {draw:.0f}")
    for name, rows in part.groupby(part["selection"] + draws, sort=False):
        if rows.duplicated([*image, "seed"]).any():
            twice = rows[rows.duplicated([*image, "seed"])].iloc[0]
            raise ValueError(
                f"{name} has several scores of {twice['image']} by seed {twice['seed']} ({twice['measure']}); expected "
                f"one."
            )
        grid = rows.pivot(index=image, columns="seed", values="value")  # noqa: PD010, pivot_table drops seeds of NaN
        if grid.isna().to_numpy().any() or len(grid) != len(part[image].drop_duplicates()):
            raise ValueError(f"The scores of {name} lack an image by a seed; expected every image by every seed.")
        if len(grid.columns) > 1:
            repeated[str(name)] = grid.columns.tolist()
        selection = rows["selection"].iloc[0]
        found.setdefault(RANDOM_HALVES if selection == RANDOM else str(selection), []).append(grid.to_numpy())
    shapes = {name: {grid.shape for grid in grids} for name, grids in found.items()}
    if wrong := [name for name, of_name in shapes.items() if len(of_name) > 1]:
        raise ValueError(f"The runs of {wrong[0]} differ in their number of seeds; expected the same seeds for all.")
    first = next(iter(repeated), "")
    if other := next((run for run, seeds in repeated.items() if seeds != repeated[first]), None):
        raise ValueError(
            f"{first} has the seeds {repeated[first]}, {other} {repeated[other]}; they are compared seed by seed, so "
            f"expected the same for all."
        )
    return {name: np.stack(grids, axis=2) for name, grids in found.items()}
