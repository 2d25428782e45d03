"""Enlarge the degraded test images by one method, and score the results by every judge."""

import pandas as pd
import torch
from job import device, job

from perceptual_efficacy import io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.superres import edsr, images, judging
from perceptual_efficacy.superres.resize import degrade, upscale

with job(snakemake) as run:
    scale = int(run.wildcards.scale)
    place = device() if run.params.devices else torch.device("cpu")
    judges = dict(judging.JUDGES)
    if run.input.lpips:
        name, judge = judging.lpips(store.load(*run.input.lpips))
        judges[name] = judge
    # without a network it is interpolation
    networks = [edsr.restore(*files).to(place) for files in zip(run.input.weights, run.input.cards, strict=True)] or [
        None
    ]
    sources = images.sources(run.params.sets, run.params.folders)
    listed = io.read_table(run.input.images)
    found = []
    for row in run.progress(listed[listed["use"] == "test"].to_dict("records")):
        original = images.read(row, sources, scale)
        small = degrade(original, scale)
        for seed, network in zip(run.params.seeds, networks, strict=True):
            result = upscale(small, scale) if network is None else edsr.enlarge(network, small, place)
            io.write_image(result, f"{run.output.images}/seed{seed}/{row['set']}/{row['image']}.png")
            scores = judging.judge(result, original, scale, judges)
            found.append(scores.assign(dataset=row["set"], image=row["image"], seed=seed))
    table = pd.concat(found, ignore_index=True).assign(loss=run.wildcards.loss, selection=run.params.selection)
    io.write_table(table, run.output.scores, run.provenance)
