rule explore_choices:
    input:
        tuning="results/probing/{backbone}/tuning.nc",
        also_probed=[
            f"results/probing/{{backbone}}/tuning-contrast-{contrast:.10g}.nc" for contrast in study.other_contrasts
        ],
        channels=explored_scores,
        distances=explored_cubes,
        comparisons="results/data/{data}/comparisons.parquet",
    output:
        **{
            part: f"results/multiverse/{{backbone}}/{{data}}-{part}.parquet"
            for part in ("specifications", "joint", "carried", "kept")
        },
    log:
        "results/logs/explore_choices/{backbone}/{data}.log",
    benchmark:
        "results/benchmarks/explore_choices/{backbone}/{data}.tsv"
    wildcard_constraints:
        data=any_of(EXPLORED),
    conda:
        "../envs/perception.yaml"
    threads: 2
    resources:
        **growing(mem_mb=6000, runtime=480),
    params:
        **study.params("multiverse.shuffles", "multiverse.replicates", "scores.baseline", "scores.combination", "seed"),
        csf=lambda wildcards: study.value("modelfest.csf" if wildcards.data == MODELFEST else "scores.csf"),
        contrasts=study.other_contrasts,
        variant=lambda wildcards: "modelfest" if wildcards.data == MODELFEST else "study",
        layer=lambda wildcards: study.claim_layers[wildcards.backbone],
        pixels_per_degree=explored_at,
        code=code_digest("explore_choices"),
    message:
        "Comparing the halves of {wildcards.backbone} on {wildcards.data} under all analysis choices"
    script:
        "../workflow/scripts/explore_choices.py"


rule multiverse:
    input:
        expand(rules.explore_choices.output, backbone=study.networks, data=EXPLORED),
