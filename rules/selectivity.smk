rule score_channels:
    input:
        tuning="results/probing/{backbone}/tuning.nc",
    output:
        channels="results/selectivity/{backbone}/channels.parquet",
        variants="results/selectivity/{backbone}/variants.parquet",
    log:
        "results/logs/score_channels/{backbone}.log",
    benchmark:
        "results/benchmarks/score_channels/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=10),
    params:
        **study.params("scores.csf", "scores.baseline", "scores.combination"),
        modelfest_csf=study.value("modelfest.csf"),
        resolutions=study.resolutions,
        viewed_at=study.viewed_at,
        code=code_digest("score_channels"),
    message:
        "Scoring the channels of {wildcards.backbone}"
    script:
        "../workflow/scripts/score_channels.py"


rule compare_layers:
    input:
        tuning="results/probing/{backbone}/tuning.nc",
        control=network("results/probing/{0.control}/tuning.nc"),
        others=network("results/probing/{0.control}/controls.nc"),
    output:
        layers="results/selectivity/{backbone}/layers.parquet",
    log:
        "results/logs/compare_layers/{backbone}.log",
    benchmark:
        "results/benchmarks/compare_layers/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=10),
    params:
        **study.params("scores.csf", "scores.baseline", "scores.combination", "statistics.replicates", "seed"),
        code=code_digest("compare_layers"),
    message:
        "Comparing the layers of {wildcards.backbone} with random weights"
    script:
        "../workflow/scripts/compare_layers.py"


rule compare_with_lpips:
    input:
        channels="results/selectivity/{backbone}/channels.parquet",
        distances=f"results/distances/{{backbone}}/{study.typical}.nc",
    output:
        agreement="results/selectivity/{backbone}/lpips.parquet",
        channels="results/selectivity/{backbone}/lpips-channels.parquet",
    log:
        "results/logs/compare_with_lpips/{backbone}.log",
    benchmark:
        "results/benchmarks/compare_with_lpips/{backbone}.tsv"
    wildcard_constraints:
        backbone=any_of(study.learned),
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=10),
    params:
        shuffles=study.value("statistics.splits"),
        replicates=study.value("statistics.replicates"),
        seed=study.value("seed"),
        code=code_digest("compare_with_lpips"),
    message:
        "Comparing the scores of {wildcards.backbone} with the weights that LPIPS learnt"
    script:
        "../workflow/scripts/compare_with_lpips.py"


rule scores:
    input:
        expand(rules.score_channels.output, backbone=study.networks),
        expand(rules.compare_layers.output, backbone=study.subjects),
        expand(rules.compare_with_lpips.output, backbone=study.learned),
