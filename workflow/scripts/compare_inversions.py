"""Compare what high-PE and low-PE channels preserve of photographs, by layer and over all layers."""

import pandas as pd
from job import job

from perceptual_efficacy import io, paired
from perceptual_efficacy.vocabulary import STRUCTURE

with job(snakemake) as run:
    scores = pd.concat(map(io.read_table, run.input.scores), ignore_index=True)
    table = paired.compare_layers(scores, primary=STRUCTURE, replicates=run.params.replicates, seed=run.params.seed)
    io.write_table(table, run.output.comparison, run.provenance)
