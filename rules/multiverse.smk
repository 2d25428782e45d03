def explored_at(wildcards):
    """Return the resolutions of a data set's multiverse, its own first; drawn stimuli are shown at one alone."""
    entry = study.datasets.get(wildcards.data)
    own = study.value("stimuli.pixels_per_degree") if entry is None else study.drawn_at(wildcards.data)
    others = [] if entry is not None and entry.drawn else study.value("multiverse.pixels_per_degree")
    return list(dict.fromkeys(map(float, [own, *others])))


def explored_cubes(wildcards):
    """Return the distances that a multiverse needs: ModelFest's at each resolution, of images the same for all."""
    names = [f"{MODELFEST}-{resolution:.10g}" for resolution in explored_at(wildcards)]
    names = names if wildcards.data == MODELFEST else [wildcards.data]
    return [f"results/distances/{wildcards.backbone}/{name}.nc" for name in names]


def explored_scores(wildcards):
    """Return the scores of the main result, which say what layers have converged, and which rows they are."""
    entry = study.datasets.get(wildcards.data)
    own = entry is not None and entry.pixels_per_degree is None
    return f"results/selectivity/{wildcards.backbone}/{'channels' if own else 'variants'}.parquet"


rule explore_choices:
    input:
        tuning="results/probing/{backbone}/tuning.nc",
        channels=explored_scores,
        distances=explored_cubes,
        comparisons="results/data/{data}/comparisons.parquet",
    output:
        **{
            part: f"results/multiverse/{{backbone}}/{{data}}-{part}.parquet"
            for part in ("specifications", "joint", "carried", "kept")
        },
    log:
        "results/logs/explore_choices/{backbone}/{data}.log",
    benchmark:
        "results/benchmarks/explore_choices/{backbone}/{data}.tsv"
    wildcard_constraints:
        data=any_of(EXPLORED),
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=240),
    params:
        **study.params("multiverse.shuffles", "multiverse.replicates", "scores.baseline", "scores.combination", "seed"),
        csf=lambda wildcards: study.value("modelfest.csf" if wildcards.data == MODELFEST else "scores.csf"),
        variant=lambda wildcards: "modelfest" if wildcards.data == MODELFEST else "study",
        layer=lambda wildcards: study.claim_layers[wildcards.backbone],
        pixels_per_degree=explored_at,
        code=code_digest("explore_choices"),
    message:
        "Comparing the halves of {wildcards.backbone} on {wildcards.data} under all analysis choices"
    script:
        "../workflow/scripts/explore_choices.py"


rule multiverse:
    input:
        expand(rules.explore_choices.output, backbone=study.networks, data=EXPLORED),
