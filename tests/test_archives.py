"""Downloads from a server on this machine, and archives made here: whole and harmless ones, and all others."""

import contextlib
import gzip
import hashlib
import http.server
import io as streams
import os
import shutil
import socket
import struct
import tarfile
import threading
import time
import zipfile
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import requests

from perceptual_efficacy import storage
from perceptual_efficacy.datasets import archives

BODY = np.random.default_rng(0).bytes(300_000)
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
MD5 = f"md5:{hashlib.md5(BODY).hexdigest()}"  # noqa: S324 - the checksum that some publishers give
WRONG = f"sha256:{'0' * 64}"
ADVICE = "give `path`, the folder of an existing copy"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `BODY`, in the manner that the path names."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/busy-at-first" and self.server.asked.count(self.path) < 3:
            self.send_error(503)
        elif self.path == "/silent":
            self.server.stop.wait(30)
        elif self.path == "/chunks-cut":
            self.protocol_version = "HTTP/1.1"
            self.start(("Transfer-Encoding", "chunked"), ("Connection", "close"))
            self.wfile.write(b"%x\r\n%b\r\n" % (1000, BODY[:1000]))
        elif self.path == "/endless":
            self.protocol_version = "HTTP/1.1"
            self.start(("Transfer-Encoding", "chunked"), ("Connection", "close"))
            with contextlib.suppress(ConnectionError):
                while True:
                    self.wfile.write(b"%x\r\n%b\r\n" % (1000, BODY[:1000]))
        else:
            self.start(("Content-Length", str(len(BODY))))
            for part in range(3):
                self.wfile.write(BODY[part * 100_000 : (part + 1) * 100_000])
                if self.path == "/cut":
                    return
                if self.path == "/slow":
                    time.sleep(0.2)

    def start(self, *headers):
        self.send_response(200)
        for header in headers:
            self.send_header(*header)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Make further attempts without a pause."""
    monkeypatch.setattr(archives, "PAUSES", (0.0, 0.0))


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.stop = [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def content(folder, but=None):
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != but}


# Downloads
@pytest.mark.parametrize("checksum", [SHA256, MD5, SHA256.upper().replace("SHA256", "sha256")])
@pytest.mark.parametrize("manner", ["whole", "slow"])
def test_download_arrives(server, tmp_path, manner, checksum):
    assert archives.fetch(f"{server.url}/{manner}", tmp_path / "deep" / "a.zip", checksum) == SHA256
    assert content(tmp_path) == {"deep/a.zip": BODY}


def test_wrong_checksum_is_refused_with_both(server, tmp_path):
    with pytest.raises(ValueError, match=rf"{server.url}/whole: .*{SHA256}; expected {WRONG}.*{ADVICE}"):
        archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", WRONG)
    assert content(tmp_path) == {}


@pytest.mark.parametrize("manner", ["cut", "chunks-cut"])
@pytest.mark.parametrize("options", [{"checksum": SHA256}, {"checksum": None, "allow_unverified": True}])
def test_download_that_stops_half_way_is_refused(server, tmp_path, manner, options):
    with pytest.raises(archives.DownloadError, match=rf"{server.url}/{manner}: .*expected the whole file.*{ADVICE}"):
        archives.fetch(f"{server.url}/{manner}", tmp_path / "a.zip", **options)
    assert content(tmp_path) == {}


def test_missing_bytes_are_noticed_when_the_http_library_does_not(server, tmp_path, monkeypatch):
    monkeypatch.setattr(requests.Response, "iter_content", lambda self, chunk_size: iter([self.raw.read(1000)]))
    with pytest.raises(archives.DownloadError, match="stopped after 1000 of 300000 bytes"):
        archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", None, allow_unverified=True)
    assert content(tmp_path) == {}


def test_refusal_of_the_server_is_told(server, tmp_path):
    with pytest.raises(archives.DownloadError, match=rf"{server.url}/missing: the server answered 404 .*{ADVICE}"):
        archives.fetch(f"{server.url}/missing", tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {}


def test_server_that_falls_silent_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "TIMEOUT", 0.2)
    with pytest.raises(archives.DownloadError, match=rf"{server.url}/silent: .*timed out.*{ADVICE}"):
        archives.fetch(f"{server.url}/silent", tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {}


def test_refused_connection_is_told(server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        with pytest.raises(archives.DownloadError, match=rf"{url}: .*Connection refused.*{ADVICE}"):
            archives.fetch(url, tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {}


def test_unknown_host_is_told(tmp_path, monkeypatch):
    def unknown(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(archives.DownloadError, match=rf"http://nowhere\.invalid/a: .*not known.*{ADVICE}"):
        archives.fetch("http://nowhere.invalid/a", tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {}


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a", "a.zip", "http://"])
def test_what_is_no_web_address_is_told(tmp_path, url):
    with pytest.raises(archives.DownloadError, match=f"{url}: .*{ADVICE}"):
        archives.fetch(url, tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {}


@pytest.mark.parametrize("checksum", ["", "sha256:12", "0" * 64, f"sha1:{'0' * 40}", f"md5:{'g' * 32}"])
def test_checksum_of_another_form_is_refused_before_any_download(server, tmp_path, checksum):
    with pytest.raises(ValueError, match=rf"the checksum is '{checksum}'; expected sha256: and 64"):
        archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", checksum)
    assert server.asked == []


def test_without_a_checksum_the_one_to_set_is_told(server, tmp_path):
    with pytest.raises(ValueError, match=rf"(?s)checksum: {SHA256}\n.*`allow_unverified: true`.*{ADVICE}"):
        archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", None)
    assert content(tmp_path, but="a.zip.origin") == {"a.zip.unverified": BODY}


@pytest.mark.parametrize("options", [{"checksum": SHA256}, {"checksum": None, "allow_unverified": True}])
def test_once_the_checksum_is_set_nothing_is_downloaded_again(server, tmp_path, options):
    for _ in range(2):
        with pytest.raises(ValueError, match="there is no checksum"):
            archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", None)
    assert archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", **options) == SHA256
    assert content(tmp_path, but="a.zip.origin") == {"a.zip": BODY}
    assert len(server.asked) == 1


def test_what_waits_for_a_checksum_and_has_another_is_replaced(server, tmp_path):
    (tmp_path / "a.zip.unverified").write_bytes(b"old")
    archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {"a.zip": BODY}


def test_unverified_download_is_accepted_when_allowed(server, tmp_path):
    assert archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", None, allow_unverified=True) == SHA256
    assert content(tmp_path, but="a.zip.origin") == {"a.zip": BODY}


def test_of_another_address_nothing_that_is_there_is_taken(server, tmp_path):
    archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", None, allow_unverified=True)
    with pytest.raises(archives.DownloadError, match="404"):
        archives.fetch(f"{server.url}/missing", tmp_path / "a.zip", None, allow_unverified=True)
    assert content(tmp_path, but="a.zip.origin") == {"a.zip": BODY}  # nothing is lost either
    archives.fetch(f"{server.url}/whole?other", tmp_path / "a.zip", None, allow_unverified=True)
    assert storage.read_record(tmp_path / "a.zip.origin")["url"] == f"{server.url}/whole?other"
    assert len(server.asked) == 3


def test_of_another_address_what_has_the_checksum_is_taken(server, tmp_path):
    archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", None, allow_unverified=True)
    assert archives.fetch(f"{server.url}/missing", tmp_path / "a.zip", SHA256) == SHA256
    assert content(tmp_path) == {"a.zip": BODY}


@pytest.mark.parametrize("manner", ["whole", "endless"])
def test_download_without_end_is_given_up(server, tmp_path, monkeypatch, manner):
    monkeypatch.setattr(archives, "BYTES_LIMIT", len(BODY) // 2)
    with pytest.raises(archives.DownloadError, match=f"it has more than {len(BODY) // 2} bytes"):
        archives.fetch(f"{server.url}/{manner}", tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {}
    assert len(server.asked) == 1


@pytest.mark.parametrize("options", [{"checksum": MD5}, {"checksum": None, "allow_unverified": True}])
def test_what_is_there_is_not_downloaded(server, tmp_path, options):
    (tmp_path / "a.zip").write_bytes(BODY)
    assert archives.fetch(f"{server.url}/missing", tmp_path / "a.zip", **options) == SHA256
    assert server.asked == []


def test_what_is_there_with_another_checksum_is_replaced(server, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"old")
    archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", SHA256)
    assert content(tmp_path) == {"a.zip": BODY}


@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_shown_when_asked_for(server, tmp_path, capfd, progress):
    archives.fetch(f"{server.url}/whole", tmp_path / "a.zip", SHA256, progress=progress)
    out, err = capfd.readouterr()
    assert (out, "whole: 100%" in err, bool(err)) == ("", progress, progress)


# Unpacking
FILES = {"val/cnn/a.txt": b"abc" * 500, "val/b.bin": BODY[:5000], "top": b""}
MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def make_tar(path, *members, mode="w"):
    """Write a tar of files, given as (name, content), and of other members, given as (name, type, target)."""
    with tarfile.open(path, mode) as tar:
        for name, *rest in members:
            member = tarfile.TarInfo(name)
            if isinstance(rest[0], bytes) and len(rest) == 1:
                member.size = len(rest[0])
                tar.addfile(member, streams.BytesIO(rest[0]))
            else:
                member.type, member.linkname = rest
                tar.addfile(member)
    return path


def make_zip(path, *members):
    """Write a zip of (name, content) or (name, content, Unix mode)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data, *mode in members:
            member = zipfile.ZipInfo(name)
            member.external_attr = (mode[0] if mode else 0) << 16
            file.writestr(member, data)
    return path


