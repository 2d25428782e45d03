"""Download one archive and verify it."""

import sys

from job import job

from perceptual_efficacy import storage
from perceptual_efficacy.datasets import addresses, archives

with job(snakemake) as run:
    source = run.params.source
    url, checksum = source["url"], source["checksum"]
    if url is None:
        published = addresses.published(source["layout"])
        url, checksum = published.url, checksum or published.checksum
    sha256 = archives.fetch(
        url, run.params.archive, checksum, allow_unverified=source["allow_unverified"], progress=sys.stderr.isatty()
    )
    storage.write_record({"url": url, "sha256": sha256, "verified_by": checksum}, run.output.card)
