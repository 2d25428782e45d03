rule invert_features:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
        channels="results/selectivity/{backbone}/channels.parquet",
        photographs="results/data/photographs/photographs.parquet",
        images=expand("results/data/photographs/{photograph}.png", photograph=study.photographs),
    output:
        scores="results/inversion/{backbone}/{layer}/scores.parquet",
        images=directory("results/inversion/{backbone}/{layer}/images"),
    log:
        "results/logs/invert_features/{backbone}/{layer}.log",
    benchmark:
        "results/benchmarks/invert_features/{backbone}/{layer}.tsv"
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=600),
        gpu=1,
    params:
        names=study.value("inversion.photographs"),
        seeds=study.value("inversion.seeds"),
        halves=study.value("inversion.halves"),
        size=study.value("inversion.size"),
        settings=study.params(
            *("inversion.remaining", "inversion.steps", "inversion.learning_rate", "inversion.variation")
        ),
        code=code_digest("invert_features"),
    message:
        "Inverting what {wildcards.layer} of {wildcards.backbone} encodes"
    script:
        "../workflow/scripts/invert_features.py"


rule compare_inversions:
    input:
        scores=inversions,
    output:
        comparison="results/inversion/{backbone}/comparison.parquet",
    log:
        "results/logs/compare_inversions/{backbone}.log",
    benchmark:
        "results/benchmarks/compare_inversions/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=30),
    params:
        **study.params("statistics.replicates", "seed"),
        code=code_digest("compare_inversions"),
    message:
        "Comparing what the channels of {wildcards.backbone} encode"
    script:
        "../workflow/scripts/compare_inversions.py"


rule inversion:
    input:
        [expand(rules.invert_features.output, backbone=it.name, layer=it.inverted) for it in study.inverted.values()],
        expand(rules.compare_inversions.output, backbone=study.inverted),
