"""Download the files of one data set and verify them."""

import sys

from job import job

from perceptual_efficacy import storage
from perceptual_efficacy.datasets import addresses, archives
from perceptual_efficacy.datasets.addresses import Archive

with job(snakemake) as run:
    source = run.params.source
    url, checksum = source["url"], source["checksum"]
    about = addresses.SOURCES.get(source["layout"])
    if url is None:
        files = addresses.published(source["layout"]).files
        files = (files[0]._replace(checksum=checksum or files[0].checksum), *files[1:])
    else:
        files = (Archive(url, checksum),)
    fetched = []
    for number, file in enumerate(files):
        place = archives.numbered(run.params.archive, number)
        options = {"allow_unverified": source["allow_unverified"], "progress": sys.stderr.isatty()}
        sha256 = archives.fetch(file.url, place, file.checksum, **options)
        fetched.append({"url": file.url, "sha256": sha256, "verified_by": file.checksum})
    terms = {} if about is None else {"cite": about.cite, "terms": about.terms}
    storage.write_record({**terms, "files": fetched}, run.output.card)
