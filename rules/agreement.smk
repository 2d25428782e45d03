rule measure_contrast_distances:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
        card="results/backbones/{backbone}/card.json",
        patterns="results/data/modelfest/patterns-{resolution}.nc",
    output:
        distances="results/distances/{backbone}/modelfest-{resolution}.nc",
    log:
        "results/logs/measure_contrast_distances/{backbone}/{resolution}.log",
    benchmark:
        "results/benchmarks/measure_contrast_distances/{backbone}/{resolution}.tsv"
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=1,
    params:
        lowest=lookup(within=config, dpath="modelfest/lowest_contrast"),
        highest=lookup(within=config, dpath="modelfest/highest_contrast"),
        contrasts=lookup(within=config, dpath="modelfest/contrasts"),
        batch_size=lookup(within=config, dpath="modelfest/batch_size"),
        code=code_digest("measure_contrast_distances"),
    message:
        "Measuring how far {wildcards.backbone} finds the ModelFest patterns from blank at {wildcards.resolution} pixels per degree"
    script:
        "../workflow/scripts/measure_contrast_distances.py"


rule assess_thresholds:
    input:
        distances="results/distances/{backbone}/modelfest-{resolution}.nc",
        variants="results/selectivity/{backbone}/variants.parquet",
        patterns="results/data/modelfest/patterns-{resolution}.nc",
        comparisons="results/data/modelfest/comparisons.parquet",
    output:
        agreement="results/agreement/{backbone}/modelfest-{resolution}.parquet",
        predictions="results/agreement/{backbone}/modelfest-{resolution}-predictions.parquet",
    log:
        "results/logs/assess_thresholds/{backbone}/{resolution}.log",
    benchmark:
        "results/benchmarks/assess_thresholds/{backbone}/{resolution}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        splits=lookup(within=config, dpath="statistics/splits"),
        replicates=lookup(within=config, dpath="statistics/replicates"),
        seed=lookup(within=config, dpath="seed"),
        code=code_digest("assess_thresholds"),
    message:
        "Comparing the thresholds that {wildcards.backbone} predicts at {wildcards.resolution} pixels per degree with people’s"
    script:
        "../workflow/scripts/assess_thresholds.py"
