"""The weights that LPIPS learnt from human judgements, and how scores from gratings correlate with them."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from perceptual_efficacy import provenance, statistics
from perceptual_efficacy.extras import extra
from perceptual_efficacy.scores import converged_layers
from perceptual_efficacy.vocabulary import INTERVAL, MEAN_OF_LAYERS, OF_NETWORK, SCORED

VERSION = "v0.1"
FILES = {"torchvision:vgg16": "vgg", "torchvision:alexnet": "alex", "torchvision:squeezenet1_1": "squeeze"}
NAMES = {"vgg": "LPIPS-VGG", "alex": "LPIPS-Alex", "squeeze": "LPIPS-Squeeze"}
RELEASE = "IMAGENET1K_V1"  # torchvision's weights that LPIPS was trained on
LEAST_CHANNELS = 4  # of a layer; ranks of fewer mean little
COLUMNS = ["layer", "ranking", "measure", *INTERVAL, "split_mean", "p_split", "n", "n_clusters", "resampled_unit"]

Floats = NDArray[np.float64]


def lpips_weights(architecture: str) -> pd.DataFrame:
    """Return LPIPS's published weight (v0.1) of every channel: a selection for `PerceptualMetric`.

    Parameters
    ----------
    architecture
        `torchvision:vgg16`, `torchvision:alexnet` or `torchvision:squeezenet1_1`, with torchvision's IMAGENET1K_V1
        weights: in another training, channels of the same numbers are different ones.

    Returns
    -------
    One row per channel of LPIPS's layers: layer, channel and weight (at least 0).

    Raises
    ------
    ValueError
        If LPIPS is not defined on this network.

    References
    ----------
    Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR
    2018; weights as in the package lpips.
    """
    if architecture not in FILES:
        raise ValueError(f"LPIPS has no weights for {architecture!r}; it has them for {', '.join(FILES)}.")
    # here, so that results of other networks can be read without torch
    import torch

    from perceptual_efficacy.backbones.published import LPIPS_LAYERS

    package = find_spec("lpips")  # found, not imported: only its data are needed
    if package is None or package.submodule_search_locations is None:
        with extra("lpips"):
            raise ModuleNotFoundError(name="lpips")
    provenance.data_read.add("lpips")
    path = Path(package.submodule_search_locations[0]) / "weights" / VERSION / f"{FILES[architecture]}.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    layers = LPIPS_LAYERS[architecture]
    weights = [state[f"lin{number}.model.1.weight"].flatten().double().numpy() for number in range(len(layers))]
    return pd.DataFrame(
        {
            "layer": np.repeat(layers, [len(weight) for weight in weights]),
            "channel": np.concatenate([np.arange(len(weight)) for weight in weights]),
            "weight": np.concatenate(weights),
        }
    )


def weights_of(network: Mapping[str, Any]) -> pd.DataFrame:
    """Return LPIPS's weights for a network by its identity or card; no rows unless LPIPS was trained on it."""
    architecture = network["architecture"]
    if network.get("release") == RELEASE and architecture in FILES:
        return lpips_weights(architecture)
    return pd.DataFrame({"layer": pd.Series(dtype=object), "channel": np.array([], np.int64), "weight": np.array([])})


def lpips_distances(cube: xr.Dataset) -> dict[str, NDArray[np.float64]]:
    """Weigh a distance cube of images by what LPIPS learnt: LPIPS's own distance by its name, (comparison, side).

    Empty if LPIPS has no weights for the network, or the cube lacks one of LPIPS's channels.
    """
    weights = weights_of(cube.attrs)
    units = pd.DataFrame({"layer": cube["layer"].values.astype(str), "channel": cube["channel"].values})
    weight = units.merge(weights, on=["layer", "channel"], how="left")["weight"].to_numpy()
    if weights.empty or np.isfinite(weight).sum() < len(weights):
        return {}
    return {NAMES[FILES[cube.attrs["architecture"]]]: cube["distance"].values @ np.nan_to_num(weight)}


