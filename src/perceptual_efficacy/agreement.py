"""Selections of channels against judgements: all, high and low ones, and the splits and shuffles chance would give.

A selection's distance is a sum over channels of the distance cube, so nothing here runs a network.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from perceptual_efficacy import statistics
from perceptual_efficacy.judgements import DetectionThresholds, Judgements
from perceptual_efficacy.judgements.protocol import Floats, Indices
from perceptual_efficacy.scores import converged_layers, select_channels
from perceptual_efficacy.vocabulary import (
    ALL_LAYERS,
    EVERYTHING,
    HIGH_LOW,
    MEAN_OF_LAYERS,
    NONE,
    RANDOM_HALVES,
    RANKINGS,
    RAW,
    SCORED,
    SINGLE_CHANNELS,
    STANDARDISED,
    identity,
)

BLOCK = 2**23  # distances summed at once: a product of many splits is faster, and must fit into memory
ROUNDING = 1e-13  # of a sum of distances
TOGETHER = 128  # channels scored at once

Marks = NDArray[np.bool_]


class Ranking(NamedTuple):
    """A column of a table of channels (see `scores.score_channels`) to split the layers by."""

    channels: pd.DataFrame
    column: str


class _Sample(NamedTuple):
    """Scores of one selection, or of the difference of two, by measure: on the full sample and on all others."""

    scores: Mapping[str, Floats]
    is_difference: bool = False

    def rows(self, ranking: str, selection: str, judgements: Judgements) -> list[dict[str, Any]]:
        rows = []
        for measure, values in self.scores.items():
            low, high = interval(values, judgements, correlation=not self.is_difference)
            numbers = {"estimate": float(values[0]), "ci_low": low, "ci_high": high}
            rows.append({"ranking": ranking, "selection": selection, "measure": measure, **numbers})
        return rows

    def __sub__(self, other: "_Sample") -> "_Sample":
        differences = {measure: values - other.scores[measure] for measure, values in self.scores.items()}
        return _Sample(differences, is_difference=True)


class _Layer(NamedTuple):
    """What one layer, or several together, scores."""

    half: int  # channels in an upper half
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
    """Score all, high and low channels of every layer against judgements, beside random splits of the same layer.

    Parameters
    ----------
    cube
        Distance by single channels, (*comparisons, unit), with the coordinates `layer` and `channel`.
    judgements
        Judgements of the same comparisons.
    rankings
        What to split by, under a name; the tables list the cube's units in its order.
    differences
        Pairs of rankings whose high halves are compared as well.
    baselines
        Distances by something other than the network, (*comparisons), by name; their layer is "none". One that is not
        finite everywhere has no score.
    splits
        Random splits of each layer's scored channels, the same ones in every group.
    replicates
        Bootstrap samples, the same ones for every selection, so that differences are paired; none for a jackknife.
    seed
        Seed of both.

    Returns
    -------
    One row per group, cube, layer, ranking, selection and measure.

    group
        "all", or a part that the judgements name.
    cube
        "raw", or "standardised": each channel divided by its mean distance over the data set.
    layer
        Also "all layers", whose distances are summed, and "mean of layers", whose scores are averaged over those that
        the channels' column `converged`, if there is one, says have converged; "none" for baselines and people.
    selection
        "all", "high", "low", "high - low", "random halves", "high, {ranking} - {ranking}", a baseline, or how well
        people agree with each other.
    estimate, ci_low, ci_high
        The score and its 95% interval, by jackknife over references and by bootstrap over other clusters, missing with
        fewer than 10; for random halves their mean and their central 95%.
    split_mean, p_split, splits
        Where the difference high - low lies among those of random splits.
    matched_mean, p_matched, matched_splits
        The same among splits whose upper half holds the high half's share of the layer's mean distance within 5%; for
        the mean of layers among averages of one such split of every layer. Only distinct ones count. There are
        some for the rankings "pe", "mu1" and "mu2" alone, which claims are about.
    high_share, effective_channels
        The high half's share of the mean distance, and the number of equal channels that would hold all of it; for the
        mean of layers, the means of both.
    p_holm
        `p_split` corrected over all layers x {PE, mu1, mu2}, the sum and the mean of several layers among them; of the
        group "all" and the raw cube. A sum or mean of a single layer is no further hypothesis.
    channels, n, n_clusters, resampled_unit
        Number of channels, of comparisons and of what is resampled.

    Raises
    ------
    ValueError
        If a ranking's table does not list the cube's units, the cube and the judgements differ in length, or a distance
        is not finite.
    """
    check(cube, judgements, rankings)
    values = np.ascontiguousarray(np.moveaxis(cube.values, -1, 0))  # (units, *comparisons)
    mean = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
    splitting, sampling = np.random.SeedSequence(seed).spawn(2)
    plan = _Plan.draw(rankings, differences, mean, splits, np.random.default_rng(splitting))
    cubes = {
        kind: _Distances(values, scale, plan)
        for kind, scale in ((RAW, np.ones_like(mean)), (STANDARDISED, np.where(mean > 0, mean, 1)))
    }
    places = {kind: _place_splits(plan, cube, judgements, match=kind == RAW) for kind, cube in cubes.items()}
    parts: dict[str, tuple[Any, Judgements]] = {EVERYTHING: (slice(None), judgements), **judgements.groups()}
    rows = []
    for group, (index, part) in parts.items():
        draws = part.draw(replicates, np.random.default_rng(sampling))
        size = {**identity(cube.attrs), "group": group, **_size(part)}
        found = []
        for kind, distance in cubes.items():
            layers = _score_layers(plan, distance, index, part, draws, places[kind][group])
            for name, layer in layers.items():
                found += [{"cube": kind, "layer": name, **row} for row in _layer_rows(plan, name, layer, part)]
        without_network = {
            **{name: _Sample(_baseline(distance[index], part, draws)) for name, distance in (baselines or {}).items()},
            **{name: _Sample({part.measures[0]: scores}) for name, scores in part.people(draws).items()},
        }
        for name, sample in without_network.items():
            found += [{"cube": NONE, "layer": NONE, **row} for row in sample.rows(NONE, name, part)]
        rows += [{**size, **row} for row in found]
    table = pd.DataFrame(rows)
    return table.assign(p_holm=_corrected(table, plan))


def _corrected(table: pd.DataFrame, plan: "_Plan") -> pd.Series:
    """Holm's correction of `p_split` over the distinct hypotheses about a network and data set."""
    family = table["p_split"].notna() & (table["cube"] == "raw") & (table["group"] == EVERYTHING)
    family &= table["ranking"].isin(RANKINGS)
    # a sum or mean of one layer is that layer
    same = {name: only[0] for name in (ALL_LAYERS, MEAN_OF_LAYERS) if len(only := plan.layers_of(name)) == 1}
    hypotheses = table["layer"].replace(same) + ", " + table["ranking"]
    return pd.Series(statistics.holm(table["p_split"].where(family), hypotheses.to_numpy(str)), table.index)