def make_rar(path, *members):
    """Write (name, content, Unix mode) as a RAR 4 archive without compression, by its published layout."""

    def block(kind, flags, rest, data=b""):
        head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    parts = [b"Rar!\x1a\x07\x00", block(0x73, 0, b"\0" * 6)]
    for name, data, mode in members:
        size, name = len(data), name.encode()
        fields = size, size, 3, zlib.crc32(data), 0x50000000, 20, 0x30, len(name), mode
        parts.append(block(0x74, 0x8000, struct.pack("<IIBIIBBHI", *fields) + name, data))
    path.write_bytes(b"".join([*parts, block(0x7B, 0x4000, b"")]))
    return path


def make(path, files=FILES):
    if path.suffix == ".zip":
        return make_zip(path, *files.items())
    return make_tar(path, *files.items(), mode=MODES["".join(path.suffixes)])


def refused(archive, message):
    """Check that an archive is refused by its name and that nothing of it is left."""
    before = sorted(archive.parent.iterdir())
    with pytest.raises(ValueError, match=message) as error:
        archives.extract(archive, archive.parent / "out")
    assert str(archive) in str(error.value)
    assert ADVICE in str(error.value)
    assert sorted(archive.parent.iterdir()) == before


@pytest.mark.parametrize("suffix", [*MODES, ".zip"])
def test_every_file_comes_out(tmp_path, suffix):
    archives.extract(make(tmp_path / f"a{suffix}"), tmp_path / "new" / "out")
    assert content(tmp_path / "new") == {f"out/{name}": data for name, data in FILES.items()}


