"""Verdicts: what each claim's evidence says by a rule that is fixed in advance."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from perceptual_efficacy.statistics import LEAST_CLUSTERS
from perceptual_efficacy.vocabulary import TRAINED

SIGNIFICANCE = 0.05
SUPPORTED = "supported"
CONTRADICTED = "contradicted"
NO_EFFECT = "no effect"
INCONCLUSIVE = "inconclusive"
NOT_TESTED = "not tested"
SPLITS = "random splits"

INTERVAL = ("estimate", "ci_low", "ci_high")
COLUMNS = (*INTERVAL, "p_holm", "n_clusters", "resampled_unit")


class Verdict(NamedTuple):
    """A verdict, and why it is not another one."""

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
    """Judge a difference by its interval and, where channels could have been split at random, by those splits.

    Parameters
    ----------
    estimate, ci_low, ci_high
        The difference and its 95% interval.
    smallest_effect
        The smallest difference of interest, above 0.
    n_clusters
        Number of what was resampled.
    p_holm, split_mean
        Corrected two-sided p-value of the difference among random splits, and those splits' mean; None where there is
        nothing to split, not a number where it could not be computed.
    among
        What the splits are called.

    Returns
    -------
    In this order. Not tested: a number is missing. Inconclusive: fewer than 10 clusters. No effect: the interval lies
    within the smallest effect of 0. Supported: the interval lies above 0 and the difference in the upper tail of the
    random splits. Contradicted: the mirror image. Else inconclusive.
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
        apart = ", though not at 0" if ci_low > 0 or ci_high < 0 else ""
        return Verdict(NO_EFFECT, f"the interval lies within ±{smallest_effect:g}{apart}")
    stands_out = p_holm is None or p_holm < SIGNIFICANCE
    tail = "" if p_holm is None else f", beyond {among}"
    if ci_low > 0 and stands_out and estimate > split_mean:
        return Verdict(SUPPORTED, f"the interval lies above 0{tail}")
    if ci_high < 0 and stands_out and estimate < split_mean:
        return Verdict(CONTRADICTED, f"the interval lies below 0{tail}")
    if ci_low > 0 or ci_high < 0:
        return Verdict(INCONCLUSIVE, f"{among} of the same layers do as much")
    return Verdict(INCONCLUSIVE, f"the interval holds 0 and reaches beyond ±{smallest_effect:g}")


