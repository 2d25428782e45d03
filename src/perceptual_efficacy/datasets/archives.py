"""Archives of data sets: downloaded whole and verified, or not at all; unpacked whole, or not at all.

This module needs the packages of envs/download.yaml and no others.
"""

import bz2
import gzip
import hashlib
import lzma
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path, PureWindowsPath
from typing import IO, Any

from tqdm import tqdm

from perceptual_efficacy import storage
from perceptual_efficacy.extras import extra

with extra("datasets"):
    import requests

TIMEOUT = 60.0  # seconds that a server may stay silent
PAUSES = (2.0, 10.0)  # seconds before another attempt
MEMBERS_LIMIT = 1_000_000  # files and folders in an archive; BAPPS's training part has 610,000
BYTES_LIMIT = 64 * 2**30  # of a download, and of an archive's content
HEADER_LIMIT = 2**20  # bytes that describe one member of a tar, which tarfile reads into memory
LIST_LIMIT = 128 * MEMBERS_LIMIT  # bytes of a zip's list of members, which zipfile reads into memory
BLOCK = 4096  # bytes that a file takes on the disk at least
LISTS = {".csv", ".txt", ".xlsx"}  # suffixes of files that are no archives, whatever their first bytes
WATCH = 5.0  # seconds between two looks at what another program unpacks

Members = Iterator[tuple[str, str, int]]  # name, kind and bytes of each

