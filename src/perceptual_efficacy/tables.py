"""The study's tables for people: as CSV with six digits; as Markdown, LaTeX and HTML with three."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from perceptual_efficacy import io

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
    in_cells = shown.map(lambda text: text.replace("|", "\\|"))
    io.write_text(in_cells.to_markdown(index=False, disable_numparse=True) + "\n", md)
    io.write_text(shown.to_latex(index=False, escape=True), tex)
    io.write_text(PAGE.format(title=Path(html).stem, table=shown.to_html(index=False, escape=True, border=0)), html)


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
        Network to what `selectivity.score_channels` returns.
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
    """Distribution of the scores by layer, beside random weights: see `selectivity.compare_layers`."""
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
    """Every score of every selection against people: see `agreement.compare_selections`.

    Parameters
    ----------
    results
        Network to one table per viewing resolution.
    """
    table = _by_network({network: pd.concat(parts, ignore_index=True) for network, parts in results.items()})
    front = ["network", "dataset", "pixels_per_degree", "cube", "layer", "ranking", "selection", "measure"]
    return table[front + [column for column in table if column not in {*front, "group"}]]


def selections(results: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Scores of all, high and low channels by PE of every layer, their difference and its controls, one row each.

    Parameters
    ----------
    results
        See `agreement`.
    """
    rows = []
    shown = ("all", "high", "low", "random halves")
    for network, parts in results.items():
        for part in parts:
            of_measure = part[part["measure"] == part["measure"].iloc[0]]
            for layer, group in of_measure[of_measure["layer"] != "none"].groupby("layer", sort=False):
                chosen = group[group["ranking"].isin(["pe", "none"])].set_index(["cube", "selection"])
                difference = chosen.loc[("raw", "high - low")]
                rows.append(
                    {
                        "network": network,
                        "px/deg": float(part["pixels_per_degree"].iloc[0]),
                        "layer": layer,
                        "n": difference["n"],
                        **{name: _interval(chosen.loc[("raw", name)]) for name in shown},
                        "high - low": _interval(difference),
                        "p, splits": difference["p_split"],
                        "p, Holm": difference["p_holm"],
                        "p, matched splits": difference["p_matched"],
                        "high - low, standardised": _interval(chosen.loc[("standardised", "high - low")]),
                    }
                )
    return pd.DataFrame(rows)


def claims(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per claim and network; `claims.json` holds the same in full."""
    return pd.DataFrame(
        [
            {
                "claim": record["statement"],
                "network": record["network"],
                "verdict": record["verdict"],
                "because": record["reason"],
                "estimate [95% interval]": _interval(record),
                "unit": record["unit"],
                "resampled": f"{record['n_clusters']} {record['resampled_unit']}",
                "p, Holm": record["p_holm"],
                "beside it": _beside(record),
                "the rule on these numbers": record["rule_outcome"],
            }
            for record in records
        ]
    )


def _interval(row: Mapping[str, Any] | pd.Series) -> str:
    if any(pd.isna(row[name]) for name in ("estimate", "ci_low", "ci_high")):
        return "–"
    return f"{row['estimate']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


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
            f"- {record['unit']}: {_interval(record)}, the 95% interval over {record['n_clusters']} "
            f"{record['resampled_unit']}" + ("" if p is None else f"; among random splits p = {p:.3g} (Holm)"),
            f"- beside it: {_beside(record)}",
            f"- endpoint: {record['endpoint']}; smallest effect of interest {record['smallest_effect']:g}",
            f"- the rule applied to these numbers: {record['rule_outcome']}",
            "",
        ]
    return "\n".join(lines)


def _by_network(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([table.assign(network=network) for network, table in parts.items()], ignore_index=True)[
        ["network", *next(iter(parts.values())).columns]
    ]
