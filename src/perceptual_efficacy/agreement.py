"""Agreement of selections of channels with people: estimates, intervals, and the splits that chance would give."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from perceptual_efficacy import statistics
from perceptual_efficacy.selectivity import SCORED, select_channels

ALL_LAYERS = "all layers"
MEAN_OF_LAYERS = "mean of layers"
HIGH_LOW = "high - low"
RANDOM_HALVES = "random halves"
OBSERVER = "one observer by the others"
NONE = "none"
FAMILY = ("pe", "mu1", "mu2")  # the rankings whose differences are corrected together

CHUNK = 256  # distances scored at once

Floats = NDArray[np.float64]


class Judgements(Protocol):
    """What people said, in the form that scores a distance; `thresholds.DetectionThresholds` is one."""

    resampled_unit: str
    measures: tuple[str, ...]  # the first one is the primary, and more of it is better

    def __len__(self) -> int: ...

    def draw(self, replicates: int, random: np.random.Generator) -> Any:
        """Draw bootstrap samples."""

    def score(self, distance: Floats, draws: Any | None = None) -> dict[str, Floats]:
        """Score distances (..., *comparisons) to (...), or one distance on every bootstrap sample to (replicates,)."""

    def observers(self, draws: Any | None = None) -> Floats:
        """Score one observer by the others, to (), or on every bootstrap sample to (replicates,)."""


class Ranking(NamedTuple):
    """A column of a table of channels (see `selectivity.score_channels`) to split the layers by."""

    channels: pd.DataFrame
    column: str


class _Sample(NamedTuple):
    """Scores of one selection, or of the difference of two, by measure."""

    estimate: dict[str, float]
    replicates: dict[str, Floats]  # on every bootstrap sample

    @classmethod
    def of(cls, distance: Floats, judgements: Judgements, draws: Any) -> "_Sample":
        estimate = {measure: float(value) for measure, value in judgements.score(distance).items()}
        return cls(estimate, judgements.score(distance, draws))

    def rows(self, ranking: str, selection: str) -> list[dict[str, Any]]:
        common = {"ranking": ranking, "selection": selection}
        return [
            {**common, "measure": measure, "estimate": self.estimate[measure], "ci_low": low, "ci_high": high}
            for measure in self.estimate
            for low, high in [statistics.percentile_interval(self.replicates[measure])]
        ]


class _Layer(NamedTuple):
    """What one layer, or several together, scores."""

    units: NDArray[np.int64]
    scored: NDArray[np.int64]
    samples: dict[tuple[str, str], _Sample]  # by ranking and selection
    upper: Floats  # the primary score of each random split's upper half
    splits: Floats  # and how much more that is than the lower half's
    matched: dict[str, Floats]  # the same by ranking, for splits that hold the high half's share of distance


def compare_selections(
    cube: xr.DataArray,
    judgements: Judgements,
    rankings: Mapping[str, Ranking],
    *,
    differences: Sequence[tuple[str, str]] = (),
    baselines: Mapping[str, Floats] | None = None,
    splits: int = 10_000,
    replicates: int = 2_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score all, high and low channels of every layer against people, beside random splits of the same layer.

    Parameters
    ----------
    cube
        Distance by single channels, dimension `unit` last, with the coordinates `layer` and `channel`.
    judgements
        What people said of the same comparisons.
    rankings
        What to split by, under a name; the tables list the cube's units in its order.
    differences
        Pairs of rankings whose high halves are compared as well.
    baselines
        Distances by something other than the network, (*comparisons), by name; their layer is "none".
    splits
        Random splits of each layer's scored channels.
    replicates
        Bootstrap samples, the same ones for every selection, so that differences are paired.
    seed
        Seed of both.

    Returns
    -------
    One row per cube, layer, ranking, selection and measure.

    cube
        "raw", or "standardised": each channel divided by its mean distance over the data set.
    layer
        Also "all layers", whose distances are summed, and "mean of layers", whose scores are averaged; "none" for
        baselines and people.
    selection
        "all", "high", "low", "high - low", "random halves", "high, {ranking} - {ranking}", a baseline, or "one
        observer by the others".
    estimate, ci_low, ci_high
        The score and its 95% bootstrap interval; for random halves their mean and their central 95%.
    split_mean, p_split, splits
        Where the difference high - low lies among those of random splits.
    matched_mean, p_matched, matched_splits
        The same among splits whose upper half holds the high half's share of the layer's mean distance within 5%.
    p_holm
        `p_split` corrected over all layers x {PE, mu1, mu2}, the sum and the mean of the layers among them.
    channels, n, n_clusters, resampled_unit
        Number of channels, of comparisons and of what is resampled.

    Raises
    ------
    ValueError
        If a ranking's table does not list the cube's units.
    """
    for name, (channels, _) in rankings.items():
        if list(channels["layer"]) != list(cube["layer"].values.astype(str)) or list(channels["channel"]) != list(
            cube["channel"].values
        ):
            raise ValueError(f"The channels ranked by {name!r} are not the units of the distance cube, in its order.")
    values = cube.values.astype(np.float64)
    mean = values.reshape(-1, values.shape[-1]).mean(axis=0)
    standardised = np.divide(values, mean, out=np.zeros_like(values), where=mean > 0)
    rows = []
    for kind, distance in (("raw", values), ("standardised", standardised)):
        random = np.random.default_rng(seed)
        comparison = _Comparison(distance, judgements, rankings, differences, judgements.draw(replicates, random))
        layers = comparison.layers(splits, random, match_shares=kind == "raw")
        for name, layer in layers.items():
            rows += [{"cube": kind, "layer": name, **row} for row in comparison.rows(layer)]
    draws = judgements.draw(replicates, np.random.default_rng(seed))
    rows += [{"cube": NONE, "layer": NONE, **row} for row in _without_network(judgements, baselines or {}, draws)]
    table = pd.DataFrame(rows)
    family = table["p_split"].notna() & (table["cube"] == "raw") & table["ranking"].isin(FAMILY)
    table["p_holm"] = statistics.holm(table["p_split"].where(family))
    return table.assign(n=len(judgements), n_clusters=len(judgements), resampled_unit=judgements.resampled_unit)


