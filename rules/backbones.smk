rule learn_kmeans:
    input:
        photographs="results/data/photographs/photographs.parquet",
        images=expand("results/data/photographs/{photograph}.png", photograph=study.photographs),
    output:
        weights="results/backbones/{backbone}/weights.safetensors",
        card="results/backbones/{backbone}/card.json",
    log:
        "results/logs/learn_kmeans/{backbone}.log",
    benchmark:
        "results/benchmarks/learn_kmeans/{backbone}.tsv"
    wildcard_constraints:
        backbone=names_from("kmeans"),
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=4000, runtime=10),
    params:
        layers=network.stages,
        options=study.value("kmeans"),
        seed=network.seed,
        code=code_digest("learn_kmeans"),
    message:
        "Learning {wildcards.backbone} by k-means from the training photographs"
    script:
        "../workflow/scripts/learn_kmeans.py"


rule draw_random:
    output:
        weights="results/backbones/{backbone}/weights.safetensors",
        card="results/backbones/{backbone}/card.json",
    log:
        "results/logs/draw_random/{backbone}.log",
    benchmark:
        "results/benchmarks/draw_random/{backbone}.tsv"
    wildcard_constraints:
        backbone=names_from("random"),
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=10),
    params:
        layers=network.stages,
        seed=network.seed,
        code=code_digest("draw_random"),
    message:
        "Drawing the random weights of {wildcards.backbone}"
    script:
        "../workflow/scripts/draw_random.py"


rule load_network:
    input:
        weights=network.files,
    output:
        weights="results/backbones/{backbone}/weights.safetensors",
        card="results/backbones/{backbone}/card.json",
    log:
        "results/logs/load_network/{backbone}.log",
    benchmark:
        "results/benchmarks/load_network/{backbone}.tsv"
    wildcard_constraints:
        backbone=names_from("published"),
    priority: 1  # as of probe_channels
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=4000, runtime=30),
    params:
        network=network.source,
        layers=network.stages,
        release=network.release,
        sha256=network.sha256,
        seed=network.seed,
        named_layers=network.named_layers,
        code=code_digest("load_network"),
    message:
        "Loading {wildcards.backbone}"
    script:
        "../workflow/scripts/load_network.py"


rule networks:
    input:
        expand(rules.load_network.output, backbone=study.networks),