_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", re.IGNORECASE)
_COPY = "give `path`, the folder of an existing copy"
_COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_TAR_KINDS = {tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link", tarfile.FIFOTYPE: "named pipe"}


class DownloadError(OSError):
    """A file that could not be downloaded whole."""

    def __init__(self, url: str, found: str, *, may_pass: bool = True) -> None:
        self.may_pass = may_pass  # whether another attempt may succeed
        super().__init__(f"{url}: {found}; expected the whole file. Try again, correct `url`, or {_COPY}.")


class ArchiveError(ValueError):
    """An archive that cannot or must not be unpacked."""

    def __init__(self, archive: Path, found: str, expected: str = "", advice: str = "") -> None:
        expected = expected or (
            f"only regular files and folders inside the folder it is unpacked to, at most {MEMBERS_LIMIT} and "
            f"{BYTES_LIMIT} bytes"
        )
        advice = advice or "Download it again from its publisher, or unpack what you trust by hand"
        super().__init__(f"{archive}: {found}; expected {expected}. Nothing was unpacked. {advice}, or {_COPY}.")


def fetch(
    url: str,
    target: str | os.PathLike[str],
    checksum: str | None,
    *,
    allow_unverified: bool = False,
    progress: bool = False,
) -> str:
    """Download a file unless it is there already; `target` is then the verified file, or is left as it was.

    Parameters
    ----------
    url
        An address of http or https.
    target
        Where the file goes. An existing file is kept if it has the checksum; without a checksum, unless
        `{target}.origin` says that it was downloaded from another address.
    checksum
        "sha256:" or "md5:" and the digest in hexadecimal; None if none is known.
    allow_unverified
        Whether to accept a file without a checksum. If not, the download is kept as `{target}.unverified` until its
        checksum is given.
    progress
        Whether to show a progress bar.

    Returns
    -------
    "sha256:" and the digest of the file.

    Raises
    ------
    DownloadError
        If the server cannot be reached, refuses, falls silent or stops half-way.
    ValueError
        If the file has another checksum, or none is given and `allow_unverified` is not set.
    """
    if checksum is not None and not _CHECKSUM.fullmatch(checksum):
        raise ValueError(
            f"{url}: the checksum is {checksum!r}; expected sha256: and 64, or md5: and 32 hexadecimal digits. "
            f"Correct `checksum`."
        )
    target = Path(target)
    waiting, origin = (target.with_name(f"{target.name}.{suffix}") for suffix in ("unverified", "origin"))
    accepted = checksum is not None or allow_unverified

    def is_it(path: Path) -> bool:
        if checksum is not None:
            return _digest(path, checksum) == checksum.lower()
        try:
            known = storage.read_record(origin)
        except (FileNotFoundError, storage.DamagedFileError):
            return True  # a user may have put it there
        return bool(known.get("url") == url or known.get("sha256") != _digest(path, "sha256:"))

    here = next((path for path in (target, waiting) if path.is_file() and is_it(path)), None)
    if here is None:
        here = target if accepted else waiting
        with storage.written_atomically(here) as temporary:
            _download_patiently(url, temporary, progress)
            if checksum is not None and (found := _digest(temporary, checksum)) != checksum.lower():
                raise ValueError(
                    f"{url}: what was downloaded has the checksum {found}; expected {checksum}. It was deleted. Try "
                    f"again; if the publisher replaced the file, correct `checksum`; or {_COPY}."
                )
    digest = _digest(here, "sha256:")
    if checksum is None:
        storage.write_record({"url": url, "sha256": digest}, origin)
    else:
        origin.unlink(missing_ok=True)
    if not accepted:
        raise ValueError(
            f"{url}: there is no checksum to verify it by; expected one. What was downloaded has\n\n"
            f"    checksum: {digest}\n\n"
            f"Set this key if you trust it (it will not be downloaded again), set `allow_unverified: true`, or {_COPY}."
        )
    if here == waiting:
        waiting.replace(target)
    waiting.unlink(missing_ok=True)
    return digest


def extract(archive: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Unpack an archive into a new folder, completely or not at all.

    All members of a tar or zip are checked before anything is written. A RAR is unpacked by another program, and what
    it writes is checked meanwhile.

    Parameters
    ----------
    archive
        A zip, a RAR, or a tar, plain or compressed by gzip, bzip2 or xz: recognised by its first bytes or its suffix.
        A RAR needs bsdtar or unrar.
    folder
        Must not exist, or be empty.

    Raises
    ------
    ArchiveError
        If the archive is damaged or empty; holds anything but regular files and folders, or a name that leads out of
        the folder; or holds more than `MEMBERS_LIMIT` members or `BYTES_LIMIT` bytes, or more than fits on the disk.
    ValueError
        If the folder is not empty.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder}: is there already and not empty; expected a new folder. Delete it, or name another."
        )
    with archive.open("rb") as file:
        begin = file.read(6)

    def looks_like(magic: bytes, suffix: str) -> bool:
        return begin.startswith(magic) or archive.suffix.lower() == suffix

    is_rar, is_zip = looks_like(b"Rar!", ".rar"), looks_like(b"PK", ".zip")
    if not is_rar:
        with _readable(archive):
            count, size = _check(archive, _in_zip(archive) if is_zip else _in_tar(archive, begin))
        place = next(path for path in folder.absolute().parents if path.exists())
        needed, free = size + count * BLOCK, shutil.disk_usage(place).free
        if needed > free:
            found = f"takes {needed / 1e9:.3g} GB unpacked; {place} has {free / 1e9:.3g} GB left"
            raise ArchiveError(archive, found, "space for it", "Make space")
    folder.parent.mkdir(parents=True, exist_ok=True)
    storage.remove_leftovers(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        unpacked = Path(temporary) / folder.name
        unpacked.mkdir()
        with _readable(archive):
            if is_rar:
                _unpack_rar(archive, unpacked)
            elif is_zip:
                with zipfile.ZipFile(archive) as members:
                    members.extractall(unpacked)  # noqa: S202  # nosec B202 - all members were checked
            else:
                with tarfile.open(archive) as tar:
                    for member in tar:
                        _copy_out(tar, member, unpacked / member.name)
        if not any(path.is_file() for path in unpacked.rglob("*")):
            raise ArchiveError(archive, "holds no files", "a data set", "Download it again")
        unpacked.replace(folder)


def numbered(archive: str | os.PathLike[str], number: int) -> Path:
    """Return the path of one of a data set's files: `archive` for the first, `archive-2` for the second, and so on."""
    return Path(archive) if number == 0 else Path(f"{os.fspath(archive)}-{number + 1}")


def assemble(files: Mapping[str, Path], folder: str | os.PathLike[str]) -> None:
    """Unpack the files of a data set into a new folder; a list, which is no archive, is copied.

    Parameters
    ----------
    files
        The name that each was published under, to where it lies. A single archive is unpacked into the folder itself,
        several into subfolders of their names without suffix.
    folder
        As for `extract`, which also says what is raised.
    """
    for name, place in files.items():
        if Path(name).suffix.lower() in LISTS:
            with storage.written_atomically(Path(folder) / name) as temporary:
                shutil.copyfile(place, temporary)
        else:
            extract(place, folder if len(files) == 1 else Path(folder) / Path(name).stem)


def _digest(path: Path, checksum: str) -> str:
    """Checksum of a file by the algorithm of another checksum."""
    algorithm = checksum.lower().split(":")[0]
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def _download_patiently(url: str, path: Path, progress: bool) -> None:
    for pause in (*PAUSES, None):
        try:
            _download(url, path, progress)
            break
        except DownloadError as error:
            if pause is None or not error.may_pass:
                raise
            time.sleep(pause)


def _download(url: str, path: Path, progress: bool) -> None:
    name = url.rsplit("/", 1)[-1]
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as response:
            response.raise_for_status()
            total = int(response.headers.get("Content-Length", 0))
            shown: Any = {"total": total, "disable": not progress, "unit": "B", "unit_scale": True, "desc": name}
            with path.open("wb") as file, tqdm(**shown) as bar:
                for block in response.iter_content(2**16):
                    bar.update(file.write(block))
                    if file.tell() > BYTES_LIMIT:
                        raise DownloadError(url, f"it has more than {BYTES_LIMIT} bytes", may_pass=False)
    except requests.HTTPError as error:
        answer = str(error).partition(" for url")[0]
        passing = error.response is None or error.response.status_code >= 500
        raise DownloadError(url, f"the server answered {answer}", may_pass=passing) from error
    except requests.RequestException as error:
        cause: BaseException = error
        while inner := cause.__cause__ or cause.__context__:
            cause = inner
        raise DownloadError(url, f"the download failed ({type(cause).__name__}: {cause})") from error
    if (size := path.stat().st_size) < total:  # urllib3 before 2.0 does not notice
        raise DownloadError(url, f"the download stopped after {size} of {total} bytes")


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Raise `ArchiveError` in place of what zipfile, tarfile and the decompressors raise: all kinds of errors."""
    try:
        yield
    except (FileNotFoundError, ArchiveError, MemoryError):
        raise
    except Exception as error:
        found = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
        expected = "a whole archive, and space for what it holds"
        advice = "Delete it and download it again, or make space"
        raise ArchiveError(archive, f"cannot be unpacked ({found})", expected, advice) from error


def _check(archive: Path, members: Members) -> tuple[int, int]:
    """Count members and their bytes; refuse what must not be unpacked."""
    count = total = 0
    for name, kind, size in members:
        count, total = count + 1, total + size
        if count > MEMBERS_LIMIT or total > BYTES_LIMIT:
            raise ArchiveError(archive, f"it holds {count} members and {total} bytes, or more")
        if size < 0:  # tarfile would go back, and round in circles
            raise ArchiveError(archive, f"its member {name!r} says that it has {size} bytes")
        if kind not in {"file", "folder"}:
            raise ArchiveError(archive, f"its member {name!r} is a {kind}")
        path = PureWindowsPath(name)  # it takes / and \ for separators, and knows drives
        if path.anchor or ".." in path.parts or "\0" in name:
            raise ArchiveError(archive, f"its member {name!r} leads out of the folder")
    return count, total


class _Bounded:
    """A file that refuses to be read beyond a limit, for readers that keep all they read in memory."""

    def __init__(self, file: IO[bytes], limit: int, part: str) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read
        self.left, self.refusal = limit, f"{part} has more than {limit} bytes"
        self.last = b""  # what was read last

    def read(self, size: int = -1) -> bytes:
        if size > self.left:
            raise RuntimeError(self.refusal)
        self.last = self._read(size)
        self.left -= len(self.last)
        return self.last


def _in_zip(archive: Path) -> Members:
    with archive.open("rb") as file:
        listed: Any = _Bounded(file, LIST_LIMIT, "its list of members")
        for member in zipfile.ZipFile(listed).infolist():
            kind = "folder" if member.is_dir() else _kind(member.external_attr >> 16)
            yield member.filename, kind, member.file_size


def _in_tar(archive: Path, begin: bytes) -> Members:
    decompress: Any = next((opened for magic, opened in _COMPRESSIONS.items() if begin.startswith(magic)), FileIO)
    with decompress(archive) as file:
        headers: Any = _Bounded(file, HEADER_LIMIT, "the header of a member")
        with tarfile.open(fileobj=headers, mode="r:") as tar:
            for member in tar:
                kind = (
                    "file" if member.isreg() else "folder" if member.isdir() else _TAR_KINDS.get(member.type, "device")
                )
                yield member.name, "sparse file" if member.issparse() else kind, member.size
                headers.left = HEADER_LIMIT
                tar.members.clear()  # type: ignore[attr-defined]  # a million of them would take half a gigabyte
        # at a header that it cannot read tarfile stops without an error
        if len(headers.last) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("its end is missing")
        block = headers.last
        while block:  # to the end, where the compression has a checksum of its own
            if block.strip(b"\0"):
                raise tarfile.ReadError("a member's header is damaged")
            block = file.read(2**20)


def _in_folder(folder: Path) -> Members:
    for path in folder.rglob("*"):
        status = path.lstat()
        kind = _kind(status.st_mode)
        is_link = kind == "file" and status.st_nlink > 1
        size = status.st_size if kind == "file" else 0
        yield path.relative_to(folder).as_posix(), "hard link" if is_link else kind, size


def _kind(mode: int) -> str:
    """Return what a file is by its mode; 0, in a zip that was not made on Unix, is a regular file."""
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symbolic link"}
    return kinds.get(stat.S_IFMT(mode), "named pipe, socket or device")


def _copy_out(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    """Write a file or folder that was checked, with the rights and time of a new one.

    Before Python 3.11.4 tarfile has no filter that leaves those out.
    """
    content = tar.extractfile(member)
    (place if content is None else place.parent).mkdir(parents=True, exist_ok=True)
    if content is not None:
        with content, place.open("wb") as file:
            shutil.copyfileobj(content, file)


def _unpack_rar(archive: Path, folder: Path) -> None:
    path = str(archive.resolve(strict=True))
    commands = {
        "bsdtar": ["-x", "--no-same-owner", "-f", path, "-C", str(folder)],
        "unrar": ["x", "-idq", "-o-", path, f"{folder}{os.sep}"],
    }
    failures = []
    for tool, arguments in commands.items():
        if (program := shutil.which(tool)) is not None:
            failure = _run([program, *arguments], archive, folder)
            if failure is None:
                _check(archive, _in_folder(folder))
                return
            failures.append(f"{tool}: {failure}")
            shutil.rmtree(folder)
            folder.mkdir()
    if failures:
        raise RuntimeError("; ".join(failures))
    raise ArchiveError(
        archive,
        "a .rar needs bsdtar or unrar, and neither is installed",
        "one of them",
        "Install bsdtar (Debian and Ubuntu: `apt install libarchive-tools`; conda: `conda install -c conda-forge "
        "libarchive`; macOS has it; on Windows 10 and later `tar` is bsdtar), or unpack the archive by hand",
    )


def _run(command: list[str], archive: Path, folder: Path) -> str | None:
    """Run a program that unpacks, and check what it writes meanwhile; return why it failed, or None."""
    # a fixed command, whose only free argument is an absolute path
    with subprocess.Popen(  # noqa: S603  # nosec B603
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, errors="replace"
    ) as process:
        try:
            while True:
                try:
                    said = process.communicate(timeout=WATCH)[1]
                    break
                except subprocess.TimeoutExpired:
                    _check(archive, _in_folder(folder))
        finally:
            process.kill()
    if process.returncode == 0:
        return None
    return next((line.strip() for line in said.split("\n") if line.strip()), f"exit status {process.returncode}")
