"""Download one archive and verify it."""

import sys

from _entry import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets import archives, bapps, tid2013

PUBLISHED = {"bapps_2afc": bapps.TWO_ALTERNATIVE, "bapps_jnd": bapps.JND, "tid2013": tid2013.ARCHIVE}

with job(snakemake) as run:
    source = run.params.source
    published = PUBLISHED.get(source["layout"])  # of a data set with judgements
    url = source["url"] or published.url
    checksum = source["checksum"] or (None if source["url"] else published.checksum)
    sha256 = archives.fetch(
        url,
        run.params.archive,
        checksum,
        allow_unverified=source["allow_unverified"],
        progress=sys.stderr.isatty(),
    )
    io.write_record({"url": url, "sha256": sha256, "verified_by": checksum}, run.output.card)
