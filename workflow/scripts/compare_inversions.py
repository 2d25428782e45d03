"""Compare what high-PE and low-PE channels preserve of photographs, by layer and over all layers."""

import pandas as pd
from job import job

from perceptual_efficacy import io, paired
from perceptual_efficacy.vocabulary import REMAINING_DISTANCE, STRUCTURE

with job(snakemake) as run:
    scores = pd.concat(map(io.read_table, run.input.scores), ignore_index=True)
    left = scores["measure"] == REMAINING_DISTANCE  # equal by construction: shown, not compared
    options = {"primary": STRUCTURE, "replicates": run.params.replicates, "seed": run.params.seed}
    compared = paired.compare_layers(scores[~left], **options)
    remaining = paired.compare_layers(scores[left], differences=(), **options)
    io.write_table(pd.concat([compared, remaining], ignore_index=True), run.output.comparison, run.provenance)
