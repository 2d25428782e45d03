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
        mem_mb=growing(4000),
        runtime=growing(600),
        gpu=1,
    params:
        names=lookup(within=config, dpath="inversion/photographs"),
        seeds=lookup(within=config, dpath="inversion/seeds"),
        halves=lookup(within=config, dpath="inversion/halves"),
        size=lookup(within=config, dpath="inversion/size"),
        settings={key: config["inversion"][key] for key in ("steps", "learning_rate", "variation")},
        code=code_digest("invert_features"),
    message:
        "Inverting what {wildcards.layer} of {wildcards.backbone} encodes"
    script:
        "../workflow/scripts/invert_features.py"


rule compare_inversions:
    input:
        scores=collect(
            "results/inversion/{backbone}/{layer}/scores.parquet", layer=network.inverted, allow_missing=True
        ),
    output:
        comparison="results/inversion/{backbone}/comparison.parquet",
    log:
        "results/logs/compare_inversions/{backbone}.log",
    benchmark:
        "results/benchmarks/compare_inversions/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        replicates=lookup(within=config, dpath="statistics/replicates"),
        seed=lookup(within=config, dpath="seed"),
        code=code_digest("compare_inversions"),
    message:
        "Comparing what the channels of {wildcards.backbone} encode"
    script:
        "../workflow/scripts/compare_inversions.py"


rule inversion:
    input:
        [
            expand(rules.invert_features.output, backbone=name, layer=network.inverted)
            for name, network in study.inverted.items()
        ],
        expand(rules.compare_inversions.output, backbone=study.inverted),
