"""Table: the scores of everything that is not a selection of channels, with published scores and the gap to them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from perceptual_efficacy.tables._chosen import by_efficacy
from perceptual_efficacy.tables.rendering import dataset, intervals, readable
from perceptual_efficacy.vocabulary import EVERYTHING, INTERVAL, NONE, PEOPLE

SCORE = ["dataset", "judged_by", "measure", "group", "metric"]


def table(agreement: pd.DataFrame, layouts: Mapping[str, str], published: Mapping[str, Any]) -> pd.DataFrame:
    """Join our scores with published ones; a score that is the same for several networks is listed once.

    `layouts` maps whole published data sets to layouts, `published` layouts to published scores (see
    claims/published.yaml). A row per source: dataset, judged_by, pixels_per_degree, measure (the primary one), group,
    metric, estimate, ci_low, ci_high, published, gap (ours minus the published score) and source. Published scores that
    we have not computed follow those of the data set.
    """
    rows = by_efficacy(agreement).rename(columns={"selection": "metric"})
    own = rows[rows["layer"] == NONE].drop_duplicates([*SCORE, "pixels_per_degree"])
    groups = {name: [EVERYTHING, *published.get(layout, {"groups": []})["groups"]] for name, layout in layouts.items()}
    listed = [group in groups.get(data, [EVERYTHING]) for data, group in zip(own["dataset"], own["group"], strict=True)]
    own = own.loc[listed, [*SCORE, "pixels_per_degree", *INTERVAL]]
    known = pd.DataFrame(
        [
            {"dataset": name, "judged_by": PEOPLE, "measure": published[layout]["measure"], **score}
            for name, layout in layouts.items()
            if layout in published
            for score in _by_group(published[layout])
        ],
        columns=[*SCORE, "published", "source"],
    )
    found = own.merge(known, how="left", on=SCORE)
    unmeasured = known.merge(own[SCORE], how="left", on=SCORE, indicator=True)
    unmeasured = unmeasured[unmeasured["_merge"] == "left_only"]
    found = pd.concat([found, unmeasured]).astype({"published": float})
    found["gap"] = found["estimate"] - found["published"]
    order = {name: number for number, name in enumerate(rows["dataset"].unique())}
    found = found.sort_values("dataset", key=lambda names: names.map(order), kind="stable", ignore_index=True)
    return found[[*SCORE[:2], "pixels_per_degree", *SCORE[2:], *INTERVAL, "published", "gap", "source"]]


def render(table: pd.DataFrame) -> pd.DataFrame:
    """Show a row per score and source."""
    table = table.assign(data=dataset(table), ours=intervals(table))
    return readable(table[["data", "judged_by", "measure", "group", "metric", "ours", "published", "gap", "source"]])


def _by_group(layout: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Published scores by metric and group; that of all groups together is their mean unless it is given."""
    found = []
    for score in layout["scores"]:
        values = dict(zip(layout["groups"], score["values"], strict=True))
        values.setdefault(EVERYTHING, sum(values.values()) / len(values))
        source = f"{score['source']}; {score['note']}" if "note" in score else score["source"]
        found += [
            {"group": group, "metric": score["metric"], "published": value, "source": source}
            for group, value in values.items()
        ]
    return found
