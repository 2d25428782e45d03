"""Records of what results were computed from, and the check of a job's inputs by them."""

import hashlib
import json
from importlib import metadata

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from perceptual_efficacy import image_files, io, lpips, provenance, storage


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Return the results of two jobs: one writes a file and a folder, the other reads the file."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    (folder / "images").mkdir(parents=True)
    (folder / "a.txt").write_text("abc")
    (folder / "images/1.png").write_bytes(b"1")
    (folder / "b.txt").write_text("from abc")
    write("first", [], ["results/a.txt", "results/images"])
    write("second", [["results/a.txt", storage.file_sha256(folder / "a.txt")]], ["results/b.txt"])
    return folder


def write(rule, inputs, outputs):
    provenance.write(outputs, "results", {"rule": rule, "inputs": inputs, "threads": 1})


def found(results):
    """Return the problems by the names that they have from the folder of the results."""
    return [(path.removeprefix(f"{results}/"), problem) for path, problem in provenance.problems(results)]


def test_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert provenance.digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_record_has_the_name_of_its_file_and_says_what_computed_it(results):
    record = json.loads((results / "provenance/b.txt.json").read_text())
    assert record["rule"] == "second"
    assert record["inputs"] == [["results/a.txt", hashlib.sha256(b"abc").hexdigest()]]
    assert record["sha256"] == hashlib.sha256(b"from abc").hexdigest()


def test_versions_are_those_of_what_was_used():
    assert {"python", "numpy", "pandas"} <= set(provenance.versions())
    assert provenance.versions()["numpy"] == np.__version__


def test_a_package_of_which_only_data_are_read_has_its_version_recorded():
    lpips.lpips_weights("torchvision:alexnet")
    assert provenance.versions()["lpips"] == metadata.version("lpips")


# The results
NOT_AS_WRITTEN = "is not what its job wrote: it, or its record, was damaged or edited"


def test_untouched_results_have_no_problem(results):
    assert found(results) == []


def test_problems_are_found_from_any_folder(results, monkeypatch):
    (results / "b.txt").unlink()
    monkeypatch.chdir(results)
    assert list(provenance.problems(".")) == [("b.txt", "is missing")]


@pytest.mark.parametrize("edit", [b"abd", b"", b"abc "])
def test_edited_file_is_named(results, edit):
    (results / "b.txt").write_bytes(edit)
    assert found(results) == [("b.txt", NOT_AS_WRITTEN)]


def test_missing_file_is_named(results):
    (results / "b.txt").unlink()
    assert found(results) == [("b.txt", "is missing")]


@pytest.mark.parametrize("change", ["edit", "rename", "add"])
def test_folder_whose_files_changed_is_named(results, change):
    if change == "edit":
        (results / "images/1.png").write_bytes(b"2")
    elif change == "rename":
        (results / "images/1.png").rename(results / "images/2.png")
    else:
        (results / "images/2.png").write_bytes(b"")
    assert found(results) == [("images", NOT_AS_WRITTEN)]


@pytest.mark.parametrize("name", [".snakemake_timestamp", ".DS_Store", "Thumbs.db", "desktop.ini", ".cache/x/file"])
def test_files_that_snakemake_and_file_managers_put_into_a_folder_do_not_count(results, name):
    (results / "images" / name).parent.mkdir(parents=True, exist_ok=True)
    (results / "images" / name).touch()
    assert found(results) == []


