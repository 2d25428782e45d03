"""Table: mean scores of super-resolved images by loss, for every test set and for all of them together."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from perceptual_efficacy.tables._chosen import OF_RUNS, identified
from perceptual_efficacy.tables.rendering import mean_scores, readable, spread
from perceptual_efficacy.vocabulary import PSNR_Y

ROW = ["scale", "network", "group", "selection"]
HEADINGS = {"network": "channels of", "group": "data", "selection": "loss", "published": "published PSNR-Y"}


def table(losses: pd.DataFrame, published: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Choose the scores of single losses, and give those by PSNR-Y the `published` one and its `source`, if known.

    Each of `published` has `selection` ("bicubic" or "start"), `scale`, `dataset` (the test set), `psnr_y` and
    `source`.
    """
    levels = losses[~losses["selection"].isin(OF_RUNS)]
    known = pd.DataFrame(published, columns=["selection", "scale", "dataset", "psnr_y", "source"])
    known = known.rename(columns={"dataset": "group", "psnr_y": "published"}).assign(measure=PSNR_Y)
    return identified(levels.merge(known, how="left", on=["scale", "group", "selection", "measure"]))


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per loss and test set, with a column per measure."""
    scores = spread(table.assign(shown=mean_scores(table)), ROW, "measure", "shown")
    others = table.groupby(ROW, sort=False)[["images", "seeds", "published", "source"]].first()
    shown = scores.merge(others, on=ROW)
    shown["scale"] = shown["scale"].map("x{}".format)
    shown["published"] = shown["published"].map("{:.2f}".format, na_action="ignore")
    return readable(shown.rename(columns=HEADINGS))