def compare_single_channels(
    cube: xr.DataArray,
    judgements: Judgements,
    rankings: Mapping[str, Ranking],
    *,
    shuffles: int = 10_000,
    replicates: int = 2_000,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Correlate the channels' rankings with how well each channel alone agrees with people, by layer.

    Parameters
    ----------
    cube, judgements, rankings, replicates, seed
        See `compare_selections`.
    shuffles
        Random permutations of each ranking over a layer's channels.

    Returns
    -------
    The correlations: rows like those of `compare_selections` for each layer and the mean of layers, with the selection
    "single channels" and the measure "rho", Spearman's correlation over a layer's scored channels; the interval
    resamples what people judged, and `p_split` tells where it lies among shuffled rankings. And the channels: layer,
    channel, score (the primary one, missing for a channel that cannot be scored), ci_low, ci_high.
    """
    check(cube, judgements, rankings)
    sampling, shuffling = np.random.SeedSequence(seed).spawn(2)
    draws = judgements.draw(replicates, np.random.default_rng(sampling))
    random = np.random.default_rng(shuffling)
    measure = judgements.measures[0]
    channels = next(iter(rankings.values())).channels
    blocks = np.array_split(np.moveaxis(cube.values, -1, 0), range(TOGETHER, len(channels), TOGETHER))
    alone = np.concatenate(
        [judgements.score_each(block.astype(np.float64), draws, (measure,))[measure] for block in blocks]
    )  # (units, samples)
    alone = alone.round(statistics.DIGITS)
    intervals = [interval(scores, judgements, correlation=True) for scores in alone]
    table = channels[["layer", "channel"]].assign(
        score=alone[:, 0],
        ci_low=[ends.low for ends in intervals],
        ci_high=[ends.high for ends in intervals],
    )
    usable = (channels["status"] == SCORED).to_numpy() & np.isfinite(alone[:, 0])
    rows = []
    missing = np.full(alone.shape[1], np.nan), np.full(shuffles, np.nan)
    for name, (ranked, column) in rankings.items():
        found: dict[str, tuple[int, Floats, Floats]] = {}  # channels, samples (full one first), shuffles
        for layer, members in ranked.groupby("layer", sort=False).indices.items():
            chosen = members[usable[members]]
            if len(chosen) < 2:
                found[str(layer)] = len(chosen), *missing
                continue
            rank = stats.rankdata(ranked[column].to_numpy()[chosen])
            rho = statistics.pearson(stats.rankdata(alone[chosen], axis=0).T, rank)
            rho[~np.isfinite(alone[chosen]).all(axis=0)] = np.nan  # a sample in which a channel has no score
            shuffled = random.permuted(np.tile(rank, (shuffles, 1)), axis=1)
            found[str(layer)] = len(chosen), rho, statistics.pearson(shuffled, stats.rankdata(alone[chosen, 0]))
        averaged = [found[layer] for layer in converged_layers(channels)] or [(0, *missing)]
        counts, rhos, nulls = zip(*averaged, strict=True)
        found[MEAN_OF_LAYERS] = sum(counts), np.mean(rhos, axis=0), np.mean(nulls, axis=0)
        for layer, (count, rho, null) in found.items():
            (row,) = _Sample({"rho": rho}).rows(name, SINGLE_CHANNELS, judgements)
            row |= _place(row["estimate"], null, "split_mean", "p_split", "splits")
            rows.append({"cube": "raw", "layer": layer, **row, "channels": count})
    size = {**identity(cube.attrs), "group": EVERYTHING, **_size(judgements)}
    return pd.DataFrame([{**size, **row} for row in rows]), table


class _Plan(NamedTuple):
    """Which units make a layer, its halves and its random splits: the same for every group and both cubes."""

    units: dict[str, Indices]  # of every layer
    candidates: dict[str, Indices]  # those of them that are scored, and so may be in a half
    halves: dict[tuple[str, str], Marks]  # by ranking and half, over all units
    marks: dict[str, Marks]  # random splits of a layer's scored units, True in the upper half
    matched: dict[tuple[str, str], Marks]  # the same by layer and ranking, with the high half's share of distance
    pairing: dict[str, Indices]  # per layer numbers that pick one of its matched splits, to average over layers
    mean: Floats  # distance of every unit over the data set
    averaged: list[str]  # layers in the mean of layers: those whose measurement has converged
    rankings: list[str]
    differences: Sequence[tuple[str, str]]

    @classmethod
    def draw(
        cls,
        rankings: Mapping[str, Ranking],
        differences: Sequence[tuple[str, str]],
        mean: Floats,
        splits: int,
        random: np.random.Generator,
    ) -> "_Plan":
        channels = next(iter(rankings.values())).channels
        units = {str(name): np.asarray(index) for name, index in channels.groupby("layer", sort=False).indices.items()}
        scored = (channels["status"] == SCORED).to_numpy()
        candidates = {name: index[scored[index]] for name, index in units.items()}
        halves: dict[tuple[str, str], Marks] = {
            (name, half): table.index.isin(select_channels(table, half, by=column).index)
            for name, (table, column) in rankings.items()
            for half in ("high", "low")
        }
        marks = {name: statistics.random_halves(len(index), splits, random) for name, index in candidates.items()}
        matched = {}
        for name, index in candidates.items():
            for ranking in rankings:
                target = mean[index[halves[ranking, "high"][index]]].sum()
                count = splits if ranking in RANKINGS else 0
                matched[name, ranking] = statistics.matched_halves(mean[index], target, count, random)
        pairing = {name: random.integers(2**31, size=splits) for name in units}
        averaged = converged_layers(channels)
        return cls(units, candidates, halves, marks, matched, pairing, mean, averaged, list(rankings), differences)

    @property
    def selections(self) -> dict[tuple[str, str], Marks]:
        """All units, and the halves, by ranking and selection."""
        return {(NONE, "all"): np.ones(len(self.mean), dtype=bool), **self.halves}

    def layers_of(self, layer: str) -> list[str]:
        """Names of the layers that one name stands for: itself, all layers, or those in the mean."""
        summary = {ALL_LAYERS: list(self.units), MEAN_OF_LAYERS: self.averaged}
        return summary.get(layer, [layer])

    def half_of(self, layer: str) -> int:
        """Number of channels in an upper half of one layer, or of several together."""
        return sum(len(self.candidates[name]) // 2 for name in self.layers_of(layer))

    def share_of(self, layer: str, ranking: str) -> dict[str, float]:
        """Share of a layer's mean distance that the high half holds, and how many equal channels would hold all of it.

        The latter is the inverse participation ratio, (Σ d)² / Σ d². For the mean of layers both are means.
        """
        names = ("high_share", "effective_channels")
        if layer == MEAN_OF_LAYERS:
            shares = [self.share_of(name, ranking) for name in self.averaged] or [dict.fromkeys(names, np.nan)]
            return {name: float(np.mean([share[name] for share in shares])) for name in names}
        units = np.concatenate([self.units[name] for name in self.layers_of(layer)])
        distance = self.mean[units]
        if not distance.sum() > 0:
            return dict.fromkeys(names, np.nan)
        high = distance[self.halves[ranking, "high"][units]].sum() / distance.sum()
        return dict(zip(names, (high, distance.sum() ** 2 / (distance**2).sum()), strict=True))

    def size_of(self, layer: str, ranking: str, selection: str) -> int | None:
        """Number of channels that a selection has in one layer, or in several together."""
        layers = [self.units[name] for name in self.layers_of(layer)]
        if selection == "all":
            return sum(map(len, layers))
        half = self.halves.get((ranking, selection))
        return None if half is None else sum(int(half[units].sum()) for units in layers)


class _Distances:
    """Distances by unit, (units, *comparisons), each divided by its scale; in float64 where they are used."""

    def __init__(self, values: NDArray[Any], scale: Floats, plan: _Plan) -> None:
        self.values = values
        self.scale = scale
        self.selected: dict[str, Floats] = {}  # sums by layer: (selections, *comparisons)
        for name, units in plan.units.items():
            layer = self.of(units)
            self.selected[name] = np.stack([layer[half[units]].sum(axis=0) for half in plan.selections.values()])
        self.selected[ALL_LAYERS] = np.add.reduce(list(self.selected.values()))

    def of(self, units: Indices) -> Floats:
        """Distances of units, (units, *comparisons)."""
        scale = self.scale[units].reshape(-1, *[1] * (self.values.ndim - 1))
        found: Floats = self.values[units] / scale
        return found


class _Places(NamedTuple):
    """Scores of random splits: of one group in one cube."""

    halves: dict[str, Floats]  # upper and lower by layer, (2, splits)
    matched: dict[str, dict[str, Floats]]  # differences, by layer and ranking


def _score_layers(
    plan: _Plan, distance: _Distances, index: Any, judgements: Judgements, draws: Any, places: _Places
) -> dict[str, _Layer]:
    """Score every layer by name, then all layers' summed distances, then the mean of the layers' scores."""
    selected = plan.selections
    scores = judgements.score_each(
        [of_selection[index] for sums in distance.selected.values() for of_selection in sums], draws
    )
    layers = {}
    for number, name in enumerate(distance.selected):
        samples = {
            key: _Sample({measure: found[number * len(selected) + place] for measure, found in scores.items()})
            for place, key in enumerate(selected)
        }
        for key, sample in samples.items():
            if plan.size_of(name, *key) == 0:  # no channels, no opinion: not a tie of all comparisons
                samples[key] = _Sample(
                    {measure: np.full_like(scores, np.nan) for measure, scores in sample.scores.items()}
                )
        for ranking in plan.rankings:
            samples[ranking, HIGH_LOW] = samples[ranking, "high"] - samples[ranking, "low"]
        for first, second in plan.differences:
            samples[first, f"high, {first} - {second}"] = samples[first, "high"] - samples[second, "high"]
        upper, lower = places.halves[name]
        layers[name] = _Layer(plan.half_of(name), samples, upper, upper - lower, places.matched.get(name, {}))
    single = [layers[name] for name in plan.averaged]
    if not single:
        layers[MEAN_OF_LAYERS] = _missing(layers[ALL_LAYERS])
        return layers
    layers[MEAN_OF_LAYERS] = layers[ALL_LAYERS]._replace(
        half=plan.half_of(MEAN_OF_LAYERS),
        matched={name: _mean_of_matched(plan, places.matched, name) for name in places.matched[plan.averaged[0]]},
        samples={key: _mean([layer.samples[key] for layer in single]) for key in single[0].samples},
        upper=np.mean([layer.upper for layer in single], axis=0),
        splits=np.mean([layer.splits for layer in single], axis=0),
    )
    return layers


def _mean_of_matched(plan: _Plan, matched: Mapping[str, Mapping[str, Floats]], ranking: str) -> Floats:
    """Average differences of matched splits over layers, one split of each: all combinations or, of many, random ones.

    None if a layer has none.
    """
    found = [matched[name][ranking] for name in plan.averaged]
    counts = [len(values) for values in found]
    combinations: Indices
    if math.prod(counts) <= len(plan.pairing[plan.averaged[0]]):
        combinations = np.indices(counts).reshape(len(counts), -1)
    else:
        random = [plan.pairing[name] % count for name, count in zip(plan.averaged, counts, strict=True)]
        combinations = np.unique(random, axis=1)
    averaged: Floats = np.mean([values[chosen] for values, chosen in zip(found, combinations, strict=True)], axis=0)
    return averaged


def _missing(layer: _Layer) -> _Layer:
    """Return a copy of a layer in which every score is missing."""
    samples = {
        key: sample._replace(scores={name: np.full_like(values, np.nan) for name, values in sample.scores.items()})
        for key, sample in layer.samples.items()
    }
    return layer._replace(
        samples=samples, upper=np.full_like(layer.upper, np.nan), splits=np.full_like(layer.splits, np.nan), matched={}
    )


def _place_splits(plan: _Plan, distance: _Distances, judgements: Judgements, *, match: bool) -> dict[str, _Places]:
    """Score both halves of every split, by group: of every layer and of all layers, and of matched splits."""
    splits = len(next(iter(plan.marks.values())))
    found = {
        group: _Places(
            {layer: np.empty((2, splits)) for layer in [*plan.units, ALL_LAYERS]}, {layer: {} for layer in plan.units}
        )
        for group in [EVERYTHING, *judgements.groups()]
    }

    def score(block: slice, layer: str, halves: Floats) -> None:
        for group, scores in judgements.primary_by_group(halves).items():
            found[group].halves[layer][:, block] = scores

    held = [
        _Splitting(np.ascontiguousarray(judgements.evidence(distance.of(units)))) for units in plan.candidates.values()
    ]
    for block in blocks(splits, held[0].size):
        total: Any = 0
        for layer, splitting in zip(plan.candidates, held, strict=True):
            halves = splitting.halves(plan.marks[layer][block])
            score(block, layer, halves)
            total = total + halves
        score(block, ALL_LAYERS, total)
    for layer, splitting in zip(plan.candidates, held, strict=True):
        for ranking in plan.rankings if match else ():
            for group, differences in splitting.differences(plan.matched[layer, ranking], judgements).items():
                found[group].matched[layer][ranking] = differences
    for places in found.values():
        for layer, scores in places.halves.items():
            if plan.half_of(layer) == 0:
                scores[0] = np.nan
    return found


class _Splitting:
    """Evidence of a layer's scored units, (units, n), to be split between two halves."""

    def __init__(self, evidence: Floats) -> None:
        self.units = evidence
        self.size = evidence.shape[1]
        self.whole = evidence.sum(axis=0)
        self.rounding = ROUNDING * np.abs(evidence).sum(axis=0)

    def halves(self, marks: Marks) -> Floats:
        """Evidence by the upper and the lower half of every split, shape (2, splits, n)."""
        found = np.empty((2, len(marks), self.size))
        upper, lower = found
        np.matmul(marks.astype(np.float64), self.units, out=upper)
        for above, below in zip(upper, lower, strict=True):  # one by one, near the processor
            np.subtract(self.whole, above, out=below)
            if (nothing := np.abs(below) < self.rounding).any():
                below[nothing] = 0  # what is left of a half without any distance
        return found

    def differences(self, marks: Marks, judgements: Judgements) -> dict[str, Floats]:
        """How much more the upper half of every split scores than its lower half, by group."""
        found: dict[str, Floats] = {group: np.empty(len(marks)) for group in [EVERYTHING, *judgements.groups()]}
        for block in blocks(len(marks), self.size):
            for group, (upper, lower) in judgements.primary_by_group(self.halves(marks[block])).items():
                found[group][block] = upper - lower
        return found


def _layer_rows(plan: _Plan, name: str, layer: _Layer, judgements: Judgements) -> list[dict[str, Any]]:
    """Rows of the table that one layer fills."""
    primary = judgements.measures[0]
    rows = []
    for (ranking, selection), sample in layer.samples.items():
        for row in sample.rows(ranking, selection, judgements):
            row["channels"] = plan.size_of(name, ranking, selection)
            if selection == HIGH_LOW and row["measure"] == primary:
                row |= _place(row["estimate"], layer.splits, "split_mean", "p_split", "splits")
                if ranking in layer.matched:
                    names = ("matched_mean", "p_matched", "matched_splits")
                    row |= _place(row["estimate"], layer.matched[ranking], *names) | plan.share_of(name, ranking)
            rows.append(row)
    present = layer.upper[np.isfinite(layer.upper)]
    low, high = statistics.percentile_interval(present)
    halves = {"ranking": NONE, "selection": RANDOM_HALVES, "measure": primary}
    numbers = {"estimate": float(present.mean()) if len(present) else np.nan, "ci_low": low, "ci_high": high}
    return [*rows, {**halves, **numbers, "channels": layer.half, "splits": len(present)}]


def predict_thresholds(
    cube: xr.DataArray, judgements: DetectionThresholds, channels: pd.DataFrame, baselines: Mapping[str, Floats]
) -> pd.DataFrame:
    """Predict detection thresholds by all, high-PE and low-PE channels of every layer, and by baselines.

    Parameters
    ----------
    cube
        Distance by single channels, (stimulus, contrast, unit), with the coordinates `number` and `name`.
    judgements
        Measured thresholds of the same stimuli.
    channels
        Scores of the cube's units, in its order.
    baselines
        Distances (stimulus, contrast) by name; their layer is "none".

    Returns
    -------
    One row per layer, selection and stimulus: the cube's identity, layer, selection, number, name, measured (log10
    threshold contrast, mean of the observers), measured_sd (their standard deviation), observers (how many they are),
    predicted (by one criterion for all stimuli), extrapolated (whether that lies outside the contrasts shown), error
    (of the prediction by the other stimuli's criterion, log10).
    """
    measured = judgements.measured
    curves = selection_distances(cube, channels) | {(NONE, name): distance for name, distance in baselines.items()}
    tables = []
    for (layer, selection), distance in curves.items():
        prediction, by_others = judgements.predict(distance), judgements.predict(distance, leave_out=True)
        row = {**identity(cube.attrs), "layer": layer, "selection": selection}
        row |= {"number": cube["number"].values, "name": cube["name"].values.astype(str)}
        row |= {"measured": measured.mean(axis=1), "measured_sd": measured.std(axis=1, ddof=1)}
        row |= {"observers": measured.shape[1]}
        row |= {"predicted": prediction.log_threshold, "extrapolated": prediction.extrapolated}
        row |= {"error": by_others.log_threshold - row["measured"]}
        tables.append(pd.DataFrame(row))
    return pd.concat(tables, ignore_index=True)


def selection_distances(cube: xr.DataArray, channels: pd.DataFrame, by: str = "pe") -> dict[tuple[str, str], Floats]:
    """Sum the cube over all, high and low channels of every layer and of all layers, by layer and selection."""
    chosen = {
        "all": np.ones(len(channels), dtype=bool),
        "high": channels.index.isin(select_channels(channels, "high", by=by).index),
        "low": channels.index.isin(select_channels(channels, "low", by=by).index),
    }
    values = cube.values.astype(np.float64)
    layers = {str(name): np.asarray(index) for name, index in channels.groupby("layer", sort=False).indices.items()}
    return {
        (layer, selection): values[..., units[mark[units]]].sum(axis=-1)
        for layer, units in {**layers, ALL_LAYERS: np.arange(len(channels))}.items()
        for selection, mark in chosen.items()
    }


def check(cube: xr.DataArray, judgements: Judgements, rankings: Mapping[str, Ranking]) -> None:
    """Raise a ValueError if a cube does not fit the judgements or the rankings, or a distance is not finite."""
    if len(cube) != len(judgements):
        raise ValueError(f"The distance cube has {len(cube)} comparisons, the judgements {len(judgements)}.")
    if not np.isfinite(cube.values).all():
        raise ValueError("The distance cube holds a value that is not finite; a comparison without it has no score.")
    units = (list(cube["layer"].values.astype(str)), list(cube["channel"].values))
    for name, (channels, _) in rankings.items():
        if (list(channels["layer"]), list(channels["channel"])) != units:
            raise ValueError(f"The channels ranked by {name!r} are not the units of the distance cube, in its order.")


def blocks(selections: int, size: int) -> Iterator[slice]:
    """Divide selections, each a sum of `size` distances, into blocks that are summed and scored at once."""
    count = min(256, max(64, BLOCK // size))
    return (slice(start, start + count) for start in range(0, selections, count))


def _size(judgements: Judgements) -> dict[str, Any]:
    return {"n": len(judgements), "n_clusters": judgements.clusters, "resampled_unit": judgements.resampled_unit}


def _baseline(distance: Floats, judgements: Judgements, draws: Any) -> Mapping[str, Floats]:
    if not np.isfinite(distance).all():
        return {measure: np.full(1, np.nan) for measure in judgements.measures}
    return judgements.score(distance, draws)


def interval(values: Floats, judgements: Judgements, *, correlation: bool) -> statistics.Interval:
    """95% interval of scores (samples,), the first of the full sample: missing with fewer than 10 clusters."""
    if judgements.clusters < statistics.LEAST_CLUSTERS:
        return statistics.Interval(np.nan, np.nan)
    if judgements.jackknife:
        return statistics.jackknife_interval(float(values[0]), values[1:], correlation=correlation)
    return statistics.percentile_interval(values[1:])


def _place(estimate: float, null: Floats, mean: str, p: str, count: str) -> dict[str, float]:
    """Say where an estimate lies among random values; those that are missing do not count."""
    present = null[np.isfinite(null)]
    centre = float(present.mean()) if len(present) else float("nan")
    return {mean: centre, p: statistics.permutation_p(estimate, present), count: len(present)}


def _mean(samples: Sequence[_Sample]) -> _Sample:
    names = samples[0].scores
    means = {name: np.mean([sample.scores[name] for sample in samples], axis=0) for name in names}
    return _Sample(means, samples[0].is_difference)
