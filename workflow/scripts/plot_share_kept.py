"""Plot the agreement of the highest, the lowest and random channels by the share that is kept."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.plots import share_kept, style

with job(snakemake) as run:
    table = share_kept.table(io.read_table(run.input.kept))
    style.save(share_kept.draw(table), table, **run.output)
