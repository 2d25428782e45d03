"""Count verdicts on studies with an effect by construction, and write the table into docs/claims.md.

Run as `python benchmarks/verdicts.py`; it takes some minutes. In each study the distances of one layer's 64 channels
follow the true ones with noise, in part the same in all channels, that falls from the channel of lowest PE to that of
highest by the planted share. Opinions are of 600 images, 25 references in 24 ways; choices are of 2,000 pairs of
patches in five categories, by five people. The rule, its controls and the smallest effects are those of claims.yaml.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from perceptual_efficacy import agreement
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.claims import evaluation
from perceptual_efficacy.judgements import Judgements, OpinionScores, TwoAlternativeChoices
from perceptual_efficacy.vocabulary import EVERYTHING, HIGH_LOW, RAW

PAGE = Path(__file__).parents[1] / "docs" / "claims.md"
STUDIES, CHANNELS, LAYER = 100, 64, "relu2_2"
PLANTED = (0.0, 0.1, 0.2, 0.3, 0.4)
CONTROLS = (evaluation.RANDOM_SPLITS, evaluation.MATCHED_SPLITS)

Judged = tuple[np.ndarray, Judgements]  # true differences (comparisons, sides), and what people say of them


class OnlyOpinions(OpinionScores):
    """Opinions with the one measure that claims are judged by."""

    measures = ("srcc",)

    def score(self, distance, draws, measures=measures):
        return super().score(distance, draws, measures)

    groups = dict  # type: ignore[assignment]  # all images only


class OnlyChoices(TwoAlternativeChoices):
    """Choices in all categories together."""

    groups = dict  # type: ignore[assignment]


def opinions(random: np.random.Generator) -> Judged:
    difference = random.uniform(0.2, 3, (600, 1))
    judged = 9 - 2 * difference[:, 0] + random.normal(scale=1.0, size=600)
    return difference, OnlyOpinions(judged, np.tile(np.arange(24), 25).astype(str), np.repeat(np.arange(25), 24))


def choices(random: np.random.Generator) -> Judged:
    difference = random.uniform(0.2, 3, (2000, 2))
    judged = random.binomial(5, stats.norm.cdf(difference[:, 0] - difference[:, 1])) / 5
    return difference, OnlyChoices(judged, np.tile(np.arange(5), 400).astype(str), np.arange(2000))


def study(judge: Callable[[np.random.Generator], Judged], planted: float, seed: int) -> pd.Series:
    """Assess one study; return the row of the endpoint."""
    random = np.random.default_rng(seed)
    difference, judgements = judge(random)
    pe = random.permutation(CHANNELS) / (CHANNELS - 1)
    common, own = random.normal(size=(*difference.shape, 1)), random.normal(size=(*difference.shape, CHANNELS))
    noise = 0.5 * (1 + planted * (0.5 - pe)) * (common + own)
    gain = random.lognormal(sigma=0.5, size=CHANNELS)
    cube = xr.DataArray(
        (gain * difference[..., None] * np.exp(noise)).astype(np.float32),
        dims=("comparison", "side", "unit"),
        coords={"layer": ("unit", [LAYER] * CHANNELS), "channel": ("unit", np.arange(CHANNELS))},
    )
    channels = pd.DataFrame({"layer": LAYER, "channel": range(CHANNELS), "status": "scored", "pe": pe})
    options = {"splits": 1000, "replicates": 500, "seed": seed}
    table = agreement.compare_selections(cube, judgements, {"pe": Ranking(channels, "pe")}, **options)
    where = {"cube": RAW, "layer": LAYER, "ranking": "pe", "selection": HIGH_LOW, "group": EVERYTHING}
    return table[np.logical_and.reduce([table[name] == value for name, value in where.items()])].iloc[0]


def main() -> None:
    rows = []
    for name, judge, effect in (("opinions, SRCC", opinions, 0.02), ("choices, 2AFC", choices, 0.01)):
        for planted in PLANTED:
            found = [study(judge, planted, seed) for seed in range(STUDIES)]
            verdicts = pd.Series([verdict_of(row, effect) for row in found])
            differences = [row["estimate"] for row in found]
            kinds = (evaluation.SUPPORTED, evaluation.CONTRADICTED, evaluation.NO_EFFECT, evaluation.INCONCLUSIVE)
            shares = {kind: f"{(verdicts == kind).mean():.0%}" for kind in kinds}
            about = {"judgements": name, "planted": f"{planted:.0%}", "mean difference": f"{np.mean(differences):z.3f}"}
            rows.append({**about, **shares})
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    text = f"{table}\n\n{STUDIES} studies a row."
    block = f"<!-- power: written by benchmarks/verdicts.py -->\n{text}\n<!-- end of power -->"
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        re.sub(r"<!-- power: .*?<!-- end of power -->", lambda _: block, page, flags=re.DOTALL), encoding="utf-8"
    )


def verdict_of(row: pd.Series, effect: float) -> str:
    numbers = {name: row[name] for name in ("estimate", "ci_low", "ci_high")}
    places = [evaluation.Place(name, *(row[column] for column in evaluation.CONTROLS[name])) for name in CONTROLS]
    return evaluation.judge(**numbers, smallest_effect=effect, n_clusters=int(row["n_clusters"]), places=places).verdict


if __name__ == "__main__":
    main()
