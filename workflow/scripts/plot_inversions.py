"""Plot the images that chosen channels hardly tell from photographs."""

import pandas as pd
from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import inversions, style

SHOWN = 3  # photographs

with job(snakemake) as run:
    scores = pd.concat([io.read_table(path) for path in run.input.scores], ignore_index=True)
    photographs = list(scores["photograph"].unique())[: SHOWN if len(run.params.layers) < 3 else 2]
    table = inversions.table(scores, photographs)
    images = {}
    for layer, folder in zip(run.params.layers, run.input.folders, strict=True):
        for name in photographs:
            images[layer, name, "original"] = io.read_image(f"{folder}/original/{name}.png")
        for row in table[(table["layer"] == layer) & (table["selection"] != "original")].to_dict("records"):
            name, selection = row["photograph"], row["selection"]
            images[layer, name, selection] = io.read_image(f"{folder}/{selection}/seed{row['seed']}/{name}.png")
    network = style.network_label(storage.read_record(run.input.card))
    style.save(inversions.draw(table, images, network), table, **run.output)
