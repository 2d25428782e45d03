rule export_photographs:
    input:
        own=[entry["path"] for entry in study.value("photographs") if "path" in entry],
    output:
        table="results/data/photographs/photographs.parquet",
        listing="results/data/photographs/photographs.csv",
        images=expand("results/data/photographs/{photograph}.png", photograph=study.photographs),
    log:
        "results/logs/export_photographs.log",
    benchmark:
        "results/benchmarks/export_photographs.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=10),
    params:
        entries=study.value("photographs"),
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
        **growing(mem_mb=2000, runtime=10),
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
        kept="results/data/modelfest/patterns-{resolution}.parquet",
    log:
        "results/logs/resample_modelfest/{resolution}.log",
    benchmark:
        "results/benchmarks/resample_modelfest/{resolution}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=10),
    params:
        code=code_digest("resample_modelfest"),
    message:
        "Averaging the ModelFest patterns to {wildcards.resolution} pixels per degree"
    script:
        "../workflow/scripts/resample_modelfest.py"


rule generate_ladder:
    input:
        photographs="results/data/photographs/photographs.parquet",
        images=expand("results/data/photographs/{photograph}.png", photograph=study.photographs),
    output:
        folder=directory("results/data/ladder/{layout}"),
    log:
        "results/logs/generate_ladder/{layout}.log",
    benchmark:
        "results/benchmarks/generate_ladder/{layout}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=10),
    params:
        **study.params("ladder.size", "ladder.photographs", "seed"),
        code=code_digest("generate_ladder"),
    message:
        "Distorting the photographs step by step, in the layout {wildcards.layout}"
    script:
        "../workflow/scripts/generate_ladder.py"


rule download_dataset:
    output:
        card="results/data/{dataset}/card.json",
    log:
        "results/logs/download_dataset/{dataset}.log",
    benchmark:
        "results/benchmarks/download_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(study.downloads),
    conda:
        "../envs/download.yaml"
    resources:
        **growing(mem_mb=1000, runtime=240),
    params:
        # not an output: Snakemake would delete it when a key changes, and it may be large
        archive=download.file,
        source=download.looked_for_by,
        code=code_digest("download_dataset"),
    message:
        "Downloading {wildcards.dataset}"
    script:
        "../workflow/scripts/download_dataset.py"


rule unpack_dataset:
    input:
        card="results/data/{dataset}/card.json",
    output:
        folder=directory("results/data/{dataset}/files"),
    log:
        "results/logs/unpack_dataset/{dataset}.log",
    benchmark:
        "results/benchmarks/unpack_dataset/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(study.downloads),
    conda:
        "../envs/download.yaml"
    resources:
        **growing(mem_mb=1000, runtime=60),
    params:
        archive=download.file,
        code=code_digest("unpack_dataset"),
    message:
        "Unpacking {wildcards.dataset}"
    script:
        "../workflow/scripts/unpack_dataset.py"


rule read_judgements:
    input:
        folder=dataset_folder,
    output:
        comparisons="results/data/{dataset}/comparisons.parquet",
    log:
        "results/logs/read_judgements/{dataset}.log",
    benchmark:
        "results/benchmarks/read_judgements/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=60),
    params:
        layout=dataset.layout,
        stated=dataset.stated,
        fingerprint=dataset.fingerprint,
        code=code_digest("read_judgements"),
    message:
        "Reading the judgements of {wildcards.dataset}"
    script:
        "../workflow/scripts/read_judgements.py"


rule choose_stimuli:
    input:
        folder=dataset_folder,
    output:
        stimuli="results/data/{dataset}/stimuli.parquet",
    log:
        "results/logs/choose_stimuli/{dataset}.log",
    benchmark:
        "results/benchmarks/choose_stimuli/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(study.drawn),
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        **DRAWN_WITH,
        stated=dataset.stated,
        fingerprint=dataset.fingerprint,
        code=code_digest("choose_stimuli"),
    message:
        "Choosing the stimuli of {wildcards.dataset} that a display can show"
    script:
        "../workflow/scripts/choose_stimuli.py"


rule data:
    input:
        rules.export_photographs.output,
        rules.export_modelfest.output,
        expand(rules.resample_modelfest.output, resolution=study.shown_at),
        expand(rules.generate_ladder.output, layout=study.ladder_layouts),
        expand(rules.read_judgements.output, dataset=study.datasets),
        expand(rules.choose_stimuli.output, dataset=study.drawn),
