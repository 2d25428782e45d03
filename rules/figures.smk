rule plot_stimuli:
    input:
        gratings="results/stimuli/gratings.nc",
    output:
        **figure_files("stimuli"),
    log:
        "results/logs/plot_stimuli.log",
    benchmark:
        "results/benchmarks/plot_stimuli.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
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
        **figure_files("{backbone}/frequency_curves"),
    log:
        "results/logs/plot_frequency_curves/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_frequency_curves/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        layer=network.figure_layer,
        csf=study.value("scores.csf"),
        baseline=study.value("scores.baseline"),
        code=code_digest("plot_frequency_curves"),
    message:
        "Plotting the frequency curves of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_frequency_curves.py"


rule plot_channel_scores:
    input:
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        **figure_files("{backbone}/channel_scores"),
    log:
        "results/logs/plot_channel_scores/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_channel_scores/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        layer=network.figure_layer,
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
        **figure_files("{backbone}/orientation_curves"),
    log:
        "results/logs/plot_orientation_curves/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_orientation_curves/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        layer=network.figure_layer,
        baseline=study.value("scores.baseline"),
        code=code_digest("plot_orientation_curves"),
    message:
        "Plotting the orientation curves of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_orientation_curves.py"


rule plot_efficacy_by_layer:
    input:
        channels="results/selectivity/{backbone}/channels.parquet",
        control=network("results/selectivity/{0.control}/channels.parquet"),
    output:
        **figure_files("{backbone}/efficacy_by_layer"),
    log:
        "results/logs/plot_efficacy_by_layer/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_efficacy_by_layer/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        control_name=network.control,
        code=code_digest("plot_efficacy_by_layer"),
    message:
        "Plotting the perceptual efficacy of {wildcards.backbone} by layer"
    script:
        "../workflow/scripts/plot_efficacy_by_layer.py"


rule plot_first_layer_filters:
    input:
        weights="results/backbones/{backbone}/weights.safetensors",
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        **figure_files("{backbone}/first_layer_filters"),
    log:
        "results/logs/plot_first_layer_filters/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_first_layer_filters/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_first_layer_filters"),
    message:
        "Plotting the first filters of {wildcards.backbone}"
    script:
        "../workflow/scripts/plot_first_layer_filters.py"


rule plot_known_answers:
    input:
        distances="results/distances/{backbone}/known_answers.nc",
        channels="results/selectivity/{backbone}/channels.parquet",
        control_distances=network("results/distances/{0.control}/known_answers.nc"),
        control_channels=network("results/selectivity/{0.control}/channels.parquet"),
    output:
        **figure_files("{backbone}/known_answers"),
    log:
        "results/logs/plot_known_answers/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_known_answers/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        csf=study.value("modelfest.csf"),
        code=code_digest("plot_known_answers"),
    message:
        "Plotting what {wildcards.backbone} answers to square, oblique and other gratings, beside people"
    script:
        "../workflow/scripts/plot_known_answers.py"


rule plot_thresholds:
    input:
        predictions=f"results/agreement/{{backbone}}/modelfest-{study.resolution}-predictions.parquet",
    output:
        **figure_files("{backbone}/thresholds"),
    log:
        "results/logs/plot_thresholds/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_thresholds/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_thresholds"),
    message:
        "Plotting the thresholds that {wildcards.backbone} predicts"
    script:
        "../workflow/scripts/plot_thresholds.py"


rule plot_selections:
    input:
        agreement=expand("results/agreement/{{backbone}}/modelfest-{resolution}.parquet", resolution=study.resolutions),
    output:
        **figure_files("{backbone}/selections"),
    log:
        "results/logs/plot_selections/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_selections/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
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
        **figure_files("{backbone}/groups-{dataset}"),
    log:
        "results/logs/plot_groups/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_groups/{backbone}/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        layer=network.figure_layer,
        human=dataset.human,
        code=code_digest("plot_groups"),
    message:
        "Plotting the agreement of {wildcards.backbone} with {wildcards.dataset} by kind of image"
    script:
        "../workflow/scripts/plot_groups.py"


