"""Load a published network, cut after the deepest layer of the study, with the weights of a file or release or none."""

from job import job

from perceptual_efficacy.backbones import loading, store

with job(snakemake) as run:
    backbone = loading.load_backbone(
        run.params.network,
        layers=run.params.layers,
        weights=run.input.weights[0] if run.input.weights else run.params.release,
        sha256=run.params.sha256,
        seed=run.params.seed,
    )
    for key, layers in run.params.named_layers.items():
        # now, not when all has been computed and a figure or a loss asks for it
        if unknown := [layer for layer in layers if layer not in backbone.layers]:
            raise ValueError(
                f"{key} of {run.wildcards.backbone} is {unknown[0]!r}, which is not one of its layers "
                f"({', '.join(backbone.layers)}): name one of these."
            )
    store.save(backbone, run.output.weights, run.output.card, name=run.wildcards.backbone, provenance=run.provenance)
