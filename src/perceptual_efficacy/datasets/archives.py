"""Archives of data sets: downloaded whole and verified, or not at all; unpacked whole, or not at all.

It needs the packages of envs/download.yaml and no other.
"""

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
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, NamedTuple, Self

import pooch
import requests
from tqdm import tqdm

from perceptual_efficacy import storage

TIMEOUT = 60.0  # seconds that a server may stay silent
MEMBERS_LIMIT = 1_000_000  # files and folders that an archive may hold; BAPPS's training part has 610,000
BYTES_LIMIT = 64 * 2**30  # and their bytes; a download may have no more either
LIST_LIMIT = 128 * MEMBERS_LIMIT  # bytes of a zip's list of members, which is read into memory
TEXT_LIMIT = 2**20  # bytes of one name or other text in a tar, which is read into memory
BLOCK = 4096  # bytes that a file takes on the disk at least
WATCH = 5.0  # seconds between two looks at what another program unpacks

PAUSES = (2.0, 10.0)  # seconds before another attempt
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", re.IGNORECASE)
_COPY = "give `path`, the folder of an existing copy"
# members of a tar that are text about the next one
_TEXTS = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
# what the readers of archives raise, RuntimeError for an encrypted zip
_READING = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError, RuntimeError)


class Archive(NamedTuple):
    """Where a data set is published."""

    url: str
    checksum: str | None  # "sha256:…" or "md5:…"; None if none is published


_BAPPS = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset"
# by the layout of a data set in the configuration
PUBLISHED = {
    "bapps_2afc": Archive(
        f"{_BAPPS}/twoafc_val.tar.gz", "sha256:41486671b06de923e7ba277c4797d4d9d86d609863ba35ecdb576133f8b9d859"
    ),
    "bapps_jnd": Archive(f"{_BAPPS}/jnd.tar.gz", None),
    "tid2013": Archive("https://ponomarenko.info/tid2013/tid2013.rar", "md5:2c42bec2407adc49cf4d7858daf8f99b"),
}


class DownloadError(OSError):
    """A file that could not be downloaded whole."""

    def __init__(self, url: str, found: str, *, may_pass: bool = True) -> None:
        self.may_pass = may_pass  # whether another attempt may succeed
        super().__init__(f"{url}: {found}; expected the whole file. Try again, correct `url`, or {_COPY}.")


