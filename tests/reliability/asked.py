"""What the rules ask a cluster for, and whether the jobs of a study kept to it."""

import re

import pandas as pd
from miniature import ROOT

# what figures and tables share
(DRAWING,) = re.findall(r"^DRAWING = (growing\(.*\))", (ROOT / "rules/common.smk").read_text(), re.MULTILINE)
# all that have jobs, which those that only name a stage have not
RULES = {
    name: body.replace("**DRAWING,", f"**{DRAWING},")
    for file in sorted((ROOT / "rules").glob("*.smk"))
    for name, body in re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)+)", file.read_text(), re.MULTILINE)
    if "    script:" in body
}
ASKED = r"\n        \*\*growing\(mem_mb=(\d+), runtime=(\d+)\),\n"
SNAKEMAKE = 140  # MB that Snakemake's own process takes, which Slurm counts in the job


def check_benchmarks(folder):
    """Assert that every job of a study took less memory and time than its rule asks for."""
    folder = folder / "results/benchmarks"
    found = sorted(folder.rglob("*.tsv"))
    assert found
    for path in found:
        body = RULES[path.relative_to(folder).with_suffix("").parts[0]]
        memory, minutes = map(int, re.search(ASKED, body).groups())
        taken = pd.read_csv(path, sep="\t").max()
        assert taken["max_rss"] + SNAKEMAKE < memory, path
        assert taken["s"] / 60 < minutes, path
