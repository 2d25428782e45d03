BY_CONSTRUCTION = "Ladder of distortions, by construction"


rule plot_stimuli:
    input:
        gratings="results/stimuli/gratings.nc",
    output:
        png=report(
            "results/figures/stimuli.png",
            caption="../workflow/report/stimuli.rst",
            category="Stimuli",
            labels={"figure": "Gratings", "network": "all"},
        ),
        pdf="results/figures/stimuli.pdf",
        csv="results/figures/stimuli.csv",
    log:
        "results/logs/plot_stimuli.log",
    benchmark:
        "results/benchmarks/plot_stimuli.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_stimuli"),
    message:
        "Plotting the stimuli"
    script:
        "../workflow/scripts/plot_stimuli.py"


rule plot_frequency_curves:
    input:
        tuning="results/probing/{backbone}/tuning.nc",
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        png=report(
            "results/figures/{backbone}/frequency_curves.png",
            caption="../workflow/report/frequency_curves.rst",
            category="Channels",
            labels={"figure": "Frequency curves", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/frequency_curves.pdf",
        csv="results/figures/{backbone}/frequency_curves.csv",
    log:
        "results/logs/plot_frequency_curves/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_frequency_curves/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        layer=figure_layer_of,
        csf=lookup(within=config, dpath="scores/csf"),
        baseline=lookup(within=config, dpath="scores/baseline"),
        code=code_digest("plot_frequency_curves"),
    message:
        "Plotting the frequency curves of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_frequency_curves.py"


rule plot_channel_scores:
    input:
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        png=report(
            "results/figures/{backbone}/channel_scores.png",
            caption="../workflow/report/channel_scores.rst",
            category="Channels",
            labels={"figure": "mu1 and mu2 by channel", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/channel_scores.pdf",
        csv="results/figures/{backbone}/channel_scores.csv",
    log:
        "results/logs/plot_channel_scores/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_channel_scores/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        layer=figure_layer_of,
        code=code_digest("plot_channel_scores"),
    message:
        "Plotting the scores of the channels of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_channel_scores.py"


rule plot_orientation_curves:
    input:
        tuning="results/probing/{backbone}/tuning.nc",
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        png=report(
            "results/figures/{backbone}/orientation_curves.png",
            caption="../workflow/report/orientation_curves.rst",
            category="Channels",
            labels={"figure": "Orientation curves", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/orientation_curves.pdf",
        csv="results/figures/{backbone}/orientation_curves.csv",
    log:
        "results/logs/plot_orientation_curves/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_orientation_curves/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        layer=figure_layer_of,
        baseline=lookup(within=config, dpath="scores/baseline"),
        code=code_digest("plot_orientation_curves"),
    message:
        "Plotting the orientation curves of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_orientation_curves.py"


rule plot_efficacy_by_layer:
    input:
        channels="results/selectivity/{backbone}/channels.parquet",
        control=control_channels,
    output:
        png=report(
            "results/figures/{backbone}/efficacy_by_layer.png",
            caption="../workflow/report/efficacy_by_layer.rst",
            category="Channels",
            labels={"figure": "PE by layer", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/efficacy_by_layer.pdf",
        csv="results/figures/{backbone}/efficacy_by_layer.csv",
    log:
        "results/logs/plot_efficacy_by_layer/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_efficacy_by_layer/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        control_name=control_of,
        code=code_digest("plot_efficacy_by_layer"),
    message:
        "Plotting the perceptual efficacy of {wildcards.backbone} by layer"
    script:
        "../workflow/scripts/plot_efficacy_by_layer.py"


rule plot_first_layer_filters:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
        card="results/backbones/{backbone}/card.json",
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        png=report(
            "results/figures/{backbone}/first_layer_filters.png",
            caption="../workflow/report/first_layer_filters.rst",
            category="Channels",
            labels={"figure": "First-layer filters", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/first_layer_filters.pdf",
        csv="results/figures/{backbone}/first_layer_filters.csv",
    log:
        "results/logs/plot_first_layer_filters/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_first_layer_filters/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_first_layer_filters"),
    message:
        "Plotting the first filters of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_first_layer_filters.py"


rule plot_thresholds:
    input:
        predictions=f"results/agreement/{{backbone}}/modelfest-{OWN_RESOLUTION}-predictions.parquet",
    output:
        png=report(
            "results/figures/{backbone}/thresholds.png",
            caption="../workflow/report/thresholds.rst",
            category="Agreement with human judgements",
            labels={
                "figure": "Predicted against measured thresholds",
                "network": "{backbone}",
            },
        ),
        pdf="results/figures/{backbone}/thresholds.pdf",
        csv="results/figures/{backbone}/thresholds.csv",
    log:
        "results/logs/plot_thresholds/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_thresholds/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_thresholds"),
    message:
        "Plotting the thresholds that {wildcards.backbone} predicts"
    script:
        "../workflow/scripts/plot_thresholds.py"


rule plot_selections:
    input:
        agreement=expand(
            "results/agreement/{{backbone}}/modelfest-{resolution}.parquet",
            resolution=RESOLUTIONS,
        ),
    output:
        png=report(
            "results/figures/{backbone}/selections.png",
            caption="../workflow/report/selections.rst",
            category="Agreement with human judgements",
            labels={
                "figure": "High, low and random channels",
                "network": "{backbone}",
            },
        ),
        pdf="results/figures/{backbone}/selections.pdf",
        csv="results/figures/{backbone}/selections.csv",
    log:
        "results/logs/plot_selections/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_selections/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_selections"),
    message:
        "Plotting the agreement of selections of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_selections.py"


rule plot_groups:
    input:
        agreement="results/agreement/{backbone}/{dataset}.parquet",
    output:
        png=report(
            "results/figures/{backbone}/groups-{dataset}.png",
            caption="../workflow/report/groups.rst",
            category=lambda wildcards: "Agreement with human judgements" if is_human(wildcards) else BY_CONSTRUCTION,
            labels={
                "figure": "High and low PE by kind of image, {dataset}",
                "network": "{backbone}",
            },
        ),
        pdf="results/figures/{backbone}/groups-{dataset}.pdf",
        csv="results/figures/{backbone}/groups-{dataset}.csv",
    log:
        "results/logs/plot_groups/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_groups/{backbone}/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        layer=figure_layer_of,
        human=is_human,
        code=code_digest("plot_groups"),
    message:
        "Plotting the agreement of {wildcards.backbone} with {wildcards.dataset} by kind of image"
    script:
        "../workflow/scripts/plot_groups.py"


rule plot_image_selections:
    input:
        agreement="results/agreement/{backbone}/{dataset}.parquet",
    output:
        png=report(
            "results/figures/{backbone}/selections-{dataset}.png",
            caption="../workflow/report/image_selections.rst",
            category=lambda wildcards: "Agreement with human judgements" if is_human(wildcards) else BY_CONSTRUCTION,
            labels={
                "figure": "High, low and random channels, {dataset}",
                "network": "{backbone}",
            },
        ),
        pdf="results/figures/{backbone}/selections-{dataset}.pdf",
        csv="results/figures/{backbone}/selections-{dataset}.csv",
    log:
        "results/logs/plot_image_selections/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_image_selections/{backbone}/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        human=is_human,
        code=code_digest("plot_image_selections"),
    message:
        "Plotting the agreement of selections of {wildcards.backbone} with {wildcards.dataset}"
    script:
        "../workflow/scripts/plot_image_selections.py"


rule plot_single_channels:
    input:
        agreement="results/agreement/{backbone}/{dataset}.parquet",
        channels="results/agreement/{backbone}/{dataset}-channels.parquet",
    output:
        png=report(
            "results/figures/{backbone}/single_channels-{dataset}.png",
            caption="../workflow/report/single_channels.rst",
            category=lambda wildcards: "Agreement with human judgements" if is_human(wildcards) else BY_CONSTRUCTION,
            labels={
                "figure": "PE and agreement of every channel, {dataset}",
                "network": "{backbone}",
            },
        ),
        pdf="results/figures/{backbone}/single_channels-{dataset}.pdf",
        csv="results/figures/{backbone}/single_channels-{dataset}.csv",
    log:
        "results/logs/plot_single_channels/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_single_channels/{backbone}/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        human=is_human,
        code=code_digest("plot_single_channels"),
    message:
        "Plotting the agreement of single channels of {wildcards.backbone} with {wildcards.dataset}"
    script:
        "../workflow/scripts/plot_single_channels.py"


rule plot_ladder:
    input:
        distances=f"results/distances/{{backbone}}/{LADDER}.nc",
        comparisons=f"results/data/{LADDER}/comparisons.parquet",
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        png=report(
            "results/figures/{backbone}/ladder.png",
            caption="../workflow/report/ladder.rst",
            category=BY_CONSTRUCTION,
            labels={"figure": "Distance by level of distortion", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/ladder.pdf",
        csv="results/figures/{backbone}/ladder.csv",
    log:
        "results/logs/plot_ladder/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_ladder/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        layer=figure_layer_of,
        code=code_digest("plot_ladder"),
    message:
        "Plotting the distances that {wildcards.backbone} finds step by step"
    script:
        "../workflow/scripts/plot_ladder.py"


rule plot_depth:
    input:
        channels=expand("results/selectivity/{backbone}/channels.parquet", backbone=BACKBONES),
    output:
        png=report(
            "results/figures/depth.png",
            caption="../workflow/report/depth.rst",
            category="Channels",
            labels={"figure": "Scores by depth", "network": "all"},
        ),
        pdf="results/figures/depth.pdf",
        csv="results/figures/depth.csv",
    log:
        "results/logs/plot_depth.log",
    benchmark:
        "results/benchmarks/plot_depth.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        controls=CONTROLS,
        code=code_digest("plot_depth"),
    message:
        "Plotting the scores of all networks by depth"
    script:
        "../workflow/scripts/plot_depth.py"


rule plot_networks:
    input:
        agreement=expand(
            "results/agreement/{backbone}/{data}.parquet",
            backbone=BACKBONES,
            data=[f"modelfest-{OWN_RESOLUTION}", *JUDGED_BY_PEOPLE],
        ),
    output:
        png=report(
            "results/figures/networks.png",
            caption="../workflow/report/networks.rst",
            category="Agreement with human judgements",
            labels={"figure": "High and low PE by network", "network": "all"},
        ),
        pdf="results/figures/networks.pdf",
        csv="results/figures/networks.csv",
    log:
        "results/logs/plot_networks.log",
    benchmark:
        "results/benchmarks/plot_networks.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        layers=CLAIM_LAYERS,
        code=code_digest("plot_networks"),
    message:
        "Plotting the agreement of all networks with human judgements"
    script:
        "../workflow/scripts/plot_networks.py"


rule plot_lpips_weights:
    input:
        agreement="results/selectivity/{backbone}/lpips.parquet",
        channels="results/selectivity/{backbone}/lpips-channels.parquet",
    output:
        png=report(
            "results/figures/{backbone}/lpips_weights.png",
            caption="../workflow/report/lpips_weights.rst",
            category="Agreement with human judgements",
            labels={"figure": "PE and LPIPS’s weights", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/lpips_weights.pdf",
        csv="results/figures/{backbone}/lpips_weights.csv",
    log:
        "results/logs/plot_lpips_weights/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_lpips_weights/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_lpips_weights"),
    message:
        "Plotting the weights that LPIPS learnt for {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_lpips_weights.py"


rule plot_superres_plane:
    input:
        scores=scores_beside,
    output:
        png=report(
            "results/figures/{backbone}/superres_plane-x{scale}.png",
            caption="../workflow/report/superres_plane.rst",
            category="Super-resolution",
            labels={"figure": "Distortion and perceived quality, x{scale}", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/superres_plane-x{scale}.pdf",
        csv="results/figures/{backbone}/superres_plane-x{scale}.csv",
    log:
        "results/logs/plot_superres_plane/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_plane/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_superres_plane"),
    message:
        "Plotting distortion and perceived quality with losses from {wildcards.backbone}, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_plane.py"


rule plot_superres_curves:
    input:
        logs=lambda wildcards: [
            f"results/superres/x{wildcards.scale}/{entry['name']}/seed{seed}/log.parquet"
            for entry in entries_beside(wildcards.backbone)
            for seed in SUPERRES["seeds"]
        ],
    output:
        png=report(
            "results/figures/{backbone}/superres_curves-x{scale}.png",
            caption="../workflow/report/superres_curves.rst",
            category="Super-resolution",
            labels={"figure": "Training, x{scale}", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/superres_curves-x{scale}.pdf",
        csv="results/figures/{backbone}/superres_curves-x{scale}.csv",
    log:
        "results/logs/plot_superres_curves/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_curves/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_superres_curves"),
    message:
        "Plotting the training with losses from {wildcards.backbone}, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_curves.py"


rule plot_superres_crops:
    input:
        scores=scores_beside,
        folders=lambda wildcards: [
            f"results/superres/x{wildcards.scale}/{loss}/images" for loss in losses_beside(wildcards.backbone)
        ],
        images="results/superres/images.parquet",
        sources=[file for entry in IMAGE_SETS if entry["use"] == "test" for file in images_input(entry)],
    output:
        png=report(
            "results/figures/{backbone}/superres_crops-x{scale}.png",
            caption="../workflow/report/superres_crops.rst",
            category="Super-resolution",
            labels={"figure": "Crops, x{scale}", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/superres_crops-x{scale}.pdf",
        csv="results/figures/{backbone}/superres_crops-x{scale}.csv",
    log:
        "results/logs/plot_superres_crops/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_crops/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        sets=[{key: entry.get(key) for key in ("name", "size")} for entry in IMAGE_SETS],
        folders=[images_folder(entry) for entry in IMAGE_SETS],
        code=code_digest("plot_superres_crops"),
    message:
        "Plotting crops of what losses from {wildcards.backbone} enlarge, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_crops.py"


rule plot_superres_differences:
    input:
        scores=scores_beside,
    output:
        png=report(
            "results/figures/{backbone}/superres_differences-x{scale}.png",
            caption="../workflow/report/superres_differences.rst",
            category="Super-resolution",
            labels={"figure": "High minus low by image, x{scale}", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/superres_differences-x{scale}.pdf",
        csv="results/figures/{backbone}/superres_differences-x{scale}.csv",
    log:
        "results/logs/plot_superres_differences/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_differences/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_superres_differences"),
    message:
        "Plotting what the high half of {wildcards.backbone} gains by image, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_differences.py"


rule plot_inversions:
    input:
        scores=lambda wildcards: [
            f"results/inversion/{wildcards.backbone}/{layer}/scores.parquet"
            for layer in inverted_layers(wildcards.backbone)
        ],
        folders=lambda wildcards: [
            f"results/inversion/{wildcards.backbone}/{layer}/images" for layer in inverted_layers(wildcards.backbone)
        ],
    output:
        png=report(
            "results/figures/{backbone}/inversions.png",
            caption="../workflow/report/inversions.rst",
            category="Channels",
            labels={"figure": "Inversions", "network": "{backbone}"},
        ),
        pdf="results/figures/{backbone}/inversions.pdf",
        csv="results/figures/{backbone}/inversions.csv",
    log:
        "results/logs/plot_inversions/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_inversions/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code_digest("plot_inversions"),
    message:
        "Plotting what the channels of {wildcards.backbone} encode"
    script:
        "../workflow/scripts/plot_inversions.py"


rule figures:
    input:
        rules.plot_stimuli.output,
        expand(rules.plot_frequency_curves.output, backbone=study.subjects),
        expand(rules.plot_channel_scores.output, backbone=study.subjects),
        expand(rules.plot_orientation_curves.output, backbone=study.subjects),
        expand(rules.plot_efficacy_by_layer.output, backbone=study.subjects),
        expand(rules.plot_first_layer_filters.output, backbone=study.subjects),
        expand(rules.plot_thresholds.output, backbone=study.subjects),
        expand(rules.plot_selections.output, backbone=study.subjects),
        expand(rules.plot_image_selections.output, backbone=study.subjects, dataset=study.people),
        expand(rules.plot_groups.output, backbone=study.subjects, dataset=study.people),
        expand(rules.plot_single_channels.output, backbone=study.subjects, dataset=study.people),
        expand(rules.plot_ladder.output, backbone=study.subjects) if study.ladder("tid2013") else [],
        expand(rules.plot_lpips_weights.output, backbone=study.learned),
        expand(rules.plot_inversions.output, backbone=study.inverted),
        expand(rules.plot_superres_plane.output, scale=study.scales, backbone=study.teachers),
        expand(rules.plot_superres_curves.output, scale=study.scales, backbone=study.teachers),
        expand(rules.plot_superres_crops.output, scale=study.scales, backbone=study.teachers),
        expand(rules.plot_superres_differences.output, scale=study.scales, backbone=study.teachers),
        rules.plot_depth.output,
        rules.plot_networks.output,
