"""Export the ModelFest patterns, at their native resolution, and the thresholds of 16 observers, both from stimupy."""

import warnings

import stimupy
from job import job
from stimupy.papers import modelfest as source

from perceptual_efficacy import io
from perceptual_efficacy.datasets import modelfest

# Two stimuli are ModelFest's own 8-bit image files, grey at 128; stimupy draws the others around 0.5.
# (The border's value is not the background: wide Gaussian windows have not reached it there.)
IMAGE_FILES = {"Noise35", "NaturalScene43"}

with job(snakemake) as run:
    names = list(source.__all__)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Rounding visual angle")
        images = [getattr(source, name)()["img"] for name in names]
    zeros = [128 / 255 if name in IMAGE_FILES else source.mean_lum for name in names]
    io.write_dataset(modelfest.patterns(names, images, zeros), run.output.patterns, run.provenance)
    # by column number: stimupy's entry for Noise35 points at the columns of stimulus 43
    table = modelfest.comparisons(source.df, names, f"Carney et al. 1999, by stimupy {stimupy.__version__}")
    io.write_table(table, run.output.comparisons, run.provenance)