@pytest.mark.parametrize("suffix", [".tar.xz", ".zip"])
def test_archive_without_an_end_to_its_name_comes_out(tmp_path, suffix):
    archives.extract(make(tmp_path / f"a{suffix}").rename(tmp_path / "archive"), tmp_path / "out")
    assert content(tmp_path / "out") == FILES


def test_folders_come_out(tmp_path):
    archive = make_tar(tmp_path / "a.tar", ("./val", tarfile.DIRTYPE, ""), ("./val/a", b"a"))
    archives.extract(archive, tmp_path / "out")
    assert content(tmp_path / "out") == {"val/a": b"a"}


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    archives.extract(make(tmp_path / "a.zip"), tmp_path / "out")
    assert content(tmp_path / "out") == FILES


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"out: is there already and not empty; expected a new folder"):
        archives.extract(make(tmp_path / "a.zip"), tmp_path / "out")
    assert content(tmp_path / "out") == {"mine": b"mine"}


def test_rights_in_the_archive_do_not_count(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("a")
        member.mode, member.uid = 0o4000, 12345
        tar.addfile(member)
    archives.extract(tmp_path / "a.tar", tmp_path / "out")
    expected = tmp_path / "expected"
    expected.touch()
    found = (tmp_path / "out" / "a").stat()
    assert (found.st_mode, found.st_uid) == (expected.stat().st_mode, expected.stat().st_uid)


@pytest.mark.parametrize(
    "name", ["../up", "val/../../up", "/etc/up", "..", "C:/up", r"..\up", r"\\host\share\up", "//host/up"]
)
@pytest.mark.parametrize("kind", ["a.tar.gz", "a.zip"])
def test_name_that_leads_out_is_refused(tmp_path, name, kind):
    refused(make_in(tmp_path / kind, name), "leads out of the folder")
    assert not (tmp_path.parent / "up").exists()


def make_in(path, name):
    make_member = make_zip if path.suffix == ".zip" else make_tar
    return make_member(path, ("val/good", b"good"), (name, b"evil"))


@pytest.mark.parametrize(
    ("type_", "target", "named"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "symbolic link"),
        (tarfile.SYMTYPE, "good", "symbolic link"),
        (tarfile.LNKTYPE, "val/good", "hard link"),
        (tarfile.FIFOTYPE, "", "named pipe"),
        (tarfile.CHRTYPE, "", "device"),
        (tarfile.BLKTYPE, "", "device"),
    ],
)
def test_tar_member_that_is_neither_file_nor_folder_is_refused(tmp_path, type_, target, named):
    archive = make_tar(tmp_path / "a.tar", ("val/good", b"good"), ("val/odd", type_, target))
    refused(archive, rf"a\.tar: its member 'val/odd' is a {named}")


