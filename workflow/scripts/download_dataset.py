"""Download the archive of one data set and verify it."""

from _entry import job

from perceptual_efficacy import io
from perceptual_efficacy.datasets import archives, bapps, tid2013

PUBLISHED = {"bapps_2afc": bapps.TWO_ALTERNATIVE, "bapps_jnd": bapps.JND, "tid2013": tid2013.ARCHIVE}

with job(snakemake) as run:
    entry = run.params.entry
    published = PUBLISHED[entry["layout"]]
    url = entry.get("url", published.url)
    checksum = entry.get("checksum", published.checksum if "url" not in entry else None)
    sha256 = archives.fetch(url, run.output.archive, checksum, allow_unverified=entry["allow_unverified"])
    card = {"name": entry["name"], "url": url, "sha256": sha256, "verified": checksum is not None}
    io.write_record({**card, "provenance": run.provenance}, run.output.card)
