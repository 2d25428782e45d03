"""Time the agreement of a network of 1,472 channels (those of LPIPS-VGG) with people, at the size of published data.

`python benchmarks/agreement.py` measures a hundredth and a fifteenth of the splits and bootstrap samples, and from both
finds what all of them would take; `--whole` measures all of them, which takes a quarter of an hour. The processor time
of one core, over the goal of twelve minutes for all three data sets. The cubes are random: every channel has a scale of
its own, log-normally distributed, as channels of networks have. Beside it, parts of it against plain forms of them: the
splits of 2AFC, whose both sides are summed and scored by the definition, and selections of channels of a cube of
TID2013, scored one by one by scipy.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from measuring import Row, compared, of_ratios, peak_memory, seconds
from scipy import stats
from threadpoolctl import threadpool_limits

from perceptual_efficacy import agreement, judgements
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.vocabulary import OPINIONS, RANKINGS, SAME_OR_DIFFERENT, SCORED, TWO_ALTERNATIVES

LAYERS = {"relu1_2": 64, "relu2_2": 128, "relu3_3": 256, "relu4_3": 512, "relu5_3": 512}
DATA = {  # judgement_type, comparisons, sides, references, groups
    "BAPPS 2AFC": (TWO_ALTERNATIVES, 36_344, 2, 36_344, 6),
    "BAPPS JND": (SAME_OR_DIFFERENT, 9_600, 1, 9_600, 2),
    "TID2013": (OPINIONS, 3_000, 1, 25, 24),
}
SPLITS, REPLICATES = 10_000, 2_000
GOAL = 12 * 60  # seconds, of all of them
SHARES = (0.01, 0.07)
PLAIN = 64  # splits that the plain form scores
SELECTIONS = 100


def judged(name: str) -> tuple[xr.DataArray, judgements.Judgements]:
    """A random cube of the size of a data set, and random judgements."""
    kind, count, sides, references, groups = DATA[name]
    random = np.random.default_rng(0)
    scale = 10 ** random.normal(0, 0.7, sum(LAYERS.values()))
    values = (random.random((count, sides, len(scale)), dtype=np.float32) ** 2) * scale.astype(np.float32)
    coordinates = {
        "layer": ("unit", np.repeat(list(LAYERS), list(LAYERS.values()))),
        "channel": ("unit", np.concatenate([np.arange(channels) for channels in LAYERS.values()])),
    }
    rows = np.arange(count)
    judgement = random.uniform(1, 8, count) if kind == OPINIONS else random.integers(0, 6, count) / 5
    table = pd.DataFrame({"judgement": judgement, "group": rows % groups, "cluster": rows % references})
    table = table.assign(judgement_type=kind, judged_by="people")
    return xr.DataArray(values, dims=("comparison", "side", "unit"), coords=coordinates), judgements.read(table)


def rankings_of(cube: xr.DataArray) -> dict[str, Ranking]:
    random = np.random.default_rng(1)
    channels = pd.DataFrame({"layer": cube["layer"].values, "channel": cube["channel"].values, "status": SCORED})
    channels = channels.assign(**{name: random.random(len(channels)) for name in RANKINGS})
    return {name: Ranking(channels, name) for name in RANKINGS}


def processor_seconds(name: str, share: float) -> float:
    cube, people = judged(name)
    rankings, splits, replicates = rankings_of(cube), int(SPLITS * share), int(REPLICATES * share)
    start = time.process_time()
    agreement.compare_selections(cube, people, rankings, splits=splits, replicates=replicates)
    agreement.compare_single_channels(cube, people, rankings, shuffles=splits, replicates=replicates)
    return time.process_time() - start


def plain_splits(values: np.ndarray, marks: np.ndarray, judgement: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """2AFC scores of the halves of splits, by the definition."""
    found = []
    for half in (marks, ~marks):
        first, second = np.moveaxis(np.tensordot(half * 1.0, values, axes=1), -1, 0)
        earned = np.where(first < second, 1 - judgement, np.where(second < first, judgement, 0.5))
        found.append(np.mean([earned[:, groups == group].mean(axis=1) for group in np.unique(groups)], axis=0))
    return np.array(found)


def whole(name: str) -> float:
    """Processor seconds that all splits and samples would take: what they add grows with their number."""
    (few, less), (many, more) = ((share, processor_seconds(name, share)) for share in SHARES)
    return less + (more - less) * (1 - few) / (many - few)


def selections() -> Row:
    """Score many selections of channels of a cube of TID2013."""
    cube, people = judged("TID2013")
    values = np.moveaxis(cube.values, -1, 0).astype(np.float64)
    marks = np.random.default_rng(0).random((SELECTIONS, len(values))) < 0.5
    judgement = people.judgement  # type: ignore[attr-defined]

    def ours() -> np.ndarray:
        return people.primary_of(marks @ people.evidence(values))

    def one_by_one() -> np.ndarray:
        return np.array([-stats.spearmanr(values[mark, :, 0].sum(axis=0), judgement)[0] for mark in marks])

    np.testing.assert_allclose(ours(), one_by_one(), rtol=0, atol=1e-10)
    thousand = 1_000 / SELECTIONS * seconds(ours)
    about = f"{SELECTIONS} selections of 1,472 channels, 3,000 comparisons; 1,000 take {thousand:.1f} s"
    return compared("selections of a cube of TID2013 / one by one with scipy", ours, one_by_one, pairs=3, about=about)


def rows(*, complete: bool = False) -> Iterator[Row]:
    with threadpool_limits(1):
        taken = {name: processor_seconds(name, 1) if complete else whole(name) for name in DATA}
        told = ", ".join(f"{name} {value:.0f} s" for name, value in taken.items())
        by = "" if complete else f", from {' and '.join(f'{share:.0%}' for share in SHARES)} of splits and samples"
        about = f"processor time of one core{by}: {told}; peak memory {peak_memory():.1f} GB"
        yield of_ratios("agreement with BAPPS and TID2013 / 12 minutes", [sum(taken.values()) / GOAL], 1, about)
        yield selections()
        cube, people = judged("BAPPS 2AFC")
        kept = np.flatnonzero(cube["layer"].values == "relu3_3")
        values = np.ascontiguousarray(np.moveaxis(cube.values[..., kept], -1, 0)).astype(np.float64)
        splitting = agreement._Splitting(people.evidence(values))
        marks = np.random.default_rng(0).random((PLAIN, len(kept))) < 0.5
        judgement, groups = people.judgement, people.group  # type: ignore[attr-defined]
        ours = people.primary_of(splitting.halves(marks))
        np.testing.assert_allclose(ours, plain_splits(values, marks, judgement, groups), rtol=0, atol=1e-10)
        yield compared(
            "splits of 256 channels by 2AFC / the plain form",
            lambda: people.primary_by_group(splitting.halves(marks)),
            lambda: plain_splits(values, marks, judgement, groups),
            about=f"{PLAIN} splits of 36,344 triplets",
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whole", action="store_true")
    for row in rows(complete=parser.parse_args().whole):
        print(row, flush=True)
