"""Plot what a network and its control answer to gratings, beside the known answers of people."""

import pandas as pd
from job import job

from perceptual_efficacy import csf, io, known_answers
from perceptual_efficacy.plots import known_answers as plot
from perceptual_efficacy.plots import style

with job(snakemake) as run:
    curve = csf.by_name(**run.params.csf)

    def answers(distances: str, channels: str) -> pd.DataFrame:
        cube = io.read_dataset(distances)
        return known_answers.answers(cube["distance"].assign_attrs(cube.attrs), io.read_table(channels), curve)

    table = plot.table(
        answers(run.input.distances, run.input.channels),
        answers(run.input.control_distances, run.input.control_channels),
    )
    style.save(plot.draw(table), table, **run.output)
