"""The study of perceptual efficacy: from gratings and networks to figures, tables and a verdict per claim."""

from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.current_basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/study.smk"
include: "rules/code.smk"
include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/backbones.smk"
include: "rules/stimuli.smk"
include: "rules/probing.smk"
include: "rules/selectivity.smk"
include: "rules/agreement.smk"
include: "rules/inversion.smk"
include: "rules/superres.smk"
include: "rules/report.smk"
include: "rules/figures.smk"


# Every file of every stage, not only the last ones: Snakemake removes what a failed job had made, and would not miss an
# intermediate as long as newer results stand behind it.
rule all:
    default_target: True
    input:
        rules.record_configuration.output,
        rules.export_photographs.output,
        rules.export_modelfest.output,
        rules.generate_gratings.output,
        expand(rules.resample_modelfest.output, resolution=RESOLUTIONS),
        expand(rules.load_network.output, backbone=BACKBONES),
        expand(rules.probe_channels.output, backbone=BACKBONES),
        expand(rules.score_channels.output, backbone=BACKBONES),
        expand(rules.compare_layers.output, backbone=SUBJECTS),
        expand(rules.compare_with_lpips.output, backbone=LEARNED),
        expand(rules.measure_contrast_distances.output, backbone=BACKBONES, resolution=RESOLUTIONS),
        expand(rules.assess_thresholds.output, backbone=BACKBONES, resolution=RESOLUTIONS),
        expand(rules.generate_ladder.output, layout=LADDER_LAYOUTS),
        expand(rules.read_judgements.output, dataset=DATASETS),
        expand(rules.measure_baselines.output, dataset=DATASETS),
        expand(rules.measure_image_distances.output, backbone=BACKBONES, dataset=DATASETS),
        expand(rules.assess_agreement.output, backbone=BACKBONES, dataset=DATASETS),
        [expand(rules.invert_features.output, **entry, layer=entry["layers"]) for entry in INVERTED],
        [expand(rules.compare_inversions.output, **entry) for entry in INVERTED],
        rules.list_images.output if LOSSES else [],
        expand(rules.pack_images.output, scale=SCALES),
        expand(rules.train_start.output, scale=SCALES),
        expand(rules.fine_tune.output, scale=SCALES, loss=LOSSES, seed=SUPERRES["seeds"]),
        expand(rules.judge_images.output, scale=SCALES, loss=["bicubic", "start", *LOSSES]),
        expand(rules.compare_losses.output, scale=SCALES, backbone=TEACHERS),
        rules.judge_claims.output,
        rules.write_tables.output,
        rules.plot_stimuli.output,
        expand(rules.plot_frequency_curves.output, backbone=SUBJECTS),
        expand(rules.plot_channel_scores.output, backbone=SUBJECTS),
        expand(rules.plot_orientation_curves.output, backbone=SUBJECTS),
        expand(rules.plot_efficacy_by_layer.output, backbone=SUBJECTS),
        expand(rules.plot_first_layer_filters.output, backbone=SUBJECTS),
        expand(rules.plot_thresholds.output, backbone=SUBJECTS),
        expand(rules.plot_selections.output, backbone=SUBJECTS),
        expand(rules.plot_image_selections.output, backbone=SUBJECTS, dataset=JUDGED_BY_PEOPLE),
        expand(rules.plot_groups.output, backbone=SUBJECTS, dataset=JUDGED_BY_PEOPLE),
        expand(rules.plot_single_channels.output, backbone=SUBJECTS, dataset=JUDGED_BY_PEOPLE),
        expand(rules.plot_ladder.output, backbone=SUBJECTS) if LADDER else [],
        expand(rules.plot_lpips_weights.output, backbone=LEARNED),
        [expand(rules.plot_inversions.output, **entry) for entry in INVERTED],
        expand(rules.plot_superres_plane.output, scale=SCALES, backbone=TEACHERS),
        expand(rules.plot_superres_curves.output, scale=SCALES, backbone=TEACHERS),
        expand(rules.plot_superres_crops.output, scale=SCALES, backbone=TEACHERS),
        expand(rules.plot_superres_differences.output, scale=SCALES, backbone=TEACHERS),
        rules.plot_depth.output,
        rules.plot_networks.output,
