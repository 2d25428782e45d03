"""What every file needs: whole or not at all, known by its SHA-256."""

import errno
import os
import pathlib
import resource

import numpy as np
import pytest

from perceptual_efficacy import storage

RECORD = {"name": "µ", "layers": {"relu2_1": 8, "relu1_1": 4}, "values": [1, 2.5, None, True]}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_json_does_not_have_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_record({"a": value}, tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_numpy_values_of_a_record_become_plain(tmp_path):
    storage.write_record({"a": np.float32(0.5), "b": np.array([1, 2])}, tmp_path / "a.json")
    assert storage.read_record(tmp_path / "a.json") == {"a": 0.5, "b": [1, 2]}


def test_record_without_json_form_is_refused(tmp_path):
    with pytest.raises(TypeError, match="set has no JSON form"):
        storage.write_record({"a": {1}}, tmp_path / "a.json")


def test_file_sha256_is_the_standards_example(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert storage.file_sha256(tmp_path / "a") == expected


def test_text_is_utf8(tmp_path):
    storage.write_text("µ\n", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc2\xb5\n"


def test_a_record_keeps_its_order(tmp_path):
    storage.write_record(RECORD, tmp_path / "a.json")
    found = storage.read_record(tmp_path / "a.json")
    assert (list(found), list(found["layers"])) == (["name", "layers", "values"], ["relu2_1", "relu1_1"])


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"a": 1'])
def test_text_that_is_no_json_object_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(storage.DamagedFileError, match=r"a\.json: cannot be read as JSON .*Delete it and run again"):
        storage.read_record(tmp_path / "a.json")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(storage.DamagedFileError, match=r"a\.json: cannot be read as JSON"):
        storage.read_record(tmp_path / "a.json")


def test_target_appears_only_when_it_is_whole(tmp_path):
    with storage.written_atomically(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_missing_folders_are_made(tmp_path):
    storage.write_text("a", tmp_path / "deep" / "er" / "a.txt")
    assert (tmp_path / "deep" / "er" / "a.txt").exists()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        storage.write_text("a", tmp_path / "a.txt")
        after = os.umask(umask)
    finally:
        os.umask(before)
    assert after == umask
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


def test_what_a_killed_writer_left_is_removed_by_the_next_and_nothing_else(tmp_path):
    for name in (".a-x1y2z3_4.txt", ".a-b-x1y2z3_4.txt", ".a-x1y2z3_4.csv", ".ab-x1y2z3_4.txt", ".a-short.txt"):
        (tmp_path / name).write_text("half")
    storage.write_text("a", tmp_path / "a.txt")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a.txt", ".a-b-x1y2z3_4.txt", ".a-x1y2z3_4.csv", ".ab-x1y2z3_4.txt", ".a-short.txt"}


def test_a_file_that_finds_no_space_is_named(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(storage.UnwritableFileError) as caught:
            storage.write_text("a" * 2000, tmp_path / "a.txt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value) == f"{tmp_path / 'a.txt'}: cannot be written (File too large). Make space and run again."
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_closed_folder_is_named(tmp_path, monkeypatch):
    def closed(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", ".a-x1y2z3_4.txt")

    monkeypatch.setattr(pathlib.Path, "touch", closed)
    with pytest.raises(
        storage.UnwritableFileError, match=r"a\.txt: cannot be written \(Permission denied\)\. Make its"
    ):
        storage.write_text("a", tmp_path / "a.txt")


def test_other_errors_while_a_file_is_written_are_left_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"), storage.written_atomically(tmp_path / "a.txt"):
        (tmp_path / "missing").read_text()
