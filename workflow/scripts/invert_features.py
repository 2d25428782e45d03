"""Make images that have the features of photographs, by one selection of channels after the other."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from job import device, job

from perceptual_efficacy import inversion, io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.scores import select_channels

with job(snakemake) as run:
    params, layers, place = run.params, [run.wildcards.layer], device()
    backbone = store.load(run.input.weights, run.input.card).to(place)
    channels = io.read_table(run.input.channels)
    listed = io.read_table(run.input.photographs).set_index("name").loc[list(params.names)]
    originals = {}
    for name, row in listed.iterrows():
        file = Path(run.input.photographs).parent / row["split"] / f"{name}.png"
        originals[name] = inversion.square(io.read_image(file, row["sha256"]), params.size)
        io.write_image(originals[name], f"{run.output.images}/original/{name}.png")
    targets = torch.from_numpy(np.stack(list(originals.values()))).permute(0, 3, 1, 2).to(place, torch.float32) / 255
    chosen = {name: select_channels(channels, name, layers=layers) for name in ("all", "high", "low")}
    chosen |= {
        f"random_{draw}": select_channels(channels, "random", layers=layers, draw=draw)
        for draw in range(1, params.halves + 1)
    }
    found = []
    for selection, table in chosen.items():
        metric = PerceptualMetric(backbone, table)
        distance = metric.against(targets)
        of_grey = distance(torch.full_like(targets, inversion.GREY)).tolist()
        for seed in params.seeds:
            results = inversion.invert(
                metric,
                targets,
                seed=seed,
                steps=params.steps,
                learning_rate=params.learning_rate,
                variation=params.variation,
                progress=run.progress,
            )
            left = distance(results).tolist()
            codes = (255 * results).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(force=True)
            for number, (name, original) in enumerate(originals.items()):
                io.write_image(codes[number], f"{run.output.images}/{selection}/seed{seed}/{name}.png")
                errors = inversion.errors(codes[number], original)
                # beside the errors: an image that is still far from the photograph has not lost what it lacks
                errors["remaining distance"] = left[number] / of_grey[number]
                for measure, value in errors.items():
                    found.append(
                        {
                            "photograph": name,
                            "selection": selection,
                            "seed": seed,
                            "measure": measure,
                            "value": value,
                        }
                    )
    io.write_table(pd.DataFrame(found).assign(layer=run.wildcards.layer), run.output.scores, run.provenance)