def fetch(
    url: str,
    target: str | os.PathLike[str],
    checksum: str | None,
    *,
    allow_unverified: bool = False,
    progress: bool = False,
) -> str:
    """Download a file, unless it is there already; `target` is the verified file, or is left as it was.

    Parameters
    ----------
    url
        An address of http or https.
    target
        Where the file goes. A file that is there is kept if it has the checksum; where none is needed, unless it is
        known (`{target}.origin`) to have been downloaded from another address.
    checksum
        "sha256:" or "md5:" and the digest in hexadecimal; None if none is known.
    allow_unverified
        Whether a file is good enough without a checksum. If it is not, the download waits beside the target, as
        `{target}.unverified`, until its checksum is given.
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
        If the checksum is another one, or none is given and `allow_unverified` is not set.
    """
    if checksum is not None and not _CHECKSUM.fullmatch(checksum):
        raise ValueError(
            f"{url}: the checksum is {checksum!r}; expected sha256: and 64, or md5: and 32 hexadecimal digits. "
            f"Correct `checksum`."
        )
    target = Path(target)
    waiting = target.with_name(f"{target.name}.unverified")
    origin = target.with_name(f"{target.name}.origin")
    enough = checksum is not None or allow_unverified

    def is_it(path: Path) -> bool:
        return not _is_from_elsewhere(path, origin, url) if checksum is None else _matches(path, checksum)

    here = next((path for path in (target, waiting) if path.is_file() and is_it(path)), None)
    if here is None:
        here = target if enough else waiting
        with storage.written_atomically(here) as temporary:
            _download_patiently(url, temporary, progress)
            if checksum is not None and not _matches(temporary, checksum):
                raise ValueError(
                    f"{url}: what was downloaded has the checksum {_digest(temporary, checksum)}; expected {checksum}. "
                    f"It was deleted. Try again; if the publisher replaced the file, correct `checksum`; or {_COPY}."
                )
    digest = _digest(here, "sha256:")
    if checksum is None:
        storage.write_record({"url": url, "sha256": digest}, origin)
    else:
        origin.unlink(missing_ok=True)
    if not enough:
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
    """Unpack an archive into a new folder, whole or not at all.

    A tar or zip is looked through to its end first: of one that is refused nothing is written. What another program
    unpacks of a RAR is watched, and deleted if it is refused.

    Parameters
    ----------
    archive
        A zip, a RAR or a tar, compressed by gzip, bzip2, xz or not. The file's first bytes or the end of its name say
        which. For a RAR, bsdtar or unrar must be installed.
    folder
        Must not exist, or be empty.

    Raises
    ------
    ValueError
        If the archive is damaged or empty; holds anything but regular files and folders, or a name that leads out of
        the folder; holds more than `MEMBERS_LIMIT` members or `BYTES_LIMIT` bytes, or more than the disk has space
        for; or if the folder is not empty.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder}: is there already and not empty; expected a new folder. Delete it, or name another."
        )
    is_rar = _looks_like(archive, b"Rar!", ".rar")
    if not is_rar:
        with _to_its_end(archive):
            needed = sum(member.size + BLOCK for member in _checked(archive))
        _check_space(archive, folder, needed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    storage.remove_leftovers(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        unpacked = Path(temporary) / folder.name
        unpacked.mkdir()
        if is_rar:
            _unpack_rar(archive, unpacked)
        else:
            with _to_its_end(archive):
                _write(archive, unpacked)
        if not _check_tree(archive, unpacked):
            raise ValueError(f"{archive}: holds no files; expected a data set. Download it again, or {_COPY}.")
        unpacked.replace(folder)


def _digest(path: Path, checksum: str) -> str:
    """Checksum of a file by the algorithm of another checksum."""
    algorithm = checksum.lower().split(":")[0]
    return f"{algorithm}:{pooch.file_hash(str(path), alg=algorithm)}"


def _matches(path: Path, checksum: str) -> bool:
    return _digest(path, checksum) == checksum.lower()


def _is_from_elsewhere(path: Path, origin: Path, url: str) -> bool:
    """Whether a file without a checksum is known to be from another address; a user may have put it there."""
    try:
        known = storage.read_record(origin)
    except (FileNotFoundError, storage.DamagedFileError):
        return False
    return bool(known.get("url") != url and known.get("sha256") == _digest(path, "sha256:"))


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
    # pooch sets the total to the server's Content-Length
    bar = _Bar(url, disable=not progress, total=0, unit="B", unit_scale=True, desc=url.rsplit("/", 1)[-1])
    download = pooch.HTTPDownloader(
        progressbar=bar, chunk_size=2**16, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
    )
    try:
        download(url, str(path), None)
    except requests.HTTPError as error:
        answer = str(error).partition(" for url")[0]
        passing = error.response is None or error.response.status_code >= 500
        raise DownloadError(url, f"the server answered {answer}", may_pass=passing) from error
    except requests.RequestException as error:
        cause: BaseException = error
        while inner := cause.__cause__ or cause.__context__:
            cause = inner
        raise DownloadError(url, f"the download failed ({type(cause).__name__}: {cause})") from error
    finally:
        bar.close()
    size = path.stat().st_size
    if size < bar.total:  # urllib3 before 2.0 does not notice
        raise DownloadError(url, f"the download stopped after {size} of {bar.total} bytes")


class _Bar(tqdm):
    """A progress bar that refuses a download without end: it is told of every piece."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url, self._received = url, 0
        super().__init__(**options)

    def __bool__(self) -> bool:  # which pooch asks first: a bar without a total, or none yet, is false otherwise
        return True

    def update(self, n: float | None = 1) -> bool | None:
        self._received += int(n or 0)
        if self._received > BYTES_LIMIT:
            raise DownloadError(self._url, f"it has more than {BYTES_LIMIT} bytes", may_pass=False)
        return super().update(n)

    def reset(self, total: float | None = None) -> None:  # pooch does so at the end, and tells of all of it at once
        self._received = 0
        super().reset(total)


