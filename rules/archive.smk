rule pack_archive:
    input:
        figures=rules.figures.input,
        tables=rules.tables.input,
        claims=rules.claims.input,
        configuration="results/configuration.yaml",
    output:
        archive="results/archive.zip",
    log:
        "results/logs/pack_archive.log",
    benchmark:
        "results/benchmarks/pack_archive.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=1000, runtime=30),
    params:
        code=code_digest("pack_archive"),
    message:
        "Packing what figures, tables and claims are made from"
    script:
        "../workflow/scripts/pack_archive.py"


rule archive:
    input:
        rules.pack_archive.output,
