"""Unpack an archive of a study, and check every file in it."""

import json
import tempfile
from pathlib import Path

from job import job

from perceptual_efficacy import provenance, storage
from perceptual_efficacy.datasets import archives

with job(snakemake) as run, tempfile.TemporaryDirectory(dir=run.results) as temporary:
    unpacked = Path(temporary) / "unpacked"
    archives.extract(run.input.archive, unpacked)
    contents = json.loads((unpacked / "contents.json").read_text(encoding="utf-8"))
    known = contents["files"] | contents["folders"]
    for name, sha256 in known.items():
        if provenance.digest(unpacked / name) != sha256:
            raise storage.DamagedFileError(run.input.archive, f"is damaged: {name} is not what its contents say")
    for name in known:
        place = Path(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            place.rmdir()  # Snakemake made it; it is empty
        (unpacked / name).replace(place)
