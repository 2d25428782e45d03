"""Judge every claim by its rule, from the evidence of all networks."""

import pandas as pd
from job import job

from perceptual_efficacy import io, meta_analysis, storage
from perceptual_efficacy.claims import evaluation
from perceptual_efficacy.tables import claims, rendering

TOGETHER = "opinion_datasets"

with job(snakemake) as run:
    evidence = {kind: pd.concat(map(io.read_table, paths), ignore_index=True) for kind, paths in run.input.items()}
    if TOGETHER in evidence:
        evidence[TOGETHER] = meta_analysis.combine(evidence[TOGETHER])
    records = evaluation.evaluate(run.params.claims, evidence, run.params.controls, run.params.layers)
    storage.write_record({"claims": records, "provenance": run.provenance}, run.output.json)
    storage.write_text(claims.page(records), run.output.page)
    table = claims.table(records)
    formats = {name: run.output[name] for name in ("csv", "md", "tex", "html")}
    rendering.save(claims.render(table), table, **formats)
