"""The study's tables for people: as CSV with six digits; as Markdown, LaTeX and HTML with three."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from perceptual_efficacy import io, storage
from perceptual_efficacy.statistics import LEAST_CLUSTERS

CEILING = "human ceiling"  # what `agreement` calls it
MIRROR = "low - high"  # for claims that expect more of the low half; "high - low" says it all
# what Markdown takes for the end of a cell, HTML or an escape; emphasis changes looks alone
IN_MARKDOWN = str.maketrans({"|": "\\|", "\\": "\\\\", "<": "&lt;", "&": "&amp;"})
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 1.5em; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; padding: .3em .8em; border-bottom: 1px solid #ddd; }}
th {{ position: sticky; top: 0; background: #fff; border-bottom: 2px solid #000; }}
</style>
{table}
</html>
"""


def write(
    table: pd.DataFrame,
    csv: str | os.PathLike[str],
    md: str | os.PathLike[str],
    tex: str | os.PathLike[str],
    html: str | os.PathLike[str],
) -> None:
    """Write one table in four formats; the HTML page is what the report shows."""
    io.write_csv(table, csv)
    shown = _rounded(table)
    in_cells = shown.rename(columns=_in_markdown).map(_in_markdown)
    storage.write_text(in_cells.to_markdown(index=False, disable_numparse=True) + "\n", md)
    storage.write_text(shown.to_latex(index=False, escape=True), tex)
    storage.write_text(
        PAGE.format(title=Path(html).stem, table=shown.to_html(index=False, escape=True, border=0)), html
    )


def _in_markdown(text: str) -> str:
    return text.translate(IN_MARKDOWN)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Three significant digits, whole numbers in full, and a dash where a value is missing."""

    def text(value: object) -> str:
        if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
            return "–"
        if isinstance(value, float):
            return f"{value:.0f}" if value.is_integer() else f"{value:.3g}"
        return str(value)

    return table.astype(object).map(text)


def photographs(table: pd.DataFrame) -> pd.DataFrame:
    """Every photograph with its split, source and licence."""
    return table.drop(columns="scene").rename(columns={"package_or_path": "from"})


def channels(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Scores of each network's layers: how many channels were scored, and the quartiles of their mu1, mu2 and PE.

    Parameters
    ----------
    scores
        Network to what `scores.score_channels` returns.
    """
    rows = []
    for network, table in scores.items():
        for layer, group in table.groupby("layer", sort=False):
            row: dict[str, object] = {
                "network": network,
                "layer": layer,
                "channels": len(group),
                "scored": int((group["status"] == "scored").sum()),
                "rectified": int(group["rectified"].sum()),
            }
            for score in ("mu1", "mu2", "pe"):
                lower, median, upper = group.loc[group["status"] == "scored", score].quantile([0.25, 0.5, 0.75])
                row |= {f"{score} lower quartile": lower, f"{score} median": median, f"{score} upper quartile": upper}
            rows.append(row)
    return pd.DataFrame(rows)