def compare_with_weights(
    channels: pd.DataFrame,
    weights: pd.DataFrame,
    rankings: Sequence[str] = ("pe", "mu1", "mu2"),
    *,
    shuffles: int,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Correlate scores with the weights that LPIPS learnt, over the scored channels of each layer.

    Layers with fewer than four of them are left out. A weight may compensate for how large its channel's distances are,
    and scores correlate with that as well; a partial correlation given the mean distance between images controls for
    it.

    Parameters
    ----------
    channels, weights
        What `scores.score_channels` returns, beside the means of `distances.means_by_channel`; and what
        `lpips_weights` returns.
    rankings
        Columns of scores.
    shuffles, replicates, seed
        Shuffles of the weights over the channels of each layer, as a control; bootstrap samples of the channels of each
        layer; seed of both.

    Returns
    -------
    The network, layer (those of both tables, and the "mean of layers" of those that have converged, by the channels'
    column `converged`, if there is one), ranking, measure ("srcc", Spearman's rank correlation, or "partial srcc"),
    estimate, ci_low, ci_high, split_mean (mean of the shuffles), p_split (two-sided, among the shuffles), p_holm
    (corrected over all rows of a measure), n, n_clusters, resampled_unit. No rows if the tables share no layer.
    """
    random = np.random.default_rng(seed)
    scored = channels[channels["status"] == SCORED].merge(weights, on=["layer", "channel"], validate="one_to_one")
    found: dict[tuple[str, str, str], tuple[int, Floats, Floats]] = {}  # channels, samples (full one first), shuffles
    layers = [(str(layer), rows) for layer, rows in scored.groupby("layer", sort=False) if len(rows) >= LEAST_CHANNELS]
    for layer, rows in layers:
        count = len(rows)
        drawn = np.vstack([np.arange(count), random.integers(count, size=(replicates, count))])
        shuffled = random.permuted(np.tile(np.arange(count), (shuffles, 1)), axis=1)
        weight, distance = rows["weight"].to_numpy(), rows["mean_image_distance"].to_numpy()
        for ranking, (measure, correlate) in product(rankings, MEASURES.items()):
            score = rows[ranking].to_numpy()
            samples = correlate(score[drawn], weight[drawn], distance[drawn])
            found[layer, ranking, measure] = count, samples, correlate(score[None], weight[shuffled], distance[None])
    averaged = [layer for layer in converged_layers(scored) if layer in dict(layers)]
    missing = 0, np.full(1 + replicates, np.nan), np.full(shuffles, np.nan)
    for ranking, measure in product(rankings, MEASURES) if layers else ():
        of_layers = [found[layer, ranking, measure] for layer in averaged] or [missing]
        counts, samples_of, shuffles_of = zip(*of_layers, strict=True)
        means = np.mean(samples_of, axis=0), np.mean(shuffles_of, axis=0)
        found[MEAN_OF_LAYERS, ranking, measure] = sum(counts), *means
    rows_found = [
        (
            *(*key, samples[0], *statistics.percentile_interval(samples[1:])),
            *(chance.mean(), statistics.permutation_p(samples[0], chance), count, count, "channels"),
        )
        for key, (count, samples, chance) in found.items()
    ]
    table = pd.DataFrame(rows_found, columns=COLUMNS)
    for place, name in enumerate(name for name in (*OF_NETWORK, "dataset") if name in channels):
        table.insert(place, name, channels[name].iloc[0])
    return table.assign(p_holm=_corrected(table, averaged))


def _corrected(table: pd.DataFrame, averaged: Sequence[str]) -> pd.Series:
    """Holm's correction of `p_split` over each measure's hypotheses; the mean of one layer is no further one."""
    same = {MEAN_OF_LAYERS: averaged[0]} if len(averaged) == 1 else {}
    hypotheses = table["layer"].replace(same) + ", " + table["ranking"]
    corrected = pd.Series(np.nan, table.index)
    for members in table.groupby("measure").groups.values():
        corrected[members] = statistics.holm(table.loc[members, "p_split"], hypotheses[members].to_numpy(str))
    return corrected


def _spearman(x: Floats, y: Floats, _given: Floats) -> Floats:
    return statistics.pearson(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1))


def _partial_spearman(x: Floats, y: Floats, given: Floats) -> Floats:
    x_y, x_given, y_given = (_spearman(*pair, given) for pair in ((x, y), (x, given), (y, given)))
    with np.errstate(invalid="ignore", divide="ignore"):  # missing where the given alone sets the order
        return np.where(
            np.maximum(np.abs(x_given), np.abs(y_given)) < 1 - 1e-12,
            (x_y - x_given * y_given) / np.sqrt((1 - x_given**2) * (1 - y_given**2)),
            np.nan,
        )


MEASURES = {"srcc": _spearman, "partial srcc": _partial_spearman}
