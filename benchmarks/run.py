"""Run the benchmarks and write their ratios to results/benchmarks/summary.json and, as a table, summary.md.

Beside them is study.md, the seconds of the study in results/ by rule, where there is one.

`make benchmark`, at most 12 minutes on two cores. Ratios of runs in turn, with median and range; a goal is the largest
ratio wanted.
"""

import importlib
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import study_by_rule
import torch
from measuring import Row

from perceptual_efficacy import storage

# agreement first, as it tells the peak memory of this process
MODULES = ("agreement", "starting", "scale", "superres_step", "image_distances", "study_by_rule")
FOLDER = Path(__file__).parents[1] / "results" / "benchmarks"
PACKAGES = ("perceptual-efficacy", "numpy", "torch", "torchvision", "lpips")


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    names = {line.partition(":")[2].strip() for line in _processors() if line.startswith("model name")}
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    processor = ", ".join(sorted(names)) or platform.machine()
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "versions": f"Python {platform.python_version()}, {versions}",
    }


def _processors() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def markdown(rows: list[Row], about: dict[str, str]) -> str:
    """A table of all rows, under what they were measured on."""
    lines = [*(f"{name}: {value}  " for name, value in about.items()), ""]
    lines += ["| ratio of | median | range | goal | |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        goal = "" if row.goal is None else f"at most {row.goal:g}: {'met' if row.met else '**missed**'}"
        lines.append(f"| {row.name} | {row.ratio:.2f} | {row.low:.2f} to {row.high:.2f} | {goal} | {row.about} |")
    return "\n".join(lines) + "\n"


def write(rows: list[Row], about: dict[str, str], folder: Path = FOLDER) -> None:
    record = {**about, "rows": [row._asdict() for row in rows]}
    storage.write_text(json.dumps(record, indent=2) + "\n", folder / "summary.json")
    storage.write_text(markdown(rows, about), folder / "summary.md")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows, about, start = [], machine(), time.perf_counter()
    for name in MODULES:
        for row in importlib.import_module(name).rows():
            rows.append(row)
            print(f"{time.perf_counter() - start:4.0f} s  {row.name}: {row.ratio:.2f}", flush=True)
            write(rows, about)  # whatever happens to the next
    if len(study_by_rule.jobs()):
        storage.write_text(study_by_rule.markdown(), FOLDER / "study.md")
    print(f"\n{markdown(rows, about)}")
    if missed := [row.name for row in rows if row.met is False]:
        print(f"Missed: {'; '.join(missed)}", file=sys.stderr)


if __name__ == "__main__":
    main()
