rule judge_claims:
    input:
        agreement=expand(
            f"results/agreement/{{backbone}}/modelfest-{OWN_RESOLUTION}.parquet",
            backbone=BACKBONES,
        ),
        layers=expand("results/selectivity/{backbone}/layers.parquet", backbone=SUBJECTS),
        cards=expand("results/backbones/{backbone}/card.json", backbone=BACKBONES),
    output:
        json="results/claims.json",
        md=report(
            "results/claims.md",
            caption="../workflow/report/claims.rst",
            category="Claims",
            labels={"table": "Verdicts, as text"},
        ),
    log:
        "results/logs/judge_claims.log",
    benchmark:
        "results/benchmarks/judge_claims.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        claims=CLAIMS,
        networks=BACKBONES,
        controls=CONTROLS,
        code=code_digest("judge_claims"),
    message:
        "Judging the claims"
    script:
        "../workflow/scripts/judge_claims.py"


rule write_tables:
    input:
        photographs="results/data/photographs/photographs.parquet",
        comparisons="results/data/modelfest/comparisons.parquet",
        patterns=expand("results/data/modelfest/patterns-{resolution}.nc", resolution=RESOLUTIONS),
        channels=expand("results/selectivity/{backbone}/channels.parquet", backbone=BACKBONES),
        layers=expand("results/selectivity/{backbone}/layers.parquet", backbone=SUBJECTS),
        agreement=expand(
            "results/agreement/{backbone}/modelfest-{resolution}.parquet",
            backbone=BACKBONES,
            resolution=RESOLUTIONS,
        ),
        claims="results/claims.json",
    output:
        claims=[
            report(
                "results/tables/claims.csv",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Claims"},
            ),
            "results/tables/claims.md",
            "results/tables/claims.tex",
        ],
        selections=[
            report(
                "results/tables/selections.csv",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "High, low and random channels"},
            ),
            "results/tables/selections.md",
            "results/tables/selections.tex",
        ],
        agreement=[
            report(
                "results/tables/agreement.csv",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "All scores against people"},
            ),
            "results/tables/agreement.md",
            "results/tables/agreement.tex",
        ],
        channels=[
            report(
                "results/tables/channels.csv",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Scores by layer"},
            ),
            "results/tables/channels.md",
            "results/tables/channels.tex",
        ],
        layers=[
            report(
                "results/tables/layers.csv",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Layers beside random weights"},
            ),
            "results/tables/layers.md",
            "results/tables/layers.tex",
        ],
        modelfest=[
            report(
                "results/tables/modelfest.csv",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "ModelFest stimuli"},
            ),
            "results/tables/modelfest.md",
            "results/tables/modelfest.tex",
        ],
        photographs=[
            report(
                "results/tables/photographs.csv",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Photographs"},
            ),
            "results/tables/photographs.md",
            "results/tables/photographs.tex",
        ],
    log:
        "results/logs/write_tables.log",
    benchmark:
        "results/benchmarks/write_tables.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        networks=BACKBONES,
        subjects=SUBJECTS,
        resolutions=RESOLUTIONS,
        code=code_digest("write_tables"),
    message:
        "Writing the tables"
    script:
        "../workflow/scripts/write_tables.py"


rule record_configuration:
    output:
        configuration="results/configuration.yaml",
    log:
        "results/logs/record_configuration.log",
    benchmark:
        "results/benchmarks/record_configuration.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        study=config,
        code=code_digest("record_configuration"),
    message:
        "Recording the configuration"
    script:
        "../workflow/scripts/record_configuration.py"
