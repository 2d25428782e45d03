"""Correlate the scores of one network's channels with the weights that LPIPS learnt from human judgements."""

from job import job

from perceptual_efficacy import distances, io, lpips

with job(snakemake) as run:
    typical = io.read_dataset(run.input.distances)
    mean = distances.means_by_channel(typical).assign(dataset=typical.attrs["dataset"])
    channels = io.read_table(run.input.channels).merge(mean, on=["layer", "channel"], validate="one_to_one")
    network = channels.iloc[0]
    weights = lpips.weights_of(network)  # type: ignore[arg-type] # a row is a mapping
    if weights.empty:
        run.log.info("LPIPS learnt its weights on the release %s, not on %s", lpips.RELEASE, network["origin"])
    table = lpips.compare_with_weights(
        channels, weights, shuffles=run.params.shuffles, replicates=run.params.replicates, seed=run.params.seed
    )
    io.write_table(table, run.output.agreement, run.provenance)
    io.write_table(channels.merge(weights, on=["layer", "channel"]), run.output.channels, run.provenance)
