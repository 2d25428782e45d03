"""Text for people: rounded numbers under readable headings, as Markdown, LaTeX and HTML."""

from collections.abc import Mapping, Sequence
from operator import methodcaller
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from perceptual_efficacy import io, storage
from perceptual_efficacy.vocabulary import INTERVAL, PSNR_Y

File = str | PathLike[str]
MISSING = "–"
HEADINGS = {"p_split": "p, splits", "p_holm": "p, Holm", "p_matched": "p, matched splits", "package_or_path": "from"}
LEGEND = {  # what headings mean, on the page
    "measure": "2afc: agreement with choices between two images; map: average precision for same or different; "
    "srcc: Spearman’s correlation with opinions; r: Pearson’s correlation with log thresholds",
    "n": "number of comparisons",
    "resampled": "what the 95% intervals resample",
    "all": "all channels of the layer",
    "high": "the upper half of its channels by PE",
    "low": "the lower half of its channels by PE",
    "random halves": "mean and central 95% of random halves of the layer",
    "p, splits": "two-sided, where the difference lies among random splits, or shuffles, of the same channels",
    "p, matched splits": "the same, among splits whose upper half has the high half’s share of distance",
    "p, Holm": "corrected for the number of hypotheses",
    "high - low, standardised": "the difference with each channel’s distances divided by their mean",
    "human ceiling": "what people themselves reach",
    "ours": "with its 95% interval",
    "gap": "ours minus the published score",
    "detectable": "the smallest difference that could have been found, with a power of 80%",
    "converged": "whether half of the frequencies or phases order the channels alike, and no unit sees padding",
    "sees padding": "whether units see the border of a picture",
    "observers": "their number, or the smallest and the largest",
    "shown": "stimuli that the display can show, of studies with ten or more of them",
}
# what Markdown takes for the end of a cell, HTML or an escape; emphasis changes looks alone
IN_MARKDOWN = str.maketrans({"|": "\\|", "\\": "\\\\", "<": "&lt;", "&": "&amp;"})
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 1.5em; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; padding: .3em .8em; border-bottom: 1px solid #ddd; }}
th {{ position: sticky; top: 0; background: #fff; border-bottom: 2px solid #000; }}
div {{ overflow: auto; max-height: 90vh; }}
dl {{ columns: 28em; }}
dt {{ font-weight: bold; display: inline; }}
dd {{ display: inline; margin: 0; }}
dd::after {{ content: ""; display: block; }}
</style>
<p><a href="../report.html">Report</a></p>
<h1>{title}</h1>
{legend}
<div>{table}</div>
</html>
"""


def save(shown: pd.DataFrame, table: pd.DataFrame, *, csv: File, md: File, tex: File, html: File) -> None:
    """Write what a table shows as Markdown, LaTeX and HTML, and its numbers as CSV."""
    io.write_csv(table, csv)
    in_markdown = methodcaller("translate", IN_MARKDOWN)
    cells = shown.rename(columns=in_markdown).map(in_markdown)
    storage.write_text(cells.to_markdown(index=False, disable_numparse=True) + "\n", md)
    storage.write_text(shown.to_latex(index=False, escape=True), tex)
    page = PAGE.format(
        title=Path(html).stem.replace("_", " ").capitalize(),
        table=shown.to_html(index=False, escape=True, border=0),
        legend=_legend(shown),
    )
    storage.write_text(page, html)


def _legend(shown: pd.DataFrame) -> str:
    """Write what the table's headings mean, of those that need it."""
    found = {name: meaning for name, meaning in LEGEND.items() if name in shown}
    entries = "\n".join(f"<dt>{name}:</dt> <dd>{meaning}</dd>" for name, meaning in found.items())
    return f"<details><summary>What the headings mean</summary>\n<dl>\n{entries}\n</dl></details>" if found else ""


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Turn numbers into text and column names into headings.

    Numbers have three significant digits, whole numbers all of theirs, and a dash stands for a missing value. The
    columns `estimate`, `ci_low` and `ci_high` become one.
    """
    if set(INTERVAL) <= set(table):
        table = table.drop(columns=["ci_low", "ci_high"]).assign(estimate=intervals(table))
        table = table.rename(columns={"estimate": "estimate [95% interval]"})
    return table.astype(object).map(_text).rename(columns=lambda name: HEADINGS.get(name, name.replace("_", " ")))


def _text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.3g}"
    return str(value)


def interval(row: Mapping[Any, Any] | pd.Series, digits: int = 3) -> str:
    """Write an estimate and its interval; the estimate alone if too few units were resampled for an interval."""
    if pd.isna(row["estimate"]):
        return MISSING
    # + 0: a small negative number is 0.000, not -0.000
    numbers = [f"{round(row[name], digits) + 0:.{digits}f}" for name in INTERVAL if not pd.isna(row[name])]
    return "{} [{}, {}]".format(*numbers) if len(numbers) == 3 else numbers[0]


def intervals(table: pd.DataFrame, digits: int = 3) -> pd.Series:
    """Write the estimate and the interval of every row."""
    return pd.Series([interval(row, digits) for row in table.to_dict("records")], table.index, dtype=object)


def mean_scores(table: pd.DataFrame) -> pd.Series:
    """Write mean scores of images with the digits in which losses differ: 0.001 dB, of other measures 0.0001."""
    return intervals(table).where(table["measure"] == PSNR_Y, intervals(table, 4))


def dataset(table: pd.DataFrame) -> pd.Series:
    """Name the data set of every row, with the resolution if it was shown at several."""
    at = table["pixels_per_degree"].map(lambda resolution: f", {resolution:g} px/deg", na_action="ignore")
    return table["dataset"] + at.astype(object).fillna("")


def resampled(table: pd.DataFrame) -> pd.Series:
    """Write the number and the kind of the resampled units."""
    counts = table["n_clusters"].map("{:.0f} ".format, na_action="ignore").astype(object)
    return counts + table["resampled_unit"]


def spread(table: pd.DataFrame, rows: Sequence[str], over: str, values: str) -> pd.DataFrame:
    """Show one row per combination of `rows` and one column per value of `over`, each in order of appearance."""
    wide = table.set_index([*rows, over])[values].unstack()  # noqa: PD010, pivot_table would hide duplicates
    wide = wide.reindex(columns=table[over].unique()).reset_index()
    return table[[*rows]].drop_duplicates().merge(wide, on=[*rows])
