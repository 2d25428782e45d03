"""The miniature study, run as a user runs it; what several test files share."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from perceptual_efficacy.report.origins import without_times

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "tests" / "miniature.yaml"


def command(folder, *arguments, root=ROOT, study=STUDY, snakefile="Snakefile"):
    """Return the command that runs Snakemake in a folder: the miniature study, or without one the default study.

    The sources may lie elsewhere than here.
    """
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(root / snakefile), "--cores", "2"),
        *("--directory", str(folder), *arguments, *(("--configfile", str(study)) if study else ())),
    ]


def environment(folder, **changes):
    """Return this process's environment with changes; None takes a variable away."""
    changed = {**os.environ, "MPLCONFIGDIR": str(folder), **changes}
    return {name: value for name, value in changed.items() if value is not None}


def snakemake(folder, *arguments, env=(), **where):
    """Run Snakemake in a folder and return the finished process; its output is text."""
    return subprocess.run(
        command(folder, *arguments, **where),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=environment(folder, **dict(env)),
    )


def study_with(folder, **changes):
    """Write the miniature study with changes to its configuration, and return the file."""
    changed = {**yaml.safe_load(STUDY.read_text()), **changes}
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(changed, sort_keys=False))
    return path


def results(folder):
    """Return the SHA-256 of every result; neither logs, benchmarks nor the report's times are the same twice."""
    page, record = folder / "results/report.html", folder / "results/provenance/report.html.json"
    timed = {page: without_times(page.read_text(encoding="utf-8")).encode()} if page.exists() else {}
    return {
        str(path.relative_to(folder)): hashlib.sha256(timed.get(path) or path.read_bytes()).hexdigest()
        for path in sorted((folder / "results").rglob("*"))
        if path.is_file() and path != record and not {"logs", "benchmarks"} & set(path.parts)
    }


def planned(output):
    """Rules that a dry run would run, with the number of jobs."""
    stats = output.split("Job stats:")[-1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", stats, re.MULTILINE)}