class _Comparison:
    """One cube, and the selections to make of it. A selection's distance is a sum over units: linear algebra."""

    def __init__(
        self,
        distance: Floats,
        judgements: Judgements,
        rankings: Mapping[str, Ranking],
        differences: Sequence[tuple[str, str]],
        draws: Any,
    ) -> None:
        self.distance = distance
        self.judgements = judgements
        self.primary = judgements.measures[0]
        self.differences = differences
        self.draws = draws
        self.channels = next(iter(rankings.values())).channels
        self.halves = {
            (name, half): np.flatnonzero(channels.index.isin(select_channels(channels, half, column).index))
            for name, (channels, column) in rankings.items()
            for half in ("high", "low")
        }
        self.rankings = list(rankings)

    def layers(self, splits: int, random: np.random.Generator, *, match_shares: bool) -> dict[str, _Layer]:
        """Score every layer by name, then all layers' summed distances, then the mean of the layers' scores."""
        single: dict[str, _Layer] = {}
        upper_sum, lower_sum = [], []
        for name, members in self.channels.groupby("layer", sort=False).indices.items():
            units = np.asarray(members)
            scored = units[(self.channels["status"] == SCORED).to_numpy()[units]]
            upper, lower = self._split(scored, statistics.random_halves(len(scored), splits, random))
            upper_sum.append(upper)
            lower_sum.append(lower)
            to_match = self.rankings if match_shares else []
            matched = {ranking: self._matched(scored, ranking, splits, random) for ranking in to_match}
            single[str(name)] = self._layer(units, scored, upper, lower, matched)
        together = self._layer(
            np.concatenate([layer.units for layer in single.values()]),
            np.concatenate([layer.scored for layer in single.values()]),
            np.sum(upper_sum, axis=0),
            np.sum(lower_sum, axis=0),
            {},
        )
        average = together._replace(
            samples={key: _mean([layer.samples[key] for layer in single.values()]) for key in together.samples},
            upper=np.mean([layer.upper for layer in single.values()], axis=0),
            splits=np.mean([layer.splits for layer in single.values()], axis=0),
        )
        return {**single, ALL_LAYERS: together, MEAN_OF_LAYERS: average}

    def rows(self, layer: _Layer) -> list[dict[str, Any]]:
        """Return the rows of the table that one layer fills."""
        rows = []
        for (ranking, selection), sample in layer.samples.items():
            for row in sample.rows(ranking, selection):
                row["channels"] = self._count(layer, ranking, selection)
                if selection == HIGH_LOW and row["measure"] == self.primary:
                    row |= _place(row["estimate"], layer.splits, "split_mean", "p_split", "splits")
                    if ranking in layer.matched:
                        names = ("matched_mean", "p_matched", "matched_splits")
                        row |= _place(row["estimate"], layer.matched[ranking], *names)
                rows.append(row)
        scores = layer.upper[np.isfinite(layer.upper)]
        halves = _Sample({self.primary: float(scores.mean()) if len(scores) else np.nan}, {self.primary: scores})
        size = {"channels": len(layer.scored) // 2, "splits": len(scores)}
        return rows + [{**row, **size} for row in halves.rows(NONE, RANDOM_HALVES)]

    def _layer(
        self,
        units: NDArray[np.int64],
        scored: NDArray[np.int64],
        upper: Floats,
        lower: Floats,
        matched: dict[str, Floats],
    ) -> _Layer:
        samples = {(NONE, "all"): self._sample(units)}
        for key, chosen in self.halves.items():
            samples[key] = self._sample(np.intersect1d(chosen, units))
        for ranking in self.rankings:
            samples[ranking, HIGH_LOW] = _minus(samples[ranking, "high"], samples[ranking, "low"])
        for first, second in self.differences:
            samples[first, f"high, {first} - {second}"] = _minus(samples[first, "high"], samples[second, "high"])
        score = self._primary(upper)
        return _Layer(units, scored, samples, score, score - self._primary(lower), matched)

    def _primary(self, distance: Floats) -> Floats:
        """Primary score of many distances, a few at a time: what stays in the cache is scored several times faster."""
        parts = [
            self.judgements.score(distance[start : start + CHUNK])[self.primary]
            for start in range(0, len(distance), CHUNK)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def _sample(self, units: NDArray[np.int64]) -> _Sample:
        return _Sample.of(self.distance[..., units].sum(axis=-1), self.judgements, self.draws)

    def _split(self, units: NDArray[np.int64], marks: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Distances of both halves of every split, (splits, *comparisons)."""
        cube = np.moveaxis(self.distance[..., units], -1, 0)
        return np.tensordot(marks * 1.0, cube, axes=1), np.tensordot(~marks * 1.0, cube, axes=1)

    def _matched(self, units: NDArray[np.int64], ranking: str, splits: int, random: np.random.Generator) -> Floats:
        mean = self.distance.reshape(-1, self.distance.shape[-1]).mean(axis=0)[units]
        target = mean[np.isin(units, self.halves[ranking, "high"])].sum()
        upper, lower = self._split(units, statistics.matched_halves(mean, target, splits, random))
        return self._primary(upper) - self._primary(lower)

    def _count(self, layer: _Layer, ranking: str, selection: str) -> int | None:
        if selection == "all":
            return len(layer.units)
        chosen = self.halves.get((ranking, selection))
        return None if chosen is None else len(np.intersect1d(chosen, layer.units))


def _without_network(judgements: Judgements, baselines: Mapping[str, Floats], draws: Any) -> list[dict[str, Any]]:
    rows = []
    for name, distance in baselines.items():
        rows += _Sample.of(distance, judgements, draws).rows(NONE, name)
    primary = judgements.measures[0]
    people = _Sample({primary: float(judgements.observers())}, {primary: judgements.observers(draws)})
    return rows + people.rows(NONE, OBSERVER)


def selection_distances(cube: xr.DataArray, channels: pd.DataFrame, by: str = "pe") -> dict[tuple[str, str], Floats]:
    """Sum the cube over all, high and low channels of every layer and of all layers, by layer and selection."""
    chosen = {
        "all": np.ones(len(channels), dtype=bool),
        "high": channels.index.isin(select_channels(channels, "high", by).index),
        "low": channels.index.isin(select_channels(channels, "low", by).index),
    }
    values = cube.values.astype(np.float64)
    layers = {str(name): np.asarray(index) for name, index in channels.groupby("layer", sort=False).indices.items()}
    return {
        (layer, selection): values[..., units[mark[units]]].sum(axis=-1)
        for layer, units in {**layers, ALL_LAYERS: np.arange(len(channels))}.items()
        for selection, mark in chosen.items()
    }


def _place(estimate: float, null: Floats, mean: str, p: str, count: str) -> dict[str, float]:
    """Say where an estimate lies among random values; those that are missing do not count."""
    present = null[np.isfinite(null)]
    centre = float(present.mean()) if len(present) else float("nan")
    return {mean: centre, p: statistics.permutation_p(estimate, present), count: len(present)}


def _minus(first: _Sample, second: _Sample) -> _Sample:
    return _Sample(
        {measure: value - second.estimate[measure] for measure, value in first.estimate.items()},
        {measure: value - second.replicates[measure] for measure, value in first.replicates.items()},
    )


def _mean(samples: Sequence[_Sample]) -> _Sample:
    return _Sample(
        {name: float(np.mean([sample.estimate[name] for sample in samples])) for name in samples[0].estimate},
        {name: np.mean([sample.replicates[name] for sample in samples], axis=0) for name in samples[0].replicates},
    )
