"""Predict the ModelFest thresholds from every selection of channels and compare them with the measured ones."""

from job import job

from perceptual_efficacy import agreement, energy, io, judgements
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.vocabulary import FLAT_CSF, RANKINGS

with job(snakemake) as run:
    distances = io.read_dataset(run.input.distances)
    cube = distances["distance"].assign_attrs(distances.attrs)
    resolution = cube.attrs["pixels_per_degree"]
    judged = judgements.read(io.read_table(run.input.comparisons), cube)
    patterns = io.read_dataset(run.input.patterns)
    shown = patterns["pattern"].isel(stimulus=patterns["used"].values)
    baselines = energy.baselines(shown, cube["contrast"], resolution)
    variants = io.read_table(run.input.variants).query("pixels_per_degree == @resolution")
    channels, flat = (variants[variants["csf"] == name].reset_index(drop=True) for name in ("study", "flat"))
    rankings = {**{score: Ranking(channels, score) for score in RANKINGS}, FLAT_CSF: Ranking(flat, "pe")}
    options = {"splits": run.params.splits, "replicates": run.params.replicates, "seed": run.params.seed}
    result = agreement.compare_selections(
        cube, judged, rankings, differences=[("pe", FLAT_CSF)], baselines=baselines, **options
    )
    io.write_table(result, run.output.agreement, run.provenance)
    predictions = agreement.predict_thresholds(cube, judged, channels, baselines)  # type: ignore[arg-type]
    io.write_table(predictions, run.output.predictions, run.provenance)
