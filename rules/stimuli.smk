rule generate_gratings:
    output:
        radial="results/stimuli/radial.nc",
        oriented="results/stimuli/oriented.nc",
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


rule stimuli:
    input:
        rules.generate_gratings.output,
