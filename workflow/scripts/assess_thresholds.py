"""Predict the ModelFest thresholds from every selection of channels and compare them with people's."""

import pandas as pd
from job import job

from perceptual_efficacy import agreement, csf, io
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.datasets import modelfest
from perceptual_efficacy.judgements.thresholds import DetectionThresholds, contrast_energy, distance_of_energy
from perceptual_efficacy.vocabulary import NONE, PEOPLE, RANKINGS, identity

FLAT = "pe with a flat CSF"

with job(snakemake) as run:
    resolution = float(run.wildcards.resolution)
    distances = io.read_dataset(run.input.distances)
    cube = distances["distance"].assign_attrs(distances.attrs)
    contrasts, names = distances["contrast"].values, distances["name"].values.astype(str)
    patterns = io.read_dataset(run.input.patterns)
    shown = patterns["pattern"].values[patterns["used"].values]
    measured = modelfest.thresholds_by_observer(io.read_table(run.input.comparisons), names)
    judgements = DetectionThresholds(measured, contrasts)

    variants = io.read_table(run.input.variants)
    variants = variants[variants["pixels_per_degree"] == resolution]
    scored = {name: table.reset_index(drop=True) for name, table in variants.groupby("csf")}
    channels = scored["study"]
    # Watson and Ahumada's pooling exponent
    watson = contrast_energy(shown, resolution, sensitivity=csf.watson_ahumada, exponent=2.5)
    baselines = {
        "RMS contrast": distance_of_energy(contrast_energy(shown, resolution), contrasts),
        "CSF-weighted energy": distance_of_energy(watson, contrasts),
    }
    result = agreement.compare_selections(
        cube,
        judgements,
        {
            **{score: Ranking(channels, score) for score in RANKINGS},
            FLAT: Ranking(scored["flat"], "pe"),
        },
        differences=[("pe", FLAT)],
        baselines=baselines,
        splits=run.params.splits,
        replicates=run.params.replicates,
        seed=run.params.seed,
    )
    about = {"dataset": "modelfest", "judged_by": PEOPLE, "pixels_per_degree": resolution}
    io.write_table(result.assign(**about), run.output.agreement, run.provenance)

    curves = agreement.selection_distances(cube, channels)
    curves |= {(NONE, name): distance for name, distance in baselines.items()}
    predictions = [
        pd.DataFrame(
            {
                **identity(cube.attrs),
                **about,
                "layer": layer,
                "selection": selection,
                "number": distances["number"].values,
                "name": names,
                "measured": measured.mean(axis=1),
                "measured_sd": measured.std(axis=1, ddof=1),
                "observers": measured.shape[1],
                "predicted": prediction.log_threshold,
                "extrapolated": prediction.extrapolated,
            }
        )
        for (layer, selection), distance in curves.items()
        for prediction in [judgements.predict(distance)]
    ]
    io.write_table(pd.concat(predictions, ignore_index=True), run.output.predictions, run.provenance)
