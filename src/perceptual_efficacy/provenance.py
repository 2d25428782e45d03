"""What every result was computed from, and whether it is still what its job wrote.

Every file and folder that a job wrote has a record: that of results/probing/vgg16/tuning.nc is
results/provenance/probing/vgg16/tuning.nc.json. It holds the SHA-256 of the file and of what the job read, its rule,
parameters, threads and versions. It has no time and no host, so equal jobs write equal records.
"""

import hashlib
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from perceptual_efficacy import storage

LEFT_BY_SYSTEMS = {"Thumbs.db", "desktop.ini"}
FOLDER = "provenance"  # of the records, beside the results
DIGEST_KEY = "content_sha256"  # of a record itself, which no other record knows
# what may change a number or a byte
PACKAGES = (  # noqa: SIM905 - a list would take a line for each
    "colour-science docutils h5netcdf jinja2 lpips matplotlib numpy pandas pillow piq plotly pyarrow safetensors "
    "scikit-image scikit-learn scipy stimupy timm torch torchvision"
).split()
data_read: set[str] = set()  # modules that were not imported, but whose data were read
MODULES = {"colour-science": "colour", "pillow": "PIL", "scikit-image": "skimage", "scikit-learn": "sklearn"}


def digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file; of a folder, that of the names and digests of all files below it.

    Hidden files and folders and Thumbs.db do not count: Snakemake and file managers put them there.
    """
    path = Path(path)
    if path.is_file():
        return storage.file_sha256(path)
    names = hashlib.sha256()
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: there is no such file or folder.")
    for file in sorted(file for file in path.rglob("[!.]*") if file.is_file() and file.name not in LEFT_BY_SYSTEMS):
        place = file.relative_to(path).as_posix()
        if "/." not in f"/{place}":
            names.update(os.fsencode(f"{place}\0{storage.file_sha256(file)}\n"))
    return names.hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of those packages that this process has imported, or read data of, so far."""
    used = {name: metadata.version(name) for name in PACKAGES if MODULES.get(name, name) in {*sys.modules, *data_read}}
    return {"python": platform.python_version(), **used}


def record_of(path: str | os.PathLike[str], results: str | os.PathLike[str]) -> Path:
    """Return the place of the record of a file or folder below the results."""
    return Path(results, FOLDER, f"{Path(path).relative_to(results)}.json")


def write(outputs: Iterable[str], results: str | os.PathLike[str], job: Mapping[str, Any]) -> None:
    """Write a record of each file and folder below the results that a job wrote, and of what it was computed from.

    The job's `rule` is the name of its rule, its `inputs` pairs of the name and the SHA-256 of each file and folder
    that it read.
    """
    for output in outputs:
        record = {"output": output, "sha256": digest(output), **job}
        storage.write_record({**record, DIGEST_KEY: _digest_of(record)}, record_of(output, results))


def read(path: str | os.PathLike[str], results: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read the record of a file or folder: empty if the record is damaged, None if the file is from elsewhere."""
    if not Path(path).is_relative_to(results) or not (place := record_of(path, results)).is_file():
        return None
    try:
        record = storage.read_record(place)
    except storage.DamagedFileError:
        return {}
    return record if record.pop(DIGEST_KEY, None) == _digest_of(record) else {}


def _digest_of(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(storage.json_text(record).encode()).hexdigest()


def read_inputs(paths: Iterable[str], results: str | os.PathLike[str]) -> dict[str, str]:
    """Hash what a job reads, each file once, and compare it with the records of the jobs that wrote it.

    Returns
    -------
    Path to SHA-256. A folder from elsewhere is left out: it may be large, and its files are checked when they are read.

    Raises
    ------
    storage.DamagedFileError
        If a file or folder is not what its record says.
    """
    found = {}
    for path in dict.fromkeys(paths):
        record = read(path, results)
        if record is None and Path(path).is_dir():
            continue
        found[path] = digest(path)
        if record is not None and record.get("sha256") != found[path]:
            raise storage.DamagedFileError(path, f"is not what its record says, {record_of(path, results)}")
    return found


def problems(results: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Compare all results with their records.

    Yields
    ------
    A file or folder, and what is wrong with it: it is missing, is not what its record says, or was computed from a file
    that has changed since.

    Raises
    ------
    FileNotFoundError
        If the folder of the results has no records.
    """
    folder = Path(results, FOLDER)
    # a hidden one is being written
    places = sorted(path for path in folder.rglob("*.json") if not path.name.startswith("."))
    if not places:
        raise FileNotFoundError(
            f"{folder}: there are no records of jobs; expected the folder `results` of a study that has run."
        )
    intact = {}
    for place in places:
        path = Path(results, place.relative_to(folder).with_suffix(""))
        record = read(path, results) or {}
        if not path.exists():
            yield str(path), "is missing"
        elif digest(path) != record.get("sha256"):
            yield str(path), "is not what its job wrote: it, or its record, was damaged or edited"
        else:
            intact[record["output"]] = path, record
    for path, record in intact.values():
        for name, sha256 in record["inputs"]:
            if name in intact and intact[name][1]["sha256"] != sha256:
                yield str(path), f"is out of date: {name} has changed since"
