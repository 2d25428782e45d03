"""How far two runs of one study differ: in float32 and bfloat16, on CPU and GPU, with other numbers of threads.

    snakemake --cores 2 --directory one
    snakemake --cores 2 --directory other --config precision=bfloat16
    python benchmarks/compare_results.py one/results other/results

Prints Markdown: the scores of channels by network, the agreement with judgements by data set and measure, and how long
the network's own jobs took.
"""

import sys
from pathlib import Path

import pandas as pd
from scipy import stats

from perceptual_efficacy import io
from perceptual_efficacy.scores import SCORED, select_channels

KEYS = ["group", "cube", "layer", "ranking", "selection", "measure"]
RULES = ("probe_channels", "measure_contrast_distances", "measure_image_distances")


def channels(one: Path, other: Path) -> pd.DataFrame:
    """Differences of scores by network, over the channels that both runs score; ranks are those within a layer."""
    rows = []
    for path in sorted((one / "selectivity").glob("*/channels.parquet")):
        first, second = io.read_table(path), io.read_table(other / path.relative_to(one))
        high = [set(select_channels(table, "high").index) for table in (first, second)]
        both = (first["status"] == SCORED) & (second["status"] == SCORED)
        layers = [first.index[both & (first["layer"] == layer)] for layer in first["layer"].unique()]
        change = {score: (first[score] - second[score])[both].abs() for score in ("mu1", "mu2")}
        rows.append(
            {
                "network": path.parent.name,
                "channels": len(first),
                "scored in one run only": int((first["status"] != second["status"]).sum()),
                **{f"{score}, median": values.median() for score, values in change.items()},
                **{f"{score}, largest": values.max() for score, values in change.items()},
                "least rank correlation of PE": min(
                    stats.spearmanr(first.loc[layer, "pe"], second.loc[layer, "pe"]).statistic for layer in layers
                ),
                "share in the other half": len(high[0] ^ high[1]) / len(first),
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


def markdown(table: pd.DataFrame) -> str:
    """Write a table with ranks to four digits and all else to two that count."""
    digits = [".4f" if "rank" in str(name) else ".2g" for name in table.columns]
    return table.to_markdown(index=False, floatfmt=tuple(digits))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Usage: python benchmarks/compare_results.py ONE/results OTHER/results")
    folders = [Path(argument) for argument in sys.argv[1:]]
    for heading, compare in (("Scores", channels), ("Agreement", agreement), ("Seconds", seconds)):
        print(f"\n## {heading}\n\n{markdown(compare(*folders))}")