@pytest.mark.parametrize(("mode", "named"), [(0o120777, "symbolic link"), (0o010644, "named pipe")])
def test_zip_member_that_is_neither_file_nor_folder_is_refused(tmp_path, mode, named):
    archive = make_zip(tmp_path / "a.zip", ("val/good", b"good"), ("val/odd", b"good", mode))
    refused(archive, rf"a\.zip: its member 'val/odd' is a {named}")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_archive_that_was_cut_anywhere_is_refused(tmp_path, suffix):
    archive = make(tmp_path / f"a{suffix}")
    whole = archive.read_bytes()
    # of a plain tar: three headers, the contents in blocks of 512, and a block that says it is the end; then padding
    end = 3 * 512 + 1536 + 5120 + 512 if suffix == ".tar" else len(whole)
    for kept in np.linspace(0, end - 1, 40).astype(int):
        archive.write_bytes(whole[:kept])
        refused(archive, "cannot be unpacked .*; expected a whole archive|holds no files")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_what_is_no_archive_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>Not found</html>" * 100)
    refused(tmp_path / name, "cannot be unpacked .*; expected a whole archive")


def test_damaged_header_in_the_middle_of_a_tar_is_refused(tmp_path):
    archive = make(tmp_path / "a.tar")
    damaged = bytearray(archive.read_bytes())
    damaged[512 + 1536 + 3] ^= 1  # in the name of the second member
    archive.write_bytes(damaged)
    refused(archive, "header is damaged")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"abc", b"abd", id="content"),
        pytest.param(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x01\x00\x00\x00", id="encrypted"),
    ],
)
def test_damaged_or_encrypted_zip_is_refused(tmp_path, old, new):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(zipfile.ZipInfo("a"), b"abc")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes().replace(old, new))
    refused(tmp_path / "a.zip", "cannot be unpacked")


@pytest.mark.parametrize("name", ["a.tar", "a.zip"])
def test_archive_without_files_is_refused(tmp_path, name):
    refused(make(tmp_path / name, {}), "holds no files; expected a data set")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
