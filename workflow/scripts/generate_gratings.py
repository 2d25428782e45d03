"""Generate the radial and the oriented gratings, and the uniform field."""

from job import job

from perceptual_efficacy import io, stimuli

with job(snakemake) as run:
    io.write_dataset(stimuli.gratings(**run.params.options).images(), run.output.gratings, run.provenance)
