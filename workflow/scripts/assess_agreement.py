"""Compare the distances of every selection of channels with the judgements of images."""

import pandas as pd
from job import job

from perceptual_efficacy import agreement, io, judgements, lpips
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.vocabulary import RANKINGS

with job(snakemake) as run:
    distances = io.read_dataset(run.input.distances)
    cube = distances["distance"].assign_attrs(distances.attrs)
    judged = judgements.read(io.read_table(run.input.comparisons), cube)
    metrics = io.read_dataset(run.input.baselines)["distance"]
    baselines = {str(name): metrics.sel(metric=name).values for name in metrics["metric"].values}
    baselines |= lpips.lpips_distances(distances)
    channels = io.read_table(run.input.channels)
    if (viewed_at := run.params.viewed_at) is not None:
        chosen = (channels["csf"] == "study") & (channels["pixels_per_degree"] == viewed_at)
        channels = channels[chosen].drop(columns="csf").reset_index(drop=True)
    compared = cube, judged, {score: Ranking(channels, score) for score in RANKINGS}
    splits, options = run.params.splits, {"replicates": run.params.replicates, "seed": run.params.seed}
    selections = agreement.compare_selections(*compared, baselines=baselines, splits=splits, **options)
    correlations, alone = agreement.compare_single_channels(*compared, shuffles=splits, **options)
    result = pd.concat([selections, correlations], ignore_index=True)
    io.write_table(result, run.output.agreement, run.provenance)
    io.write_table(channels.merge(alone, on=["layer", "channel"]), run.output.channels, run.provenance)
