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


def thresholds(agreement: pd.DataFrame, controls: Mapping[str, str]) -> list[str]:
    """Say how well networks, their controls and a model without a network predict thresholds, in a line per network.

    Parameters
    ----------
    agreement
        Rows of `agreement.compare_selections` for ModelFest, of all networks.
    controls
        Network to the name of its control.
    """
    rows = agreement[(agreement["measure"] == "r") & (agreement["cube"] != STANDARDISED)]
    mean = rows[(rows["layer"] == MEAN_OF_LAYERS) & (rows["ranking"].isin([NONE, "pe"]))]
    found = {key: interval(part.iloc[0], 2) for key, part in mean.groupby(["network", "selection"])}
    alone = rows[rows["layer"] == NONE].drop_duplicates("selection").set_index("selection")["estimate"]
    return [
        f"Pearson’s r with the measured thresholds, mean of layers: {found[network, ALL]} by all channels of "
        f"{network}, {found[network, HIGH]} by those of high PE, {found[network, LOW]} by those of low PE; with "
        f"random weights {found[control, ALL]} by all. Contrast energy weighted by the human contrast sensitivity "
        f"function (CSF), without a network, reaches {alone[WEIGHTED_ENERGY]:.2f}; a perfect model would reach "
        f"{alone[HUMAN_CEILING]:.3f}, the human ceiling."
        for network, control in controls.items()
    ]


def answers(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records that answer the study's question: tested claims about PE and what people perceive."""
    return [record for record in records if record["id"] in ANSWERS and record["verdict"] != evaluation.NOT_TESTED]


def _scale(record: Mapping[str, Any]) -> float:
    """Return half the width of a drawing: it holds the estimate, the interval and the smallest effect of interest."""
    shown = [abs(record[name]) for name in ("estimate", "ci_low", "ci_high") if record[name] is not None]
    return 1.15 * max([*shown, 1.5 * record["smallest_effect"]])
