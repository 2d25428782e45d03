"""Compare losses by every judge, on each test set and on all of them."""

import pandas as pd
from job import job

from perceptual_efficacy import io, paired
from perceptual_efficacy.superres import PRIMARY

with job(snakemake) as run:
    scores = pd.concat([io.read_table(path) for path in run.input.scores], ignore_index=True)
    scores = scores.rename(columns={"judge": "measure", "loss": "run"})
    scores["image"] = scores["dataset"] + "/" + scores["image"]
    groups = {"all": scores, **dict(iter(scores.groupby("dataset", sort=False)))}
    tables = [
        paired.compare_runs(part, primary=PRIMARY, replicates=run.params.replicates, seed=run.params.seed).assign(
            group=name
        )
        for name, part in groups.items()
    ]
    about = {"network": run.wildcards.backbone, "scale": int(run.wildcards.scale)}
    table = pd.concat(tables, ignore_index=True).assign(**about, training_steps=run.params.steps)
    io.write_table(table, run.output.comparison, run.provenance)
