"""Write down the study's configuration as it was used, defaults filled in."""

import yaml
from job import job

from perceptual_efficacy import storage

with job(snakemake) as run:
    storage.write_text(yaml.safe_dump(run.params.study, sort_keys=True, allow_unicode=True), run.output.configuration)
