"""Arrays, tables, weights and images between the stages: written whole, and refused when damaged or edited.

Every file carries a digest of its own content, or its SHA-256 is known from elsewhere. A reader that finds another
content raises `storage.DamagedFileError`, which says which file to delete; the workflow then rebuilds it.
"""

import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from perceptual_efficacy import storage

PROVENANCE_KEY = "provenance"
# control characters, ends of lines and bytes that are no UTF-8: names with them break tables or cannot be written
UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")

Provenance = Mapping[str, Any]

# what Pillow raises
_IMAGE_ERRORS = (
    *(UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


def _array_digest(digest: "hashlib._Hash", values: NDArray[Any]) -> None:
    digest.update(f"{values.shape}".encode())
    if values.dtype.kind in "OUT":
        digest.update("\0".join(str(value) for value in values.ravel()).encode())
    else:
        digest.update(values.dtype.str.encode())
        digest.update(np.ascontiguousarray(values).tobytes())


def _split_digest(path: str | os.PathLike[str]) -> tuple[bytes, bytes]:
    """SHA-256 of all but the last 32 bytes of a file, and those bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        left = max(os.fstat(file.fileno()).st_size - digest.digest_size, 0)
        while left and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
        return digest.digest(), file.read()


class _FileForHdf5(FileIO):
    """A file that keeps its first error to itself: HDF5 does not survive one in writing, and ends the process."""

    error: OSError | None = None

    def write(self, content: Any) -> int:
        left = memoryview(content).cast("B")
        try:
            while left and self.error is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.error = error
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell() if size is None else size


@contextmanager
def _open_for_hdf5(path: Path, mode: str) -> Iterator[FileIO]:
    """Open a file for HDF5 to write to; what went wrong is raised once HDF5 has closed it."""
    with _FileForHdf5(path, mode) as file:
        try:
            yield file
        finally:
            if file.error is not None:
                raise file.error


def write_dataset(dataset: xr.Dataset, path: str | os.PathLike[str], provenance: Provenance) -> None:
    """Write an xarray Dataset as NetCDF 4, its provenance among the attributes and its SHA-256 behind the last byte.

    HDF5 ignores what follows its own last byte, so every NetCDF tool reads the file.
    """
    dataset = dataset.assign_attrs({PROVENANCE_KEY: storage.canonical_json(provenance)})
    unfilled = {name: {"_FillValue": None} for name in dataset.variables}
    with storage.written_atomically(path) as temporary:
        with _open_for_hdf5(temporary, "w+") as file:
            dataset.to_netcdf(file, engine="h5netcdf", encoding=unfilled)
        digest = bytes.fromhex(storage.file_sha256(temporary))
        with temporary.open("ab") as file:
            file.write(digest)


def write_dataset_in_parts(
    parts: Iterable[xr.Dataset], dimension: str, path: str | os.PathLike[str], provenance: Provenance
) -> None:
    """Write Datasets one after the other along a dimension, as `write_dataset` writes their concatenation.

    Only one part is in memory at a time. All parts have the same variables; those without the dimension are taken from
    the first part.

    Raises
    ------
    ValueError
        If there is no part.
    """
    with storage.written_atomically(path) as temporary:
        length = 0
        for part in parts:
            if not length:
                first = part.assign_attrs({PROVENANCE_KEY: storage.canonical_json(provenance)})
                unfilled = {name: {"_FillValue": None} for name in first.variables}
                with _open_for_hdf5(temporary, "w+") as opened:
                    first.to_netcdf(opened, engine="h5netcdf", encoding=unfilled, unlimited_dims=[dimension])
                del first
            else:
                with _open_for_hdf5(temporary, "r+") as opened, h5netcdf.File(opened, "a") as file:
                    file.resize_dimension(dimension, length + part.sizes[dimension])
                    for name, variable in part.variables.items():
                        if dimension in variable.dims:
                            (axis,) = variable.get_axis_num([dimension])
                            file.variables[name][(slice(None),) * axis + (slice(length, None),)] = variable.values
            length += part.sizes[dimension]
        if not length:
            raise ValueError(f"{os.fspath(path)}: there is nothing to write along {dimension!r}.")
        digest = bytes.fromhex(storage.file_sha256(temporary))
        with temporary.open("ab") as end:
            end.write(digest)


def write_dataset_resumably(
    parts: Mapping[str, Callable[[], xr.Dataset]],
    dimension: str,
    path: str | os.PathLike[str],
    provenance: Provenance,
    surroundings: Provenance,
) -> None:
    """Compute Datasets and write them one after the other; a computation that was killed goes on where it was.

    Every part is kept in a hidden folder beside `path` until the file is whole. A part that is damaged, or was computed
    from something else, is computed again.

    Parameters
    ----------
    parts
        Name of each part to what computes it.
    dimension, path, provenance
        See `write_dataset_in_parts`.
    surroundings
        What may change a number and is not told in the file, as the number of threads. A part from others is computed
        again, so that no file is made of both.
    """
    path = Path(path)
    folder = path.with_name(f".{path.stem}-parts")

    def finished() -> Iterator[xr.Dataset]:
        for name, compute in parts.items():
            kept, of_part = folder / f"{name}.nc", {**provenance, **surroundings, "part": name}
            try:
                part = read_dataset(kept)
                if part.attrs.pop(PROVENANCE_KEY) == storage.canonical_json(of_part):
                    yield part
                    continue
            except (FileNotFoundError, storage.DamagedFileError):
                pass
            part = compute()
            write_dataset(part, kept, of_part)
            yield part

    # written there too, so that what a kill leaves half-written goes with the folder
    whole = folder / "whole.nc"
    write_dataset_in_parts(finished(), dimension, whole, provenance)
    whole.replace(path)
    shutil.rmtree(folder, ignore_errors=True)


def read_dataset(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a Dataset that `write_dataset` wrote, into memory.

    Raises
    ------
    storage.DamagedFileError
        If the file is not what was written.
    """
    # before HDF5 sees the file: on a single wrong bit it can loop without end
    found, written = _split_digest(path)
    if found != written:
        raise storage.DamagedFileError(path, "its content does not match its own digest")
    # coordinates and truth values are restored; numbers stay as they are, neither fill values nor dates
    with xr.open_dataset(
        path, engine="h5netcdf", mask_and_scale=False, decode_times=False, decode_timedelta=False
    ) as file:
        return file.load()


def _table_digest(table: pd.DataFrame, provenance: str) -> str:
    digest = hashlib.sha256(provenance.encode())
    for name, column in table.items():
        digest.update(f"{name} {column.dtype}".encode())
        _array_digest(digest, column.to_numpy())
    return digest.hexdigest()


def write_table(table: pd.DataFrame, path: str | os.PathLike[str], provenance: Provenance) -> None:
    """Write a DataFrame (its index is dropped) as Parquet, with provenance and content digest in the metadata."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    record = storage.canonical_json(provenance)
    metadata = {PROVENANCE_KEY: record, storage.DIGEST_KEY: _table_digest(arrow.to_pandas(), record)}
    with storage.written_atomically(path) as temporary:
        pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **metadata}), temporary)


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a DataFrame that `write_table` wrote.

    Raises
    ------
    storage.DamagedFileError
        If the file is not Parquet or its content differs from what was written.
    """
    try:
        arrow = pq.read_table(path)
        table = arrow.to_pandas()
        metadata = {key.decode(): value for key, value in (arrow.schema.metadata or {}).items()}
        written = metadata.get(storage.DIGEST_KEY, b"").decode()
        digest = _table_digest(table, metadata.get(PROVENANCE_KEY, b"").decode())
    except FileNotFoundError:
        raise
    except Exception as error:  # the decoder meets arbitrary bytes and raises all kinds of errors
        raise storage.DamagedFileError(path, f"cannot be read as Parquet ({error})") from error
    if digest != written:
        raise storage.DamagedFileError(path, "its content does not match its own digest")
    return table


def write_csv(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a DataFrame (its index is dropped) as CSV for people: six significant digits, unix line ends."""
    with storage.written_atomically(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def write_weights(weights: Mapping[str, NDArray[Any]], path: str | os.PathLike[str]) -> str:
    """Write named arrays as safetensors and return the SHA-256 of the file."""
    content = save_safetensors({name: np.ascontiguousarray(weights[name]) for name in sorted(weights)})
    with storage.written_atomically(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_weights(path: str | os.PathLike[str], sha256: str) -> dict[str, NDArray[Any]]:
    """Read named arrays from a safetensors file whose SHA-256 is known.

    Raises
    ------
    storage.DamagedFileError
        If the file's SHA-256 is another one, or it is not safetensors.
    """
    content = Path(path).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise storage.DamagedFileError(path, f"its SHA-256 is {found[:12]}…, its card says {sha256[:12]}…")
    try:
        return load_safetensors(content)
    except SafetensorError as error:
        raise storage.DamagedFileError(path, f"cannot be read as safetensors ({error})") from error


def write_image(image: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write an RGB image, shape (height, width, 3), as 8-bit PNG."""
    with storage.written_atomically(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")


def read_image(path: str | os.PathLike[str], sha256: str | None = None) -> NDArray[np.uint8]:
    """Read an image file as 8-bit RGB.

    Parameters
    ----------
    path
        Any format Pillow reads: colour, grey, black and white, or a palette. Transparency may be declared as long as
        every pixel is opaque.
    sha256
        SHA-256 the file must have; None for a file from outside the pipeline.

    Returns
    -------
    Image of shape (height, width, 3), display code values 0 to 255. Of 16-bit colour it is the high byte, which is
    what every 8-bit viewer shows.

    Raises
    ------
    storage.DamagedFileError
        If the file has another SHA-256.
    ValueError
        If the file cannot be decoded, has more pixels than Pillow takes for harmless (90 million), is transparent
        somewhere, or has pixels whose code values for display are a matter of choice: 16-bit and floating-point grey,
        CMYK and other colour spaces; or if its path has control characters.
    """
    if UNWRITABLE.search(os.fspath(path)):
        raise ValueError(
            f"{os.fspath(path)!r}: a name with control characters or bytes that are no UTF-8, which tables and figures "
            f"cannot show. Rename it."
        )
    if sha256 is not None and (found := storage.file_sha256(path)) != sha256:
        raise storage.DamagedFileError(path, f"its SHA-256 is {found[:12]}…, expected {sha256[:12]}…")
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(path) as image,
        ):
            image.verify()  # the checksums in a PNG, which decoding does not look at; then it is to be opened again
        with Image.open(path) as image:
            stored = [tile[3] for tile in image.tile]  # the file's own kind of pixel, which load() forgets
            image.load()
            kind = image.mode + (" with transparency" if "transparency" in image.info else "")
            if kind in {"RGB", "L", "P", "1"}:
                return np.asarray(image.convert("RGB"))
            # of 2, 4 and 16 bits Pillow scales the pixels but not the transparent colour: whether any has it is unknown
            unknown = image.format == "PNG" and image.mode in {"RGB", "L"} and stored != [image.mode]
            if image.mode in {"RGBA", "LA", "PA", "RGB", "L", "P", "1"} and not unknown:
                full = image.convert("RGBA")
                if full.getchannel("A").getextrema() == (255, 255):
                    return np.asarray(full.convert("RGB"))
    except FileNotFoundError:
        raise
    except _IMAGE_ERRORS as error:
        raise ValueError(
            f"{os.fspath(path)}: cannot be read as an image ({error}). Replace the file, or leave it out; if the study "
            f"made it, delete it (of a folder of images, the folder) and run again."
        ) from error
    raise ValueError(
        f"{os.fspath(path)}: pixels of mode {kind}; expected 8-bit RGB or grey without transparent pixels. Convert it: "
        f"scale 16-bit and floating-point values to 8 bits, CMYK to sRGB by its profile, and put transparent pixels "
        f"on a background."
    )
