"""The study of perceptual efficacy: from gratings and networks to figures, tables and a verdict per claim."""

from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/study.smk"
include: "rules/code.smk"
include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/backbones.smk"
include: "rules/stimuli.smk"
include: "rules/probing.smk"
include: "rules/selectivity.smk"
include: "rules/agreement.smk"
include: "rules/report.smk"
include: "rules/figures.smk"


rule all:
    default_target: True
    input:
        "results/configuration.yaml",
        "results/claims.md",
        "results/tables/claims.csv",
        "results/figures/stimuli.png",
        expand(
            "results/figures/{backbone}/{figure}.png",
            backbone=SUBJECTS,
            figure=FIGURES,
        ),
