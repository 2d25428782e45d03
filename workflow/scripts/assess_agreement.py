"""Compare the distances of every selection of channels with what was judged of the images."""

import pandas as pd
from job import job

from perceptual_efficacy import agreement, io, lpips, storage
from perceptual_efficacy import judgements as kinds
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.vocabulary import RANKINGS

with job(snakemake) as run:
    comparisons = io.read_table(run.input.comparisons)
    judgements = kinds.judgements(comparisons, run.params.layout, human=run.params.human)
    distances = io.read_dataset(run.input.distances)
    cube = distances["distance"].assign_attrs(distances.attrs)
    metrics = io.read_dataset(run.input.baselines)["distance"]
    baselines = {str(name): metrics.sel(metric=name).values for name in metrics["metric"].values}
    baselines |= lpips.lpips_distances(cube, storage.read_record(run.input.card))
    channels = io.read_table(run.input.channels)
    rankings = {score: Ranking(channels, score) for score in RANKINGS}
    result = agreement.compare_selections(
        cube,
        judgements,
        rankings,
        baselines=baselines,
        splits=run.params.splits,
        replicates=run.params.replicates,
        seed=run.params.seed,
    )
    correlations, alone = agreement.compare_single_channels(
        cube,
        judgements,
        rankings,
        shuffles=run.params.splits,
        replicates=run.params.replicates,
        seed=run.params.seed,
    )
    result = pd.concat([result, correlations], ignore_index=True)
    judged_by = "people" if run.params.human else "construction"
    result = result.assign(dataset=run.wildcards.dataset, judged_by=judged_by)
    io.write_table(result, run.output.agreement, run.provenance)
    io.write_table(channels.merge(alone, on=["layer", "channel"]), run.output.channels, run.provenance)