class _Refused(ValueError):
    """Something in an archive that is not to be unpacked."""

    def __init__(self, archive: Path, found: str) -> None:
        super().__init__(
            f"{archive}: {found}; expected only regular files and folders inside the folder it is unpacked to, at most "
            f"{MEMBERS_LIMIT} and {BYTES_LIMIT} bytes. Nothing was unpacked. Download it again from its publisher, or "
            f"unpack what you trust by hand and {_COPY}."
        )


class _Damaged(ValueError):
    """An archive that cannot be unpacked to its end."""

    def __init__(self, archive: Path, found: str) -> None:
        super().__init__(
            f"{archive}: cannot be unpacked ({found}); expected a whole archive, and space for what it holds. Delete "
            f"it and download it again, or make space, or {_COPY}."
        )


class _Member(NamedTuple):
    name: str
    kind: str
    size: int
    open: Callable[[], IO[bytes] | None]  # the content of a file


def _looks_like(archive: Path, begin: bytes, end: str) -> bool:
    with archive.open("rb") as file:
        return file.read(len(begin)) == begin or archive.suffix.lower() == end


@contextmanager
def _to_its_end(archive: Path) -> Iterator[None]:
    """Tell plainly what the readers of archives find wrong."""
    try:
        yield
    except FileNotFoundError:
        raise
    except _READING as error:
        raise _Damaged(archive, str(error).partition("\n")[0].rstrip(":") or type(error).__name__) from error


def _checked(archive: Path) -> Iterator[_Member]:
    """Yield the members of a tar or zip, each of which may be unpacked."""
    read = _zip_members if _looks_like(archive, b"PK", ".zip") else _tar_members
    size = 0
    with closing(read(archive)) as members:
        for count, member in enumerate(members, start=1):
            size += member.size
            _check_amount(archive, count, size)
            _check_member(archive, member)
            yield member


def _write(archive: Path, folder: Path) -> None:
    """Write the members of a tar or zip: names and bytes only, neither owners, rights nor links."""
    for member in _checked(archive):
        target = folder / member.name
        (target.parent if member.kind == "file" else target).mkdir(parents=True, exist_ok=True)
        if member.kind == "file" and (content := member.open()) is not None:
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file, 2**20)


def _check_member(archive: Path, member: _Member) -> None:
    if member.size < 0:  # tarfile would go back, and round in circles
        raise _Refused(archive, f"its member {member.name!r} says that it has {member.size} bytes")
    if member.kind not in {"file", "folder"}:
        raise _Refused(archive, f"its member {member.name!r} is a {member.kind}")
    readings = PurePosixPath(member.name), PureWindowsPath(member.name)
    if any(path.anchor or ".." in path.parts for path in readings) or "\0" in member.name:
        raise _Refused(archive, f"its member {member.name!r} leads out of the folder")


def _check_amount(archive: Path, members: int, size: int) -> None:
    if members > MEMBERS_LIMIT or size > BYTES_LIMIT:
        raise _Refused(archive, f"it holds {members} members and {size} bytes, or more")


def _check_space(archive: Path, folder: Path, needed: int) -> None:
    place = next(path for path in folder.absolute().parents if path.exists())
    if needed > (free := shutil.disk_usage(place).free):
        raise ValueError(
            f"{archive}: takes {needed / 1e9:.3g} GB unpacked; {place} has {free / 1e9:.3g} GB left. Nothing was "
            f"unpacked. Make space, or {_COPY}."
        )