@pytest.mark.parametrize(("limit", "value"), [("MEMBERS_LIMIT", 2), ("BYTES_LIMIT", 6000)])
def test_archive_beyond_the_limits_is_refused(tmp_path, monkeypatch, name, limit, value):
    monkeypatch.setattr(archives, limit, value)
    refused(make(tmp_path / name), "it holds [23] members and 6500 bytes, or more")


@pytest.mark.parametrize("odd", [("../up", b"evil"), ("val/odd", tarfile.SYMTYPE, "/etc/passwd")], ids=["up", "link"])
def test_nothing_is_written_of_an_archive_whose_last_member_is_refused(tmp_path, odd):
    archive = make_tar(tmp_path / "a.tar.gz", ("val/good", b"good"), odd, mode="w:gz")
    with pytest.raises(ValueError, match="Nothing was unpacked"):
        archives.extract(archive, tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == [archive]


def declaring(size, name="bomb", type_=tarfile.REGTYPE):
    """Return the header of a member that says it has so many bytes; the bytes are left out."""
    header = tarfile.TarInfo(name)
    header.size, header.type = size, type_
    return header.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.slow
def test_a_million_and_one_tiny_members_are_refused(tmp_path):
    archive = tmp_path / "a.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        for _ in range(1001):
            file.write(declaring(0, "val/a.png") * 1000)
        file.write(bytes(1024))
    assert archive.stat().st_size < 5e6
    refused(archive, r"it holds 1000001 members and 0 bytes, or more; .* at most 1000000")


def test_tar_that_says_it_is_a_bomb_is_refused_by_its_header(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(declaring(65 * 2**30)))
    refused(tmp_path / "a.tar.gz", rf"it holds 1 members and {65 * 2**30} bytes, or more")


def test_zip_that_says_it_is_a_bomb_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", *((f"{number}", b"") for number in range(17)))
    entries = archive.read_bytes().split(b"PK\1\2")
    bombs = [entry[:20] + struct.pack("<I", 2**32 - 2) + entry[24:] for entry in entries[1:]]
    archive.write_bytes(b"PK\1\2".join([entries[0], *bombs]))
    refused(archive, rf"it holds 17 members and {17 * (2**32 - 2)} bytes, or more")


@pytest.mark.parametrize("type_", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE], ids=["GNU", "pax"])
def test_name_that_would_fill_the_memory_is_not_read(tmp_path, type_):
    blocks = declaring(0, "val/good"), declaring(2**40, type_=type_)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"".join(blocks)))
    refused(tmp_path / "a.tar.gz", rf"cannot be unpacked \(the header of a member has more than {2**20} bytes\)")


