"""Table: the networks side by side, with their scores and the agreement of high-PE and low-PE channels with people."""

from collections.abc import Mapping

import pandas as pd

from perceptual_efficacy import vocabulary as words
from perceptual_efficacy.tables._chosen import by_efficacy
from perceptual_efficacy.tables.rendering import HEADINGS, dataset, intervals, readable, spread

MEDIANS = ["mu1_median", "mu2_median", "pe_median"]
ABOUT = ["network", "origin", "layers", "channels", "share_scored", "layer", *MEDIANS]
HALVES = [words.HIGH, words.LOW, words.HIGH_LOW]
SCORES = ["dataset", "pixels_per_degree", "selection", "measure", *words.INTERVAL, "p_split", "p_matched"]


def table(channels: pd.DataFrame, agreement: pd.DataFrame, layers: Mapping[str, str]) -> pd.DataFrame:
    """Describe each network's channels, and choose its agreement with people.

    `layers` gives networks the layer that their claims are about, or "mean of layers". Data sets that people did not
    judge are left out, and so are viewing resolutions other than that of the scores. A row per network, data set
    and selection (high, low and their difference): the network, layers and channels (numbers), share_scored, layer (the
    one shown), the medians of mu1, mu2 and PE over its scored channels (over those of all layers for the mean of
    layers), dataset, pixels_per_degree, selection, measure, estimate, ci_low, ci_high, p_split and p_matched.
    """
    layer, scored = channels["network"].map(layers), channels["status"] == words.SCORED
    chosen = channels[scored & ((channels["layer"] == layer) | (layer == words.MEAN_OF_LAYERS))]
    found = channels.assign(scored=scored).groupby([*words.OF_NETWORK], sort=False)
    about = found.agg(layers=("layer", "nunique"), channels=("channel", "size"), share_scored=("scored", "mean"))
    about = about.reset_index().assign(layer=lambda rows: rows["network"].map(layers))
    medians = chosen.groupby("network")[["mu1", "mu2", "pe"]].median().set_axis(MEDIANS, axis=1)
    rows = by_efficacy(agreement[agreement["judged_by"] == words.PEOPLE])
    shown = (rows["layer"] == rows["network"].map(layers)) & rows["selection"].isin(HALVES)
    shown &= (rows["cube"] == words.RAW) & (rows["group"] == words.EVERYTHING)
    own = rows["network"].map(dict(zip(channels["network"], channels["pixels_per_degree"], strict=True)))
    shown &= rows["pixels_per_degree"].isna() | (rows["pixels_per_degree"] == own)
    return about.join(medians, on="network").merge(rows.loc[shown, ["network", *SCORES]], how="left", on="network")


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per network."""
    data = dataset(table) + ": "
    rows = table.assign(column=data + table["selection"], shown=intervals(table))
    p = [
        table.assign(column=data + HEADINGS[name], shown=table[name])[table["selection"] == words.HIGH_LOW]
        for name in ("p_split", "p_matched")
    ]
    # p-values after their difference, with which they share the index
    scores = spread(pd.concat([rows, *p]).sort_index(kind="stable"), ["network"], "column", "shown")
    return readable(table[ABOUT].drop_duplicates().merge(scores))
