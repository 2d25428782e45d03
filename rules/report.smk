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
        mem_mb=growing(1000),
        runtime=growing(5),
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
        superres=expand("results/superres/x{scale}/{backbone}.parquet", backbone=TEACHERS, scale=SCALES),
        inversions=[f"results/inversion/{entry['backbone']}/comparison.parquet" for entry in INVERTED],
        claims="results/claims.json",
    output:
        superres=table_files("superres", "Super-resolution by loss and judge") if TEACHERS else [],
        superres_differences=(
            table_files("superres_differences", "Super-resolution, one loss against another") if TEACHERS else []
        ),
        inversions=table_files("inversions", "What inversions keep") if INVERTED else [],
        claims=table_files("claims", "Claims", "Claims", "claims"),
        networks=table_files("networks", "Networks side by side"),
        selections=table_files("selections", "High, low and random channels"),
        groups=table_files("groups", "By category and kind of distortion"),
        baselines=table_files("baselines", "Baselines, people and published scores"),
        agreement="results/tables/agreement.csv",
        channels=table_files("channels", "Scores by layer"),
        layers=table_files("layers", "Layers beside random weights"),
        modelfest=table_files("modelfest", "ModelFest stimuli"),
        photographs=table_files("photographs", "Photographs"),
    log:
        "results/logs/write_tables.log",
    benchmark:
        "results/benchmarks/write_tables.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        networks=BACKBONES,
        subjects=SUBJECTS,
        resolutions=RESOLUTIONS,
        layouts={name: layout for layout, names in JUDGED.items() for name in names},
        published=PUBLISHED,
        claim_layers=CLAIM_LAYERS,
        trained=[(backbone, scale) for backbone in TEACHERS for scale in SCALES],
        inverted=[entry["backbone"] for entry in INVERTED],
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
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        study=config,
        code=code_digest("record_configuration"),
    message:
        "Recording the configuration"
    script:
        "../workflow/scripts/record_configuration.py"


rule claims:
    input:
        rules.judge_claims.output,


rule tables:
    input:
        rules.write_tables.output,
        rules.record_configuration.output,
