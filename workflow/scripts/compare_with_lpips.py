"""Correlate the scores of one network's channels with the weights that people's judgements taught LPIPS."""

from _entry import job

from perceptual_efficacy import io, learned

with job(snakemake) as run:
    card = io.read_record(run.input.card)
    channels = io.read_table(run.input.channels)
    weights = learned.lpips_weights(card["architecture"])
    if card["release"] != learned.RELEASE:
        weights = weights.iloc[:0]  # channels of another training are other channels
        run.log.info("LPIPS learnt its weights on %s, not on %s", learned.RELEASE, card["file"])
    table = learned.compare_with_weights(
        channels,
        weights,
        shuffles=run.params.shuffles,
        replicates=run.params.replicates,
        seed=run.params.seed,
    )
    io.write_table(table, run.output.agreement, run.provenance)
    io.write_table(channels.merge(weights, on=["layer", "channel"]), run.output.channels, run.provenance)
