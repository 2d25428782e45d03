"""Say where the seconds of a study went, by rule: `python benchmarks/study_by_rule.py` after `make figures`.

Jobs tell how long they took in results/benchmarks/. The import of their libraries counts: it is most of a job of a few
seconds. The processor time there is not used: Snakemake looks every half minute, and misses what comes after.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from measuring import Row, of_ratios

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
LONGEST = 20  # rules
GOAL = 5 * 60  # seconds of the default study on two quiet cores


def jobs(folder: Path = RESULTS) -> pd.DataFrame:
    """One row per job: its rule and seconds."""
    files = [path for path in folder.rglob("*.tsv") if path.stat().st_size]
    tables = [
        pd.read_csv(path, sep="\t").assign(rule=path.relative_to(folder).with_suffix("").parts[0]) for path in files
    ]
    columns = ["rule", "s"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def by_rule(table: pd.DataFrame) -> pd.DataFrame:
    """One row per rule, the longest first: number of jobs, and their seconds."""
    found = table.groupby("rule")["s"].agg(jobs="size", seconds="sum")
    return found.sort_values("seconds", ascending=False)


def rows() -> Iterator[Row]:
    table = jobs()
    if len(table):
        longest = [f"{rule} {seconds:.0f} s" for rule, seconds in by_rule(table)["seconds"].head(6).items()]
        about = f"{len(table)} jobs, {table['s'].sum():.0f} s together, without Snakemake itself: {', '.join(longest)}"
        yield of_ratios(
            "jobs of the study in results/, two at once / 5 minutes", [table["s"].sum() / 2 / GOAL], 1, about
        )


def markdown(folder: Path = RESULTS, one_core: Path | None = None) -> str:
    """A table of the rules that took longest, and of all others together; beside them a run on one core."""
    table = by_rule(jobs(folder))
    heads = ["rule", "jobs", "seconds"]
    if one_core is not None:
        table["one core"] = by_rule(jobs(one_core))["seconds"]
        heads.append("with one core")
    shown, others = table.head(LONGEST).copy(), table[LONGEST:]
    if len(others):
        shown.loc[f"{len(others)} others"] = others.sum()
    shown.loc["**all**"] = table.sum()
    rows = [[rule, *(f"{number:.0f}" for number in numbers)] for rule, *numbers in shown.itertuples()]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [heads, ["---", *["---:"] * (len(heads) - 1)], *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=RESULTS)
    parser.add_argument("--one-core", type=Path, metavar="FOLDER", help="the same of a run on one core: another column")
    arguments = parser.parse_args()
    print(markdown(arguments.folder, arguments.one_core))
