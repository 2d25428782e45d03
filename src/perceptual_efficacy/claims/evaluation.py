"""A verdict per claim and network, by one rule."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from perceptual_efficacy.statistics import LEAST_CLUSTERS, SIGNIFICANCE
from perceptual_efficacy.vocabulary import INTERVAL, MEAN_OF_LAYERS, TRAINED

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
NO_EFFECT = "no effect"
INCONCLUSIVE = "inconclusive"
NOT_TESTED = "not tested"
KEPT = ("id", "kind", "statement", "about", "evidence", "unit", "smallest_effect")  # of a claim, in its record
RANDOM_SPLITS = "random splits"
MATCHED_SPLITS = "splits with the same share of distance"
SHUFFLED_WEIGHTS = "shuffles of the weights"
SHUFFLED_CHANNELS = "shuffles of the channels"
# what a difference may have to stand out among, with the columns of its p-value and of their mean
CONTROLS = {
    RANDOM_SPLITS: ("p_split", "split_mean"),
    MATCHED_SPLITS: ("p_matched", "matched_mean"),
    SHUFFLED_WEIGHTS: ("p_split", "split_mean"),
    SHUFFLED_CHANNELS: ("p_split", "split_mean"),
}
PAPER, EXTENSION = "paper", "extension"  # kinds of claims
PRETRAINED, ANY = "pre-trained networks", "any network"  # what a claim is about

COLUMNS = (*INTERVAL, "p", "p_split", "p_matched", "n_clusters", "resampled_unit")
POWER = 0.8  # at which a difference counts as one that could have been detected


class Verdict(NamedTuple):
    """A verdict and the reason for it."""

    verdict: str
    reason: str


class Place(NamedTuple):
    """Where a difference lies among those that chance gives."""

    among: str
    p: float  # two-sided
    mean: float  # of the others


def judge(
    estimate: float,
    ci_low: float,
    ci_high: float,
    *,
    smallest_effect: float,
    n_clusters: int,
    places: Sequence[Place] = (),
) -> Verdict:
    """Judge a difference by its interval and by its place among each of its controls.

    Parameters
    ----------
    estimate, ci_low, ci_high
        The difference and its 95% interval.
    smallest_effect
        The smallest difference of interest, above 0.
    n_clusters
        Number of resampled units.
    places
        Its place among random splits, share-matched splits or the like; a p-value that could not be computed is NaN.

    Returns
    -------
    The first that holds. Not tested: the estimate or a p-value is missing. Inconclusive: fewer than 10 clusters. Not
    tested: the interval is missing. No effect: it lies within the smallest effect of 0. Supported: the interval lies
    above 0, and the difference in the upper tail of every control. Contradicted: the mirror image. Otherwise
    inconclusive.
    """
    if not np.isfinite(estimate):
        return Verdict(NOT_TESTED, "the score is missing")
    for place in places:
        if not np.isfinite([place.p, place.mean]).all():
            return Verdict(NOT_TESTED, f"there are no {place.among} to compare with")
    if n_clusters < LEAST_CLUSTERS:
        return Verdict(INCONCLUSIVE, f"n: {n_clusters} clusters, at least {LEAST_CLUSTERS} are needed")
    if not np.isfinite([ci_low, ci_high]).all():
        return Verdict(NOT_TESTED, "the interval is missing")
    if -smallest_effect < ci_low and ci_high < smallest_effect:
        apart = ", but excludes 0" if ci_low > 0 or ci_high < 0 else ""
        return Verdict(NO_EFFECT, f"the interval lies within ±{smallest_effect:g}{apart}")
    if ci_low <= 0 <= ci_high:
        return Verdict(INCONCLUSIVE, f"the interval contains 0 and extends beyond ±{smallest_effect:g}")
    above, sign = ("above", 1) if ci_low > 0 else ("below", -1)
    hidden = [it.among for it in places if not (it.p < SIGNIFICANCE and sign * (estimate - it.mean) > 0)]
    if hidden:
        among = " and ".join(hidden)
        return Verdict(
            INCONCLUSIVE, f"the interval lies {above} 0, but the difference does not stand out among {among}"
        )
    tail = f", beyond {' and '.join(place.among for place in places)}" if places else ""
    return Verdict(SUPPORTED if sign > 0 else CONTRADICTED, f"the interval lies {above} 0{tail}")


def detectable(ci_low: float, ci_high: float) -> float:
    """Return the smallest difference that an interval of this width would have found apart from 0 with a power of 80%.

    (z(.975) + z(.8)) standard errors, if the 95% interval has 2 z(.975) of them. A jackknife-t interval has up to 15%
    more (at ten clusters), and so has this.
    """
    return float((ci_high - ci_low) / 2 * (1 + ndtri(POWER) / ndtri(1 - SIGNIFICANCE / 2)))


def evaluate(
    claims: Iterable[Mapping[str, Any]],
    evidence: Mapping[str, pd.DataFrame],
    controls: Mapping[str, str],
    layers: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Judge every claim for every network that has a control.

    Parameters
    ----------
    claims
        Claims with the keys that claims.yaml explains.
    evidence
        One table per kind of evidence, with the column `network`. The tables together give `weights` and `origin` of
        every network. A network without rows of a claim's kind leaves the claim untested.
    controls, layers
        Network to the name of its control, and to the layer of its primary endpoints.

    Returns
    -------
    One record per claim and network: the claim's own fields, the data set of its evidence if it has one, the numbers of
    its primary endpoint, those shown for comparison (`comparisons`), the verdict, its reason, and `rule_outcome`: what
    the rule gives for the numbers even if the claim is not about such a network. A missing number is None.

    Raises
    ------
    ValueError
        If a claim is about something else, has a control that is not in `CONTROLS`, its `where` does not pick exactly
        one row, or no table gives a network's weights and origin.
    """
    networks = _networks(evidence, controls)
    converged = _converged(evidence)
    records = []
    for claim, (network, control) in product(claims, controls.items()):
        if claim["about"] not in (PRETRAINED, ANY):
            raise ValueError(f"Claim {claim['id']!r} is about {claim['about']!r}; expected {PRETRAINED!r} or {ANY!r}.")
        if unknown := set(claim["controls"]) - set(CONTROLS):
            raise ValueError(
                f"Claim {claim['id']!r} has the control {sorted(unknown)[0]!r}; expected some of {', '.join(CONTROLS)}."
            )
        table = evidence.get(claim["evidence"], pd.DataFrame({"network": []}))
        own = table[table["network"] == network]
        layer = {"layer": layers[network]} if "layer" in own and len(own) else {}
        where = {**layer, **claim["where"]}
        if own.empty:
            row: dict[str, Any] = dict.fromkeys(COLUMNS)
            others: dict[str, dict[str, Any]] = {}
            reason = claim.get("lacking", f"this study has no evidence of the kind {claim['evidence']}")
            outcome = verdict = Verdict(NOT_TESTED, reason)
        else:
            row = _pick(claim["id"], own, where)
            outcome = judge(
                **{name: row[name] for name in INTERVAL},
                smallest_effect=claim["smallest_effect"],
                n_clusters=int(row["n_clusters"]),
                places=[Place(name, row[CONTROLS[name][0]], row[CONTROLS[name][1]]) for name in claim["controls"]],
            )
            against = []
            if claim["about"] == PRETRAINED and networks.loc[network, "weights"] != TRAINED:
                against.append(f"{network} is a stand-in, not a pre-trained network")
            if not converged.get((network, str(where.get("layer"))), True):
                mean = where["layer"] == MEAN_OF_LAYERS
                against.append("no layer has converged" if mean else f"{where['layer']} has not converged")
            if lacking := _too_small(row, claim.get("at_least", {})):
                against.append(f"too small: {lacking}")
            verdict = Verdict(NOT_TESTED, "; ".join(against)) if against else outcome
            differing = claim.get("comparisons", {}).items()
            others = {label: _pick(claim["id"], own, {**where, **other}) for label, other in differing}
            if not (of_control := table[table["network"] == control]).empty:
                others[f"the same with {networks.loc[control, 'origin']}"] = _pick(claim["id"], of_control, where)
        records.append(
            {
                **{key: claim[key] for key in KEPT},
                "controls": list(claim["controls"]),
                "endpoint": ", ".join(f"{key} {value}" for key, value in where.items()),
                "network": network,
                "origin": networks.loc[network, "origin"],
                "dataset": str(own["dataset"].iloc[0]) if "dataset" in own and len(own) else None,
                **_present({**row, "detectable": _detectable(row)}, (*COLUMNS, "detectable")),
                "comparisons": [{"label": label, **_present(other, INTERVAL)} for label, other in others.items()],
                "verdict": verdict.verdict,
                "reason": verdict.reason,
                "rule_outcome": f"{outcome.verdict} ({outcome.reason})",
            }
        )
    return records


