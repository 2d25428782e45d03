"""Plot the orientation curves of example channels."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import orientation_curves, style

with job(snakemake) as run:
    tuning = io.read_dataset(run.input.tuning)
    table = orientation_curves.table(
        tuning,
        io.read_table(run.input.channels),
        run.params.layer,
        tuning.attrs["pixels_per_degree"],
        baseline=run.params.baseline,
    )
    figure = orientation_curves.draw(table, style.network_label(storage.read_record(run.input.card)))
    style.save(figure, table, **run.output)
