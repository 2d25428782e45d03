"""Draw the weights of a VGG-shaped backbone at random."""

from job import job

from perceptual_efficacy.backbones import store, vgg

with job(snakemake) as run:
    backbone = vgg.draw_random(dict(run.params.layers), run.params.seed)
    store.save(backbone, run.output.weights, run.output.card, name=run.wildcards.backbone, provenance=run.provenance)
