"""What every file needs: written whole or not at all, known by its SHA-256.

Only the standard library is needed: it serves downloads too, which run without the packages of the analysis.
Nothing here depends on time, path or host, so equal content gives equal bytes.
"""

import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # a disk, a quota, or what a file may hold
CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}


class DamagedFileError(ValueError):
    """A file whose content is not what the pipeline wrote."""

    def __init__(self, path: str | os.PathLike[str], found: str) -> None:
        found = " ".join(found.split())  # what libraries say may have several lines
        super().__init__(
            f"{os.fspath(path)}: {found}. It is truncated, damaged or was edited; results computed from it would be "
            f"wrong. Delete it and run again: it will be rebuilt."
        )


class UnwritableFileError(OSError):
    """A file for which there is no space, or whose folder may not be written to."""

    def __init__(self, path: str | os.PathLike[str], error: OSError) -> None:
        advice = "Make space" if error.errno in FULL else "Make its folder writable"
        super().__init__(
            f"{os.fspath(path)}: cannot be written ({os.strerror(error.errno or 0)}). {advice} and run again."
        )


@contextmanager
def written_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; move it there when the block ends well, remove it otherwise.

    The content is on the disk before the name is: a machine that loses power leaves the whole file or none. What
    earlier writers of this file left behind when they were killed is removed.

    Raises
    ------
    UnwritableFileError
        If there is no space, or the folder may not be written to.
    """
    path = Path(path)
    with naming(path, FULL | CLOSED):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
        temporary.touch(exist_ok=False)
    try:
        with naming(path):
            yield temporary
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: str | os.PathLike[str], errors: Set[int] = FULL) -> Iterator[None]:
    """Raise an `UnwritableFileError` that names the file being written in place of an error of these numbers."""
    try:
        yield
    except OSError as error:
        if error.errno in errors:
            raise UnwritableFileError(path, error) from error
        raise


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove temporary files and folders beside this path: those of earlier writers of it that were killed."""
    path = Path(path)
    # eight characters, as tempfile puts them too
    for leftover in path.parent.glob(f"{glob.escape(f'.{path.stem}-')}{'[a-z0-9_]' * 8}{glob.escape(path.suffix)}"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)  # another program may still be writing there, for a moment
        else:
            leftover.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_text(content: object, indent: int | None = None) -> str:
    """JSON text of a content, keys in the order given; what has no form in JSON, as infinity, is an error."""

    def plain(value: object) -> object:
        if hasattr(value, "tolist"):  # NumPy's numbers and arrays
            return value.tolist()
        raise TypeError(f"{type(value).__name__} has no JSON form")

    return json.dumps(content, indent=indent, ensure_ascii=False, default=plain, allow_nan=False)


def write_record(record: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a mapping as JSON, keys in the order given."""
    write_text(json_text(dict(record), indent=2) + "\n", path)


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a mapping that `write_record` wrote; a file that is not a JSON object is a `DamagedFileError`."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("expected an object")
    except ValueError as error:
        raise DamagedFileError(path, f"cannot be read as JSON ({error})") from error
    return record


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write a text file as UTF-8."""
    with written_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
