"""Invert features: make images with the same activations as photographs, for one selection of channels at a time."""

from pathlib import Path

from job import job

from perceptual_efficacy import image_files, inversion, io
from perceptual_efficacy.backbones import store

with job(snakemake) as run:
    params, folder = run.params, Path(run.input.photographs).parent
    listed = io.read_table(run.input.photographs).set_index("name").loc[list(params.names)]
    photographs = {
        str(name): inversion.square(image_files.read(folder / row["split"] / f"{name}.png", row["sha256"]), params.size)
        for name, row in listed.iterrows()
    }
    scores = inversion.invert_selections(
        store.load(run.input.weights).to(run.device),
        io.read_table(run.input.channels),
        run.wildcards.layer,
        photographs,
        run.output.images,
        seeds=params.seeds,
        halves=params.halves,
        progress=run.progress,
        **params.settings,
    )
    io.write_table(scores, run.output.scores, run.provenance)
