"""Time the agreement of a network of 1,472 channels (those of LPIPS-VGG) with people, at the size of published data.

`python benchmarks/agreement.py` measures a tenth of the splits and of the bootstrap samples; `--whole` all of them,
which takes some ten minutes. The processor time of one core, over the goal of twelve minutes for all three data sets.
The cubes are random: every channel has a scale of its own, log-normally distributed, as channels of networks have.
Beside it, the splits alone against a plain form of them, which sums both sides of every half and scores it by the
definition.
"""

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from measuring import Row, compared, of_ratios
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
PLAIN = 64  # splits that the plain form scores


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


def rows(share: float = 0.1) -> Iterator[Row]:
    with threadpool_limits(1):
        taken = {name: processor_seconds(name, share) for name in DATA}
        told = ", ".join(f"{name} {value:.0f} s" for name, value in taken.items())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        whole = "" if share == 1 else f", over {share:.0%}, which counts what does not depend on them too often"
        about = f"processor time of {share:.0%} of splits and samples{whole}: {told}; peak memory {memory:.1f} GB"
        yield of_ratios(
            "agreement with BAPPS and TID2013 / 12 minutes", [sum(taken.values()) / share / GOAL], goal=1, about=about
        )
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
    for row in rows(1.0 if parser.parse_args().whole else 0.1):
        print(row, flush=True)
