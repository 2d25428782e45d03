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
        **growing(mem_mb=4000, runtime=10),
    params:
        options=study.value("stimuli"),
        code=code_digest("generate_gratings"),
    message:
        "Generating the gratings"
    script:
        "../workflow/scripts/generate_gratings.py"


rule stimuli:
    input:
        rules.generate_gratings.output,
