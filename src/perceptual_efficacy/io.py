"""Arrays, tables and weights between the stages: plain NetCDF, Parquet, safetensors and CSV.

Every file is written whole or not at all. Whether it is still what its job wrote is known from the job's record
(`provenance`); a reader only refuses what cannot be decoded.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save as save_safetensors

from perceptual_efficacy import storage
from perceptual_efficacy.extras import extra

PROVENANCE_KEY = "provenance"
METADATA_KEY = "card"  # in the header of a safetensors file
# control characters, ends of lines and bytes that are no UTF-8: names with them break tables or cannot be written
UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")

Provenance = Mapping[str, Any]


def write_dataset(dataset: xr.Dataset, path: str | os.PathLike[str], provenance: Provenance) -> None:
    """Write an xarray Dataset as NetCDF 4, with its provenance among the attributes."""
    content = BytesIO()
    _write_netcdf(dataset, content, provenance)
    _write_bytes(content.getbuffer(), path)


def write_dataset_resumably(
    parts: Mapping[str, Callable[[], xr.Dataset]],
    dimension: str,
    path: str | os.PathLike[str],
    provenance: Provenance,
    surroundings: Provenance,
) -> None:
    """Compute a Dataset part by part and write it as `write_dataset` does; after a kill, resume with the next part.

    Every part is kept in a hidden folder beside `path` until the file is whole. A part that is damaged, or was computed
    from something else, is computed again. In memory are the file and one part.

    Parameters
    ----------
    parts
        Name of each part to the function that computes it. All have the same variables; those without the dimension
        are taken from the first part.
    dimension
        Along which the parts follow each other.
    path, provenance
        See `write_dataset`.
    surroundings
        What may change a number and is not written to the file, such as the number of threads. A part computed in other
        surroundings is computed again, so that no file mixes the two.

    Raises
    ------
    ValueError
        If there is no part.
    """
    path, content = Path(path), BytesIO()
    folder = path.with_name(f".{path.stem}-parts")
    if not parts:
        raise ValueError(f"{path}: there is nothing to write along {dimension!r}.")
    for name, compute in parts.items():
        kept, stamp = folder / f"{name}.nc", folder / f"{name}.sha256"
        source = storage.json_text({**provenance, **surroundings, "part": name})
        if kept.is_file() and stamp.is_file() and stamp.read_bytes() == _stamp(kept, source).encode():
            part = read_dataset(kept)
        else:
            part = compute()
            write_dataset(part, kept, provenance)
            storage.write_text(_stamp(kept, source), stamp)
        _append_netcdf(part, dimension, content, provenance)
        del part
    _write_bytes(content.getbuffer(), path)
    shutil.rmtree(folder, ignore_errors=True)


def _stamp(path: Path, source: str) -> str:
    """Return what changes with the content of a file and with what it was computed from."""
    return hashlib.sha256(f"{storage.file_sha256(path)} {source}".encode()).hexdigest()


def _write_netcdf(dataset: xr.Dataset, content: BytesIO, provenance: Provenance, **options: Any) -> None:
    with extra("datasets"):
        import h5netcdf  # noqa: F401 - what xarray writes with

    # in memory, as HDF5 does not survive a full disk: it ends the process
    dataset = dataset.assign_attrs({PROVENANCE_KEY: storage.json_text(provenance)})
    unfilled = {name: {"_FillValue": None} for name in dataset.variables}
    dataset.to_netcdf(content, engine="h5netcdf", encoding=unfilled, **options)


def _append_netcdf(part: xr.Dataset, dimension: str, content: BytesIO, provenance: Provenance) -> None:
    if not content.getbuffer().nbytes:
        _write_netcdf(part, content, provenance, unlimited_dims=[dimension])
        return
    import h5netcdf

    with h5netcdf.File(content, "a") as file:
        length = file.dimensions[dimension].size
        file.resize_dimension(dimension, length + part.sizes[dimension])
        for name, variable in part.variables.items():
            if dimension in variable.dims:
                (axis,) = variable.get_axis_num([dimension])
                file.variables[name][(slice(None),) * axis + (slice(length, None),)] = variable.values


def _write_bytes(content: bytes | memoryview, path: str | os.PathLike[str]) -> None:
    with storage.written_atomically(path) as temporary:
        temporary.write_bytes(content)


def read_dataset(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a Dataset that `write_dataset` wrote, into memory; `storage.DamagedFileError` if it cannot be decoded."""
    with extra("datasets"):
        import h5netcdf  # noqa: F401 - what xarray reads with

    # coordinates and truth values are restored; numbers stay as they are, neither fill values nor dates
    undecoded: dict[str, Any] = {"mask_and_scale": False, "decode_times": False, "decode_timedelta": False}
    with _decoding(path, "NetCDF"), xr.open_dataset(path, engine="h5netcdf", **undecoded) as file:
        return file.load()


@contextmanager
def _decoding(path: str | os.PathLike[str], kind: str) -> Iterator[None]:
    """Raise a DamagedFileError in place of what a decoder raises of arbitrary bytes: all kinds of errors."""
    try:
        yield
    except Exception as error:
        if is_of_the_system(error):
            raise
        raise storage.DamagedFileError(path, f"cannot be read as {kind} ({error})") from error


def is_of_the_system(error: Exception) -> bool:
    """Return whether an error says nothing about what is in a file."""
    number = getattr(error, "errno", None)
    without_access = isinstance(error, FileNotFoundError | PermissionError | MemoryError)
    return without_access or number in (errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def write_table(table: pd.DataFrame, path: str | os.PathLike[str], provenance: Provenance) -> None:
    """Write a DataFrame (its index is dropped) as Parquet, with its provenance in the metadata."""
    with extra("datasets"):
        import pyarrow as pa
        import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {**(arrow.schema.metadata or {}), PROVENANCE_KEY: storage.json_text(provenance)}
    with storage.written_atomically(path) as temporary:
        pq.write_table(arrow.replace_schema_metadata(metadata), temporary)


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a DataFrame that `write_table` wrote; `storage.DamagedFileError` if it cannot be decoded."""
    with extra("datasets"):
        import pyarrow.parquet as pq

    with _decoding(path, "Parquet"):
        return pq.read_table(path).to_pandas()


def write_csv(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a DataFrame (its index is dropped) as CSV for people: six significant digits, unix line ends."""
    with storage.written_atomically(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def write_weights(
    weights: Mapping[str, NDArray[Any]], path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write named arrays as safetensors, with what is known about them in the header, as JSON in the order given."""
    # under one key, as safetensors writes several in any order
    header = None if metadata is None else {METADATA_KEY: storage.json_text(metadata)}
    content = save_safetensors({name: np.ascontiguousarray(weights[name]) for name in sorted(weights)}, header)
    _write_bytes(content, path)


def read_weights(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read named arrays and what is known about them, as `write_weights` wrote them.

    `storage.DamagedFileError` if they cannot be decoded.
    """
    with _decoding(path, "safetensors"), safe_open(path, "numpy") as file:
        metadata = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
        return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 - no mapping
