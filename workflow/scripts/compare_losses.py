"""Compare losses by every metric, on each test set and on all of them."""

import pandas as pd
from job import job

from perceptual_efficacy import io, paired
from perceptual_efficacy.vocabulary import MDSI

with job(snakemake) as run:
    scores = pd.concat(map(io.read_table, run.input.scores), ignore_index=True)
    table = paired.compare_test_sets(scores, primary=MDSI, replicates=run.params.replicates, seed=run.params.seed)
    io.write_table(table.assign(training_steps=run.params.steps), run.output.comparison, run.provenance)
