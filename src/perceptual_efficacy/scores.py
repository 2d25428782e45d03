"""Scores of a channel: frequency sensitivity mu1, orientation selectivity mu2, and perceptual efficacy PE."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy  # its parts are imported when they are used, and most jobs use none
import xarray as xr
from numpy.typing import NDArray

from perceptual_efficacy import csf as models
from perceptual_efficacy import statistics
from perceptual_efficacy.vocabulary import ALL, HIGH, INTERVAL, LOW, MEAN_OF_LAYERS, RANDOM, SCORED, identity

Baseline = Literal["none", "blank"]
Combination = Literal["product", "ranks"]
SlopePer = Literal["octave", "cycle"]
OrientationAt = Literal["steepest", "preferred"]

SLOPE_SCALE = 0.2  # octaves
LEAST_SPREAD = 3  # times the range over phases, of scores that differ between channels
LEAST_AGREEMENT = 0.9  # Spearman's correlation, of a ranking that has converged
WEAKEST = 0.01  # of a channel's maximum: orientation is not judged on a response below this share
SILENT = "not scored: no response to any grating"
WEAK = f"not scored: oriented response at the steepest frequency below {WEAKEST:.0%} of the channel's maximum"


def tuning_curves(
    tuning: xr.Dataset, *, pixels_per_degree: float | None = None, baseline: Baseline = "none"
) -> xr.Dataset:
    """Reduce responses to the curves that scores and figures are made of.

    Parameters
    ----------
    tuning
        What `probing.probe` returns.
    pixels_per_degree
        Resolution at which the images are assumed to be seen, which relabels the frequencies; by default that of the
        gratings.
    baseline
        "blank" subtracts the response to the uniform field from every response.

    Returns
    -------
    Over the units and axes of `tuning`, averaged over phases, float64: `radial` (unit, frequency) and `oriented` (unit,
    oriented_frequency, orientation), the responses, the latter at least 0; `normalised` (unit, frequency), the radial
    curve divided by its largest magnitude; and `slope` (unit, frequency), its ``|da/dlog2 f|`` per octave (see
    `slopes`). A curve of zeros stays zero. Frequency is in cycles per degree.

    Raises
    ------
    ValueError
        If there is no such baseline.
    """
    if baseline not in ("none", "blank"):
        raise ValueError(f"baseline is {baseline!r}; it must be 'none' or 'blank'.")
    own = tuning.attrs["pixels_per_degree"]
    scale = own if pixels_per_degree is None else pixels_per_degree
    relabelled = {
        name: (name, tuning[name].values * (scale / own), {"units": "cycles per degree"})
        for name in ("frequency", "oriented_frequency")
    }
    mean = tuning[["radial_response", "oriented_response"]].astype(np.float64).mean("phase", skipna=False)
    if baseline == "blank":
        mean = mean - tuning["blank_response"]
    radial = mean["radial_response"].values
    largest = np.abs(radial).max(axis=-1, keepdims=True)
    normalised = np.divide(radial, largest, out=np.zeros_like(radial), where=largest > 0)
    over = ("unit", "frequency")
    return xr.Dataset(
        {
            "radial": (over, radial),
            # below the blank: no response to that orientation
            "oriented": (("unit", "oriented_frequency", "orientation"), mean["oriented_response"].values.clip(0)),
            "normalised": (over, normalised),
            "slope": (over, np.abs(slopes(normalised, np.log2(tuning["frequency"].values)))),
        },
        coords=mean.coords,
        attrs={**tuning.attrs, "pixels_per_degree": scale},
    ).assign_coords(relabelled)


def slopes(curves: NDArray[np.float64], octaves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of curves at a fixed scale, so that it does not depend on how densely they are sampled.

    The slope at each point is that of the straight line that fits the curve around it best, with Gaussian weights of
    standard deviation 0.2 octave. On a dense grid and away from the ends that is the convolution with the derivative of
    this Gaussian; within about half an octave of an end it is one-sided and depends a little on the grid. On a grid
    much coarser than the Gaussian it is central differences.

    Parameters
    ----------
    curves
        Shape (..., frequencies).
    octaves
        log2 of the frequencies, rising, shape (frequencies,).

    Returns
    -------
    Per octave, shape (..., frequencies).

    References
    ----------
    Cleveland: Robust Locally Weighted Regression and Smoothing Scatterplots, Journal of the American Statistical
    Association 74, 1979, for the local line.
    """
    apart = octaves - octaves[:, None]
    # relative to each point's nearest neighbour, so that weights on a coarse grid are not lost to rounding
    nearest = np.where(apart == 0, np.inf, np.abs(apart)).min(axis=1, keepdims=True)
    weight = np.exp((nearest**2 - apart**2) / (2 * SLOPE_SCALE**2))
    centred = apart - (weight * apart).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    weighted = weight * centred
    return curves @ (weighted / (weighted * centred).sum(axis=1, keepdims=True)).T


