"""Download one archive and verify it."""

import sys

from job import job

from perceptual_efficacy import storage
from perceptual_efficacy.datasets import archives

with job(snakemake) as run:
    source = run.params.source
    published = archives.PUBLISHED.get(source["layout"])  # of a data set with judgements
    url = source["url"] or published.url
    checksum = source["checksum"] or (None if source["url"] else published.checksum)
    sha256 = archives.fetch(
        url,
        run.params.archive,
        checksum,
        allow_unverified=source["allow_unverified"],
        progress=sys.stderr.isatty(),
    )
    storage.write_record({"url": url, "sha256": sha256, "verified_by": checksum}, run.output.card)