def layers(comparisons: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Distribution of the scores by layer, beside random weights: see `scores.compare_layers`."""
    return _by_network(comparisons)


def modelfest(judgements: pd.DataFrame, patterns: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every ModelFest stimulus: its mean threshold, and at which resolutions it survives and is used.

    Parameters
    ----------
    judgements
        What `datasets.modelfest.comparisons` returns.
    patterns
        Resolution in pixels per degree to number, name, energy_kept and used.
    """
    threshold = judgements.groupby("first")["judgement"].agg(["mean", "std", "count"])
    first = next(iter(patterns.values()))
    table = first[["number", "name"]].reset_index(drop=True)
    table = table.join(threshold, on="name").rename(
        columns={
            "mean": "log10 threshold contrast",
            "std": "standard deviation over observers",
            "count": "observers",
        }
    )
    for resolution, kept in patterns.items():
        table[f"energy kept at {resolution} px/deg"] = kept["energy_kept"].to_numpy()
        table[f"used at {resolution} px/deg"] = kept["used"].map({True: "yes", False: "excluded"}).to_numpy()
    return table


def agreement(results: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Every score of every selection: see `agreement.compare_selections` and `agreement.compare_single_channels`.

    Parameters
    ----------
    results
        Network to one table per data set and viewing resolution, with `dataset` and `judged_by`, and for ModelFest
        `pixels_per_degree`.
    """
    table = pd.concat(
        [part.assign(network=network) for network, parts in results.items() for part in parts], ignore_index=True
    )
    front = ["network", "dataset", "judged_by", "pixels_per_degree", "group", "cube", "layer", "ranking", "selection"]
    return table[front + [column for column in table if column not in front]]


def selections(results: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Scores of all, high and low channels by PE of every layer, their difference and its controls, one row each.

    Parameters
    ----------
    results
        See `agreement`.
    """
    rows = []
    shown = ("all", "high", "low", "random halves")
    for network, part, of_measure in _parts(results):
        whole = of_measure[(of_measure["group"] == "all") & (of_measure["layer"] != "none")]
        for layer, group in whole.groupby("layer", sort=False):
            of_pe = group[group["ranking"].isin(["pe", "none"])].to_dict("records")
            chosen = {(row["cube"], row["selection"]): row for row in of_pe}
            difference = chosen["raw", "high - low"]
            rows.append(
                {
                    "network": network,
                    "data": _data(part),
                    "judged by": difference["judged_by"],
                    "layer": layer,
                    "measure": difference["measure"],
                    "n": difference["n"],
                    **{name: _interval(chosen["raw", name]) for name in shown},
                    "high - low": _interval(difference),
                    "p, splits": difference["p_split"],
                    "p, Holm": difference["p_holm"],
                    "p, matched splits": difference["p_matched"],
                    "high - low, standardised": _interval(chosen["standardised", "high - low"]),
                }
            )
    return pd.DataFrame(rows)


def groups(results: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Scores by category or kind of distortion, the mean of the layers', of every data set of images.

    Parameters
    ----------
    results
        See `agreement`.
    """
    rows = []
    shown = ("all", "high", "low", "random halves", "high - low")
    for network, part, of_measure in _parts(results):
        if of_measure["dataset"].iloc[0] == "modelfest":
            continue
        for name, group in of_measure.groupby("group", sort=False):
            mean = (
                (group["layer"] == "mean of layers") & (group["cube"] == "raw") & group["ranking"].isin(["pe", "none"])
            )
            chosen = {row["selection"]: row for row in group[mean | (group["layer"] == "none")].to_dict("records")}
            first = chosen["high - low"]
            rows.append(
                {
                    "network": network,
                    "data": _data(part),
                    "judged by": first["judged_by"],
                    "group": name,
                    "measure": first["measure"],
                    "n": first["n"],
                    "resampled": _resampled(first),
                    **{selection: _interval(chosen[selection]) for selection in shown},
                    "p, splits": first["p_split"],
                    CEILING: _interval(chosen[CEILING]) if CEILING in chosen else "–",
                }
            )
    return pd.DataFrame(rows)


def networks(
    channels: Mapping[str, pd.DataFrame],
    results: Mapping[str, Sequence[pd.DataFrame]],
    cards: Mapping[str, Mapping[str, Any]],
    layers: Mapping[str, str],
) -> pd.DataFrame:
    """Each network in one row: its scores, and how well its channels of high and low PE agree with people.

    Parameters
    ----------
    channels
        Network to what `scores.score_channels` returns.
    results
        See `agreement`. What people did not judge is left out, and of a data set at several viewing resolutions all
        but the first.
    cards
        Network to what is known of it, with `origin`.
    layers
        Network to the layer that its claims are about, or "mean of layers": the medians are over that layer's scored
        channels, or those of all layers.
    """
    rows = []
    for network, table in channels.items():
        layer = layers[network]
        scored = table["status"] == "scored"
        chosen = table[scored & ((table["layer"] == layer) | (layer == "mean of layers"))]
        row: dict[str, object] = {
            "network": network,
            "origin": cards[network]["origin"],
            "layers": table["layer"].nunique(),
            "channels": len(table),
            "share scored": scored.mean(),
            "layer": layer,
            **{f"{score} median": chosen[score].median() for score in ("mu1", "mu2", "pe")},
        }
        shown: set[str] = set()
        for _, part, of_measure in _parts({network: results[network]}):
            if part["judged_by"].iloc[0] != "people" or part["dataset"].iloc[0] in shown:
                continue
            shown.add(part["dataset"].iloc[0])
            by_pe = of_measure[
                (of_measure["group"] == "all")
                & (of_measure["cube"] == "raw")
                & (of_measure["layer"] == layer)
                & (of_measure["ranking"] == "pe")
            ]
            found = {score["selection"]: score for score in by_pe.to_dict("records")}
            row |= {f"{_data(part)}: {name}": _interval(found[name]) for name in ("high", "low", "high - low")}
            row[f"{_data(part)}: p, Holm"] = found["high - low"]["p_holm"]
        rows.append(row)
    return pd.DataFrame(rows)


def baselines(
    results: Mapping[str, Sequence[pd.DataFrame]], layouts: Mapping[str, str], published: Mapping[str, Any]
) -> pd.DataFrame:
    """Score of everything that is not a selection of channels, beside published scores and the gap between them.

    Parameters
    ----------
    results
        See `agreement`; what stands beside several networks is taken once.
    layouts
        Whole published data set to the layout under whose name its scores are published.
    published
        Layout to `measure`, `groups` and `scores`, a list of `metric`, `values` (one per group), `source` and maybe
        `note`.
    """
    rows: list[dict[str, Any]] = []
    for parts in zip(*results.values(), strict=True):
        own = ["group", "layer", "selection", "measure"]
        part = pd.concat(parts, ignore_index=True)
        part = part[part["layer"] == "none"].drop_duplicates(own)
        layout = published.get(layouts.get(part["dataset"].iloc[0], ""), {"groups": [], "scores": []})
        known = _published(layout)
        of_part = {"data": _data(part), "judged by": part["judged_by"].iloc[0]}
        ours = part[(part["measure"] == part["measure"].iloc[0]) & part["group"].isin(["all", *layout["groups"]])]
        for row in ours.to_dict("records"):
            key = (str(row["group"]), str(row["selection"]))
            for entry in known.pop(key, [{}]):
                rows.append({**of_part, "measure": row["measure"], **_beside_published(*key, row, entry)})
        for key, entries in known.items():
            rows += [
                {**of_part, "measure": layout["measure"], **_beside_published(*key, None, entry)} for entry in entries
            ]
    return pd.DataFrame(rows)


def superres(
    comparisons: Mapping[tuple[str, int], pd.DataFrame], published: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Mean scores of super-resolved images by loss and judge, for every test set and all of them together.

    Parameters
    ----------
    comparisons
        Network whose channels the losses use, and scale, to what `paired.compare_runs` returns with the column `group`,
        the test set.
    published
        Each with `selection` ("bicubic" or "start"), `scale`, `dataset`, `psnr_y` and `source`.
    """
    known = {(entry["selection"], entry["scale"], entry["dataset"]): entry for entry in published}
    rows = []
    for (network, scale), table in comparisons.items():
        levels = table[~table["selection"].str.contains(" - ")]
        for (group, selection), part in levels.groupby(["group", "selection"], sort=False):
            entry = known.get((selection, scale, group), {})
            rows.append(
                {
                    "scale": f"x{scale}",
                    "channels of": network,
                    "data": group,
                    "loss": selection,
                    **{row["measure"]: _score(row) for row in part.to_dict("records")},
                    "images": part["images"].iloc[0],
                    "seeds": part["seeds"].iloc[0],
                    "published PSNR-Y": entry.get("psnr_y"),
                    "source": entry.get("source"),
                }
            )
    return pd.DataFrame(rows)


def superres_differences(comparisons: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """How much better one loss is than another, by every judge; see `superres`.

    Differences are positive where the first loss is better, whichever way the judge goes.
    """
    rows = []
    for (network, scale), table in comparisons.items():
        compared = table["selection"].str.contains(" - ") & table["estimate"].notna() & (table["selection"] != MIRROR)
        for row in table[compared].to_dict("records"):
            rows.append(
                {
                    "scale": f"x{scale}",
                    "channels of": network,
                    "data": row["group"],
                    "difference": row["selection"],
                    "judge": row["measure"],
                    "better by": _score(row),
                    "p": row["p"],
                    "p, Holm": row["p_holm"],
                    "images": row["images"],
                    "seeds": row["seeds"],
                }
            )
    return pd.DataFrame(rows)


def inversions(comparisons: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Errors of images made from the features of chosen channels, and differences between them.

    Parameters
    ----------
    comparisons
        Network to what `paired.compare_runs` returns with the column `layer`. A difference is positive where the first
        selection has the smaller error.
    """
    rows = []
    for network, table in comparisons.items():
        there = table[table["estimate"].notna() & (table["selection"] != MIRROR)]
        if there["layer"].nunique() == 2:  # one, and the mean of it
            there = there[there["layer"] != "mean of layers"]
        for (layer, selection), part in there.groupby(["layer", "selection"], sort=False):
            rows.append(
                {
                    "network": network,
                    "layer": layer,
                    "channels": selection,
                    **{row["measure"]: _score(row) for row in part.to_dict("records")},
                    "photographs": part["images"].iloc[0],
                    "seeds": part["seeds"].iloc[0],
                }
            )
    return pd.DataFrame(rows)


def _score(row: Mapping[Any, Any]) -> str:
    """Mean and interval with the digits that differ between losses: thousandths of dB, of others ten thousandths."""
    digits = 3 if row["measure"] == "PSNR-Y" else 4
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{row['estimate']:.{digits}f}"
    return f"{row['estimate']:.{digits}f} [{row['ci_low']:.{digits}f}, {row['ci_high']:.{digits}f}]"


def _published(layout: Mapping[str, Any]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Published scores by group and metric; several where sources differ. All groups together are their mean."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for score in layout["scores"]:
        values = dict(zip(layout["groups"], score["values"], strict=True))
        values.setdefault("all", sum(values.values()) / len(values))
        source = f"{score['source']}; {score['note']}" if "note" in score else score["source"]
        for group, value in values.items():
            found.setdefault((group, score["metric"]), []).append({"value": value, "source": source})
    return found


def _beside_published(
    group: str, metric: str, row: Mapping[Any, Any] | None, entry: Mapping[str, Any]
) -> dict[str, Any]:
    estimate = None if row is None or pd.isna(row["estimate"]) else float(row["estimate"])
    value = entry.get("value")
    return {
        "group": group,
        "metric": metric,
        "ours": "–" if row is None else _interval(row),
        "published": value,
        "gap": None if estimate is None or value is None else estimate - value,
        "source": entry.get("source"),
    }


def _parts(results: Mapping[str, Sequence[pd.DataFrame]]) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Yield every network and table, and what that table says by its primary measure."""
    for network, parts in results.items():
        for part in parts:
            yield network, part, part[part["measure"] == part["measure"].iloc[0]]


def _data(part: pd.DataFrame) -> str:
    """Name of the data set, and the resolution where it was shown at several."""
    first = part.iloc[0]
    resolution = first.get("pixels_per_degree")
    return first["dataset"] if pd.isna(resolution) else f"{first['dataset']}, {resolution:g} px/deg"


def claims(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per claim and network; `claims.json` holds the same in full."""
    return pd.DataFrame(
        [
            {
                "claim": record["statement"],
                "network": record["network"],
                "data": record["dataset"],
                "verdict": record["verdict"],
                "because": record["reason"],
                "estimate [95% interval]": _interval(record),
                "unit": record["unit"],
                "resampled": _resampled(record),
                "p, Holm": record["p_holm"],
                "beside it": _beside(record),
                "the rule on these numbers": record["rule_outcome"],
            }
            for record in records
        ]
    )


def _interval(row: Mapping[Any, Any] | pd.Series) -> str:
    """Estimate and interval; the estimate alone where too few were resampled for an interval."""
    if pd.isna(row["estimate"]):
        return "–"
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{row['estimate']:.3f}"
    return f"{row['estimate']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def _basis(record: Mapping[Any, Any]) -> str:
    """Say what the interval is over, or why there is none."""
    if record["n_clusters"] < LEAST_CLUSTERS:
        return f"without an interval over only {_resampled(record)}"
    return f"the 95% interval over {_resampled(record)}"


def _endpoint(record: Mapping[str, Any]) -> str:
    return f"{record['endpoint']}, of the data set {record['dataset']}" if record["dataset"] else record["endpoint"]


def _resampled(record: Mapping[Any, Any]) -> str:
    return "–" if record["n_clusters"] is None else f"{record['n_clusters']} {record['resampled_unit']}"


def _beside(record: Mapping[str, Any]) -> str:
    return "; ".join(f"{other['label']}: {_interval(other)}" for other in record["beside"])


def claims_page(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the verdicts as a Markdown page that reads from top to bottom."""
    lines = [
        "# Claims",
        "",
        "Each claim has one primary endpoint and a rule, both fixed in advance in `config/claims.yaml`.",
        "",
    ]
    for record in records:
        p = record["p_holm"]
        lines += [
            f"## {record['statement']}",
            "",
            f"**{record['verdict'].capitalize()}** for the network `{record['network']}` ({record['origin']}): "
            f"{record['reason']}.",
            "",
            *(
                []
                if record["n_clusters"] is None
                else [
                    f"- {record['unit']}: {_interval(record)}, {_basis(record)}"
                    + ("" if p is None else f"; among {record['among']} p = {p:.3g} (Holm)"),
                    f"- beside it: {_beside(record)}",
                ]
            ),
            f"- endpoint: {_endpoint(record)}; smallest effect of interest {record['smallest_effect']:g}",
            f"- the rule applied to these numbers: {record['rule_outcome']}",
            "",
        ]
    return "\n".join(lines)


def _by_network(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts.values(), ignore_index=True)
