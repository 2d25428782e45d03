"""Plot how well channels of high and low PE agree with judgements of each kind of image."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import groups, style

with job(snakemake) as run:
    table = groups.table(io.read_table(run.input.agreement), run.params.layer)
    figure = groups.draw(table, style.network_label(storage.read_record(run.input.card)))
    style.save(figure, table, **run.output)
