"""Write every score of every network, data set and selection as one CSV, for programs."""

import pandas as pd
from job import job

from perceptual_efficacy import io
from perceptual_efficacy.tables import agreement

with job(snakemake) as run:
    parts = pd.concat(map(io.read_table, run.input.agreement), ignore_index=True)
    io.write_csv(agreement.table(parts), run.output.csv)
