rule measure_contrast_distances:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
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
        **growing(mem_mb=4000, runtime=30),
        gpu=1,
    params:
        lowest=study.value("modelfest.lowest_contrast"),
        highest=study.value("modelfest.highest_contrast"),
        contrasts=study.value("modelfest.contrasts"),
        batch_size=study.value("modelfest.batch_size"),
        precision=study.value("precision"),
        code=code_digest("measure_contrast_distances"),
    message:
        "Measuring how far {wildcards.backbone} finds the ModelFest patterns from blank at {wildcards.resolution} pixels per degree"
    script:
        "../workflow/scripts/measure_contrast_distances.py"


rule measure_known_answers:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
    output:
        distances="results/distances/{backbone}/known_answers.nc",
    log:
        "results/logs/measure_known_answers/{backbone}.log",
    benchmark:
        "results/benchmarks/measure_known_answers/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=30),
        gpu=1,
    params:
        pixels_per_degree=study.value("stimuli.pixels_per_degree"),
        batch_size=study.value("modelfest.batch_size"),
        precision=study.value("precision"),
        code=code_digest("measure_known_answers"),
    message:
        "Measuring how far {wildcards.backbone} finds square, oblique and other gratings from blank"
    script:
        "../workflow/scripts/measure_known_answers.py"


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
        **growing(mem_mb=2000, runtime=30),
    params:
        **study.params("modelfest.csf", "statistics.splits", "statistics.replicates", "seed"),
        code=code_digest("assess_thresholds"),
    message:
        "Comparing the thresholds that {wildcards.backbone} predicts at {wildcards.resolution} pixels per degree with people’s"
    script:
        "../workflow/scripts/assess_thresholds.py"


rule measure_drawn_distances:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
        stimuli="results/data/{dataset}/stimuli.parquet",
    output:
        distances="results/distances/{backbone}/{dataset}.nc",
    log:
        "results/logs/measure_drawn_distances/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/measure_drawn_distances/{backbone}/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(study.drawn),
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=240),
        gpu=1,
    params:
        **DRAWN_WITH,
        precision=study.value("precision"),
        code=code_digest("measure_drawn_distances"),
    message:
        "Measuring how far {wildcards.backbone} finds the patches of {wildcards.dataset} from their backgrounds"
    script:
        "../workflow/scripts/measure_drawn_distances.py"


rule measure_drawn_baselines:
    input:
        stimuli="results/data/{dataset}/stimuli.parquet",
    output:
        distances="results/baselines/{dataset}.nc",
    log:
        "results/logs/measure_drawn_baselines/{dataset}.log",
    benchmark:
        "results/benchmarks/measure_drawn_baselines/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(study.drawn),
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=30),
    params:
        **DRAWN_WITH,
        csf=study.value("scores.csf"),
        code=code_digest("measure_drawn_baselines"),
    message:
        "Measuring the contrast energy of the patches of {wildcards.dataset}"
    script:
        "../workflow/scripts/measure_drawn_baselines.py"


rule measure_image_distances:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
        comparisons="results/data/{dataset}/comparisons.parquet",
        folder=dataset_folder,
    output:
        distances="results/distances/{backbone}/{dataset}.nc",
    log:
        "results/logs/measure_image_distances/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/measure_image_distances/{backbone}/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(study.pictured),
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=600),
        gpu=1,
    params:
        **study.params("images.batch_size", "images.part", "precision"),
        code=code_digest("measure_image_distances"),
    message:
        "Measuring how far apart {wildcards.backbone} finds the images of {wildcards.dataset}"
    script:
        "../workflow/scripts/measure_image_distances.py"


rule measure_baselines:
    input:
        comparisons="results/data/{dataset}/comparisons.parquet",
        folder=dataset_folder,
    output:
        distances="results/baselines/{dataset}.nc",
    log:
        "results/logs/measure_baselines/{dataset}.log",
    benchmark:
        "results/benchmarks/measure_baselines/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(study.pictured),
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=600),
    params:
        **study.params("images.batch_size", "images.part"),
        code=code_digest("measure_baselines"),
    message:
        "Measuring the baselines on {wildcards.dataset}"
    script:
        "../workflow/scripts/measure_baselines.py"


rule assess_agreement:
    input:
        distances="results/distances/{backbone}/{dataset}.nc",
        baselines="results/baselines/{dataset}.nc",
        channels=scores_for,
        comparisons="results/data/{dataset}/comparisons.parquet",
    output:
        agreement="results/agreement/{backbone}/{dataset}.parquet",
        channels="results/agreement/{backbone}/{dataset}-channels.parquet",
    log:
        "results/logs/assess_agreement/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/assess_agreement/{backbone}/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    threads: 2
    resources:
        **growing(mem_mb=6000, runtime=480),
    params:
        **study.params("statistics.replicates", "seed"),
        splits=lookup(within=study.splits, dpath="{dataset}"),
        viewed_at=dataset.pixels_per_degree,
        code=code_digest("assess_agreement"),
    message:
        "Comparing the distances of {wildcards.backbone} with the judgements of {wildcards.dataset}"
    script:
        "../workflow/scripts/assess_agreement.py"


rule agreement:
    input:
        expand(rules.measure_contrast_distances.output, backbone=study.networks, resolution=study.shown_at),
        expand(rules.assess_thresholds.output, backbone=study.networks, resolution=study.resolutions),
        expand(rules.measure_baselines.output, dataset=study.datasets),
        expand(rules.measure_image_distances.output, backbone=study.networks, dataset=study.datasets),
        expand(rules.assess_agreement.output, backbone=study.networks, dataset=study.datasets),
