"""One result under all combinations of analysis choices, and what chance gives for all of them at once.

After Simonsohn, Simmons, Nelson: Specification curve analysis, Nature Human Behaviour 4, 2020. Nothing here runs a
network: a specification scores the channels from their tuning curves, and sums the distance cube over the halves.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from perceptual_efficacy import csf, statistics
from perceptual_efficacy.agreement import Ranking, blocks, check, interval
from perceptual_efficacy.judgements import Judgements
from perceptual_efficacy.judgements.protocol import Floats, Indices
from perceptual_efficacy.scores import Baseline, Combination, score_channels
from perceptual_efficacy.vocabulary import (
    ANY,
    CHOICES,
    FLAT_CSF,
    HIGH,
    INTERVAL,
    LOW,
    MEDIAN,
    RANDOM,
    RANKINGS,
    RAW,
    SCORED,
    STANDARDISED,
    identity,
)

OPTIONS: dict[str, tuple[Any, ...]] = {  # of every choice; those of pixels_per_degree and csf are the study's
    "cube": (RAW, STANDARDISED),
    "pixels_per_degree": (),
    "csf": (),
    "baseline": ("none", "blank"),
    "orientation_at": ("steepest", "preferred"),
    "share": (1 / 2, 1 / 4),
    "combination": ("product", "ranks"),
    "slope_per": ("octave", "cycle"),
}
SHARES = tuple(np.arange(1, 10) / 10)  # of channels kept
OTHER_RANKINGS = {  # the score that takes the place of mu2, or the CSF; estimates without shuffles
    FLAT_CSF: ("mu2", "flat"),
    "pe with the orientation selectivity index": ("osi", None),
    "pe with 1 - circular variance": ("selectivity", None),
}
AT_CONTRAST = "pe with gratings of contrast {:.10g}"  # likewise
STATISTICS = (MEDIAN, "share positive", "share supported", "share contradicted")

Marks = NDArray[np.bool_]
Scores = dict[str, Floats]


class Data(NamedTuple):
    """The judgements of one data set with the cube of distances, at one resolution."""

    cube: xr.DataArray
    judgements: Judgements


class Multiverse(NamedTuple):
    """What `explore` finds: tables of specifications, of all at once, of single choices, and of shares kept."""

    specifications: pd.DataFrame
    joint: pd.DataFrame
    carried: pd.DataFrame
    kept: pd.DataFrame


def explore(
    tuning: xr.Dataset,
    data: Mapping[float, Data],
    csfs: Mapping[str, csf.ContrastSensitivity],
    *,
    layers: Sequence[str],
    baseline: Baseline = "none",
    combination: Combination = "product",
    shuffles: int = 400,
    replicates: int = 100,
    seed: int = 0,
    also_probed: Mapping[float, xr.Dataset] = MappingProxyType({}),
) -> Multiverse:
    """Compare high with low channels under every combination of choices.

    Parameters
    ----------
    tuning
        What `probing.probe` returns.
    data
        Resolution in pixels per degree to the data as they are there; one and the same object if only the frequencies
        of the gratings are relabelled.
    csfs
        Contrast sensitivity functions by name. The first resolution and CSF are those of the study's main result.
    layers
        Over which the difference is averaged.
    baseline, combination
        Of the study's main result.
    shuffles
        Of the channels of each layer that every specification scores: the same ones for all.
    replicates
        Bootstrap samples for the intervals of shuffled rankings; where references are left out one by one, it makes no
        difference.
    seed
        Of both.
    also_probed
        Contrast of other gratings to the same as `tuning` for these.

    Returns
    -------
    Four tables. `specifications`, one row per ranking ("pe", "mu1", "mu2", and PE with a flat CSF, another score in the
    place of mu2, or other gratings) and combination of `CHOICES` ("any" where one makes no difference): identity,
    measure (the primary one), ranking, the choices, main (whether it is the main result), estimate (high minus low,
    mean over layers), ci_low, ci_high, p (its place among shuffles), rho (Spearman's correlation of the ranking with
    the channels' own agreement, mean over layers), rank (of the estimate in its ranking, from 1), band_low and
    band_high (central 95% of the estimates of that rank in shuffles). p, rank and the band are missing for rankings
    that are not shuffled.

    `joint`, one row per ranking and statistic over its specifications (median difference, share positive, share
    supported, share contradicted; of rankings that are not shuffled the first two): estimate; of the median ci_low and
    ci_high, the shifts of all differences that the shuffles do not exclude; split_mean (mean over shuffles), p_split
    (two-sided), splits (shuffles), n (specifications), n_clusters (channels that are shuffled) and resampled_unit. A
    specification is supported if it lies in the upper tail of its shuffles, p < 0.05 two-sided, and contradicted if in
    the lower.

    `carried`, one row per ranking, choice and option: mean (over the specifications that differ in this choice alone),
    variance (share of the estimates' variance that the choice's main effect carries).

    `kept`, one row per ranking, selection (high, low, random) and share of channels kept: estimate (score, mean over
    layers), ci_low and ci_high (central 95% of random ones).

    Raises
    ------
    ValueError
        If there is no resolution, CSF or layer, a layer or an option is unknown, or a cube or other tuning does not
        have the units of `tuning`, or a cube a comparison for every judgement, and finite distances alone.
    """
    if not data or not csfs or not layers:
        raise ValueError("A multiverse needs at least one resolution, one CSF and one layer.")
    names = tuning["layer"].values.astype(str)
    if unknown := [layer for layer in layers if layer not in names]:
        raise ValueError(f"There is no layer {unknown[0]!r}; expected some of {', '.join(dict.fromkeys(names))}.")
    for choice, option in (("baseline", baseline), ("combination", combination)):
        if option not in OPTIONS[choice]:
            raise ValueError(f"{choice} is {option!r}; it must be {' or '.join(map(repr, OPTIONS[choice]))}.")
    channels = pd.DataFrame({"layer": names, "channel": tuning["channel"].values})
    for cube, judgements in data.values():
        check(cube, judgements, {"tuning": Ranking(channels, "channel")})
    for contrast, other in also_probed.items():
        if not all(np.array_equal(other[name], tuning[name]) for name in ("layer", "channel")):
            raise ValueError(f"The gratings of contrast {contrast:g} were not shown to the units of `tuning`.")
    members = [np.flatnonzero(names == layer) for layer in layers]
    scored = _scored(tuning, list(data), csfs)
    by_contrast = {
        AT_CONTRAST.format(contrast): _scored(other, list(data), csfs) for contrast, other in also_probed.items()
    }
    options = {"pixels_per_degree": tuple(data), "csf": tuple(csfs)}
    options |= {"baseline": _first(baseline, "baseline"), "combination": _first(combination, "combination")}
    listed = _specifications({**OPTIONS, **options}, by_contrast)
    records = listed.to_dict("records")
    scores = np.stack([_score_of(row, by_contrast.get(row["ranking"], scored)) for row in records])
    shuffled = listed["ranking"].isin(RANKINGS).to_numpy()
    exchangeable: Marks = np.all(np.isfinite(scores[shuffled]), axis=0)
    sampling, shuffling, drawing = np.random.SeedSequence(seed).spawn(3)
    estimates = np.empty((len(listed), 3))
    null = np.zeros((len(listed), shuffles))
    rho = np.empty(len(listed))
    shown_at: dict[int, list[float]] = {}  # the resolutions of the same data, which are scored once
    for resolution, one in data.items():
        shown_at.setdefault(id(one), []).append(resolution)
    for resolutions, cube in product(shown_at.values(), OPTIONS["cube"]):
        rows = np.flatnonzero(listed["pixels_per_degree"].isin(resolutions) & (listed["cube"] == cube))
        shown, judged = data[resolutions[0]]
        values = np.moveaxis(shown.values, -1, 0).astype(np.float64)
        mean = values.reshape(len(values), -1).mean(axis=1)
        if cube == STANDARDISED:
            values /= np.where(mean > 0, mean, 1).reshape(-1, *[1] * (values.ndim - 1))
        draws = judged.draw(replicates, np.random.default_rng(sampling))
        alone = np.concatenate([judged.primary(values[part]) for part in blocks(len(values), values[0].size)])
        alone = alone.round(statistics.DIGITS)
        halves = {row: _halves(scores[row], members, listed["share"][row]) for row in rows}
        for part, samples in ((rows[shuffled[rows]], draws), (rows[~shuffled[rows]], None)):
            estimates[part] = _differences(values, judged, samples, members, [halves[row] for row in part])
        rho[rows] = _rank_correlations(scores[rows], alone, members)
        used = rows[shuffled[rows]]
        random = np.random.default_rng(shuffling)
        null[used] = _shuffled(values, judged, members, [halves[row] for row in used], exchangeable, shuffles, random)
    table = listed.assign(**dict(zip(("estimate", "ci_low", "ci_high"), estimates.T, strict=True)), rho=rho)
    about = identity({**next(iter(data.values())).cube.attrs})
    about.pop("pixels_per_degree", None)
    about["measure"] = next(iter(data.values())).judgements.measures[0]
    table, joint = _among_shuffles(table, null, int(sum(exchangeable[units].sum() for units in members)))
    first = next(iter(data.values()))
    kept = _kept(first, {name: _score_of(_main(listed, name), scored) for name in RANKINGS}, members, drawing)
    return Multiverse(*(found.assign(**about) for found in (table, joint, _carried(table), kept)))


def _scored(
    tuning: xr.Dataset, resolutions: Sequence[float], csfs: Mapping[str, csf.ContrastSensitivity]
) -> dict[tuple[Any, ...], Scores]:
    """Scores of all units by resolution, CSF, baseline, unit of slopes and frequency of mu2."""
    found = {}
    known = {**csfs, "flat": csf.flat}
    phases = tuning[["radial_response", "oriented_response"]].astype(np.float64).mean("phase", skipna=False)
    tuning = tuning.drop_dims("phase").assign(phases.expand_dims("phase", axis=-1))  # averaged once, not every time
    for key in product(resolutions, known, *(OPTIONS[name] for name in ("baseline", "slope_per", "orientation_at"))):
        resolution, name, baseline, slope_per, orientation_at = key
        table = score_channels(
            tuning,
            known[name],
            pixels_per_degree=resolution,
            baseline=baseline,
            slope_per=slope_per,
            orientation_at=orientation_at,
        )
        table["selectivity"] = 1 - table["circular_variance"]
        columns = ["mu1", "mu2", "osi", "selectivity"]
        scores = table[columns].where(table["status"] == SCORED).astype(np.float64)
        ranks = scores.groupby(table["layer"], sort=False).rank(pct=True).add_suffix(" rank")
        found[key] = {str(name): np.asarray(values) for name, values in scores.join(ranks).items()}
    return found


def _first(option: str, choice: str) -> tuple[Any, ...]:
    """Options of a choice, with one of them in front."""
    return option, *(other for other in OPTIONS[choice] if other != option)


def _specifications(options: Mapping[str, Sequence[Any]], others: Iterable[str]) -> pd.DataFrame:
    """All combinations of choices for every ranking; the first of each is the study's own."""
    every = pd.DataFrame(list(product(*options.values())), columns=list(options), dtype=object)
    of_mu2 = every.assign(combination=ANY)
    of_mu2.loc[of_mu2["orientation_at"] == "preferred", ["csf", "slope_per"]] = ANY
    parts = {
        "pe": every,
        "mu1": every.assign(combination=ANY, orientation_at=ANY),
        "mu2": of_mu2,
        **{name: every.assign(csf="flat") if flat else every for name, (_, flat) in OTHER_RANKINGS.items()},
        **dict.fromkeys(others, every),
    }
    tables = [table.drop_duplicates().assign(ranking=name) for name, table in parts.items()]
    table = pd.concat(tables, ignore_index=True)[["ranking", *CHOICES]]
    return table.assign(main=~table["ranking"].duplicated() & table["ranking"].isin(RANKINGS))


def _main(listed: pd.DataFrame, ranking: str) -> dict[Any, Any]:
    """The main result's specification of a ranking."""
    return listed[listed["main"] & (listed["ranking"] == ranking)].iloc[0].to_dict()


def _score_of(row: Mapping[Any, Any], scored: Mapping[tuple[Any, ...], Scores]) -> Floats:
    """What a specification ranks all units by; missing for those that it does not score."""
    first = {"csf": next(iter(scored))[1], "slope_per": "octave", "orientation_at": "steepest"}
    choice = {name: first[name] if row[name] == ANY else row[name] for name in first}
    key = (row["pixels_per_degree"], choice["csf"], row["baseline"], choice["slope_per"], choice["orientation_at"])
    if row["ranking"] in ("mu1", "mu2"):
        return scored[key][row["ranking"]]
    second, _ = OTHER_RANKINGS.get(row["ranking"], ("mu2", None))
    if row["combination"] == "product":
        return scored[key]["mu1"] * scored[key][second]
    return (scored[key]["mu1 rank"] + scored[key][f"{second} rank"]) / 2


def _halves(score: Floats, members: Sequence[Indices], share: float) -> list[Marks]:
    """Upper and lower part of every layer's scored channels, each (2, channels): as `select_channels` takes halves."""
    halves: list[Marks] = []
    for units in members:
        values = score[units]
        order = np.argsort(-values, kind="stable")  # ties by channel; missing ones last
        count = int(np.isfinite(values).sum())
        marks = np.zeros((2, len(units)), dtype=bool)
        marks[0, order[: int(count * share)]] = True
        marks[1, order[int(count * (1 - share)) : count]] = True
        halves.append(marks)
    return halves


def _differences(
    values: Floats,
    judged: Judgements,
    draws: Any,
    members: Sequence[Indices],
    halves: Sequence[Sequence[Marks]],
) -> Floats:
    """High minus low of every specification and, with draws, its interval: mean over layers, (specifications, 3)."""
    measure = judged.measures[0]

    def score(distances: Floats) -> Floats:
        if draws is None:
            return judged.primary(distances)[:, None]
        return judged.score_each(distances, draws, (measure,))[measure]

    total: Any = 0
    for layer, units in enumerate(members):
        marks, place = _distinct(halves, layer)
        scores = _scores_of(marks, values[units], score)
        total = total + scores[place[:, 0]] - scores[place[:, 1]]
    found = np.full((len(halves), 3), np.nan)
    for row, samples in zip(found, total / len(members), strict=True):
        row[0] = samples[0]
        if draws is not None:
            row[1:] = interval(samples, judged, correlation=False)
    return found


def _shuffled(
    values: Floats,
    judged: Judgements,
    members: Sequence[Indices],
    halves: Sequence[Sequence[Marks]],
    exchangeable: Marks,
    shuffles: int,
    random: np.random.Generator,
) -> Floats:
    """High minus low of every specification when channels are shuffled within layers: (specifications, shuffles)."""
    total = np.zeros((len(halves), shuffles))
    for layer, units in enumerate(members):
        marks, place = _distinct(halves, layer)
        used = marks.any(axis=0) | exchangeable[units]  # the others are in no half, and so in no sum
        marks, units = marks[:, used], units[used]
        evidence = judged.evidence(values[units])
        moved = np.flatnonzero(exchangeable[units])
        orders = random.random((shuffles, len(moved))).argsort(axis=1)
        for block in blocks(shuffles, values[0].size):
            comes_from = np.tile(np.arange(len(units)), (len(orders[block]), 1))
            np.put_along_axis(comes_from, moved[orders[block]], moved[None], axis=1)
            shown = marks[:, comes_from].swapaxes(0, 1)  # (shuffles, marks, units)
            together = shown.reshape(shown.shape[0] * shown.shape[1], len(units))
            scores = _scores_of(together, evidence, judged.primary_of).reshape(shown.shape[:2])
            total[:, block] += (scores[:, place[:, 0]] - scores[:, place[:, 1]]).T
    return total / len(members)


def _distinct(halves: Sequence[Sequence[Marks]], layer: int) -> tuple[Marks, Indices]:
    """The halves of one layer, each once, and which of them a specification's high and low half are."""
    marks, place = np.unique(np.concatenate([of[layer] for of in halves]), axis=0, return_inverse=True)
    return marks, place.reshape(-1, 2)


def _scores_of(marks: Marks, values: Floats, score: Callable[[Floats], Floats]) -> Floats:
    """Score the sums over selections (selections, channels) of a layer's (channels, ...)."""
    flat, shape = values.reshape(len(values), math.prod(values.shape[1:])), values.shape[1:]
    parts = blocks(len(marks), flat.shape[1])
    scores = np.concatenate([score((marks[part].astype(np.float64) @ flat).reshape(-1, *shape)) for part in parts])
    scores[~marks.any(axis=1)] = np.nan  # no channels, no opinion
    return scores


def _rank_correlations(scores: Floats, alone: Floats, members: Sequence[Indices]) -> Floats:
    """Spearman's correlation of scores (specifications, units) with the channels' own agreement, mean over layers."""
    found = np.full((len(members), len(scores)), np.nan)
    for of_layer, units in zip(found, members, strict=True):
        usable, place = np.unique(np.isfinite(scores[:, units] + alone[units]), axis=0, return_inverse=True)
        for number, channels in enumerate(usable):
            if channels.sum() > 1:
                alike = place.reshape(-1) == number  # specifications with the same channels are ranked at once
                ranks = stats.rankdata(scores[np.ix_(alike, units[channels])], axis=1)
                of_layer[alike] = statistics.pearson(ranks, stats.rankdata(alone[units[channels]]))
    return found.mean(axis=0)


def _among_shuffles(table: pd.DataFrame, null: Floats, channels: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add to specifications their place among shuffles, and say of all of a ranking at once where they lie."""
    added = pd.DataFrame(np.nan, index=table.index, columns=["p", "rank", "band_low", "band_high"])
    rows = []
    for ranking in RANKINGS:
        index = np.flatnonzero(table["ranking"] == ranking)
        index = index[np.isfinite(table["estimate"].to_numpy()[index])]  # others have too few channels for a share
        estimate, of_null = table["estimate"].to_numpy()[index], null[index].T  # (shuffles, specifications)
        of_null = of_null[np.isfinite(of_null).all(axis=1)]
        added.loc[index, "rank"] = stats.rankdata(-estimate, method="ordinal")
        if not of_null.size:
            rows += [_joint(ranking, statistic, np.full(2, np.nan), index, channels) for statistic in STATISTICS]
            continue
        together = np.vstack([estimate, of_null])
        # tails among all rows, the row itself included: a row is compared with the others as the estimates are
        rounded = together.round(statistics.DIGITS)
        above = stats.rankdata(-rounded, method="max", axis=0) / len(together)
        below = stats.rankdata(rounded, method="max", axis=0) / len(together)
        added.loc[index, "p"] = np.minimum(1, 2 * np.minimum(above[0], below[0]))
        band = np.percentile(-np.sort(-of_null, axis=1), [2.5, 97.5], axis=0)
        order = added.loc[index, "rank"].to_numpy(int) - 1
        added.loc[index, ["band_low", "band_high"]] = band[:, order].T
        values = (
            np.median(together, axis=1),
            (together > 0).mean(axis=1),
            (2 * above < statistics.SIGNIFICANCE).mean(axis=1),
            (2 * below < statistics.SIGNIFICANCE).mean(axis=1),
        )
        for statistic, of_all in zip(STATISTICS, values, strict=True):
            rows.append(_joint(ranking, statistic, of_all, index, channels))
    for ranking in dict.fromkeys(table["ranking"][~table["ranking"].isin(RANKINGS)]):
        index = np.flatnonzero((table["ranking"] == ranking) & np.isfinite(table["estimate"]))
        estimate = table["estimate"].to_numpy()[index]
        ends = np.median(estimate) if index.size else np.nan, (estimate > 0).mean() if index.size else np.nan
        for statistic, value in zip(STATISTICS[:2], ends, strict=True):
            rows.append(_joint(ranking, statistic, np.array([value]), index, channels))
    return table.assign(**added), pd.DataFrame(rows)


def _joint(ranking: str, statistic: str, values: Floats, index: Indices, channels: int) -> dict[str, Any]:
    """A row of what all specifications of a ranking find; the first value is theirs, the others are of shuffles."""
    own, others = float(values[0]), values[1:][np.isfinite(values[1:])]
    ends = (np.nan, np.nan)
    if statistic == MEDIAN and len(others):
        # a shift of all differences moves their median by as much
        ends = tuple(own - np.percentile(others, [97.5, 2.5]))
    return {
        "ranking": ranking,
        "statistic": statistic,
        **dict(zip(INTERVAL, (own, *ends), strict=True)),
        "split_mean": float(others.mean()) if len(others) else np.nan,
        "p_split": statistics.permutation_p(own, others),
        "splits": len(others),
        "n": len(index),
        "n_clusters": channels,
        "resampled_unit": "channels",
    }


def _carried(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of the estimates by option, all else equal, and the share of their variance that a choice carries."""
    rows = []
    for ranking, specifications in table.dropna(subset="estimate").groupby("ranking", sort=False):
        total = ((specifications["estimate"] - specifications["estimate"].mean()) ** 2).sum()
        for choice in CHOICES:
            made = specifications[specifications[choice] != ANY]
            if made[choice].nunique() < 2:
                continue
            others = [name for name in CHOICES if name != choice and (made[name] != ANY).all()]
            means = made.pivot_table(index=others, columns=choice, values="estimate", sort=False).mean()
            counts = made[choice].value_counts().reindex(means.index)
            apart = (counts * (means - (counts * means).sum() / counts.sum()) ** 2).sum()
            for option, mean in means.items():
                row = {"ranking": ranking, "choice": choice, "option": option, "mean": mean}
                rows.append(row | {"variance": apart / total if total > 0 else np.nan})
    columns = ["ranking", "choice", "option", "mean", "variance"]
    return pd.DataFrame(rows, columns=columns).astype({"option": str})


def _kept(
    data: Data, scores: Mapping[str, Floats], members: Sequence[Indices], seed: np.random.SeedSequence, draws: int = 200
) -> pd.DataFrame:
    """Score the best, the worst and random channels by how many of a layer's are kept."""
    cube, judged = data
    values = np.moveaxis(cube.values, -1, 0).astype(np.float64)
    random = np.random.default_rng(seed)
    rows = []
    for ranking, score in scores.items():
        for share in SHARES:
            ends, chance = [], []
            for units in members:
                ranked = units[np.argsort(-score[units], kind="stable")][: int(np.isfinite(score[units]).sum())]
                count = int(share * len(ranked))
                drawn = random.random((draws, len(ranked))).argsort(axis=1)
                marks = np.zeros((2 + draws, len(ranked)), dtype=bool)
                marks[0, :count] = marks[1, int((1 - share) * len(ranked)) :] = True
                np.put_along_axis(marks[2:], drawn[:, :count], True, axis=1)
                found = _scores_of(marks, judged.evidence(values[ranked]), judged.primary_of)
                ends.append(found[:2])
                chance.append(found[2:])
            high, low = np.mean(ends, axis=0)
            of_chance = np.mean(chance, axis=0)
            for selection, value in ((HIGH, high), (LOW, low), (RANDOM, of_chance.mean())):
                band = np.percentile(of_chance, [2.5, 97.5]) if selection == RANDOM else (np.nan, np.nan)
                row = {"ranking": ranking, "selection": selection, "share": share, "estimate": float(value)}
                rows.append(row | dict(zip(("ci_low", "ci_high"), map(float, band), strict=True)))
    return pd.DataFrame(rows)