def score_channels(
    tuning: xr.Dataset,
    csf: str | models.ContrastSensitivity = "mannos-sakrison",
    *,
    pixels_per_degree: float | None = None,
    baseline: Baseline = "none",
    combination: Combination = "product",
    slope_per: SlopePer = "octave",
    orientation_at: OrientationAt = "steepest",
) -> pd.DataFrame:
    """Score every channel from its tuning curves.

    Parameters
    ----------
    tuning
        What `probing.probe` returns.
    csf
        Contrast sensitivity function: a name of `csf.MODELS`, or a function of frequency in cycles per degree.
    pixels_per_degree, baseline
        See `tuning_curves`.
    combination
        PE is the "product" mu1 * mu2, or the mean of both scores' "ranks" within the layer, scaled to (0, 1].
    slope_per
        Whether slopes are per "octave" of frequency, or per "cycle" per degree.
    orientation_at
        Whether f* of mu2 is where the weighted slope is "steepest", or the frequency that is "preferred", where the
        radial curve is highest.

    Returns
    -------
    One row per channel: the network (see `vocabulary.IDENTITY`), pixels_per_degree, layer, channel, receptive_field
    (pixels) and weights_sha256 (where `tuning` has them), status ("scored", or why not), preferred_frequency (peak of
    the radial curve) and steepest_frequency (f*), both in cycles per degree,
    preferred_orientation in degrees, mu1, mu2, pe, osi, circular_variance, bandwidth (full width at half height,
    degrees), chromatic_index, mean_activation (over the radial gratings) and rectified.

    Raises
    ------
    ValueError
        If there is no such CSF, baseline or combination.

    Notes
    -----
    a(f): radial responses averaged over phases, divided by the curve's largest magnitude. ::

        mu1 = sum_f |da/dlog2 f| CSF(f) / sum_f CSF(f)
        mu2 = 1 - mean_theta a(f*, theta) / max_theta a(f*, theta)
        f*  = argmax |da/dlog2 f| CSF, over the interior frequencies of the oriented gratings

    mu2 is missing where the largest response at f* is below 1% of the channel's largest response.

    The formulas are our reading of Tariq, Tursun, Kim, Didyk: Why Are Deep Representations Good Perceptual Quality
    Features?, ECCV 2020. Orientation selectivity index and circular variance: Mazurek, Kager, Van Hooser: Robust
    quantification of orientation selectivity and direction selectivity, 2014; bandwidth: Ringach, Shapley, Hawken:
    Orientation Selectivity in Macaque V1, 2002 (at half height).
    """
    if not isinstance(tuning, xr.Dataset):
        raise ValueError(f"tuning is a {type(tuning).__name__}; expected the Dataset that probe returns.")
    for name, found, known in (
        ("combination", combination, ("product", "ranks")),
        ("slope_per", slope_per, ("octave", "cycle")),
        ("orientation_at", orientation_at, ("steepest", "preferred")),
    ):
        if found not in known:
            raise ValueError(f"{name} is {found!r}; it must be {known[0]!r} or {known[1]!r}.")
    curves = tuning_curves(tuning, pixels_per_degree=pixels_per_degree, baseline=baseline)
    frequency, slope = curves["frequency"].values, curves["slope"].values
    if slope_per == "cycle":
        slope = slope / (np.log(2) * frequency)
    radial, oriented = curves["radial"].values, curves["oriented"].values
    sensitivity = (models.by_name(csf) if isinstance(csf, str) else csf)(frequency)

    mu1 = slope @ sensitivity / sensitivity.sum()
    # oriented gratings have some of the frequencies; slopes at the ends are one-sided
    turned = np.searchsorted(frequency, curves["oriented_frequency"].values * (1 - 1e-9))
    inside = np.flatnonzero((turned > 0) & (turned < len(frequency) - 1))
    height = slope * sensitivity if orientation_at == "steepest" else radial
    chosen = inside[height[:, turned[inside]].argmax(axis=1)]
    steepest, tuned = turned[chosen], oriented[np.arange(len(radial)), chosen]
    strongest = np.maximum(np.abs(radial).max(axis=1), oriented.max(axis=(1, 2)))
    silent = strongest <= 0
    weak = ~silent & (tuned.max(axis=1) < WEAKEST * strongest)
    unjudged = silent | weak

    mu2, osi, circular_variance, preferred, bandwidth = orientation_scores(tuned, curves["orientation"].values)
    seen = [name for name in ("layer", "channel", "receptive_field", "weights_sha256") if name in tuning.coords]
    table = pd.DataFrame(
        {
            **identity(curves.attrs),
            **{name: tuning[name].values for name in seen},
            "status": np.select([silent, weak], [SILENT, WEAK], SCORED),
            "preferred_frequency": np.where(silent, np.nan, frequency[radial.argmax(axis=1)]),
            "steepest_frequency": np.where(silent, np.nan, frequency[steepest]),
            "preferred_orientation": np.where(unjudged, np.nan, preferred),
            "mu1": np.where(silent, np.nan, mu1),
            "mu2": np.where(unjudged, np.nan, mu2),
            "pe": np.nan,
            "osi": np.where(unjudged, np.nan, osi),
            "circular_variance": np.where(unjudged, np.nan, circular_variance),
            "bandwidth": np.where(unjudged, np.nan, bandwidth),
            "chromatic_index": chromatic_index(tuning),
            "mean_activation": tuning["radial_response"].mean(("frequency", "phase")).values.astype(np.float64),
            "rectified": tuning["rectified"].values.astype(bool),
        }
    )
    if combination == "product":
        table["pe"] = table["mu1"] * table["mu2"]
    else:
        scored = table[table["status"] == SCORED]
        ranks = scored.groupby("layer", sort=False)[["mu1", "mu2"]].rank(pct=True)
        table.loc[scored.index, "pe"] = ranks.mean(axis=1)
    return table


