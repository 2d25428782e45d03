import yaml

from study.configuration import CLAIMS

# inputs of the tables, by argument of their function `table`
SHOWN = {
    "agreement": agreement_with(*(f"modelfest-{resolution}" for resolution in study.resolutions), *study.datasets),
    "channels": expand("results/selectivity/{backbone}/channels.parquet", backbone=study.networks),
    "layers": expand("results/selectivity/{backbone}/layers.parquet", backbone=study.subjects),
    "losses": expand("results/superres/x{scale}/{backbone}.parquet", backbone=study.teachers, scale=study.scales),
    "inversions": expand("results/inversion/{backbone}/comparison.parquet", backbone=study.inverted),
    "comparisons": ["results/data/modelfest/comparisons.parquet"],
    "patterns": expand("results/data/modelfest/patterns-{resolution}.parquet", resolution=study.resolutions),
    "stimuli": expand("results/data/{data}/stimuli.parquet", data=study.drawn),
    "joint": explored("joint", *study.networks),
    "photographs": ["results/data/photographs/photographs.parquet"],
}
# the title of a table and the inputs of its function `table`, by module of perceptual_efficacy.tables
MADE_FROM = {
    "networks": ("Networks side by side", "channels", "agreement"),
    "agreement": ("High, low and random channels", "agreement"),
    "multiverse": ("All analyses at once", "joint"),
    "groups": ("By category, kind of distortion or study", "agreement"),
    "baselines": ("Baselines, human ceiling and published scores", "agreement"),
    "superres": ("Super-resolution by loss and metric", "losses"),
    "superres_differences": ("Super-resolution, differences between losses", "losses"),
    "inversions": ("What inversions preserve", "inversions"),
    "scores_by_layer": ("Scores by layer", "channels"),
    "layers": ("Layers compared with random weights", "layers"),
    "modelfest": ("ModelFest stimuli", "comparisons", "patterns"),
    "thresholds": ("Thresholds of several studies", "stimuli"),
    "photographs": ("Photographs", "photographs"),
}
PUBLISHED = yaml.safe_load(CLAIMS.with_name("published.yaml").read_text(encoding="utf-8"))
OPTIONS = {
    "networks": {"layers": study.claim_layers},
    "baselines": {"layouts": study.whole, "published": PUBLISHED},
    "superres": {"published": PUBLISHED["superres"]},
}
TABLES = {
    name: {
        "labels": {"table": title},
        "input": {kind: SHOWN[kind] for kind in kinds},
        "options": OPTIONS.get(name, {}),
        "code": code_digest("write_table", f"tables/{name}"),
    }
    for name, (title, *kinds) in MADE_FROM.items()
    if all(SHOWN[kind] for kind in kinds)
}
# inputs of the claims, by their `evidence`
EVIDENCE = {
    "modelfest": agreement_with(f"modelfest-{study.resolution}"),
    "layers": SHOWN["layers"],
    "superres": expand(f"results/superres/x{[*study.scales, 0][0]}/{{backbone}}.parquet", backbone=study.teachers),
    "inversion": SHOWN["inversions"],
    "lpips": expand("results/selectivity/{backbone}/lpips.parquet", backbone=study.learned),
    "opinion_datasets": agreement_with(*study.whole),
    "analyses_of_modelfest": explored("joint", *study.networks, data=["modelfest"]),
    **{
        f"analyses_of_{layout}": explored("joint", *study.networks, data=[name])
        for layout, name in study.evidence.items()
    },
    **{layout: agreement_with(name) for layout, name in study.evidence.items()},
}


rule write_table:
    input:
        unpack(lookup(within=TABLES, dpath="{table}/input")),
    output:
        **table_files("{table}", lookup(within=TABLES, dpath="{table}/labels")),
    log:
        "results/logs/write_table/{table}.log",
    benchmark:
        "results/benchmarks/write_table/{table}.tsv"
    wildcard_constraints:
        table=any_of(TABLES),
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        options=lookup(within=TABLES, dpath="{table}/options"),
        code=lookup(within=TABLES, dpath="{table}/code"),
    message:
        "Writing the table {wildcards.table}"
    script:
        "../workflow/scripts/write_table.py"


rule judge_claims:
    input:
        **{kind: files for kind, files in EVIDENCE.items() if files},
    output:
        **table_files("claims", {"table": "Claims"}, "Claims", "claims"),
        json="results/claims.json",
        page="results/claims.md",
    log:
        "results/logs/judge_claims.log",
    benchmark:
        "results/benchmarks/judge_claims.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        claims=study.claims["claims"],
        layers=study.claim_layers,
        controls=study.controls,
        code=code_digest("judge_claims"),
    message:
        "Judging the claims"
    script:
        "../workflow/scripts/judge_claims.py"


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
        **growing(mem_mb=500, runtime=5),
    params:
        study=config,
        code=code_digest("record_configuration"),
    message:
        "Recording the configuration"
    script:
        "../workflow/scripts/record_configuration.py"


rule write_report:
    input:
        claims="results/claims.json",
        configuration="results/configuration.yaml",
        weights=expand("results/backbones/{backbone}/weights.safetensors", backbone=study.networks),
        tuning=expand("results/probing/{backbone}/tuning.nc", backbone=study.networks),
        channels=expand("results/selectivity/{backbone}/channels.parquet", backbone=study.networks),
        comparisons=expand("results/data/{data}/comparisons.parquet", data=["modelfest", *study.datasets]),
        thresholds=agreement_with(f"modelfest-{study.resolution}"),
        joint=SHOWN["joint"],
        carried=explored("carried", *study.networks),
        figures=rules.figures.input,
        tables=expand("results/tables/{table}.html", table=TABLES),
    output:
        page="results/report.html",
    log:
        "results/logs/write_report.log",
    benchmark:
        "results/benchmarks/write_report.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=5),
    params:
        controls=study.controls,
        people=study.people,
        csf=study.value("scores.csf"),
        baseline=study.value("scores.baseline"),
        sections=SECTIONS,
        captions={kind: (REPORT / f"{kind}.rst").read_text("utf-8") for it in SECTIONS for kind in it["figures"]},
        tables={"claims": "Claims"} | {name: table["labels"]["table"] for name, table in TABLES.items()},
        code=code_digest("write_report"),
    message:
        "Writing the report"
    script:
        "../workflow/scripts/write_report.py"


rule claims:
    input:
        rules.judge_claims.output,


rule tables:
    input:
        expand(rules.write_table.output, table=list(TABLES)),
        rules.record_configuration.output,


rule report:
    input:
        rules.write_report.output,
