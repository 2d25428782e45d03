"""Read the judgements of one data set as a table of comparisons, and check every image."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets.registry import LAYOUTS

with job(snakemake) as run:
    comparisons = LAYOUTS[run.params.layout].read(run.input.folder, dataset=run.wildcards.dataset, **run.params.stated)
    io.write_table(comparisons, run.output.comparisons, run.provenance)
    run.log.info("%s comparisons of %s clusters", len(comparisons), comparisons["cluster"].nunique())
