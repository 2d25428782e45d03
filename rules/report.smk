rule judge_claims:
    input:
        **EVIDENCE,
        cards=expand("results/backbones/{backbone}/card.json", backbone=BACKBONES),
    output:
        json="results/claims.json",
        md="results/claims.md",
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
        claims=CLAIMS["claims"],
        evidence={kind: EVIDENCE_OF.get(kind, BACKBONES) for kind in EVIDENCE},
        layers=CLAIM_LAYERS,
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
            "results/agreement/{backbone}/{data}.parquet",
            backbone=BACKBONES,
            data=[*(f"modelfest-{resolution}" for resolution in RESOLUTIONS), *DATASETS],
        ),
        cards=expand("results/backbones/{backbone}/card.json", backbone=BACKBONES),
        claims="results/claims.json",
    output:
        claims=[
            *multiext("results/tables/claims", ".csv", ".md", ".tex"),
            report(
                "results/tables/claims.html",
                caption="../workflow/report/claims.rst",
                category="Claims",
                labels={"table": "Claims"},
            ),
        ],
        networks=[
            *multiext("results/tables/networks", ".csv", ".md", ".tex"),
            report(
                "results/tables/networks.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Networks side by side"},
            ),
        ],
        selections=[
            *multiext("results/tables/selections", ".csv", ".md", ".tex"),
            report(
                "results/tables/selections.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "High, low and random channels"},
            ),
        ],
        groups=[
            *multiext("results/tables/groups", ".csv", ".md", ".tex"),
            report(
                "results/tables/groups.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "By category and kind of distortion"},
            ),
        ],
        baselines=[
            *multiext("results/tables/baselines", ".csv", ".md", ".tex"),
            report(
                "results/tables/baselines.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Baselines, people and published scores"},
            ),
        ],
        agreement="results/tables/agreement.csv",
        channels=[
            *multiext("results/tables/channels", ".csv", ".md", ".tex"),
            report(
                "results/tables/channels.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Scores by layer"},
            ),
        ],
        layers=[
            *multiext("results/tables/layers", ".csv", ".md", ".tex"),
            report(
                "results/tables/layers.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Layers beside random weights"},
            ),
        ],
        modelfest=[
            *multiext("results/tables/modelfest", ".csv", ".md", ".tex"),
            report(
                "results/tables/modelfest.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "ModelFest stimuli"},
            ),
        ],
        photographs=[
            *multiext("results/tables/photographs", ".csv", ".md", ".tex"),
            report(
                "results/tables/photographs.html",
                caption="../workflow/report/tables.rst",
                category="Tables",
                labels={"table": "Photographs"},
            ),
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
        layouts={name: layout for layout, names in JUDGED.items() for name in names},
        published=PUBLISHED,
        claim_layers=CLAIM_LAYERS,
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
