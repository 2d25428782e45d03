"""Describe how the scores of each layer are distributed, beside the same layers with random weights."""

from job import job

from perceptual_efficacy import csf, io, scores

with job(snakemake) as run:
    others = io.read_dataset(run.input.others)
    layers = scores.compare_layers(
        io.read_dataset(run.input.tuning),
        [io.read_dataset(run.input.control), *(others.isel(seed=number) for number in range(others.sizes["seed"]))],
        csf.by_name(**run.params.csf),
        baseline=run.params.baseline,
        combination=run.params.combination,
        replicates=run.params.replicates,
        seed=run.params.seed,
    )
    io.write_table(layers, run.output.layers, run.provenance)
