"""Score every channel of one backbone, for the study's resolution and CSF and for those it is compared with."""

import pandas as pd
from job import job

from perceptual_efficacy import csf, io, scores

with job(snakemake) as run:
    tuning = io.read_dataset(run.input.tuning)
    model = csf.by_name(**run.params.csf)
    options = {"baseline": run.params.baseline, "combination": run.params.combination}
    converged = scores.convergence(tuning, model, run.params.baseline)[["layer", "converged"]]
    own = scores.score_channels(tuning, model, **options).merge(converged, on="layer")
    # for ModelFest the CSF at its own luminance and size, and what that is compared with
    shown = csf.by_name(**run.params.modelfest_csf)
    curves = {"modelfest": shown, "flat": csf.flat, "lower": csf.shifted(shown, -1), "higher": csf.shifted(shown, 1)}
    variants = [
        scores.score_channels(tuning, curve, pixels_per_degree=float(resolution), **options)
        .merge(converged, on="layer")
        .assign(csf=name)
        for resolution in run.params.resolutions
        for name, curve in curves.items()
    ]
    io.write_table(own, run.output.channels, run.provenance)
    io.write_table(pd.concat(variants, ignore_index=True), run.output.variants, run.provenance)
    run.log.info("%s", own["status"].value_counts().to_dict())
