"""Score every channel of one backbone, for the study's resolution and CSF and for those it is compared with."""

from typing import Any

import pandas as pd
from job import job

from perceptual_efficacy import csf, io, scores


def scored(curve: csf.ContrastSensitivity, **options: Any) -> pd.DataFrame:
    """Score the channels, and say of every layer whether its order of channels has converged."""
    options |= {"baseline": run.params.baseline, "combination": run.params.combination}
    converged = scores.convergence(tuning, curve, **options)[["layer", "converged"]]
    return scores.score_channels(tuning, curve, **options).merge(converged, on="layer")


with job(snakemake) as run:
    tuning = io.read_dataset(run.input.tuning)
    own = scored(csf.by_name(**run.params.csf))
    # for ModelFest the CSF at its own luminance and size, and what that is compared with
    shown = csf.by_name(**run.params.modelfest_csf)
    curves = {"modelfest": shown, "flat": csf.flat, "lower": csf.shifted(shown, -1), "higher": csf.shifted(shown, 1)}
    variants = [
        scored(curve, pixels_per_degree=float(resolution)).assign(csf=name)
        for resolution in run.params.resolutions
        for name, curve in curves.items()
    ]
    # for data sets that were judged at another resolution
    for resolution in run.params.viewed_at:
        variants.append(scored(csf.by_name(**run.params.csf), pixels_per_degree=resolution).assign(csf="study"))
    io.write_table(own, run.output.channels, run.provenance)
    io.write_table(pd.concat(variants, ignore_index=True), run.output.variants, run.provenance)
    run.log.info("%s", own["status"].value_counts().to_dict())
