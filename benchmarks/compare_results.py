"""How far two runs of one study differ: in float32 and bfloat16, on CPU and GPU, with other numbers of threads.

    snakemake --cores 2 --directory one
    snakemake --cores 2 --directory other --config precision=bfloat16
    python benchmarks/compare_results.py one/results other/results

Prints Markdown: the scores of channels by network and layer, the agreement with judgements by data set and measure, and
how long the network's own jobs took.
"""

import sys
from pathlib import Path

import pandas as pd
from scipy import stats

from perceptual_efficacy import io
from perceptual_efficacy.selectivity import SCORED, select_channels

KEYS = ["group", "cube", "layer", "ranking", "selection", "measure"]
RULES = ("probe_channels", "measure_contrast_distances", "measure_image_distances")


def channels(one: Path, other: Path) -> pd.DataFrame:
    """Differences of scores by network and layer, over the channels that both runs score."""
    rows = []
    for path in sorted((one / "selectivity").glob("*/channels.parquet")):
        first, second = io.read_table(path), io.read_table(other / path.relative_to(one))
        high = [set(select_channels(table, "high").index) for table in (first, second)]
        for layer, part in first.groupby("layer", sort=False):
            both = part.index[(part["status"] == SCORED) & (second.loc[part.index, "status"] == SCORED)]
            a, b = first.loc[both], second.loc[both]
            rows.append(
                {
                    "network": path.parent.name,
                    "layer": layer,
                    "channels": len(part),
                    "scored in one run only": int((part["status"] != second.loc[part.index, "status"]).sum()),
                    "largest difference of mu1": (a["mu1"] - b["mu1"]).abs().max(),
                    "of mu2": (a["mu2"] - b["mu2"]).abs().max(),
                    "rank correlation of PE": stats.spearmanr(a["pe"], b["pe"]).statistic,
                    "other half": len((high[0] ^ high[1]) & set(part.index)) / len(part),
                }
            )
    return pd.DataFrame(rows)


def agreement(one: Path, other: Path) -> pd.DataFrame:
    """Differences of agreement with judgements, over all layers and selections of the raw cube."""
    rows = []
    for path in sorted((one / "agreement").glob("*/*.parquet")):
        table = io.read_table(path)
        if "selection" not in table or "measure" not in table:
            continue
        second = io.read_table(other / path.relative_to(one))
        keys = [key for key in KEYS if key in table]
        both = table.merge(second, on=keys, suffixes=("", "_other"), validate="one_to_one")
        both = both[(both["cube"] == "raw") & both["selection"].isin(["all", "high", "low", "high - low"])]
        for measure, part in both.groupby("measure", sort=False):
            change = (part["estimate"] - part["estimate_other"]).abs()
            of_all = change[part["selection"] == "all"]
            rows.append(
                {
                    "network": path.parent.name,
                    "data set": path.stem,
                    "measure": measure,
                    "largest difference, all channels": of_all.max(),
                    "halves and their difference": change.max(),
                    "median": change.median(),
                }
            )
    return pd.DataFrame(rows)


def seconds(one: Path, other: Path) -> pd.DataFrame:
    """Seconds of the jobs that run a network, startup included."""
    rows = []
    for rule in RULES:
        taken = [
            sum(pd.read_csv(path, sep="\t")["s"].sum() for path in (folder / "benchmarks" / rule).rglob("*.tsv"))
            for folder in (one, other)
        ]
        rows.append({"rule": rule, "one": taken[0], "other": taken[1], "ratio": taken[0] / taken[1]})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Usage: python benchmarks/compare_results.py ONE/results OTHER/results")
    folders = [Path(argument) for argument in sys.argv[1:]]
    for heading, compare in (("Scores", channels), ("Agreement", agreement), ("Seconds", seconds)):
        print(f"\n## {heading}\n\n{compare(*folders).to_markdown(index=False, floatfmt='.2g')}")
