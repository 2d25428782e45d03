"""Resample the ModelFest patterns to one viewing resolution, and mark those that it cannot show."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets import modelfest

with job(snakemake) as run:
    native = io.read_dataset(run.input.patterns)
    patterns = modelfest.at_resolution(native, float(run.wildcards.resolution))
    io.write_dataset(patterns, run.output.patterns, run.provenance)
    kept = patterns[["energy_kept", "used"]].to_dataframe().reset_index(drop=True)
    io.write_table(kept.assign(**patterns.attrs), run.output.kept, run.provenance)