def sparse(kind, holes):
    """Return a sparse file of no data with a list of so many holes."""
    member = tarfile.TarInfo("holes")
    if kind == "GNU":  # 21 holes in every block, the last byte but seven says whether the list goes on
        member.type = tarfile.GNUTYPE_SPARSE
        block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
        block[482] = 1
        block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * ord(" "))
        hole = b"%011o\0%011o\0" % (0, 0)
        return bytes(block) + (21 * hole + b"\1".ljust(8, b"\0")) * (holes // 21) + bytes(tarfile.BLOCKSIZE)
    listed = b"%d\n" % holes + b"0\n0\n" * holes
    member.size = -len(listed) % tarfile.BLOCKSIZE + len(listed)
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes"}
    return member.tobuf(tarfile.PAX_FORMAT) + listed.ljust(member.size, b"\0")


@pytest.mark.parametrize("kind", ["GNU", "pax"])
@pytest.mark.parametrize(
    ("holes", "message"), [(42, "its member 'holes' is a sparse file"), (300_000, "header of a member has more than")]
)
def test_sparse_file_is_refused_before_its_list_of_holes_fills_the_memory(tmp_path, kind, holes, message):
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(gzip.compress(declaring(0, "val/good") + sparse(kind, holes) + bytes(1024), 1))
    refused(archive, message)


def test_zip_whose_list_of_members_would_fill_the_memory_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LIST_LIMIT", 100)
    refused(make(tmp_path / "a.zip"), r"cannot be unpacked \(its list of members has more than 100 bytes\)")


def test_what_an_unpacking_that_was_killed_left_is_removed(tmp_path):
    (tmp_path / ".out-abcd1234/out/val").mkdir(parents=True)
    (tmp_path / ".out-abcd1234/out/val/a").write_bytes(b"half")
    archives.extract(make(tmp_path / "a.tar"), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "out"]


@pytest.mark.parametrize("header", [{}, {"size": "-1024"}], ids=["header", "pax"])
def test_tar_that_would_be_read_in_circles_is_refused(tmp_path, header):
    member = tarfile.TarInfo("round")
    member.size, member.pax_headers = (0, header) if header else (-1024, {})
    (tmp_path / "a.tar").write_bytes(member.tobuf(tarfile.PAX_FORMAT if header else tarfile.GNU_FORMAT))
    refused(tmp_path / "a.tar", "its member 'round' says that it has -1024 bytes")


def lying_zip(path, checksum):
    """Write a zip of a million zeros that says they are ten, with this checksum."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(10**6))
    told = struct.pack("<I", zlib.crc32(bytes(10**6))), struct.pack("<I", 10**6)
    lies = struct.pack("<I", checksum), struct.pack("<I", 10)
    content = path.read_bytes()
    for truth, lie in zip(told, lies, strict=True):
        assert content.count(truth) == 2  # before the bytes, and in the list at the end
        content = content.replace(truth, lie)
    path.write_bytes(content)
    return path


def test_zip_that_holds_more_than_it_says_is_refused(tmp_path):
    refused(lying_zip(tmp_path / "a.zip", zlib.crc32(bytes(10**6))), "cannot be unpacked .*Bad CRC-32")


def test_of_a_zip_with_a_checksum_to_its_lie_only_what_it_says_comes_out(tmp_path):
    archives.extract(lying_zip(tmp_path / "a.zip", zlib.crc32(bytes(10))), tmp_path / "out")
    assert content(tmp_path / "out") == {"zeros": bytes(10)}


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_what_the_disk_has_no_space_for_is_not_unpacked(tmp_path, monkeypatch, suffix):
    """Of the 6500 bytes in 3 files 18788 may be needed: each file may take up to a block of 4096 bytes more."""
    archive = make(tmp_path / f"a{suffix}")
    asked = []

    def usage(path):
        asked.append(path)
        return SimpleNamespace(free=18_787)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(ValueError, match=r"takes 1\.88e-05 GB unpacked; .* has 1\.88e-05 GB left. .*Make space"):
        archives.extract(archive, tmp_path / "new" / "out")
    assert asked == [tmp_path]  # the nearest folder that is there
    assert list(tmp_path.iterdir()) == [archive]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=18_788))
    archives.extract(archive, tmp_path / "new" / "out")
    assert content(tmp_path / "new" / "out") == FILES


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.rar"])
def test_archive_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        archives.extract(tmp_path / name, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# RAR
bsdtar = pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar (libarchive-tools) is not installed")


def install(folder, monkeypatch, **programs):
    """Make these shell scripts the only programs there are."""
    folder.mkdir()
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_rar_without_a_program_for_it_says_what_to_install(tmp_path, monkeypatch):
    install(tmp_path / "bin", monkeypatch)
    refused(make_rar(tmp_path / "a.rar"), "apt install libarchive-tools.*conda.*macOS.*Windows.*by hand")


@bsdtar
@pytest.mark.parametrize("name", ["a.RAR", "archive"])
def test_rar_comes_out(tmp_path, name):
    archive = make_rar(tmp_path / name, *((name, data, 0o100644) for name, data in FILES.items()))
    archives.extract(archive, tmp_path / "out")
    assert content(tmp_path / "out") == FILES


@bsdtar
@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [("val/odd", 0o120777, "member 'val/odd' is a symbolic link"), ("../up", 0o100644, r"bsdtar: \.\./up: ")],
)
def test_rar_that_holds_anything_but_files_is_refused(tmp_path, name, mode, message):
    refused(make_rar(tmp_path / "a.rar", ("val/good", b"good", 0o100644), (name, b"good", mode)), message)
    assert not (tmp_path.parent / "up").exists()


@bsdtar
def test_rar_that_was_cut_is_refused(tmp_path):
    archive = make_rar(tmp_path / "a.rar", *((name, data, 0o100644) for name, data in FILES.items()))
    os.truncate(archive, 3000)
    refused(archive, "cannot be unpacked .*bsdtar: ")


@bsdtar
def test_hard_link_that_bsdtar_unpacks_is_refused(tmp_path):
    archive = make_tar(tmp_path / "a.rar", ("val/good", b"good"), ("val/odd", tarfile.LNKTYPE, "val/good"))
    refused(archive, "member 'val/(odd|good)' is a hard link")


def test_where_bsdtar_fails_unrar_is_tried(tmp_path, monkeypatch):
    half = 'echo half > "$6/half"; echo "Parsing filters is unsupported." >&2; exit 1'
    install(tmp_path / "bin", monkeypatch, bsdtar=half, unrar='echo whole > "$5/a"')
    archives.extract(make_rar(tmp_path / "a.rar"), tmp_path / "out")
    assert content(tmp_path / "out") == {"a": b"whole\n"}


def test_what_every_program_said_is_told(tmp_path, monkeypatch):
    install(tmp_path / "bin", monkeypatch, bsdtar='echo "No filters." >&2; exit 1', unrar="exit 3")
    refused(make_rar(tmp_path / "a.rar"), r"cannot be unpacked \(bsdtar: No filters\.; unrar: exit status 3\)")


def test_program_that_writes_beyond_the_limits_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "WATCH", 0.1)
    monkeypatch.setattr(archives, "BYTES_LIMIT", 3)
    install(tmp_path / "bin", monkeypatch, unrar='echo whole > "$5/a"; exec /bin/sleep 60')
    begin = time.monotonic()
    refused(make_rar(tmp_path / "a.rar"), "it holds 1 members and 6 bytes, or more")
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(("path", "attempts"), [("/busy-at-first", 3), ("/missing", 1), ("/cut", 3)])
def test_only_what_may_pass_is_tried_again(server, tmp_path, path, attempts):
    with contextlib.suppress(archives.DownloadError):
        archives.fetch(f"{server.url}{path}", tmp_path / "archive", None, allow_unverified=True)
    assert server.asked == [path] * attempts
    assert (tmp_path / "archive").is_file() == (path == "/busy-at-first")


def test_a_single_list_is_copied_under_its_name(tmp_path):
    (tmp_path / "archive").write_text("a,b\n1,2\n")
    archives.assemble({"table.csv": tmp_path / "archive"}, tmp_path / "files")
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["table.csv"]
    assert (tmp_path / "files/table.csv").read_text() == "a,b\n1,2\n"


def test_several_files_are_unpacked_into_folders_of_their_names_and_lists_are_copied(tmp_path):
    """A spreadsheet is a zip, too."""
    places = {}
    for number, name in enumerate(("src_imgs.zip", "dst_imgs.zip", "list.xlsx")):
        places[name] = archives.numbered(tmp_path / "archive", number)
        with zipfile.ZipFile(places[name], "w") as file:
            file.writestr(f"{name}.txt", name)
    assert [place.name for place in places.values()] == ["archive", "archive-2", "archive-3"]
    archives.assemble(places, tmp_path / "files")
    found = {
        path.relative_to(tmp_path / "files").as_posix() for path in (tmp_path / "files").rglob("*") if path.is_file()
    }
    assert found == {"src_imgs/src_imgs.zip.txt", "dst_imgs/dst_imgs.zip.txt", "list.xlsx"}
    assert (tmp_path / "files/list.xlsx").read_bytes() == places["list.xlsx"].read_bytes()
