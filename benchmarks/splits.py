"""Time the random splits of one layer at the size of TID2013: 3,000 images, 512 channels, 10,000 splits by SRCC.

Run as `python benchmarks/splits.py`. Beside the seconds, the ratio to what the two matrix products alone take.
"""

import time

import numpy as np
import pandas as pd
import xarray as xr

from perceptual_efficacy import agreement
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.judgements import OpinionScores

IMAGES, REFERENCES, TYPES, CHANNELS, SPLITS = 3000, 25, 24, 512, 10_000


def main() -> None:
    random = np.random.default_rng(0)
    reference = np.repeat(np.arange(REFERENCES), IMAGES // REFERENCES).astype(str)
    kind = np.tile(np.repeat(np.arange(TYPES), IMAGES // REFERENCES // TYPES), REFERENCES).astype(str)
    opinions = OpinionScores(random.uniform(0, 9, IMAGES), kind, reference)
    distance = random.gamma(2, size=(IMAGES, 1, CHANNELS)).astype(np.float32)
    channels = pd.DataFrame({"layer": "relu5_1", "channel": range(CHANNELS), "status": "scored"})
    channels["pe"] = random.random(CHANNELS)
    cube = xr.DataArray(
        distance,
        dims=("comparison", "side", "unit"),
        coords={"layer": ("unit", channels["layer"]), "channel": ("unit", channels["channel"])},
    )
    opinions.groups = dict  # type: ignore[method-assign,assignment]  # all images only

    marks = random.random((SPLITS, CHANNELS)) < 0.5
    start = time.perf_counter()
    for half in (marks, ~marks):
        half @ distance[:, 0].T.astype(np.float64)
    product = time.perf_counter() - start
    for splits in (100, SPLITS):  # the first run pays for what is loaded on first use
        start = time.perf_counter()
        agreement.compare_selections(cube, opinions, {"pe": Ranking(channels, "pe")}, splits=splits, replicates=100)
        elapsed = time.perf_counter() - start
    print(f"{SPLITS} splits, and as many matched ones, of the raw and the standardised cube: {elapsed:.1f} s")
    print(f"{elapsed / product:.1f} times two matrix products of that size ({product:.2f} s)")


if __name__ == "__main__":
    main()
