"""What every result was computed from, one record per job; and whether the results are still what their jobs wrote.

A record names the job's inputs and outputs with their SHA-256, its parameters, threads, and the versions of what
computed it; no time and no host, so equal jobs write equal records.
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from perceptual_efficacy import storage

FOLDER = "provenance"  # of the records, beside the results
STAMP = ".snakemake_timestamp"  # which Snakemake puts into a folder when its job has ended
# what may change a number or a byte, and is told if it was used
PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "lightning": "lightning",
    "lpips": "lpips",
    "piq": "piq",
    "scikit-learn": "sklearn",
    "stimupy": "stimupy",
    "colour-science": "colour",
    "h5netcdf": "h5netcdf",
    "pyarrow": "pyarrow",
    "safetensors": "safetensors",
    "matplotlib": "matplotlib",
}


def digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file; of a folder, that of the names and digests of all files below it."""
    path = Path(path)
    if path.is_file():
        return storage.file_sha256(path)
    names = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file() and file.name != STAMP):
        names.update(f"{file.relative_to(path).as_posix()}\0{storage.file_sha256(file)}\n".encode())
    return names.hexdigest()


def write(
    path: str | os.PathLike[str],
    *,
    rule: str,
    wildcards: Mapping[str, str],
    inputs: Iterable[tuple[str, str]],
    params: Mapping[str, Any],
    threads: int,
    device: str,
    outputs: Iterable[str],
    version: str,
) -> None:
    """Write the record of one job that has ended well.

    Parameters
    ----------
    path
        Of the record.
    rule, wildcards, params, threads
        Of the job.
    device
        That its networks ran on: "cpu" or "cuda".
    inputs
        Each file that it read, with its SHA-256.
    outputs
        The files and folders that it wrote.
    version
        Of this package.
    """
    record = {
        "rule": rule,
        "wildcards": dict(wildcards),
        "threads": threads,
        "device": device,
        "params": json.loads(json.dumps(params, default=str)),
        "inputs": [list(pair) for pair in inputs],
        "outputs": {output: digest(output) for output in outputs},
        "versions": {"perceptual-efficacy": version, **versions()},
    }
    storage.write_record(record, path)


def versions() -> dict[str, str]:
    """Versions of Python and of those packages that this process has used so far."""
    used = {name: metadata.version(name) for name, module in PACKAGES.items() if module in sys.modules}
    return {"python": platform.python_version(), **used}


def problems(results: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Compare the results with the records of the jobs that wrote them.

    Parameters
    ----------
    results
        The folder of the results, with its records.

    Yields
    ------
    A file or folder, and what is wrong with it: it is missing, is not what its job wrote, or was computed from a file
    that is another by now.

    Raises
    ------
    FileNotFoundError
        If the folder has no records.
    storage.DamagedFileError
        If a record was damaged or edited.
    """
    results = Path(results)
    records = [storage.read_record(path) for path in sorted((results / FOLDER).rglob("*.json"))]
    if not records:
        raise FileNotFoundError(
            f"{results / FOLDER}: there are no records of jobs; expected the folder `results` of a study that has run."
        )
    # a file may have been written by several jobs in turn, as when a network of one name now comes from elsewhere
    written: dict[str, set[str]] = {}
    for record in records:
        for output, expected in record["outputs"].items():
            written.setdefault(output, set()).add(expected)
    intact = {}
    for output, known in written.items():
        path = results.parent / output
        if not path.exists():
            yield output, "is missing"
        elif (found := digest(path)) in known:
            intact[output] = found
        else:
            yield output, "is not what its job wrote: it was damaged or edited"
    for record in records:
        if all(intact.get(output) == expected for output, expected in record["outputs"].items()):
            for name, read in record["inputs"]:
                if intact.get(name, read) != read:
                    yield ", ".join(record["outputs"]), f"was computed from another {name} than there is now"