class _Header(tarfile.TarInfo):
    """A header that is no bomb: tarfile reads into memory a long name or other text, and a sparse file's list of holes.

    Such lists may have any length, and no data set needs sparse files.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _TEXTS and header.size > TEXT_LIMIT:
            raise tarfile.ReadError(f"a name in it has {header.size} bytes")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError(f"its member {header.name!r} is a sparse file")
        return header

    def _proc_gnusparse_10(self, next: tarfile.TarInfo, *_: object) -> None:
        """Refuse the sparse files of pax whose list is not in the header; tarfile calls this to read it."""
        raise tarfile.ReadError(f"its member {next.name!r} is a sparse file")


def _tar_members(archive: Path) -> Generator[_Member, None, None]:
    kinds = {tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link", tarfile.FIFOTYPE: "named pipe"}
    with tarfile.open(archive, tarinfo=_Header) as tar:
        for member in tar:
            tar.members.clear()  # type: ignore[attr-defined] # a million of them would take half a gigabyte
            kind = "file" if member.isreg() else "folder" if member.isdir() else kinds.get(member.type, "device")
            yield _Member(member.name, kind, member.size, partial(tar.extractfile, member))
        # tarfile stops without a word where it finds no further header
        file = tar.fileobj
        if file is None or file.tell() != tar.offset + tarfile.BLOCKSIZE:
            raise tarfile.ReadError("its end is missing")
        while block := file.read(2**20):  # to the end, where the compression has its own checksum
            if block.strip(b"\0"):
                raise tarfile.ReadError("a member's header is damaged")


def _zip_members(archive: Path) -> Generator[_Member, None, None]:
    with zipfile.ZipFile(_without_a_long_list(archive)) as file:
        for member in file.infolist():
            kind = "folder" if member.is_dir() else _kind(member.external_attr >> 16)
            yield _Member(member.filename, kind, member.file_size, partial(file.open, member))


def _without_a_long_list(archive: Path) -> Path:
    """Return a zip whose list of members may be read into memory, which zipfile does whatever its length."""
    with archive.open("rb") as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined] # as zipfile itself finds it
    size = 0 if end is None else end[zipfile._ECD_SIZE]  # type: ignore[attr-defined]
    if size > LIST_LIMIT:
        raise zipfile.BadZipFile(f"its list of members has {size} bytes")
    return archive


def _kind(mode: int) -> str:
    """What a file is by its mode; 0, in a zip that was not made on Unix, is a regular file."""
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symbolic link"}
    return kinds.get(stat.S_IFMT(mode), "named pipe, socket or device")


def _unpack_rar(archive: Path, folder: Path) -> None:
    path = str(archive.resolve(strict=True))
    commands = {
        "bsdtar": ["-x", "--no-same-owner", "-f", path, "-C", str(folder)],
        "unrar": ["x", "-idq", "-o-", path, f"{folder}{os.sep}"],
    }
    failures = []
    for tool, arguments in commands.items():
        if (program := shutil.which(tool)) is None:
            continue
        failure = _run([program, *arguments], archive, folder)
        if failure is None:
            return
        failures.append(f"{tool}: {failure}")
        shutil.rmtree(folder)
        folder.mkdir()
    if failures:
        raise _Damaged(archive, "; ".join(failures))
    raise ValueError(
        f"{archive}: a .rar needs bsdtar or unrar, and neither is installed. Install bsdtar (Debian and Ubuntu: "
        f"`apt install libarchive-tools`; conda: `conda install -c conda-forge libarchive`; macOS has it; on Windows "
        f"10 and later `tar` is bsdtar), or unpack the archive by hand and {_COPY}."
    )


def _run(command: list[str], archive: Path, folder: Path) -> str | None:
    """Run a program that unpacks, and watch what it writes; return why it failed, or None."""
    with tempfile.TemporaryFile() as log:
        # a fixed command, whose only free argument is an absolute path
        process = subprocess.Popen(  # noqa: S603  # nosec B603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(timeout=WATCH)
                except subprocess.TimeoutExpired:
                    _check_tree(archive, folder)
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:
            return None
        log.seek(0)
        lines = log.read().decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[0] if said else f"exit status {process.returncode}"


def _check_tree(archive: Path, folder: Path) -> int:
    """Count the files below a folder; refuse anything but files and folders, and too many."""
    count = size = files = 0
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            status = path.lstat()
            kind = _kind(status.st_mode)
            if kind == "file" and status.st_nlink > 1:
                kind = "hard link"
            if kind not in {"file", "folder"}:
                raise _Refused(archive, f"its member {path.relative_to(folder).as_posix()!r} is a {kind}")
            count += 1
            if kind == "file":
                files, size = files + 1, size + status.st_size
        _check_amount(archive, count, size)
    return files
