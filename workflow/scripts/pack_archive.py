"""Pack what figures, tables and claims were made from, with the records of the jobs that made it."""

import zipfile
from pathlib import Path

from job import job

from perceptual_efficacy import provenance, storage

CONFIGURATION = "results/configuration.yaml"
SAME_DATE = (1980, 1, 1, 0, 0, 0)  # equal contents give equal bytes

with job(snakemake) as run:
    drawn = set(run.input)
    read: dict[str, str] = {}
    for path in sorted(drawn):
        record = provenance.read(path, run.results)
        if not record:
            raise ValueError(f"{path} has no record of what it was made from. Delete it, and run `snakemake` again.")
        read |= {name: sha256 for name, sha256 in record["inputs"] if name not in drawn}
    own = {name: sha256 for name, sha256 in read.items() if Path(name).is_relative_to(run.results)}
    for name, sha256 in own.items():
        if provenance.digest(name) != sha256:
            raise ValueError(f"{name} has changed since figures were made from it. Run `snakemake` again.")
    folders = {name: sha256 for name, sha256 in own.items() if Path(name).is_dir()}
    members = {CONFIGURATION: Path(CONFIGURATION)}
    for name in own:
        parts = sorted(Path(name).rglob("[!.]*")) if name in folders else [Path(name)]
        parts.append(provenance.record_of(name, run.results))
        members |= {part.as_posix(): part for part in parts if part.is_file()}
    contents = {"files": {name: own[name] for name in sorted(set(own) - set(folders))}, "folders": folders}
    with (
        storage.written_atomically(run.output.archive) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(zipfile.ZipInfo("contents.json", SAME_DATE), storage.json_text(contents))
        for name, path in sorted(members.items()):
            place = zipfile.ZipInfo(name, SAME_DATE)
            place.compress_type, place.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(place, path.read_bytes())
    run.log.info("%s files of %s results", len(members), len(own))
