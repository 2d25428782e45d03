rule probe_channels:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
    output:
        tuning="results/probing/{backbone}/tuning{contrast}.nc",  # for the multiverse, of other contrasts too
    log:
        "results/logs/probe_channels/{backbone}{contrast}.log",
    benchmark:
        "results/benchmarks/probe_channels/{backbone}{contrast}.tsv"
    wildcard_constraints:
        contrast=r"|-contrast-[\d.]+",
    priority: 1  # most of the study waits for it
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=3000, runtime=30),
        gpu=1,
    params:
        **study.params("probing.largest", "probing.batch_size", "precision"),
        stimuli=stimuli_of,
        code=code_digest("probe_channels"),
    message:
        "Measuring the grating responses of {wildcards.backbone}{wildcards.contrast}"
    script:
        "../workflow/scripts/probe_channels.py"


# the first seed of a control is its own, which `probe_channels` measures
rule probe_controls:
    output:
        tuning="results/probing/{backbone}/controls.nc",
    log:
        "results/logs/probe_controls/{backbone}.log",
    benchmark:
        "results/benchmarks/probe_controls/{backbone}.tsv"
    wildcard_constraints:
        backbone=any_of(set(study.controls.values())),
    conda:
        "../envs/perception.yaml"
    threads: 8
    resources:
        **growing(mem_mb=3000, runtime=60),
        gpu=1,
    params:
        **study.params("stimuli", "probing.largest", "probing.batch_size", "probing.control_seeds", "precision"),
        network=network.source,
        layers=network.stages,
        widths=network.widths,
        seed=network.seed,
        code=code_digest("probe_controls"),
    message:
        "Measuring the grating responses of {wildcards.backbone} with other random weights"
    script:
        "../workflow/scripts/probe_controls.py"


rule probing:
    input:
        expand(rules.probe_controls.output, backbone=set(study.controls.values())),
        expand(rules.probe_channels.output, backbone=study.networks, contrast=""),
