"""Draw the weights of a VGG-shaped backbone at random."""

from _entry import job

from perceptual_efficacy import backbones

with job(snakemake) as run:
    backbone = backbones.draw_random(dict(run.params.layers), run.params.seed)
    backbones.save(
        backbone, run.output.weights, run.output.card, name=run.wildcards.backbone, provenance=run.provenance
    )
