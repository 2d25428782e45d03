"""Plot the frequency curves of example channels against the contrast sensitivity function."""

from job import job

from perceptual_efficacy import csf, io, storage
from perceptual_efficacy.plots import frequency_curves, style

with job(snakemake) as run:
    tuning = io.read_dataset(run.input.tuning)
    pixels_per_degree = tuning.attrs["pixels_per_degree"]
    table = frequency_curves.table(
        tuning,
        io.read_table(run.input.channels),
        csf.by_name(**run.params.csf)(tuning["frequency"].values * pixels_per_degree),
        run.params.layer,
        pixels_per_degree,
        baseline=run.params.baseline,
    )
    network = style.network_label(storage.read_record(run.input.card))
    figure = frequency_curves.draw(table, network, run.params.csf["model"])
    style.save(figure, table, **run.output)
