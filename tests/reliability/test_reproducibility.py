"""The same study twice: the same bytes, and with another number of threads the same numbers within a tolerance."""

import numpy as np
import pytest
from asked import check_benchmarks
from comparison import compare, difference_between, numbers_of
from miniature import results, snakemake

from perceptual_efficacy import storage

pytestmark = pytest.mark.reproduce

# Largest difference with another number of threads, relative to the largest value of a column, variable or set of
# weights: sums in float32, which has seven digits, may be taken in another order.
TOLERANCE = 1e-6


def test_a_difference_is_relative_to_the_largest_value():
    assert difference_between(np.array([1.0, -4.0]), np.array([1.0, -3.0])) == 0.25


def test_a_value_that_only_one_run_has_is_no_small_difference():
    assert difference_between(np.array([1.0, np.nan]), np.array([1.0, 2.0])) == np.inf


def test_of_labels_the_share_that_differs_counts():
    assert difference_between(np.array(["a", "b"], object), np.array(["a", "c"], object)) == 0.5


def test_of_a_record_all_numbers_count():
    assert list(numbers_of({"a": [1, {"b": 2.5}], "c": "3", "d": None, "e": True})) == [1, 2.5, 1]


def test_networks_measure_the_same_with_one_thread(study, copy):
    targets = ["results/probing/tiny/tuning.nc", "results/distances/tiny/ladder_tid.nc"]
    for target in targets:
        (copy / target).unlink()
    finished = snakemake(copy, "--max-threads", "1", *targets)
    assert finished.returncode == 0, finished.stdout
    found = compare(study, copy).set_index("file").loc[targets]
    assert (found["difference"] <= TOLERANCE).all(), found


@pytest.mark.slow
def test_two_runs_from_scratch_give_the_same_bytes(study, tried, tmp_path, judged_images):
    row = tried("chance", "the miniature study twice from scratch, with as many threads")
    judged_images(tmp_path / "data")
    assert snakemake(tmp_path).returncode == 0
    assert results(tmp_path) == results(study)
    row.survived(f"every byte of {len(results(study))} files is the same")


@pytest.mark.slow
def test_the_default_study_with_another_number_of_threads(tried, record_property, tmp_path):
    row = tried(
        "another number of threads", "the default study twice from scratch, with two threads for each job and with one"
    )
    folders = {"2": tmp_path / "two", "1": tmp_path / "one"}
    for threads, folder in folders.items():
        folder.mkdir()
        finished = snakemake(folder, "--max-threads", threads, study=None)
        assert finished.returncode == 0, finished.stdout
        check_benchmarks(folder)
    found = compare(*folders.values())
    print(found.sort_values("difference").tail(20).to_string())
    stages = found.groupby("stage", sort=False)
    told = stages.agg(files=("file", "size"), identical=("identical", "sum"), difference=("difference", "max"))
    told["difference"] = told["difference"].map("{:.1e}".format).replace("0.0e+00", "none")
    record_property("threads", told.rename(columns={"identical": "same bytes"}).to_markdown())
    wrong = found[found["difference"] > TOLERANCE]
    assert wrong.empty, wrong.to_string()
    first, second = map(verdicts, folders.values())
    assert first == second
    row.survived(
        f"{told['identical'].sum()} of {told['files'].sum()} files have the same bytes, in the others no number "
        f"differs by more than {TOLERANCE:g} of the largest beside it; the same {len(first)} verdicts"
    )


def verdicts(folder):
    records = storage.read_record(folder / "results/claims.json")["claims"]
    return [(record["id"], record["network"], record["verdict"]) for record in records]
