"""Read the judgements of one data set as a table of comparisons, and check every image."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets import bapps, ladder, tid2013

READERS = {"bapps_2afc": bapps.read_choices, "bapps_jnd": bapps.read_same, "tid2013": tid2013.read}

with job(snakemake) as run:
    human = run.params.human
    options = {"names": ladder.TYPES} if run.params.layout == "tid2013" and not human else {}
    comparisons = READERS[run.params.layout](
        run.input.folder,
        dataset=run.wildcards.dataset,
        subset=run.params.subset or not human,
        source="people" if human else "construction",
        **options,
    )
    io.write_table(comparisons, run.output.comparisons, run.provenance)
    run.log.info("%s comparisons of %s clusters", len(comparisons), comparisons["cluster"].nunique())
