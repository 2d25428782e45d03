rule list_images:
    input:
        images=images_of("train", "validation", "test"),
    output:
        images="results/superres/images.parquet",
    log:
        "results/logs/list_images.log",
    benchmark:
        "results/benchmarks/list_images.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=60),
    params:
        sets=[{"name": it.name, "use": it.use, "size": it.size} for it in study.images],
        folders=IMAGES["folders"],
        fingerprint=images_fingerprints,
        scales=study.scales,
        patch=study.value("superres.patch"),
        code=code_digest("list_images"),
    message:
        "Listing the images for super-resolution"
    script:
        "../workflow/scripts/list_images.py"


rule pack_images:
    input:
        images="results/superres/images.parquet",
        sources=images_of("train"),
    output:
        table="results/superres/x{scale}/training/images.parquet",
        high="results/superres/x{scale}/training/high.npy",
        low="results/superres/x{scale}/training/low.npy",
    log:
        "results/logs/pack_images/x{scale}.log",
    benchmark:
        "results/benchmarks/pack_images/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=60),
    params:
        **IMAGES,
        code=code_digest("pack_images"),
    message:
        "Degrading the training images to 1/{wildcards.scale} of their size"
    script:
        "../workflow/scripts/pack_images.py"


rule train_start:
    input:
        images="results/superres/images.parquet",
        table="results/superres/x{scale}/training/images.parquet",
        high="results/superres/x{scale}/training/high.npy",
        low="results/superres/x{scale}/training/low.npy",
        sources=images_of("validation"),
        start=study.superres["start"] or [],
    output:
        weights="results/superres/x{scale}/start/weights.safetensors",
        card="results/superres/x{scale}/start/card.json",
        log="results/superres/x{scale}/start/log.parquet",
        csv="results/superres/x{scale}/start/log.csv",
    log:
        "results/logs/train_start/x{scale}.log",
    benchmark:
        "results/benchmarks/train_start/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    threads: study.superres["threads"]
    resources:
        **growing(mem_mb=4000, runtime=2880),
        gpu=study.superres["devices"],
    params:
        **training("start", "training", network=study.value("superres.network")),
        code=code_digest("train_start"),
    message:
        "Training the initial checkpoint for x{wildcards.scale}"
    script:
        "../workflow/scripts/train_start.py"


rule fine_tune:
    input:
        start="results/superres/x{scale}/start/weights.safetensors",
        images="results/superres/images.parquet",
        table="results/superres/x{scale}/training/images.parquet",
        high="results/superres/x{scale}/training/high.npy",
        low="results/superres/x{scale}/training/low.npy",
        sources=images_of("validation"),
        network=loss.network,
        scores=loss.scores,
    output:
        weights="results/superres/x{scale}/{loss}/seed{seed}/weights.safetensors",
        card="results/superres/x{scale}/{loss}/seed{seed}/card.json",
        log="results/superres/x{scale}/{loss}/seed{seed}/log.parquet",
        csv="results/superres/x{scale}/{loss}/seed{seed}/log.csv",
    log:
        "results/logs/fine_tune/x{scale}/{loss}/{seed}.log",
    benchmark:
        "results/benchmarks/fine_tune/x{scale}/{loss}/{seed}.tsv"
    wildcard_constraints:
        loss=any_of(study.losses),
    conda:
        "../envs/perception.yaml"
    threads: study.superres["threads"]
    resources:
        **growing(mem_mb=4000, runtime=2880),
        gpu=study.superres["devices"],
    params:
        **training("{loss}/seed{seed}", "fine_tuning", selection=loss.channels, rho=study.value("superres.rho")),
        code=code_digest("fine_tune"),
    message:
        "Fine-tuning for x{wildcards.scale} with the loss {wildcards.loss}, seed {wildcards.seed}"
    script:
        "../workflow/scripts/fine_tune.py"


rule score_images:
    input:
        images="results/superres/images.parquet",
        sources=images_of("test"),
        weights=collect("results/superres/x{scale}/{run}/weights.safetensors", run=loss.runs, allow_missing=True),
        lpips=f"results/backbones/{study.superres['lpips']}/weights.safetensors" if study.superres["lpips"] else [],
    output:
        scores="results/superres/x{scale}/{loss}/scores.parquet",
        images=directory("results/superres/x{scale}/{loss}/images"),
    log:
        "results/logs/score_images/x{scale}/{loss}.log",
    benchmark:
        "results/benchmarks/score_images/x{scale}/{loss}.tsv"
    conda:
        "../envs/perception.yaml"
    threads: study.superres["threads"]
    resources:
        **growing(mem_mb=4000, runtime=600),
        gpu=study.superres["devices"],
    params:
        **IMAGES,
        devices=study.value("superres.devices"),
        code=code_digest("score_images"),
    message:
        "Scoring the images that {wildcards.loss} enlarges x{wildcards.scale}"
    script:
        "../workflow/scripts/score_images.py"


rule compare_losses:
    input:
        scores=scores_beside,
    output:
        comparison="results/superres/x{scale}/{backbone}.parquet",
    log:
        "results/logs/compare_losses/x{scale}/{backbone}.log",
    benchmark:
        "results/benchmarks/compare_losses/x{scale}/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **growing(mem_mb=2000, runtime=30),
    params:
        steps=study.superres["training"]["steps"] + study.superres["fine_tuning"]["steps"],
        replicates=study.value("statistics.replicates"),
        seed=study.value("seed"),
        code=code_digest("compare_losses"),
    message:
        "Comparing the losses with channels of {wildcards.backbone}, x{wildcards.scale}"
    script:
        "../workflow/scripts/compare_losses.py"


rule superres:
    input:
        rules.list_images.output if study.losses else [],
        expand(rules.pack_images.output, scale=study.scales),
        expand(rules.train_start.output, scale=study.scales),
        expand(rules.fine_tune.output, scale=study.scales, loss=study.losses, seed=study.superres["seeds"]),
        expand(rules.score_images.output, scale=study.scales, loss=study.methods),
        expand(rules.compare_losses.output, scale=study.scales, backbone=study.teachers),
