"""Train a network for super-resolution with L1, or take over weights that were given."""

import pandas as pd
from _superres import train, write
from job import job

from perceptual_efficacy.superres import edsr
from perceptual_efficacy.superres.training import COLUMNS, Loss

with job(snakemake) as run:
    shape = (int(run.wildcards.scale), run.params.network["blocks"], run.params.network["width"])
    if run.input.start:
        nothing = pd.DataFrame(columns=list(COLUMNS), dtype=float)
        write(run, edsr.read(run.input.start, *shape), nothing, {"loss": "unknown", "origin": "given weights"})
    else:
        network = edsr.draw(*shape, run.params.seed)
        train(run, snakemake, network, Loss(), seed=run.params.seed, card={"loss": "L1", "origin": "trained here"})
