"""Verdicts as the page shows them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from perceptual_efficacy.claims import evaluation
from perceptual_efficacy.tables.claims import KINDS, among_controls
from perceptual_efficacy.tables.rendering import interval
from perceptual_efficacy.vocabulary import (
    ALL,
    HIGH,
    HUMAN_CEILING,
    LOW,
    MEAN_OF_LAYERS,
    NONE,
    STANDARDISED,
    WEIGHTED_ENERGY,
)

# a sign for each verdict, so that no one has to tell colours apart
SIGNS = {
    evaluation.SUPPORTED: "▲",
    evaluation.CONTRADICTED: "▼",
    evaluation.NO_EFFECT: "=",
    evaluation.INCONCLUSIVE: "?",
    evaluation.NOT_TESTED: "–",
}

# claims about PE and people, by their ids
ANSWERS = ("efficacy-predicts-opinions", "efficacy-predicts-choices", "efficacy-predicts-thresholds")


def grouped(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Group the records of `claims.evaluation.evaluate` by kind, the paper's first.

    Returns
    -------
    One mapping per kind: its `heading`, the `judged` records and the `untested` ones. Each record has its `sign`, the
    `scale` of its drawing (the largest magnitude in it) and `among`: its controls, with its p among each.
    """
    shown = [
        {**record, "sign": SIGNS[record["verdict"]], "scale": _scale(record), "among": among_controls(record)}
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


def thresholds(agreement: pd.DataFrame, controls: Mapping[str, str]) -> dict[str, str]:
    """Say how well networks, their controls and a model without a network predict thresholds, beside the human ceiling.

    Parameters
    ----------
    agreement
        Rows of `agreement.compare_selections` for ModelFest, of all networks.
    controls
        Network to the name of its control.

    Returns
    -------
    Pearson's r and its interval in words, by what predicts; nothing without networks.
    """
    rows = agreement[(agreement["measure"] == "r") & (agreement["cube"] != STANDARDISED)]
    mean = rows[(rows["layer"] == MEAN_OF_LAYERS) & (rows["ranking"].isin([NONE, "pe"]))]
    found = {key: part.iloc[0] for key, part in mean.groupby(["network", "selection"])}
    alone = rows[rows["layer"] == NONE].drop_duplicates("selection").set_index("selection")
    shown: dict[str, Any] = {}
    for network, control in controls.items():
        shown |= {
            f"{network}, all channels": found[network, ALL],
            f"{network}, the halves of high PE": found[network, HIGH],
            f"{network}, the halves of low PE": found[network, LOW],
            f"{control}, all channels with random weights": found[control, ALL],
        }
    if shown:
        shown["contrast energy weighted by the human contrast sensitivity function (CSF), no network"] = alone.loc[
            WEIGHTED_ENERGY
        ]
        shown["a perfect model (human ceiling)"] = alone.loc[HUMAN_CEILING]
    return {name: interval(row) for name, row in shown.items()}


def answers(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records that answer the study's question: tested claims about PE and what people perceive."""
    return [record for record in records if record["id"] in ANSWERS and record["verdict"] != evaluation.NOT_TESTED]


def _scale(record: Mapping[str, Any]) -> float:
    """Return half the width of a drawing: it holds the estimate, the interval and the smallest effect of interest."""
    shown = [abs(record[name]) for name in ("estimate", "ci_low", "ci_high") if record[name] is not None]
    return 1.15 * max([*shown, 1.5 * record["smallest_effect"]])
