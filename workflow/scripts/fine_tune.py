"""Fine-tune a network for super-resolution with L1, and with the distance by chosen channels if the loss has them."""

from _superres import patches, train
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.scores import select_channels
from perceptual_efficacy.superres import edsr
from perceptual_efficacy.superres.training import RATIO_PATCHES, Loss, weigh

with job(snakemake) as run:
    network, loss, card = edsr.restore(run.input.start, run.input.card), Loss(), {"loss": run.wildcards.loss}
    if run.input.features:
        weights, backbone_card, channels = run.input.features
        chosen = select_channels(io.read_table(channels), **run.params.selection)
        # the network's output is not clipped: what lies outside [0, 1] is to be pulled back
        metric = PerceptualMetric(store.load(weights, backbone_card), chosen, validate_range=False)
        # the same patches for every loss and seed
        fixed = patches(run, network.scale, run.params.seed, range(RATIO_PATCHES))
        loss = Loss(metric, weigh(network, metric, fixed, run.params.rho))
        card |= {**run.params.selection, "channels": len(chosen), "weight": loss.weight}
    train(run, snakemake, network, loss, seed=int(run.wildcards.seed), card=card)
