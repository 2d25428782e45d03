"""What a multiverse of analyses says, in sentences written from its numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from perceptual_efficacy.claims.evaluation import NOT_TESTED
from perceptual_efficacy.statistics import SIGNIFICANCE
from perceptual_efficacy.vocabulary import MEDIAN, RANKINGS

EVIDENCE = "analyses_of_"  # what claims.yaml calls these tables, before the layout of their data
CHOICES = {
    "cube": "whether distances are standardised",
    "pixels_per_degree": "pixels per degree",
    "csf": "the contrast sensitivity function",
    "baseline": "the baseline of responses",
    "orientation_at": "the frequency at which μ₂ is measured",
    "share": "the share of channels kept",
    "combination": "how μ₁ and μ₂ combine",
    "slope_per": "the unit of slopes",
}


def sentences(
    joint: pd.DataFrame,
    carried: pd.DataFrame,
    controls: Mapping[str, str | None],
    claims: Iterable[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Say in three sentences what every network's analyses of every data set find, and in a fourth why none is judged.

    Parameters
    ----------
    joint, carried
        What `multiverse.explore` returns, of all networks and data sets.
    controls
        Network to the name of its control.
    claims
        The study's claims with their verdicts, from `claims.evaluate`.

    Returns
    -------
    One mapping per network and data set: network, dataset, and the sentences.
    """
    judged = pd.DataFrame([claim for claim in claims if claim["evidence"].startswith(EVIDENCE)])
    found = []
    for (network, dataset), rows in joint.groupby(["network", "dataset"], sort=False):
        if network not in controls:
            continue
        of = {ranking: _summary(rows, ranking) for ranking in RANKINGS}
        control = joint[(joint["network"] == controls[str(network)]) & (joint["dataset"] == dataset)]
        choices = carried[(carried["network"] == network) & (carried["dataset"] == dataset)]
        text = [_of_efficacy(of["pe"], control), _of_parts(of["mu1"], of["mu2"]), _of_choices(choices)]
        about = judged[(judged["network"] == network) & (judged["dataset"] == dataset)] if len(judged) else judged
        if len(about) and (about["verdict"] == NOT_TESTED).all():
            text.append(f"No claim is judged by these numbers: {'; '.join(about['reason'].unique())}.")
        found.append({"network": network, "dataset": dataset, "sentences": text})
    return found


def _summary(rows: pd.DataFrame, ranking: str) -> dict[str, float]:
    chosen = rows[rows["ranking"] == ranking].set_index("statistic")
    columns = {"n": "n", "median": "estimate", "p": "p_split", "chance": "split_mean"}
    found = {name: float(chosen[column][MEDIAN]) for name, column in columns.items()}
    return found | {"positive": float(chosen["estimate"]["share positive"])}


def _told(one: Mapping[str, float]) -> str:
    return f"{one['positive']:.0%} positive, median {one['median']:+.2f}, p = {one['p']:.2g}".replace("-", "−")


def _direction(one: Mapping[str, float]) -> int:
    """1 or -1 if the median stands out above or below that of shuffles, else 0."""
    return 0 if not one["p"] < SIGNIFICANCE else 1 if one["median"] > one["chance"] else -1


def _of_efficacy(pe: Mapping[str, float], control: pd.DataFrame) -> str:
    verdict = {
        1: "high-PE channels agree better with people than shuffled ones do",
        -1: "high-PE channels agree worse with people than shuffled ones do",
        0: "shuffled channels give as much",
    }[_direction(pe)]
    beside = f" With random weights: {_told(_summary(control, 'pe'))}." if len(control) else ""
    return f"High minus low PE in {pe['n']:.0f} analyses: {_told(pe)} among shuffled channels; {verdict}.{beside}"


def _of_parts(mu1: Mapping[str, float], mu2: Mapping[str, float]) -> str:
    first, second = _direction(mu1), _direction(mu2)
    if first and second:
        verdict = "both pull in the same direction"
        if first != second:
            verdict = "they pull in opposite directions, and PE, which combines them, is what is left"
    elif first or second:
        verdict = f"only {'μ₁' if first else 'μ₂'} stands out among shuffled channels"
    else:
        verdict = "neither stands out among shuffled channels"
    return f"By μ₁ alone: {_told(mu1)}. By μ₂ alone: {_told(mu2)}; {verdict}."


def _of_choices(carried: pd.DataFrame) -> str:
    ranked = carried[carried["ranking"] == "pe"].drop_duplicates("choice").dropna(subset="variance")
    ranked = ranked.sort_values("variance", ascending=False, kind="stable").head(2)
    if ranked.empty:
        return "All analyses agree."
    named = [f"{CHOICES[row['choice']]} ({row['variance']:.0%} of the variance)" for row in ranked.to_dict("records")]
    return f"Of the choices, these alone explain most: {' and '.join(named)}."
