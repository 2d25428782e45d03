"""Learn a VGG-shaped backbone from the training photographs, without labels."""

from pathlib import Path

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.backbones import kmeans, store
from perceptual_efficacy.datasets import photographs

with job(snakemake) as run:
    table = io.read_table(run.input.photographs)
    backbone = kmeans.learn_kmeans(
        photographs.read(table, Path(run.input.photographs).parent, "train"),
        dict(run.params.layers),
        seed=run.params.seed,
        **run.params.options,
        progress=run.progress,
    )
    store.save(backbone, run.output.weights, run.output.card, name=run.wildcards.backbone, provenance=run.provenance)
