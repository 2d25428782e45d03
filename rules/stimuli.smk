rule generate_gratings:
    output:
        gratings="results/stimuli/gratings.nc",
    log:
        "results/logs/generate_gratings.log",
    benchmark:
        "results/benchmarks/generate_gratings.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        options=lookup(within=config, dpath="stimuli"),
        code=code_digest("generate_gratings"),
    message:
        "Generating the gratings"
    script:
        "../workflow/scripts/generate_gratings.py"
