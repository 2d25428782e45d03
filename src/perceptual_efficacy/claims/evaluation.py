"""A verdict per claim and network, by a rule that is fixed in advance."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from perceptual_efficacy.statistics import LEAST_CLUSTERS
from perceptual_efficacy.vocabulary import INTERVAL, TRAINED

SIGNIFICANCE = 0.05
SUPPORTED = "supported"
CONTRADICTED = "contradicted"
NO_EFFECT = "no effect"
INCONCLUSIVE = "inconclusive"
NOT_TESTED = "not tested"
SPLITS = "random splits"
PRETRAINED, ANY = "pre-trained networks", "any network"  # what a claim is about

COLUMNS = (*INTERVAL, "p_holm", "n_clusters", "resampled_unit")


class Verdict(NamedTuple):
    """A verdict and the reason for it."""

    verdict: str
    reason: str


def judge(
    estimate: float,
    ci_low: float,
    ci_high: float,
    *,
    smallest_effect: float,
    n_clusters: int,
    p_holm: float | None = None,
    split_mean: float = 0.0,
    among: str = SPLITS,
) -> Verdict:
    """Judge a difference by its interval and, if the rule has random splits, by its place among them.

    Parameters
    ----------
    estimate, ci_low, ci_high
        The difference and its 95% interval.
    smallest_effect
        The smallest difference of interest, above 0.
    n_clusters
        Number of resampled units.
    p_holm, split_mean
        Corrected two-sided p-value of the difference among random splits, and the mean of those splits. None if splits
        are not part of the rule, NaN if the p-value could not be computed.
    among
        Name of the splits, for the reason.

    Returns
    -------
    The first that holds. Not tested: the estimate or its p-value is missing. Inconclusive: fewer than 10 clusters. Not
    tested: the interval is missing. No effect: it lies within the smallest effect of 0. Supported: the interval lies
    above 0, and the difference in the upper tail of the random splits. Contradicted: the mirror image. Otherwise
    inconclusive.
    """
    if not np.isfinite(estimate):
        return Verdict(NOT_TESTED, "the score is missing")
    if p_holm is not None and not np.isfinite([p_holm, split_mean]).all():
        return Verdict(NOT_TESTED, f"there are no {among} to compare with")
    if n_clusters < LEAST_CLUSTERS:
        return Verdict(INCONCLUSIVE, f"n: {n_clusters} clusters, at least {LEAST_CLUSTERS} are needed")
    if not np.isfinite([ci_low, ci_high]).all():
        return Verdict(NOT_TESTED, "the interval is missing")
    if -smallest_effect < ci_low and ci_high < smallest_effect:
        apart = ", but excludes 0" if ci_low > 0 or ci_high < 0 else ""
        return Verdict(NO_EFFECT, f"the interval lies within ±{smallest_effect:g}{apart}")
    stands_out = p_holm is None or p_holm < SIGNIFICANCE
    tail = "" if p_holm is None else f", beyond {among}"
    if ci_low > 0 and stands_out and estimate > split_mean:
        return Verdict(SUPPORTED, f"the interval lies above 0{tail}")
    if ci_high < 0 and stands_out and estimate < split_mean:
        return Verdict(CONTRADICTED, f"the interval lies below 0{tail}")
    if ci_low > 0 or ci_high < 0:
        return Verdict(INCONCLUSIVE, f"the difference does not stand out among {among}")
    return Verdict(INCONCLUSIVE, f"the interval contains 0 and extends beyond ±{smallest_effect:g}")


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
        If a claim is about something else, its `where` does not pick exactly one row, or no table gives a network's
        weights and origin.
    """
    networks = _networks(evidence, controls)
    records = []
    for claim, (network, control) in product(claims, controls.items()):
        if claim["about"] not in (PRETRAINED, ANY):
            raise ValueError(f"Claim {claim['id']!r} is about {claim['about']!r}; expected {PRETRAINED!r} or {ANY!r}.")
        table = evidence.get(claim["evidence"], pd.DataFrame({"network": []}))
        own = table[table["network"] == network]
        layer = {"layer": layers[network]} if "layer" in own and len(own) else {}
        where = {**layer, **claim["where"]}
        among = claim.get("among", SPLITS)
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
                p_holm=row["p_holm"] if claim["splits"] else None,
                split_mean=row["split_mean"] if claim["splits"] else 0.0,
                among=among,
            )
            against = []
            if claim["about"] == PRETRAINED and networks.loc[network, "weights"] != TRAINED:
                against.append(f"{network} is a stand-in, not a pre-trained network")
            if lacking := _too_small(row, claim.get("at_least", {})):
                against.append(f"size: {lacking}")
            verdict = Verdict(NOT_TESTED, "; ".join(against)) if against else outcome
            if "comparisons" in claim:
                differing = claim["comparisons"].items()
                others = {label: _pick(claim["id"], own, {**where, **other}) for label, other in differing}
            else:
                of_control = _pick(claim["id"], table[table["network"] == control], where)
                others = {f"{control} ({networks.loc[control, 'origin']})": of_control}
        records.append(
            {
                **{key: claim[key] for key in ("id", "statement", "about", "unit", "smallest_effect")},
                "among": among,
                "endpoint": ", ".join(f"{key} {value}" for key, value in where.items()),
                "network": network,
                "origin": networks.loc[network, "origin"],
                "dataset": str(own["dataset"].iloc[0]) if "dataset" in own and len(own) else None,
                **_present(row, COLUMNS),
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


def _too_small(row: Mapping[str, Any], at_least: Mapping[str, int]) -> str:
    """Name the sample sizes that are too small for a verdict, or that the evidence does not give; empty if none is."""
    sizes = {name: row.get(name, np.nan) for name in at_least}
    numbers = {name: f"{size:,.0f}" if np.isfinite(size) else "an unknown number of" for name, size in sizes.items()}
    return "; ".join(
        f"{numbers[name]} {name.replace('_', ' ')}, at least {least:,} are needed"
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
    missing: dict[Any, Any] = dict.fromkeys((*COLUMNS, "split_mean"), np.nan)
    return missing | chosen.iloc[0].to_dict()


def _present(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: None if pd.isna(row[name]) else row[name] for name in columns}
