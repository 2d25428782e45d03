"""Verdicts as the page shows them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perceptual_efficacy.claims import evaluation
from perceptual_efficacy.tables.claims import KINDS

# a sign for each verdict, so that no one has to tell colours apart
SIGNS = {
    evaluation.SUPPORTED: "▲",
    evaluation.CONTRADICTED: "▼",
    evaluation.NO_EFFECT: "=",
    evaluation.INCONCLUSIVE: "?",
    evaluation.NOT_TESTED: "–",
}


def grouped(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Group the records of `claims.evaluation.evaluate` by kind, the paper's first.

    Returns
    -------
    One mapping per kind: its `heading`, the `judged` records and the `untested` ones. Each record has its `sign`, the
    `scale` of its drawing (the largest magnitude in it) and `among`: its controls, with its p among each.
    """
    shown = [
        {**record, "sign": SIGNS[record["verdict"]], "scale": _scale(record), "among": _among(record)}
        for record in records
    ]
    return [
        {
            "heading": heading,
            "judged": [it for it in shown if it["kind"] == kind and it["verdict"] != evaluation.NOT_TESTED],
            "untested": [it for it in shown if it["kind"] == kind and it["verdict"] == evaluation.NOT_TESTED],
        }
        for kind, heading in KINDS.items()
    ]


def summary(records: Iterable[Mapping[str, Any]]) -> str:
    """Count the verdicts in words."""
    counts = Counter(record["verdict"] for record in records)
    if not counts:
        return "no claim was examined"
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in SIGNS if counts[verdict])


def _scale(record: Mapping[str, Any]) -> float:
    """Return half the width of a drawing: it holds the estimate, the interval and the smallest effect of interest."""
    shown = [abs(record[name]) for name in ("estimate", "ci_low", "ci_high") if record[name] is not None]
    return 1.15 * max([*shown, 1.5 * record["smallest_effect"]])


def _among(record: Mapping[str, Any]) -> dict[str, float]:
    found = {name: record[evaluation.CONTROLS[name][0]] for name in record["controls"]}
    return {name: p for name, p in found.items() if p is not None}