def chromatic_index(tuning: xr.Dataset) -> NDArray[np.float64]:
    """Response of every channel to colour relative to luminance, in [0, 1], shape (units,).

    C / (C + A): the largest change from the response to the blank over the frequencies of the isoluminant gratings (C,
    the larger of red-green and blue-yellow) and of the grey radial ones (A), both averaged over phases. It depends on
    the gratings' amplitudes: compare channels, not studies. Missing where a channel responds to neither, or if no
    isoluminant gratings were shown.

    References
    ----------
    After Johnson, Hawken, Shapley: The spatial transformation of color in the primary visual cortex of the macaque
    monkey, Nature Neuroscience 4, 2001, who compare the peaks of the same two tuning curves.
    """
    kinds = [f"{kind}_response" for kind in ("radial", "red_green", "blue_yellow")]
    if not set(kinds) <= set(tuning):
        return np.full(tuning.sizes["unit"], np.nan)
    mean = tuning[kinds].astype(np.float64).mean("phase", skipna=False) - tuning["blank_response"].astype(np.float64)
    grey, *colours = (np.abs(mean[kind].values).max(axis=-1) for kind in kinds)
    colour = np.maximum(*colours)
    return statistics.ratio(colour, colour + grey)


def orientation_scores(
    response: NDArray[np.float64], orientation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Orientation scores of curves of responses of at least 0, shape (units, orientations).

    Returns
    -------
    mu2, orientation selectivity index, circular variance, preferred orientation (the angle of the resultant, degrees
    in [-90, 90)) and bandwidth (full width at half height, degrees; missing where the curve stays above half height),
    each of shape (units,); all missing for a curve of zeros.
    """
    largest = response.max(axis=1)
    responding = largest > 0
    curve = np.divide(response, largest[:, None], out=np.full_like(response, np.nan), where=responding[:, None])
    mu2 = 1 - curve.mean(axis=1)
    with np.errstate(invalid="ignore"):  # a missing curve gives missing scores
        resultant = curve @ np.exp(2j * np.deg2rad(orientation)) / curve.sum(axis=1)
    circular_variance = 1 - np.abs(resultant)
    preferred = np.rad2deg(np.angle(resultant)) / 2
    preferred = (preferred + 90) % 180 - 90
    peak = np.where(responding, np.nan_to_num(curve).argmax(axis=1), 0)
    units = np.arange(len(curve))
    best = curve[units, peak]
    orthogonal = curve[units, (peak + len(orientation) // 2) % len(orientation)]
    osi = (best - orthogonal) / (best + orthogonal)
    bandwidth = _full_widths(curve, peak) * 180 / len(orientation)
    return mu2, osi, circular_variance, preferred, bandwidth


def _full_widths(curve: NDArray[np.float64], peak: NDArray[np.intp]) -> NDArray[np.float64]:
    """Steps between the half-height crossings on both sides of the peak of circular curves, shape (units,)."""
    units, steps = np.arange(len(curve)), np.arange(curve.shape[1])

    def crossing(direction: int) -> NDArray[np.float64]:
        around = np.take_along_axis(curve, (peak[:, None] + direction * steps) % len(steps), axis=1)
        first = (around < 0.5).argmax(axis=1)  # 0, the peak itself, if there is none
        above, below = around[units, first - 1], around[units, first]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(first > 0, first - 1 + (above - 0.5) / (above - below), np.nan)

    return crossing(1) + crossing(-1)


def select_channels(
    channels: pd.DataFrame,
    selection: str = "high",
    *,
    by: str = "pe",
    layers: Sequence[str] | None = None,
    draw: int | None = None,
) -> pd.DataFrame:
    """Select channels of every layer.

    Parameters
    ----------
    channels
        What `score_channels` returns, of one network.
    selection
        "high" or "low", the upper or lower half of each layer's scored channels: ties go by channel index, and of an
        odd number the middle one goes to low. "random", as many scored channels of each layer as "high" has. "all",
        every channel, scored or not.
    by
        Column to rank by: pe, mu1, mu2, or any other number. Channels without it count as not scored.
    layers
        Layers to select from; all unless given.
    draw
        Seed; required for "random".

    Returns
    -------
    The columns layer and channel of the selected rows of `channels`, in their order and with their index. Of a single
    scored channel the upper half is empty.

    Raises
    ------
    ValueError
        If there is no such selection, column or layer, a random half has no seed, or the index is not unique.
    """
    if selection not in (ALL, HIGH, LOW, RANDOM):
        raise ValueError(f"selection is {selection!r}; it must be 'all', 'high', 'low' or 'random'.")
    if selection == RANDOM and draw is None:
        raise ValueError("A random half needs the seed that it is drawn by: give draw.")
    if not isinstance(channels, pd.DataFrame):
        raise ValueError(f"channels is a {type(channels).__name__}; expected the table that score_channels returns.")
    if not channels.index.is_unique:
        raise ValueError("The table of channels has rows of equal index, as after pandas.concat; give each its own.")
    known = channels["layer"].unique()
    if unknown := [layer for layer in layers or () if layer not in known]:
        raise ValueError(f"There is no layer {unknown[0]!r} among the channels; they are of {', '.join(known)}.")
    members = channels if layers is None else channels[channels["layer"].isin(layers)]
    if selection == ALL:
        return members[["layer", "channel"]]
    if by not in channels.columns:
        raise ValueError(f"Channels cannot be ranked by {by!r}; the columns are {', '.join(channels.columns)}.")
    scored = members[(members["status"] == SCORED) & members[by].notna()]
    generator = np.random.default_rng(draw)
    chosen: list[int] = []
    for _, layer in scored.groupby("layer", sort=False):
        ranked = layer.sort_values([by, "channel"], ascending=[False, True], kind="stable").index
        count = len(ranked) // 2
        halves = {HIGH: ranked[:count], LOW: ranked[count:]}
        if selection == RANDOM:
            halves[RANDOM] = layer.index[statistics.random_halves(len(layer), 1, generator)[0]]
        chosen.extend(halves[selection])
    return channels.loc[sorted(chosen), ["layer", "channel"]]


def spread_over_phases(
    tuning: xr.Dataset, csf: models.ContrastSensitivity, baseline: Baseline = "none"
) -> pd.DataFrame:
    """Range (largest minus smallest) of each channel's mu1 and mu2 when scored from one phase at a time.

    Returns
    -------
    layer, channel, mu1, mu2 (the ranges), one row per channel; missing where one of the phases gives no score.
    """
    single = [
        score_channels(tuning.isel(phase=[number]), csf, baseline=baseline) for number in range(tuning.sizes["phase"])
    ]
    scores = {name: np.stack([table[name].to_numpy() for table in single]) for name in ("mu1", "mu2")}
    return single[0][["layer", "channel"]].assign(
        **{name: values.max(axis=0) - values.min(axis=0) for name, values in scores.items()}
    )


def convergence(tuning: xr.Dataset, csf: models.ContrastSensitivity, **options: Any) -> pd.DataFrame:
    """Say of every layer whether its ranking of channels would stay with a denser or larger set of gratings.

    Parameters
    ----------
    tuning, csf, options
        See `score_channels`.

    Returns
    -------
    One row per layer: layer; half_frequencies, Spearman's correlation of PE by all frequencies and by every second one
    of the radial and of the oriented gratings; half_phases, that of PE by every second phase and by the others;
    sees_padding, whether units in the field see padding; converged, whether neither correlation is below .9 and no unit
    sees padding. A correlation that cannot be computed counts as below.
    """
    every_second = slice(None, None, 2)
    fewer = tuning.isel(frequency=every_second, oriented_frequency=every_second)
    parts = [tuning, fewer, tuning.isel(phase=slice(0, None, 2)), tuning.isel(phase=slice(1, None, 2))]
    usable = [part if part.sizes["phase"] and part.sizes["oriented_frequency"] > 2 else None for part in parts]
    efficacy = [None if part is None else score_channels(part, csf, **options)["pe"] for part in usable]
    layer = pd.Series(tuning["layer"].values.astype(str))
    padding = pd.Series(tuning["sees_padding"].values if "sees_padding" in tuning.coords else False, layer.index)
    rows = []
    for name, members in layer.groupby(layer, sort=False).groups.items():
        frequencies, phases = (_agreement(efficacy[one], efficacy[other], members) for one, other in ((0, 1), (2, 3)))
        sees = bool(padding[members].any())
        converged = not sees and min(frequencies, phases) >= LEAST_AGREEMENT
        rows.append((name, frequencies, phases, sees, converged))
    return pd.DataFrame(rows, columns=["layer", "half_frequencies", "half_phases", "sees_padding", "converged"])


def converged_layers(channels: pd.DataFrame) -> list[str]:
    """Names of the layers to average over: those that have converged, by the column `converged`; without it, all."""
    if "converged" in channels:
        channels = channels[channels.groupby("layer")["converged"].transform("all")]
    return channels["layer"].astype(str).unique().tolist()


def _agreement(first: pd.Series | None, second: pd.Series | None, members: pd.Index) -> float:
    """Spearman's correlation of two scores over some channels; -1 where it cannot be computed."""
    if first is None or second is None:
        return -1.0
    both = pd.concat([first[members], second[members]], axis=1).dropna()
    if len(both) < 3 or (both.nunique() < 2).any():
        return -1.0
    return float(scipy.stats.spearmanr(both.iloc[:, 0], both.iloc[:, 1]).statistic)


def compare_layers(
    tuning: xr.Dataset,
    controls: Sequence[xr.Dataset],
    csf: models.ContrastSensitivity,
    *,
    baseline: Baseline = "none",
    combination: Combination = "product",
    replicates: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Describe each layer's distribution of scores, beside controls with the same layers and random weights.

    Parameters
    ----------
    tuning, controls
        What `probing.probe` returns for the backbone, and for controls with several seeds.
    csf
        Contrast sensitivity function of frequency in cycles per degree.
    baseline, combination
        See `score_channels`.
    replicates
        Bootstrap samples; the channels of a layer are resampled, those of each control independently.
    seed
        Seed of the bootstrap.

    Returns
    -------
    layer (and "mean of layers", of those that have converged), statistic, estimate, ci_low, ci_high, n_clusters,
    resampled_unit, and half_frequencies, half_phases, sees_padding and converged (see `convergence`). The statistics,
    for mu1 and mu2: `mu1_iqr` (likewise `mu2_...`), the interquartile range over scored channels; `mu1_phase_range`,
    the median over channels of the range over single phases; `mu1_spread`, the first minus three times the second; and
    `mu1_iqr_control`, the mean of the controls' interquartile ranges. `low_pe_chromatic_srcc`: Spearman's correlation
    of the chromatic index with minus PE over scored channels that have one. `csf_r` and `csf_r_control` (mean over
    controls): Pearson correlation over frequencies of the CSF with the channels' mean unweighted |da/dlog2 f|.
    """
    random = np.random.default_rng(seed)
    layers = list(dict.fromkeys(tuning["layer"].values.astype(str)))
    options: dict[str, Any] = {"baseline": baseline, "combination": combination}
    own = _sampled(tuning, layers, csf, replicates, random, **options)
    others = [_sampled(control, layers, csf, replicates, random, **options) for control in controls]
    state = convergence(tuning, csf, **options).set_index("layer")
    found = {}
    for layer in layers:
        values = own[layer]
        for score in ("mu1", "mu2"):
            values[f"{score}_spread"] = values[f"{score}_iqr"] - LEAST_SPREAD * values[f"{score}_phase_range"]
        values["low_pe_chromatic_srcc"] = -values.pop("chromatic_srcc")
        for name in ("mu1_iqr", "mu2_iqr", "csf_r"):
            values[f"{name}_control"] = np.mean([control[layer][name] for control in others], axis=0)
        found[layer] = values
    averaged = [layer for layer in layers if state.loc[layer, "converged"]]
    missing = np.full(1 + replicates, np.nan)
    found[MEAN_OF_LAYERS] = {
        name: np.mean([found[layer][name] for layer in averaged], axis=0) if averaged else missing
        for name in found[layers[0]]
    }
    channels = score_channels(tuning, csf, **options)
    counts = {
        name: {**of_layer, MEAN_OF_LAYERS: sum(of_layer.get(layer, 0) for layer in averaged)}
        for name, of_layer in (
            ("all", channels["layer"].value_counts().to_dict()),
            ("scored", channels.loc[channels["status"] == SCORED, "layer"].value_counts().to_dict()),
            ("low_pe_chromatic_srcc", channels.loc[_coloured(channels), "layer"].value_counts().to_dict()),
        )
    }
    return pd.DataFrame(
        [
            {
                **identity(tuning.attrs),
                "layer": layer,
                "statistic": name,
                **dict(zip(INTERVAL, (sample[0], *statistics.percentile_interval(sample[1:])), strict=True)),
                "n_clusters": counts.get(name, counts["all" if name.startswith("csf") else "scored"]).get(layer, 0),
                "resampled_unit": "channels",
                **(state.loc[layer].to_dict() if layer in state.index else {"converged": bool(averaged)}),
            }
            for layer, values in found.items()
            for name, sample in values.items()
        ]
    )


def _sampled(
    tuning: xr.Dataset,
    layers: Sequence[str],
    csf: models.ContrastSensitivity,
    replicates: int,
    random: np.random.Generator,
    *,
    baseline: Baseline,
    combination: Combination,
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Statistics of every layer of one network on the full sample of its channels and on bootstrap samples."""
    scores = score_channels(tuning, csf, baseline=baseline, combination=combination)
    phases = spread_over_phases(tuning, csf, baseline)
    curves = tuning_curves(tuning, baseline=baseline)
    slope, sensitivity = curves["slope"].values, csf(curves["frequency"].values)
    found = {}
    for layer in layers:
        members = np.flatnonzero((scores["layer"] == layer).to_numpy())
        drawn = np.vstack([members, random.choice(members, size=(replicates, len(members)))])
        values: dict[str, NDArray[np.float64]] = {}
        for score in ("mu1", "mu2"):
            scored = scores[score].where(scores["status"] == SCORED).to_numpy()
            lower, upper = _quantiles(scored[drawn], [0.25, 0.75])
            values[f"{score}_iqr"] = upper - lower
            (values[f"{score}_phase_range"],) = _quantiles(phases[score].to_numpy()[drawn], [0.5])
        coloured = members[_coloured(scores).to_numpy()[members]]
        values["chromatic_srcc"] = _correlation_of_samples(scores, coloured, replicates, random)
        counts = np.stack([np.bincount(sample, minlength=len(slope))[members] for sample in drawn])
        values["csf_r"] = statistics.pearson(counts @ slope[members] / len(members), sensitivity)
        found[layer] = values
    return found


def _quantiles(samples: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
    """Quantiles of each sample's values that are present, shape (shares, samples); missing where none is."""
    return scipy.stats.quantile(samples, np.array(shares), axis=1, keepdims=True, nan_policy="omit").T


def _coloured(scores: pd.DataFrame) -> pd.Series:
    """Which channels are scored and have a chromatic index."""
    return (scores["status"] == SCORED) & scores["chromatic_index"].notna()


def _correlation_of_samples(
    scores: pd.DataFrame, members: NDArray[np.intp], replicates: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Spearman's correlation of PE with the chromatic index over channels, on the full and on bootstrap samples."""
    if len(members) < 2:
        return np.full(1 + replicates, np.nan)
    drawn = np.vstack([members, random.choice(members, size=(replicates, len(members)))])
    pe, index = (scipy.stats.rankdata(scores[name].to_numpy()[drawn], axis=1) for name in ("pe", "chromatic_index"))
    return statistics.pearson(pe, index)
