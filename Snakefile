"""The study of perceptual efficacy: from gratings and networks to figures, tables and a verdict per claim."""

import sys

from snakemake.utils import min_version

min_version("9.27")

sys.path.insert(0, f"{workflow.current_basedir}/workflow")  # the package `study`


configfile: f"{workflow.current_basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"


# What is drawn; of an archive nothing else is made.
STAGES = ["claims", "tables", "figures"]

if ARCHIVE:

    include: "rules/restore.smk"

else:
    STAGES = [
        *("data", "networks", "stimuli", "probing", "scores", "agreement", "multiverse", "inversion", "superres"),
        *(*STAGES, "report"),
    ]

    include: "rules/data.smk"
    include: "rules/backbones.smk"
    include: "rules/stimuli.smk"
    include: "rules/probing.smk"
    include: "rules/selectivity.smk"
    include: "rules/agreement.smk"
    include: "rules/multiverse.smk"
    include: "rules/inversion.smk"
    include: "rules/superres.smk"


include: "rules/figures.smk"
include: "rules/report.smk"


if not ARCHIVE:

    include: "rules/archive.smk"


# Every file of every stage, not only the last ones: Snakemake removes what a failed job had made, and would not notice
# a missing intermediate if newer results exist.
rule all:
    default_target: True
    input:
        [getattr(rules, stage).input for stage in STAGES],
