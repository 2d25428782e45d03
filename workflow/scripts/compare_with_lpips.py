"""Correlate the scores of one network's channels with the weights that people's judgements taught LPIPS."""

from job import job

from perceptual_efficacy import io, lpips, storage

with job(snakemake) as run:
    card = storage.read_record(run.input.card)
    channels = io.read_table(run.input.channels)
    weights = lpips.weights_of(card)
    if weights.empty:
        run.log.info("LPIPS learnt its weights on the release %s, not on %s", lpips.RELEASE, card["file"])
    table = lpips.compare_with_weights(
        channels,
        weights,
        shuffles=run.params.shuffles,
        replicates=run.params.replicates,
        seed=run.params.seed,
    )
    io.write_table(table, run.output.agreement, run.provenance)
    io.write_table(channels.merge(weights, on=["layer", "channel"]), run.output.channels, run.provenance)
