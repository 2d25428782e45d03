"""Fine-tune a network for super-resolution with L1, and with the distance of chosen channels if the loss has any."""

from _superres import patches, train
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.scores import select_channels
from perceptual_efficacy.superres import edsr
from perceptual_efficacy.superres.training import Loss, weigh

with job(snakemake) as run:
    network, loss, seed = edsr.restore(run.input.start), Loss(), int(run.wildcards.seed)
    card = {"loss": run.wildcards.loss, **run.params.selection, "seed": seed}
    if run.input.network:
        backbone = store.load(run.input.network[0])
        chosen = select_channels(io.read_table(run.input.scores[0]), **run.params.selection)
        # the network's output is not clipped: what lies outside [0, 1] is to be pulled back
        metric = PerceptualMetric(backbone, chosen, validate_range=False)
        # the same patches for every loss and seed
        fixed = patches(run, network.scale, run.params.seed)
        loss = Loss(metric, weigh(network, metric, fixed, run.params.rho))
        card = {**backbone.identity, **card, "channels": len(chosen), "weight_of_distance": loss.weight}
    network.card = card
    train(run, network, loss, seed)
