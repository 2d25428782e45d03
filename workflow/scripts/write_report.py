"""Write the study's page: its verdicts, its figures, a channel explorer, and where everything comes from."""

from pathlib import Path

import pandas as pd
import yaml
from job import job

from perceptual_efficacy import csf, io, provenance, scores, storage
from perceptual_efficacy.report import analyses, explorer, figures, origins, page, verdicts

with job(snakemake) as run:
    claims = storage.read_record(run.input.claims)["claims"]
    configuration = Path(run.input.configuration).read_text(encoding="utf-8")
    study = yaml.safe_load(configuration)
    sensitivity = csf.by_name(**run.params.csf)
    cards, channels = [], []
    for weights, table, tuning in zip(run.input.weights, run.input.channels, run.input.tuning, strict=True):
        filters, card = io.read_weights(weights)
        curves = scores.tuning_curves(io.read_dataset(tuning), baseline=run.params.baseline)
        first = filters.get(card["first_filters"]), card["first_filters_of"]
        channels.append(explorer.network(io.read_table(table), curves, sensitivity(curves["frequency"]), *first))
        cards.append(card)
    pngs = [path for path in run.input.figures if path.endswith(".png")]
    sections = figures.read(pngs, run.results, run.params.sections, run.params.captions, study)
    used = [*run.input.weights, *run.input.tuning, *run.input.channels, run.input.claims, *pngs, *run.input.comparisons]
    used += [*run.input.joint, *run.input.carried]
    subjects = list(run.params.controls)
    agreement = pd.concat(map(io.read_table, run.input.thresholds), ignore_index=True)
    joint, carried = (
        pd.concat(map(io.read_table, run.input[name]), ignore_index=True) for name in ("joint", "carried")
    )
    text = page.render(
        subjects=subjects,
        several=len(subjects) > 1,
        people=run.params.people,
        thresholds=verdicts.thresholds(agreement, run.params.controls),
        analyses=analyses.sentences(joint, carried, run.params.controls, claims),
        claims=claims,
        answers=verdicts.answers(claims),
        summary=verdicts.summary(claims),
        groups=verdicts.grouped(claims),
        signs=verdicts.SIGNS,
        sections=sections,
        channels=channels,
        tables=run.params.tables,
        cards=cards,
        data={Path(path).parent.name: provenance.digest(path) for path in run.input.comparisons},
        configuration=configuration,
        seeds=origins.seeds(study),
        versions=origins.versions(used, run.results),
        times=origins.times(run.results / "benchmarks"),
    )
    storage.write_text(text, run.output.page)