rule plot_image_selections:
    input:
        agreement="results/agreement/{backbone}/{dataset}.parquet",
    output:
        **figure_files("{backbone}/selections-{dataset}", "image_selections"),
    log:
        "results/logs/plot_image_selections/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_image_selections/{backbone}/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        human=dataset.human,
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
        **figure_files("{backbone}/single_channels-{dataset}"),
    log:
        "results/logs/plot_single_channels/{backbone}/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_single_channels/{backbone}/{dataset}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        human=dataset.human,
        code=code_digest("plot_single_channels"),
    message:
        "Plotting the agreement of single channels of {wildcards.backbone} with {wildcards.dataset}"
    script:
        "../workflow/scripts/plot_single_channels.py"


rule plot_ladder:
    input:
        distances=f"results/distances/{{backbone}}/{study.graded}.nc",
        comparisons=f"results/data/{study.graded}/comparisons.parquet",
        channels="results/selectivity/{backbone}/channels.parquet",
    output:
        **figure_files("{backbone}/ladder"),
    log:
        "results/logs/plot_ladder/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_ladder/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        layer=network.figure_layer,
        code=code_digest("plot_ladder"),
    message:
        "Plotting the distances that {wildcards.backbone} finds step by step"
    script:
        "../workflow/scripts/plot_ladder.py"


rule plot_specification_curve:
    input:
        specifications="results/multiverse/{backbone}/{data}-specifications.parquet",
        joint="results/multiverse/{backbone}/{data}-joint.parquet",
    output:
        **figure_files("{backbone}/specification_curve-{data}"),
    log:
        "results/logs/plot_specification_curve/{backbone}/{data}.log",
    benchmark:
        "results/benchmarks/plot_specification_curve/{backbone}/{data}.tsv"
    wildcard_constraints:
        data=any_of(EXPLORED),
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_specification_curve"),
    message:
        "Plotting every analysis of {wildcards.backbone} on {wildcards.data}"
    script:
        "../workflow/scripts/plot_specification_curve.py"


rule plot_share_kept:
    input:
        kept="results/multiverse/{backbone}/{data}-kept.parquet",
    output:
        **figure_files("{backbone}/share_kept-{data}"),
    log:
        "results/logs/plot_share_kept/{backbone}/{data}.log",
    benchmark:
        "results/benchmarks/plot_share_kept/{backbone}/{data}.tsv"
    wildcard_constraints:
        data=any_of(EXPLORED),
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_share_kept"),
    message:
        "Plotting the agreement by the share of channels kept of {wildcards.backbone} on {wildcards.data}"
    script:
        "../workflow/scripts/plot_share_kept.py"


rule plot_choices:
    input:
        carried="results/multiverse/{backbone}/{data}-carried.parquet",
    output:
        **figure_files("{backbone}/choices-{data}"),
    log:
        "results/logs/plot_choices/{backbone}/{data}.log",
    benchmark:
        "results/benchmarks/plot_choices/{backbone}/{data}.tsv"
    wildcard_constraints:
        data=any_of(EXPLORED),
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_choices"),
    message:
        "Plotting what carries the difference of {wildcards.backbone} on {wildcards.data}"
    script:
        "../workflow/scripts/plot_choices.py"


rule plot_depth:
    input:
        channels=expand("results/selectivity/{backbone}/channels.parquet", backbone=study.networks),
    output:
        **figure_files("depth"),
    log:
        "results/logs/plot_depth.log",
    benchmark:
        "results/benchmarks/plot_depth.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        controls=study.controls,
        code=code_digest("plot_depth"),
    message:
        "Plotting the scores of all networks by depth"
    script:
        "../workflow/scripts/plot_depth.py"