def test_what_is_not_there_has_no_digest(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone: there is no such file or folder"):
        provenance.digest(tmp_path / "gone")


@pytest.mark.parametrize("rule", ["first", "another"])
def test_result_of_another_input_than_there_is_now_is_named(results, rule):
    (results / "a.txt").write_text("abcd")
    write(rule, [], ["results/a.txt"])
    assert found(results) == [("b.txt", "is out of date: results/a.txt has changed since")]


@pytest.mark.parametrize(("old", "new"), [('"threads": 1', '"threads": 2'), ("{", ""), ('"output"', '"input"')])
def test_file_whose_record_was_edited_is_named(results, old, new):
    path = results / "provenance/b.txt.json"
    path.write_text(path.read_text().replace(old, new))
    assert found(results) == [("b.txt", NOT_AS_WRITTEN)]


def test_record_that_another_job_is_just_writing_does_not_count(results):
    (results / "provenance/.c.txt-x1y2z3_4.json").write_text("{")
    assert found(results) == []


def test_folder_without_records_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there are no records of jobs"):
        list(provenance.problems(tmp_path))


# The inputs of a job
def test_inputs_are_hashed_once(results, monkeypatch):
    hashed = []
    digest = provenance.digest
    monkeypatch.setattr(provenance, "digest", lambda path: hashed.append(path) or digest(path))
    read = provenance.read_inputs(["results/a.txt", "results/images", "results/a.txt"], "results")
    assert read == {path: digest(path) for path in ("results/a.txt", "results/images")}
    assert hashed == ["results/a.txt", "results/images"]


def test_file_that_another_job_has_written_since_is_taken(results):
    (results / "a.txt").write_text("abcd")
    write("another", [], ["results/a.txt"])
    assert provenance.read_inputs(["results/a.txt"], "results") == {"results/a.txt": provenance.digest("results/a.txt")}


def test_file_from_elsewhere_is_hashed_and_a_folder_from_elsewhere_is_not(results, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/own.txt").write_text("own")
    (results / "unknown.txt").write_text("before there were records")
    paths = [str(tmp_path / "data/own.txt"), "data", "results/unknown.txt"]
    assert list(provenance.read_inputs(paths, "results")) == [paths[0], paths[2]]


def test_input_whose_record_was_damaged_is_refused(results):
    (results / "provenance/a.txt.json").write_text("{")
    expected = (
        r"^results/a\.txt: is not what its record says, results/provenance/a\.txt\.json\. .*Delete it and run again"
    )
    with pytest.raises(storage.DamagedFileError, match=expected):
        provenance.read_inputs(["results/a.txt"], "results")


FORMATS = {
    "a.nc": lambda path: io.write_dataset(xr.Dataset({"a": ("x", np.arange(5.0))}), path, {}),
    "a.parquet": lambda path: io.write_table(pd.DataFrame({"a": [1.5, 2], "b": ["x", None]}), path, {}),
    "a.csv": lambda path: io.write_csv(pd.DataFrame({"a": [1.5, 2]}), path),
    "a.safetensors": lambda path: io.write_weights({"a": np.arange(5.0)}, path, {"origin": "drawn"}),
    "a.png": lambda path: image_files.write(np.zeros((4, 5, 3), np.uint8), path),
    "a.npy": lambda path: np.save(path, np.arange(5)),
    "a.json": lambda path: storage.write_record({"a": 1}, path),
    "a.md": lambda path: storage.write_text("text\n", path),
    "folder": lambda path: image_files.write(np.zeros((4, 5, 3), np.uint8), path / "deep/1.png"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_change_of_a_byte_in_any_format_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    output = f"results/{name}"
    (tmp_path / "results").mkdir()
    FORMATS[name](tmp_path / output)
    write("first", [], [output])
    (file,) = list(tmp_path.glob(f"{output}/**/*.png")) or [tmp_path / output]
    content = file.read_bytes()
    changed = [content[:0], content[: len(content) // 2], content[:-1], content + b"\0"]
    for position in range(0, len(content), max(1, len(content) // 300)):
        changed.append(content[:position] + bytes([content[position] ^ 8]) + content[position + 1 :])
    for damaged in changed:
        file.write_bytes(damaged)
        with pytest.raises(storage.DamagedFileError, match=f"^{output}: is not what its record says"):
            provenance.read_inputs([output], "results")
    file.write_bytes(content)
    assert list(provenance.read_inputs([output], "results")) == [output]


@pytest.mark.parametrize(
    "edit",
    [
        lambda table: table.assign(a=[1.5, 3]),
        lambda table: table.rename(columns={"a": "c"}),
        lambda table: table[:1],
    ],
    ids=["value", "column name", "row"],
)
def test_table_that_was_edited_by_another_program_is_named(results, edit):
    table = pd.DataFrame({"a": [1.5, 2]})
    io.write_table(table, results / "a.parquet", {})
    write("first", [], ["results/a.parquet"])
    edit(table).to_parquet(results / "a.parquet")
    with pytest.raises(storage.DamagedFileError, match=r"results/a\.parquet: is not what its record says"):
        provenance.read_inputs(["results/a.parquet"], "results")
