"""The same study twice: the same bytes, and with another number of threads the same numbers within a tolerance."""

import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from asked import check_benchmarks
from miniature import ROOT, results, snakemake

from perceptual_efficacy import storage

sys.path.insert(0, str(ROOT / "benchmarks"))
from compare_results import apart, by_kind, compare, numbers

pytestmark = pytest.mark.reproduce

# Largest difference with another number of threads, relative to the largest value of a column, variable or set of
# weights: sums in float32, which has seven digits, may be taken in another order.
TOLERANCE = 1e-6
# What is computed from those sums may differ by more: a ratio of small responses, a rank correlation in which two
# neighbours change places, a p-value by one of the splits.
AFTERWARDS = {"selectivity", "agreement", "figures", "tables"}
TOLERANCE_AFTERWARDS = 1e-3
# Hundreds of steps of an optimisation make last digits large: of inversions and of their claims, verdicts are compared.
AMPLIFIED = r"inversion|claims\."


def test_a_difference_is_relative_to_the_largest_value():
    assert apart(np.array([1.0, -4.0]), np.array([1.0, -3.0])) == (1.0, 0.25)


def test_a_value_that_only_one_run_has_is_no_small_difference():
    assert apart(np.array([1.0, np.nan]), np.array([1.0, 2.0])) == (np.inf, np.inf)


def test_of_text_the_share_that_differs_counts():
    assert apart(np.array(["a", "b"], object), np.array(["a", "c"], object)) == (0.5, 0.5)


def test_of_a_record_all_numbers_count():
    found = dict(numbers({"a": [1, {"b": 2.5}], "c": "3", "d": None, "e": True}))
    assert found == {"/a/0": 1, "/a/1/b": 2.5, "/e": 1}


@pytest.fixture
def runs(tmp_path):
    """Two folders with results; the second was written by code that calls things by other names."""
    for name in ("one", "other"):
        (tmp_path / name / "agreement").mkdir(parents=True)
    return tmp_path / "one", tmp_path / "other"


def test_rows_are_joined_on_what_they_are_about_and_not_on_their_place(runs):
    first = pd.DataFrame({"layer": ["a", "b", "c"], "pixels_per_degree": [32.0, 60, 60], "estimate": [1.0, 2, 3]})
    second = first.iloc[[2, 0]].assign(network="tiny", estimate=[3.0, 1.5])
    for run, table in zip(runs, (first, second), strict=True):
        table.to_parquet(run / "agreement/table.parquet")
    (row,) = compare(*runs).to_dict("records")
    assert (row["absolute"], row["relative"], row["where"]) == (0.5, 0.5 / 3, "estimate")
    assert (row["rows_one"], row["rows_other"], row["unmatched"]) == (1, 0, "+network")
    assert by_kind(compare(*runs))["rows only in one"].tolist() == [1]


def test_what_has_another_name_in_the_other_run_is_compared(runs):
    pd.DataFrame({"judge": ["all", "one observer"], "note": ["x", "y"], "r": [1.0, 2]}).to_parquet(
        runs[0] / "agreement/old.parquet"
    )
    pd.DataFrame({"measure": ["leave-one-out", "all"], "r": [2.0, 1]}).to_parquet(runs[1] / "agreement/new.parquet")
    names = {"judge": "measure", "one observer": "leave-one-out", "note": None}
    (row,) = compare(*runs, names, {"old": "new"}).to_dict("records")
    assert (row["file"], row["values"], row["absolute"]) == ("agreement/new.parquet", 2, 0)
    assert (row["rows_one"], row["rows_other"], row["unmatched"]) == (0, 0, "")


def test_arrays_are_joined_on_their_coordinates(runs):
    values = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("unit", "cycles"))
    first = xr.Dataset({"response": values}, coords={"layer": ("unit", ["a", "b"]), "cycles": [0.5, 1.0]})
    second = first.isel(unit=[1, 0]).rename(cycles="frequency").transpose()
    for run, arrays in zip(runs, (first, second), strict=True):
        arrays.to_netcdf(run / "agreement/tuning.nc", engine="h5netcdf")
    (row,) = compare(*runs, {"cycles": "frequency"}).to_dict("records")
    assert (row["values"], row["absolute"], row["unmatched"]) == (6, 0, "")


def test_networks_measure_the_same_with_one_thread(study, copy):
    targets = ["results/probing/tiny/tuning.nc", "results/distances/tiny/ladder_tid.nc"]
    for target in targets:
        (copy / target).unlink()
    finished = snakemake(copy, "--max-threads", "1", *targets)
    assert finished.returncode == 0, finished.stdout
    found = compare(study / "results", copy / "results")
    found = found[found["file"].isin([target.removeprefix("results/") for target in targets])]
    assert len(found) == len(targets)
    assert not further_apart(found).any(), found


def further_apart(found):
    """Say which files lack something in one run, or differ by more than the tolerance."""
    lacking = ~(found["in_one"] & found["in_other"]) | (found["rows_one"] + found["rows_other"] > 0)
    allowed = found["stage"].isin(AFTERWARDS).map({True: TOLERANCE_AFTERWARDS, False: TOLERANCE})
    amplified = found["file"].str.contains(AMPLIFIED)
    return lacking | (found["relative"] > allowed) & ~amplified | (found["unmatched"].fillna("") != "")


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
    found = compare(*(folder / "results" for folder in folders.values()))
    print(found.sort_values("relative").tail(20).to_string())
    stages = found.groupby("stage", sort=False)
    told = stages.agg(files=("file", "size"), identical=("identical", "sum"), difference=("relative", "max"))
    told["difference"] = told["difference"].map("{:.1e}".format).replace("0.0e+00", "none")
    record_property("threads", told.rename(columns={"identical": "same bytes"}).to_markdown())
    wrong = found[further_apart(found)]
    assert wrong.empty, wrong.to_string()
    first, second = map(verdicts, folders.values())
    assert first == second
    row.survived(
        f"{told['identical'].sum()} of {told['files'].sum()} files have the same bytes; no response, distance or "
        f"training differs by more than {TOLERANCE:g} of the largest in its column or array, no score or agreement by "
        f"more than {TOLERANCE_AFTERWARDS:g}; inversions differ visibly, and all {len(first)} verdicts are the same"
    )


def verdicts(folder):
    records = storage.read_record(folder / "results/claims.json")["claims"]
    return [(record["id"], record["network"], record["verdict"]) for record in records]
