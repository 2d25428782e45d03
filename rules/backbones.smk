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
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        layers=layers_of,
        options=lookup(within=config, dpath="kmeans"),
        seed=seed_of,
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        layers=layers_of,
        seed=seed_of,
        code=code_digest("draw_random"),
    message:
        "Drawing the random weights of {wildcards.backbone}"
    script:
        "../workflow/scripts/draw_random.py"


rule load_network:
    input:
        weights=weights_file,
    output:
        weights="results/backbones/{backbone}/weights.safetensors",
        card="results/backbones/{backbone}/card.json",
    log:
        "results/logs/load_network/{backbone}.log",
    benchmark:
        "results/benchmarks/load_network/{backbone}.tsv"
    wildcard_constraints:
        backbone=published_names(),
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        network=network_of,
        layers=layers_of,
        release=release_of,
        sha256=sha256_of,
        seed=seed_of,
        figure_layer=figure_layer_or_none,
        code=code_digest("load_network"),
    message:
        "Loading {wildcards.backbone}"
    script:
        "../workflow/scripts/load_network.py"


rule networks:
    input:
        expand(rules.load_network.output, backbone=study.networks),
