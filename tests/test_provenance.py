"""Records of what results were computed from."""

import hashlib

import pytest

from perceptual_efficacy import provenance, storage


@pytest.fixture
def results(tmp_path):
    """Return the results of two jobs: one writes a file and a folder, the other reads the file."""
    folder = tmp_path / "results"
    (folder / "images").mkdir(parents=True)
    (folder / "a.txt").write_text("abc")
    (folder / "images/1.png").write_bytes(b"1")
    (folder / "b.txt").write_text("from abc")
    write(tmp_path, "first", [], ["results/a.txt", "results/images"])
    write(tmp_path, "second", [("results/a.txt", storage.file_sha256(folder / "a.txt"))], ["results/b.txt"])
    return folder


def write(root, rule, inputs, outputs):
    path = root / f"results/provenance/{rule}.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        provenance.write(
            path,
            rule=rule,
            wildcards={},
            inputs=inputs,
            params={},
            threads=1,
            device="cpu",
            outputs=outputs,
            version="1",
        )


def test_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert provenance.digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_untouched_results_have_no_problem(results):
    assert list(provenance.problems(results)) == []


def test_record_says_what_computed_it(results):
    record = storage.read_record(results / "provenance/second.json")
    assert record["rule"] == "second"
    assert record["inputs"] == [["results/a.txt", hashlib.sha256(b"abc").hexdigest()]]
    assert {"perceptual-efficacy", "python"} <= set(record["versions"])


@pytest.mark.parametrize("edit", [b"abd", b"", b"abc "])
def test_edited_file_is_named(results, edit):
    (results / "b.txt").write_bytes(edit)
    assert list(provenance.problems(results)) == [
        ("results/b.txt", "is not what its job wrote: it was damaged or edited")
    ]


def test_missing_file_is_named(results):
    (results / "b.txt").unlink()
    assert list(provenance.problems(results)) == [("results/b.txt", "is missing")]


@pytest.mark.parametrize("change", ["edit", "rename", "add"])
def test_folder_whose_files_changed_is_named(results, change):
    if change == "edit":
        (results / "images/1.png").write_bytes(b"2")
    elif change == "rename":
        (results / "images/1.png").rename(results / "images/2.png")
    else:
        (results / "images/2.png").write_bytes(b"")
    assert [path for path, _ in provenance.problems(results)] == ["results/images"]


def test_time_stamp_of_the_workflow_engine_does_not_count(results):
    (results / "images/.snakemake_timestamp").touch()
    assert list(provenance.problems(results)) == []


def test_result_of_another_input_than_there_is_now_is_named(results):
    (results / "a.txt").write_text("abcd")
    write(results.parent, "first", [], ["results/a.txt", "results/images"])
    assert list(provenance.problems(results)) == [
        ("results/b.txt", "was computed from another results/a.txt than there is now")
    ]


def test_result_that_another_job_has_written_since_is_not_called_damaged(results):
    (results / "a.txt").write_text("abcd")
    write(results.parent, "another", [], ["results/a.txt"])
    assert list(provenance.problems(results)) == [
        ("results/b.txt", "was computed from another results/a.txt than there is now")
    ]


def test_edited_record_is_refused(results):
    path = results / "provenance/second.json"
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    with pytest.raises(storage.DamagedFileError, match=r"second\.json"):
        list(provenance.problems(results))


def test_folder_without_records_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there are no records of jobs"):
        list(provenance.problems(tmp_path))