def evaluate(
    claims: list[Mapping[str, Any]],
    tables: Mapping[tuple[str, str], pd.DataFrame],
    cards: Mapping[str, Mapping[str, Any]],
    controls: Mapping[str, str],
    layers: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Judge every claim for every network that has a control.

    Parameters
    ----------
    claims
        Each with `id`, `statement`, `about` ("pre-trained networks" or "any network"), `evidence` (a kind of table; a
        network without one, or with an empty one, leaves the claim untested for the reason that `lacking` gives),
        `where` (column to value: with the network's layer the one row that is the primary endpoint),
        `smallest_effect`, `unit`, maybe `at_least` (column to the least number at which the claim is judged), `splits`
        (whether random splits are part of the rule; `among` says what else they are called), and maybe `beside` (a
        label to the columns in which a row shown beside it, of the same table, differs; by default the control's row).
    tables
        Evidence by kind and network.
    cards
        What is known of each network, with `pretrained` and `origin`.
    controls
        Network to the name of its control.
    layers
        Network to the layer of its primary endpoints.

    Returns
    -------
    One record per claim and network: the claim's fields, the data set of its evidence if it is of one, the numbers of
    its primary endpoint, what is shown `beside` it, the verdict and its reason, and `rule_outcome`: what the rule says
    of the numbers even when the claim is not about such a network. A missing number is None.

    Raises
    ------
    ValueError
        If a claim's `where` does not pick exactly one row.
    """
    records = []
    for claim in claims:
        for network, control in controls.items():
            own = tables.get((claim["evidence"], network))
            if own is None or own.empty:
                records.append(_untested(claim, claim["where"], network, cards[network]))
                continue
            of_layer = {"layer": layers[network]} if "layer" in own else {}
            where = {**of_layer, **claim["where"]}
            row = _pick(claim["id"], own, where, claim.get("at_least", {}))
            outcome = judge(
                row["estimate"],
                row["ci_low"],
                row["ci_high"],
                smallest_effect=claim["smallest_effect"],
                n_clusters=int(row["n_clusters"]),
                p_holm=row["p_holm"] if claim["splits"] else None,
                split_mean=row["split_mean"] if claim["splits"] else 0.0,
                among=claim.get("among", SPLITS),
            )
            against = []
            if claim["about"] == "pre-trained networks" and cards[network]["weights"] != TRAINED:
                against.append(f"{network} is a stand-in, not a pre-trained network")
            if lacking := _too_small(row, claim.get("at_least", {})):
                against.append(f"size: {lacking}")
            verdict = Verdict(NOT_TESTED, "; ".join(against)) if against else outcome
            if "beside" in claim:
                beside = {
                    label: _pick(claim["id"], own, {**where, **other}) for label, other in claim["beside"].items()
                }
            else:
                of_control = _pick(claim["id"], tables[claim["evidence"], control], where)
                beside = {f"the same of {control}, {cards[control]['origin']}": of_control}
            records.append(
                {
                    **_identity(claim, where, network, cards[network]),
                    "dataset": _dataset(own),
                    **_present(row, COLUMNS),
                    "beside": [{"label": label, **_present(other, INTERVAL)} for label, other in beside.items()],
                    "verdict": verdict.verdict,
                    "reason": verdict.reason,
                    "rule_outcome": f"{outcome.verdict} ({outcome.reason})",
                }
            )
    return records


def _too_small(row: Mapping[str, Any], at_least: Mapping[str, int]) -> str:
    """Say what a study has too little of to be judged; nothing if it has enough."""
    return "; ".join(
        f"{row[name]:,.0f} {name.replace('_', ' ')}, at least {least:,} are needed"
        for name, least in at_least.items()
        if row[name] < least
    )


def _identity(
    claim: Mapping[str, Any], where: Mapping[str, str], network: str, card: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        **{key: claim[key] for key in ("id", "statement", "about", "unit", "smallest_effect")},
        "among": claim.get("among", SPLITS),
        "endpoint": ", ".join(f"{key} {value}" for key, value in where.items()),
        "network": network,
        "origin": card["origin"],
    }


def _untested(
    claim: Mapping[str, Any], where: Mapping[str, str], network: str, card: Mapping[str, Any]
) -> dict[str, Any]:
    """Record of a claim whose evidence this study does not have."""
    reason = claim.get("lacking", f"this study does not have the evidence {claim['evidence']}")
    nothing: dict[str, Any] = dict.fromkeys(COLUMNS)
    return {
        **_identity(claim, where, network, card),
        "dataset": None,
        **nothing,
        "beside": [],
        "verdict": NOT_TESTED,
        "reason": reason,
        "rule_outcome": f"{NOT_TESTED} ({reason})",
    }


def _dataset(evidence: pd.DataFrame) -> str | None:
    return str(evidence["dataset"].iloc[0]) if "dataset" in evidence else None


def _pick(claim: str, table: pd.DataFrame, where: Mapping[str, Any], sizes: Iterable[str] = ()) -> dict[str, Any]:
    chosen = np.logical_and.reduce([table[column] == value for column, value in where.items()])
    if chosen.sum() != 1:
        raise ValueError(
            f"Claim {claim!r}: its endpoint {dict(where)} picks {chosen.sum()} rows of the evidence; it must pick one."
        )
    row = table[chosen].iloc[0]
    return {name: row.get(name, np.nan) for name in (*COLUMNS, "split_mean", *sizes)}


def _present(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: None if pd.isna(row[name]) else row[name] for name in columns}
