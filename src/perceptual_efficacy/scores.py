"""Scores of a channel: frequency sensitivity mu1, orientation selectivity mu2, and perceptual efficacy PE."""

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from perceptual_efficacy import csf as models
from perceptual_efficacy import statistics
from perceptual_efficacy.vocabulary import ALL, HIGH, INTERVAL, LOW, MEAN_OF_LAYERS, RANDOM, SCORED, identity

Baseline = Literal["none", "blank"]
Combination = Literal["product", "ranks"]

SLOPE_SCALE = 0.2  # octaves
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
    curve divided by its largest magnitude; and `slope` (unit, frequency), its |da/dlog2 f| per octave (see `slopes`). A
    curve of zeros stays zero. Frequency is in cycles per degree.

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
    mean = tuning[["radial_response", "oriented_response"]].astype(np.float64).mean("phase")
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
    this Gaussian; on a grid much coarser than it, central differences, one-sided at the ends.

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

    Returns
    -------
    One row per channel: the network (see `vocabulary.IDENTITY`), pixels_per_degree, layer, channel, receptive_field
    (pixels, where `tuning` has it), status ("scored", or why not), preferred_frequency (peak of the radial curve) and
    steepest_frequency (f*, where the weighted slope peaks), both in cycles per degree, preferred_orientation in
    degrees, mu1, mu2, pe, osi, circular_variance, bandwidth (full width at half height, degrees), chromatic_index,
    mean_activation (over the radial gratings) and rectified.

    Raises
    ------
    ValueError
        If there is no such CSF, baseline or combination.

    Notes
    -----
    a(f): radial responses averaged over phases, divided by the curve's largest magnitude.

    mu1 = sum_f |da/dlog2 f| CSF(f) / sum_f CSF(f).

    mu2 = 1 - mean_theta a(f*, theta) / max_theta a(f*, theta), with f* = argmax |da/dlog2 f| CSF over the interior
    frequencies of the oriented gratings; missing where max_theta a(f*, .) is below 1% of the channel's largest
    response.

    The formulas are our reading of Tariq, Tursun, Kim, Didyk: Why Are Deep Representations Good Perceptual Quality
    Features?, ECCV 2020. Orientation selectivity index and circular variance: Mazurek, Kager, Van Hooser: Robust
    quantification of orientation selectivity and direction selectivity, 2014; bandwidth: Ringach, Shapley, Hawken:
    Orientation Selectivity in Macaque V1, 2002 (at half height).
    """
    if combination not in ("product", "ranks"):
        raise ValueError(f"combination is {combination!r}; it must be 'product' or 'ranks'.")
    curves = tuning_curves(tuning, pixels_per_degree=pixels_per_degree, baseline=baseline)
    frequency, slope = curves["frequency"].values, curves["slope"].values
    radial, oriented = curves["radial"].values, curves["oriented"].values
    sensitivity = (models.by_name(csf) if isinstance(csf, str) else csf)(frequency)

    mu1 = slope @ sensitivity / sensitivity.sum()
    # oriented gratings have some of the frequencies; slopes at the ends are one-sided
    turned = np.searchsorted(frequency, curves["oriented_frequency"].values * (1 - 1e-9))
    inside = np.flatnonzero((turned > 0) & (turned < len(frequency) - 1))
    chosen = inside[(slope * sensitivity)[:, turned[inside]].argmax(axis=1)]
    steepest, tuned = turned[chosen], oriented[np.arange(len(radial)), chosen]
    strongest = np.maximum(np.abs(radial).max(axis=1), oriented.max(axis=(1, 2)))
    silent = strongest <= 0
    weak = ~silent & (tuned.max(axis=1) < WEAKEST * strongest)
    unjudged = silent | weak

    mu2, osi, circular_variance, preferred, bandwidth = orientation_scores(tuned, curves["orientation"].values)
    seen = [name for name in ("layer", "channel", "receptive_field") if name in tuning.coords]
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
    """Index of every channel's answer to colour against that to luminance, in [0, 1], shape (units,).

    C / (C + A): the largest change from the response to the blank over the frequencies of the isoluminant gratings (C,
    the larger of red-green and blue-yellow) and of the grey ones (A), both averaged over phases. The gratings'
    amplitudes scale it, which changes no ranks within a layer. Missing where a channel answers to neither.

    References
    ----------
    After Johnson, Hawken, Shapley: The spatial transformation of color in the primary visual cortex of the macaque
    monkey, Nature Neuroscience 4, 2001, who compare the peaks of the same two tuning curves.
    """
    kinds = [f"{kind}_response" for kind in ("radial", "red_green", "blue_yellow")]
    mean = tuning[kinds].astype(np.float64).mean("phase") - tuning["blank_response"].astype(np.float64)
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
    bandwidth = np.array([_full_width(row, centre) for row, centre in zip(curve, peak, strict=True)])
    return mu2, osi, circular_variance, preferred, bandwidth * 180 / len(orientation)


def _full_width(curve: NDArray[np.float64], peak: int) -> float:
    """Steps between the half-height crossings on both sides of the peak of a circular curve."""
    around = np.roll(curve, -peak)
    below = np.flatnonzero(around < 0.5)
    if below.size == 0 or np.isnan(around[0]):
        return np.nan

    def crossing(values: NDArray[np.float64], first: int) -> float:
        return first - 1 + (values[first - 1] - 0.5) / (values[first - 1] - values[first])

    mirrored = np.roll(around[::-1], 1)
    return crossing(around, below[0]) + crossing(mirrored, np.flatnonzero(mirrored < 0.5)[0])


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
        Seed of a random half, which needs one.

    Returns
    -------
    layer and channel of the selected rows of `channels`, in their order and with their index. Of a single scored
    channel the upper half is empty.

    Raises
    ------
    ValueError
        If there is no such selection, column or layer, a random half has no seed, or the index is not unique.
    """
    if selection not in (ALL, HIGH, LOW, RANDOM):
        raise ValueError(f"selection is {selection!r}; it must be 'all', 'high', 'low' or 'random'.")
    if selection == RANDOM and draw is None:
        raise ValueError("A random half needs the seed that it is drawn by: give draw.")
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
    layer, channel, mu1, mu2 (the ranges), one row per channel; missing where a phase leaves the channel unscored.
    """
    single = [
        score_channels(tuning.isel(phase=[number]), csf, baseline=baseline) for number in range(tuning.sizes["phase"])
    ]
    scores = {name: np.stack([table[name].to_numpy() for table in single]) for name in ("mu1", "mu2")}
    return single[0][["layer", "channel"]].assign(
        **{name: values.max(axis=0) - values.min(axis=0) for name, values in scores.items()}
    )


def compare_layers(
    tuning: xr.Dataset,
    control: xr.Dataset,
    csf: models.ContrastSensitivity,
    *,
    baseline: Baseline = "none",
    replicates: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Describe each layer's distribution of scores, beside a control with the same layers and random weights.

    Parameters
    ----------
    tuning, control
        What `probing.probe` returns for the backbone and for its control.
    csf
        Contrast sensitivity function of frequency in cycles per degree.
    baseline
        See `score_channels`.
    replicates
        Bootstrap samples; the channels of a layer are resampled, the control's independently.
    seed
        Seed of the bootstrap.

    Returns
    -------
    layer (and "mean of layers"), statistic, estimate, ci_low, ci_high, n_clusters, resampled_unit. The statistics, for
    mu1 and mu2: `mu1_iqr` and `mu1_iqr_control` (likewise `mu2_...`), the interquartile range over scored channels;
    `mu1_phase_range`, the median over channels of the range over single phases; `mu1_excess`, the interquartile range
    minus the larger of the other two. And `csf_r`, `csf_r_control`: Pearson correlation over frequencies of the CSF
    with the channels' mean unweighted |da/dlog2 f|, and `csf_r_difference`, the first minus the second.
    """
    random = np.random.default_rng(seed)
    networks = {}
    for name, responses in (("", tuning), ("_control", control)):
        scores = score_channels(responses, csf, baseline=baseline)
        phases = spread_over_phases(responses, csf, baseline)
        curves = tuning_curves(responses, baseline=baseline)
        networks[name] = (scores, phases, curves["slope"].values, csf(curves["frequency"].values))

    rows = []
    for layer in dict.fromkeys(tuning["layer"].values.astype(str)):
        values: dict[str, NDArray[np.float64]] = {}
        for name, (scores, phases, slope, sensitivity) in networks.items():
            members = np.flatnonzero((scores["layer"] == layer).to_numpy())
            # row 0 is the full sample, the others are bootstrap samples
            drawn = np.vstack([members, random.choice(members, size=(replicates, len(members)))])
            with warnings.catch_warnings():  # a sample without scored channels is missing
                warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
                for score in ("mu1", "mu2"):
                    scored = scores[score].where(scores["status"] == SCORED).to_numpy()
                    lower, upper = np.nanquantile(scored[drawn], [0.25, 0.75], axis=1)
                    values[f"{score}_iqr{name}"] = upper - lower
                    values[f"{score}_phase_range{name}"] = np.nanmedian(phases[score].to_numpy()[drawn], axis=1)
            values[f"csf_r{name}"] = statistics.pearson(slope[drawn].mean(axis=1), sensitivity)
        for score in ("mu1", "mu2"):
            del values[f"{score}_phase_range_control"]
            larger = np.maximum(values[f"{score}_phase_range"], values[f"{score}_iqr_control"])
            values[f"{score}_excess"] = values[f"{score}_iqr"] - larger
        values["csf_r_difference"] = values["csf_r"] - values["csf_r_control"]
        rows.append((layer, len(members), values))
    names = rows[0][2].keys()
    mean = {name: np.mean([values[name] for _, _, values in rows], axis=0) for name in names}
    rows.append((MEAN_OF_LAYERS, len(tuning["layer"]), mean))
    return pd.DataFrame(
        [
            {
                **identity(tuning.attrs),
                "layer": layer,
                "statistic": name,
                **dict(zip(INTERVAL, (sample[0], *statistics.percentile_interval(sample[1:])), strict=True)),
                "n_clusters": count,
                "resampled_unit": "channels",
            }
            for layer, count, values in rows
            for name, sample in values.items()
        ]
    )