def _networks(evidence: Mapping[str, pd.DataFrame], controls: Mapping[str, str]) -> pd.DataFrame:
    """Weights and origin by network."""
    parts = [table.reindex(columns=["network", "weights", "origin"]).dropna() for table in evidence.values()]
    networks = pd.concat(parts).drop_duplicates("network").set_index("network")
    if missing := {*controls, *controls.values()} - set(networks.index):
        raise ValueError(f"The evidence does not give weights and origin of {', '.join(sorted(missing))}.")
    return networks


def _converged(evidence: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], bool]:
    """Tell of every network and layer whether its channels' order has converged, by the tables that say so."""
    return {
        (network, layer): bool(converged)
        for table in evidence.values()
        if "converged" in table
        for network, layer, converged in zip(table["network"], table["layer"], table["converged"], strict=True)
    }


def _too_small(row: Mapping[str, Any], at_least: Mapping[str, int]) -> str:
    """Name the sample sizes that are too small for a verdict, or that the evidence does not give; empty if none is."""
    sizes = {name: row.get(name, np.nan) for name in at_least}
    numbers = {name: f"{size:,.0f}" if np.isfinite(size) else "an unknown number" for name, size in sizes.items()}
    return ", ".join(
        f"{numbers[name]} of at least {least:,} {name.replace('_', ' ')}"
        for name, least in at_least.items()
        if not sizes[name] >= least
    )


def _pick(claim: str, table: pd.DataFrame, where: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one row of the evidence that a claim's endpoint names."""
    chosen = table
    for column, value in where.items():
        if column not in table:
            raise ValueError(
                f"Claim {claim!r}: its evidence has no column {column!r}, only {', '.join(map(str, table))}."
            )
        there, chosen = chosen[column].unique(), chosen[chosen[column] == value]
        if chosen.empty:
            raise ValueError(f"Claim {claim!r}: {column} is {value!r}; its evidence has {', '.join(map(str, there))}.")
    if len(chosen) != 1:
        raise ValueError(
            f"Claim {claim!r}: its endpoint {dict(where)} picks {len(chosen)} rows of the evidence; it must pick one."
        )
    missing: dict[Any, Any] = dict.fromkeys((*COLUMNS, "split_mean", "matched_mean"), np.nan)
    return missing | chosen.iloc[0].to_dict()


def _detectable(row: Mapping[str, Any]) -> float | None:
    return None if row["ci_low"] is None else detectable(row["ci_low"], row["ci_high"])


def _present(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: None if pd.isna(row[name]) else row[name] for name in columns}
