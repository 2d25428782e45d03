rule export_photographs:
    input:
        own=[entry["path"] for entry in config["photographs"] if "path" in entry],
    output:
        table="results/data/photographs/photographs.parquet",
        listing="results/data/photographs/photographs.csv",
        images=expand("results/data/photographs/{photograph}.png", photograph=PHOTOGRAPHS),
    log:
        "results/logs/export_photographs.log",
    benchmark:
        "results/benchmarks/export_photographs.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        entries=lookup(within=config, dpath="photographs"),
        code=code_digest("export_photographs"),
    message:
        "Exporting the photographs"
    script:
        "../workflow/scripts/export_photographs.py"


rule export_modelfest:
    output:
        patterns="results/data/modelfest/patterns.nc",
        comparisons="results/data/modelfest/comparisons.parquet",
    log:
        "results/logs/export_modelfest.log",
    benchmark:
        "results/benchmarks/export_modelfest.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("export_modelfest"),
    message:
        "Exporting the ModelFest patterns and thresholds"
    script:
        "../workflow/scripts/export_modelfest.py"


rule resample_modelfest:
    input:
        patterns="results/data/modelfest/patterns.nc",
    output:
        patterns="results/data/modelfest/patterns-{resolution}.nc",
    log:
        "results/logs/resample_modelfest/{resolution}.log",
    benchmark:
        "results/benchmarks/resample_modelfest/{resolution}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("resample_modelfest"),
    message:
        "Averaging the ModelFest patterns to {wildcards.resolution} pixels per degree"
    script:
        "../workflow/scripts/resample_modelfest.py"
