"""Say where the seconds of a study went, by rule: `python benchmarks/study_by_rule.py` after `make figures`.

Jobs tell how long they took in results/benchmarks/. The import of their libraries counts: it is most of a job of a few
seconds. Processor seconds are those that Snakemake saw, which looks now and then.
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
    """One row per job: its rule, seconds and processor seconds, as Snakemake samples them."""
    files = [path for path in folder.rglob("*.tsv") if path.stat().st_size]
    tables = [
        pd.read_csv(path, sep="\t").assign(rule=path.relative_to(folder).with_suffix("").parts[0]) for path in files
    ]
    columns = ["rule", "s", "cpu_time"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def by_rule(table: pd.DataFrame) -> pd.DataFrame:
    """One row per rule, the longest first: number of jobs, seconds, processor seconds."""
    grouped = table.groupby("rule")[["s", "cpu_time"]].agg(["size", "sum"])
    found = pd.DataFrame(
        {"jobs": grouped["s", "size"], "seconds": grouped["s", "sum"], "processor": grouped["cpu_time", "sum"]}
    )
    return found.sort_values("seconds", ascending=False)


def rows() -> Iterator[Row]:
    table = jobs()
    if len(table):
        longest = [f"{rule} {seconds:.0f} s" for rule, seconds in by_rule(table)["seconds"].head(6).items()]
        about = f"{len(table)} jobs, {table['s'].sum():.0f} s together, without Snakemake itself: {', '.join(longest)}"
        yield of_ratios(
            "jobs of the study in results/, two at once / 5 minutes", [table["s"].sum() / 2 / GOAL], 1, about
        )


def markdown(folder: Path = RESULTS) -> str:
    """A table of the rules that took longest, and of all others together."""
    table = by_rule(jobs(folder)).reset_index()
    lines = ["| rule | jobs | seconds | processor seconds |", "| --- | ---: | ---: | ---: |"]
    shown = list(table.head(LONGEST).itertuples(index=False, name=None))
    if len(others := table.iloc[LONGEST:]):
        shown.append((f"{len(others)} others", *others[["jobs", "seconds", "processor"]].sum()))
    lines += [f"| {rule} | {count:.0f} | {wall:.0f} | {processor:.0f} |" for rule, count, wall, processor in shown]
    count, wall, processor = table[["jobs", "seconds", "processor"]].sum()
    return "\n".join([*lines, f"| **all** | {count:.0f} | {wall:.0f} | {processor:.0f} |"]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=RESULTS)
    print(markdown(parser.parse_args().folder))
