"""Predict the ModelFest thresholds from every selection of channels and compare them with the measured ones."""

from job import job

from perceptual_efficacy import agreement, csf, energy, io, judgements
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.vocabulary import FLAT_CSF, HIGHER_CSF, LOWER_CSF, RANKINGS

with job(snakemake) as run:
    distances = io.read_dataset(run.input.distances)
    cube = distances["distance"].assign_attrs(distances.attrs)
    resolution = cube.attrs["pixels_per_degree"]
    judged = judgements.read(io.read_table(run.input.comparisons), cube)
    patterns = io.read_dataset(run.input.patterns)
    shown = patterns["pattern"].isel(stimulus=patterns["used"].values)
    baselines = energy.baselines(shown, cube["contrast"], resolution, csf.by_name(**run.params.csf))
    variants = io.read_table(run.input.variants).query("pixels_per_degree == @resolution")
    by_csf = {name: rows.reset_index(drop=True) for name, rows in variants.groupby("csf")}
    channels, others = by_csf["modelfest"], {FLAT_CSF: "flat", LOWER_CSF: "lower", HIGHER_CSF: "higher"}
    rankings = {score: Ranking(channels, score) for score in RANKINGS}
    rankings |= {ranking: Ranking(by_csf[name], "pe") for ranking, name in others.items()}
    options = {"splits": run.params.splits, "replicates": run.params.replicates, "seed": run.params.seed}
    result = agreement.compare_selections(
        cube, judged, rankings, differences=[("pe", other) for other in others], baselines=baselines, **options
    )
    io.write_table(result, run.output.agreement, run.provenance)
    predictions = agreement.predict_thresholds(cube, judged, channels, baselines)  # type: ignore[arg-type]
    io.write_table(predictions, run.output.predictions, run.provenance)
