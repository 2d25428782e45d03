"""Compare what channels of high and low PE keep of photographs, by layer and over all layers."""

import pandas as pd
from job import job

from perceptual_efficacy import io, paired

with job(snakemake) as run:
    scores = pd.concat([io.read_table(path) for path in run.input.scores], ignore_index=True)
    scores = scores.rename(columns={"selection": "run", "photograph": "image"})
    scores["selection"] = scores["run"].where(~scores["run"].str.startswith("random_"), paired.RANDOM)
    keys = ["selection", "run", "image", "seed", "measure"]
    mean = scores.groupby(keys, sort=False, as_index=False)["value"].mean()
    groups = {**dict(iter(scores.groupby("layer", sort=False))), "mean of layers": mean}
    tables = [
        paired.compare_runs(
            # all of them are errors
            part.assign(higher_is_better=False),
            primary="structure",
            replicates=run.params.replicates,
            seed=run.params.seed,
        ).assign(layer=name)
        for name, part in groups.items()
    ]
    table = pd.concat(tables, ignore_index=True).assign(network=run.wildcards.backbone)
    io.write_table(table, run.output.comparison, run.provenance)