rule plot_networks:
    input:
        agreement=agreement_with(f"modelfest-{study.resolution}", *study.people),
    output:
        **figure_files("networks"),
    log:
        "results/logs/plot_networks.log",
    benchmark:
        "results/benchmarks/plot_networks.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        layers=study.claim_layers,
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
        **figure_files("{backbone}/lpips_weights"),
    log:
        "results/logs/plot_lpips_weights/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_lpips_weights/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
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
        **figure_files("{backbone}/superres_plane-x{scale}"),
    log:
        "results/logs/plot_superres_plane/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_plane/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_superres_plane"),
    message:
        "Plotting distortion and perceived quality with losses from {wildcards.backbone}, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_plane.py"


rule plot_superres_curves:
    input:
        logs=collect("results/superres/x{scale}/{run}/log.parquet", run=network.runs, allow_missing=True),
    output:
        **figure_files("{backbone}/superres_curves-x{scale}"),
    log:
        "results/logs/plot_superres_curves/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_curves/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_superres_curves"),
    message:
        "Plotting the training with losses from {wildcards.backbone}, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_curves.py"


rule plot_superres_crops:
    input:
        scores=scores_beside,
        folders=collect("results/superres/x{scale}/{loss}/images", loss=network.compared, allow_missing=True),
        images="results/superres/images.parquet",
        sources=images_of("test"),
    output:
        **figure_files("{backbone}/superres_crops-x{scale}"),
    log:
        "results/logs/plot_superres_crops/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_crops/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        **IMAGES,
        code=code_digest("plot_superres_crops"),
    message:
        "Plotting crops of what losses from {wildcards.backbone} enlarge, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_crops.py"


rule plot_superres_differences:
    input:
        scores=scores_beside,
    output:
        **figure_files("{backbone}/superres_differences-x{scale}"),
    log:
        "results/logs/plot_superres_differences/{backbone}/x{scale}.log",
    benchmark:
        "results/benchmarks/plot_superres_differences/{backbone}/x{scale}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_superres_differences"),
    message:
        "Plotting what the high half of {wildcards.backbone} gains by image, x{wildcards.scale}"
    script:
        "../workflow/scripts/plot_superres_differences.py"


rule plot_inversions:
    input:
        scores=inversions,
        folders=collect("results/inversion/{backbone}/{layer}/images", layer=network.inverted, allow_missing=True),
    output:
        **figure_files("{backbone}/inversions"),
    log:
        "results/logs/plot_inversions/{backbone}.log",
    benchmark:
        "results/benchmarks/plot_inversions/{backbone}.tsv"
    conda:
        "../envs/perception.yaml"
    resources:
        **DRAWING,
    params:
        code=code_digest("plot_inversions"),
    message:
        "Plotting what the channels of {wildcards.backbone} encode"
    script:
        "../workflow/scripts/plot_inversions.py"


# a figure of one network is drawn for networks with a control (the subjects), or for some of them
rule figures:
    input:
        figures_named("stimuli", "depth", "networks"),
        figures_named("frequency_curves", "channel_scores", "orientation_curves", backbone=study.subjects),
        figures_named("efficacy_by_layer", "first_layer_filters", "thresholds", "selections", backbone=study.subjects),
        figures_named("known_answers", backbone=study.subjects) if study.shows_known_answers else [],
        figures_named("image_selections", "groups", "single_channels", backbone=study.subjects, dataset=study.people),
        figures_named("specification_curve", "share_kept", "choices", backbone=study.subjects, data=EXPLORED),
        figures_named("superres_plane", "superres_curves", scale=study.scales, backbone=study.teachers),
        figures_named("superres_crops", "superres_differences", scale=study.scales, backbone=study.teachers),
        figures_named("ladder", backbone=study.subjects) if study.graded else [],
        figures_named("lpips_weights", backbone=study.learned),
        figures_named("inversions", backbone=study.inverted),
