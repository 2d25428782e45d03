"""Generate the radial and the oriented gratings, and the uniform field."""

from job import job

from perceptual_efficacy import io, stimuli

with job(snakemake) as run:
    gratings = stimuli.gratings(**run.params.options)
    io.write_dataset(gratings.radial, run.output.radial, run.provenance)
    io.write_dataset(gratings.oriented, run.output.oriented, run.provenance)
