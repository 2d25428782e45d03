"""Train the initial checkpoint of super-resolution with L1, or take over weights from a file."""

import pandas as pd
from _superres import train, write
from job import job

from perceptual_efficacy.superres import edsr
from perceptual_efficacy.superres.training import COLUMNS, Loss
from perceptual_efficacy.vocabulary import START

with job(snakemake) as run:
    scale, shape = int(run.wildcards.scale), dict(run.params.network)
    about = {"loss": START, "selection": START, "seed": 0}  # no loss was fine-tuned with, and nothing repeated
    if run.input.start:
        network = edsr.read(run.input.start, scale, **shape)
        network.card = {**about, "trained": "elsewhere"}
        write(run, network, pd.DataFrame(columns=list(COLUMNS), dtype=float))
    else:
        network = edsr.draw(scale, **shape, seed=run.params.seed)
        network.card = {**about, "trained": f"here, with L1 and seed {run.params.seed}"}
        train(run, network, Loss(), run.params.seed)
