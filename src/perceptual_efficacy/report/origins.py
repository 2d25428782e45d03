"""Where a study's results come from: versions, seeds, and how long each of its rules took."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from perceptual_efficacy import provenance


def without_times(page: str) -> str:
    """Return the page without the time that each rule took: what is the same in every run."""
    return re.sub(r"<!-- times.*?<!-- end of times -->", "", page, flags=re.DOTALL)


def versions(outputs: Iterable[str], results: Path) -> dict[str, list[str]]:
    """List the versions of Python and of every package that the jobs used which wrote these files."""
    found: dict[str, set[str]] = {}
    for output in outputs:
        for package, version in (provenance.read(output, results) or {}).get("versions", {}).items():
            found.setdefault(package, set()).add(version)
    return {package: sorted(found[package]) for package in sorted(found)}


def seeds(configuration: Mapping[str, Any]) -> dict[str, str]:
    """List every seed of a configuration by its key."""
    return {key: str(value) for key, value in _entries(configuration) if key.split(".")[-1] in {"seed", "seeds"}}


def _entries(node: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    parts = node.items() if isinstance(node, Mapping) else []
    if isinstance(node, list):
        parts = [(part["name"], part) for part in node if isinstance(part, Mapping) and "name" in part]
    for name, part in parts:
        yield f"{above}{name}", part
        yield from _entries(part, f"{above}{name}.")


def times(benchmarks: Path) -> pd.DataFrame:
    """Sum up what Snakemake measured, by rule: from `results/benchmarks`.

    Returns
    -------
    `rule`, `jobs`, `seconds` of all its jobs, `longest` of one of them in seconds, and `memory` of the largest in MB;
    missing where a job was too short to be measured. The rules that took most of the time come first.
    """
    rows = [
        {"rule": path.relative_to(benchmarks).with_suffix("").parts[0], **job}
        for path in sorted(benchmarks.rglob("*.tsv"))
        for job in pd.read_csv(path, sep="\t", na_values="-").to_dict("records")
    ]
    jobs = pd.DataFrame(rows, columns=["rule", "s", "max_rss"])
    totals = jobs.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), longest=("s", "max"), memory=("max_rss", "max")
    )
    return totals.sort_values("seconds", ascending=False, kind="stable").reset_index()
