"""Load a published network, cut after the deepest layer of the study, with the weights of a file or release or none."""

from _entry import job

from perceptual_efficacy.backbones import loading, store

with job(snakemake) as run:
    backbone = loading.load_backbone(
        run.params.network,
        layers=run.params.layers,
        weights=run.input.weights[0] if run.input.weights else run.params.release,
        sha256=run.params.sha256,
        seed=run.params.seed,
    )
    store.save(backbone, run.output.weights, run.output.card, name=run.wildcards.backbone, provenance=run.provenance)
