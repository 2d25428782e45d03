"""Table and page: the verdict on every claim, by network."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from perceptual_efficacy.claims.evaluation import CONTROLS, EXTENSION, PAPER
from perceptual_efficacy.statistics import LEAST_CLUSTERS
from perceptual_efficacy.tables.rendering import HEADINGS, MISSING, interval, intervals, readable, resampled
from perceptual_efficacy.vocabulary import INTERVAL

KINDS = {PAPER: "The paper's claims", EXTENSION: "Our own claims"}
CLAIM = ["id", "kind", "statement", "network", "origin", "dataset"]
P_VALUES = ["p", "p_split", "p_matched"]
JUDGED = [
    "verdict",
    "reason",
    *INTERVAL,
    "unit",
    "n_clusters",
    "resampled_unit",
    *P_VALUES,
    "detectable",
    "rule_outcome",
]
ENDPOINT = "primary endpoint"


def table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """List the numbers of every record of `claims.evaluation.evaluate`.

    The quantity is "primary endpoint", or what is shown for comparison, which has an estimate and interval alone.
    """
    rows = []
    for record in records:
        about = {name: record[name] for name in CLAIM}
        rows.append(about | {"quantity": ENDPOINT} | {name: record[name] for name in JUDGED})
        rows += [about | {"quantity": other["label"]} | other for other in record["comparisons"]]
    return pd.DataFrame(rows, columns=[*CLAIM, "quantity", *JUDGED])


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show one row per claim and network."""
    row = ["id", "network"]
    others = table[table["quantity"] != ENDPOINT]
    text = (others["quantity"] + ": " + intervals(others)).groupby([others[name] for name in row]).agg("; ".join)
    shown = table[table["quantity"] == ENDPOINT].assign(resampled=resampled)
    shown = readable(shown.join(text.rename("for comparison"), on=row))
    headings = {"statement": "claim", "dataset": "data", "rule outcome": "rule on these numbers"}
    columns = ["kind", "claim", "network", "data", "verdict", "reason", "estimate [95% interval]", "unit", "resampled"]
    columns += ["p", HEADINGS["p_split"], HEADINGS["p_matched"], "detectable"]
    return shown.rename(columns=headings)[[*columns, "for comparison", "rule on these numbers"]]


def page(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the verdicts as a Markdown page that reads from top to bottom."""
    lines = ["# Claims", ""]
    lines += [
        "Each claim has one primary endpoint and one rule. `docs/claims.md` explains them and lists what was changed "
        "after numbers had been seen.",
        "",
    ]
    for kind, heading in KINDS.items():
        of_kind = [record for record in records if record["kind"] == kind]
        lines += [f"## {heading}", ""] if of_kind else []
        for record in of_kind:
            lines += _entry(record)
    return "\n".join(lines)


def _entry(record: Mapping[str, Any]) -> list[str]:
    """Lines of the page about one claim and network."""
    verdict = f"**{record['verdict'].capitalize()}** for the network `{record['network']}` ({record['origin']})"
    lines = [f"### {record['statement']}", "", f"{verdict}: {record['reason']}.", ""]
    if record["n_clusters"] is not None:
        p = "".join(f"; p = {value:.3g} among {name}" for name, value in among_controls(record).items())
        count = f"{record['n_clusters']} {record['resampled_unit']}"
        few, detectable = record["n_clusters"] < LEAST_CLUSTERS, record["detectable"]
        basis = f"without an interval over only {count}" if few else f"the 95% interval over {count}"
        lines += [f"- {record['unit']}: {interval(record)}, {basis}{p}"]
        if detectable is not None:
            lines += [f"- smallest difference that could have been detected (power 80%): {detectable:.2g}"]
        lines += [f"- for comparison: {compared(record)}"]
    data = f", data set {record['dataset']}" if record["dataset"] else ""
    lines += [
        f"- endpoint: {record['endpoint']}{data}; smallest effect of interest {record['smallest_effect']:g}",
        f"- the rule applied to these numbers: {record['rule_outcome']}",
        "",
    ]
    return lines


def among_controls(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the p of a record's difference among each of its controls; those without one are left out."""
    found = {name: record[CONTROLS[name][0]] for name in record["controls"]}
    return {name: p for name, p in found.items() if p is not None}


def compared(record: Mapping[str, Any]) -> str:
    """Write the numbers that a record has for comparison."""
    return "; ".join(f"{other['label']}: {interval(other)}" for other in record["comparisons"]) or MISSING
