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
    wanted = run.params.figure_layer
    if wanted is not None and wanted not in backbone.layers:
        # now, not when all has been computed and the figures ask for it
        raise ValueError(
            f"figure_layer of {run.wildcards.backbone} is {wanted!r}, no layer of it ({', '.join(backbone.layers)}): "
            f"name one of these in its entry."
        )
    store.save(backbone, run.output.weights, run.output.card, name=run.wildcards.backbone, provenance=run.provenance)
