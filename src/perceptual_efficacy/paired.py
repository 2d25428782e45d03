"""Scores of repeated runs by image and seed: means of selections of channels, and differences between them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perceptual_efficacy import statistics
from perceptual_efficacy.statistics import LEAST_CLUSTERS
from perceptual_efficacy.vocabulary import (
    ALL,
    EVERYTHING,
    HIGH,
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


class _Scores(NamedTuple):
    """Scores of one selection (images, seeds, halves); other selections than random halves have one of these."""

    values: Floats

    def means(self, weights: "_Weights") -> Floats:
        """Mean score in every sample."""
        images, seeds, halves = self.values.shape
        # what has one seed, as interpolation has, was not repeated
        of_seeds = weights.seeds if seeds > 1 else np.ones((len(weights.images), 1))
        of_halves = weights.halves if halves > 1 else np.ones((len(weights.images), 1))
        return np.einsum(
            "ish,ri,rs,rh->r", self.values, weights.images / images, of_seeds / seeds, of_halves / halves, optimize=True
        )


class _Weights(NamedTuple):
    """How often each image, seed and random half is drawn, by sample; the first sample is the full one."""

    images: Floats
    seeds: Floats
    halves: Floats

    @classmethod
    def draw(cls, counts: Sequence[int], replicates: int, random: np.random.Generator) -> "_Weights":
        images, seeds, halves = (
            np.vstack([np.ones(count), statistics.resampled_counts(count, replicates, random)]).astype(np.float64)
            for count in counts
        )
        return cls(images, seeds, halves)


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

    network, weights, scale, group, layer, ...
        As in the scores.
    measure, selection
        "random halves" is the mean of them; a difference is called "high - low".
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
        counts = [max(score.values.shape[axis] for score in found.values()) for axis in range(3)]
        weights = _Weights.draw(counts, replicates, np.random.default_rng(seed))
        sign = 1 if bool(part["higher_is_better"].iloc[0]) else -1
        means = {name: score.means(weights) for name, score in found.items()}
        missing = np.full(replicates + 1, np.nan)
        samples = dict(means) | {
            f"{first} - {second}": sign * (means.get(first, missing) - means.get(second, missing))
            for first, second in differences
        }
        for name, values in samples.items():
            compared = name not in means
            rows.append(
                {
                    **about,
                    "measure": measure,
                    "selection": name,
                    **_interval(values, counts[0]),
                    "p": _p(values) if compared and counts[0] >= LEAST_CLUSTERS else np.nan,
                    "images": counts[0],
                    "seeds": counts[1],
                    "halves": counts[2] if RANDOM_HALVES in found else 0,
                    "n_clusters": counts[0],
                    "resampled_unit": "images and seeds",
                }
            )
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
    groups = {EVERYTHING: scores, **dict(iter(scores.groupby("dataset", sort=False)))}
    return pd.concat(
        [compare_runs(part.assign(group=name), **options) for name, part in groups.items()], ignore_index=True
    )


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


def _by_selection(part: pd.DataFrame) -> dict[str, _Scores]:
    """Arrays of one measure's scores, by selection; all with the same images in the same order."""
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
    return {name: _Scores(np.stack(grids, axis=2)) for name, grids in found.items()}


def _interval(values: Floats, images: int) -> Mapping[str, Any]:
    low, high = statistics.percentile_interval(values[1:]) if images >= LEAST_CLUSTERS else (np.nan, np.nan)
    return {"estimate": float(values[0]), "ci_low": low, "ci_high": high}


def _p(values: Floats) -> float:
    """Twice the smaller share of bootstrap samples on one side of 0."""
    return statistics.permutation_p(0.0, values[1:])
