"""Plot predicted against measured detection thresholds."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import style, thresholds

with job(snakemake) as run:
    table = thresholds.table(io.read_table(run.input.predictions))
    style.save(thresholds.draw(table), table, **run.output)
