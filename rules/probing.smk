rule probe_channels:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
    output:
        tuning="results/probing/{backbone}/tuning.nc",
    log:
        "results/logs/probe_channels/{backbone}.log",
    benchmark:
        "results/benchmarks/probe_channels/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=3000, runtime=30),
        gpu=1,
    params:
        **study.params("stimuli", "probing.largest", "probing.batch_size", "precision"),
        code=code_digest("probe_channels"),
    message:
        "Measuring the grating responses of {wildcards.backbone}"
    script:
        "../workflow/scripts/probe_channels.py"


rule probing:
    input:
        expand(rules.probe_channels.output, backbone=study.networks),
