"""BAPPS in its published layout, made here from noise: what is read, and every way in which a copy can be wrong."""

import hashlib
import pathlib
import pickle
import tracemalloc
from functools import partial

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from perceptual_efficacy import io
from perceptual_efficacy.datasets import bapps, comparisons
from perceptual_efficacy.datasets.registry import LAYOUTS

read_choices = partial(LAYOUTS["bapps_2afc"].read, dataset="bapps_2afc")
read_same = partial(LAYOUTS["bapps_jnd"].read, dataset="bapps_jnd")


def save(path, seed, height=64, width=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def judge(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, value)


def make_choices(val, categories=bapps.CATEGORIES_2AFC, stems=("000000", "000001")):
    for i, category in enumerate(categories):
        for j, stem in enumerate(stems):
            for k, role in enumerate(("ref", "p0", "p1")):
                save(val / category / role / f"{stem}.png", [i, j, k])
            judge(val / category / "judge" / f"{stem}.npy", np.array([(i + j) / 10], np.float32))
    return val.parent


def make_same(val, categories=bapps.CATEGORIES_JND, stems=("000000", "000001")):
    for i, category in enumerate(categories):
        for j, stem in enumerate(stems):
            for k, role in enumerate(("p0", "p1")):
                save(val / category / role / f"{stem}.png", [i, j, k])
            judge(val / category / "same" / f"{stem}.npy", np.array(j / 3))
    return val.parent


@pytest.fixture
def choices(tmp_path):
    """Folder of one category."""
    return make_choices(tmp_path / "val", ["cnn"])


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("make", "read"), [(make_choices, read_choices), (make_same, read_same)], ids=["choices", "same"]
)
def test_table_has_the_common_columns(tmp_path, make, read):
    assert read(make(tmp_path / "val"), subset=True).dtypes.astype(str).to_dict() == comparisons.COLUMNS


def test_choice_is_read_with_its_images(tmp_path):
    table = read_choices(make_choices(tmp_path / "val"), dataset="mine", subset=True, judged_by="construction")
    cnn = tmp_path / "val" / "cnn"
    assert table.iloc[3].dropna().to_dict() == {
        "dataset": "mine",
        "judged_by": "construction",
        "judgement_type": "2afc",
        "shown_at": 64,
        "group": "cnn",
        "cluster": sha256(cnn / "ref" / "000001.png"),
        "reference": "val/cnn/ref/000001.png",
        "first": "val/cnn/p0/000001.png",
        "second": "val/cnn/p1/000001.png",
        "reference_sha256": sha256(cnn / "ref" / "000001.png"),
        "first_sha256": sha256(cnn / "p0" / "000001.png"),
        "second_sha256": sha256(cnn / "p1" / "000001.png"),
        "judgement": pytest.approx(0.2),
        "unit": "share preferring the second",
    }


def test_same_or_not_is_read_with_its_images(tmp_path):
    table = read_same(make_same(tmp_path / "val"))
    cnn = tmp_path / "val" / "cnn"
    assert table.iloc[3].dropna().to_dict() == {
        "dataset": "bapps_jnd",
        "judged_by": "people",
        "judgement_type": "same",
        "shown_at": 64,
        "group": "cnn",
        "cluster": sha256(cnn / "p0" / "000001.png"),
        "reference": "val/cnn/p0/000001.png",
        "first": "val/cnn/p1/000001.png",
        "reference_sha256": sha256(cnn / "p0" / "000001.png"),
        "first_sha256": sha256(cnn / "p1" / "000001.png"),
        "judgement": pytest.approx(1 / 3),
        "unit": "share saying same",
    }


def test_rows_go_by_published_category_then_by_name(tmp_path):
    make_choices(tmp_path / "val", [*reversed(bapps.CATEGORIES_2AFC), "zoom", "blur"], ["b", "a"])
    table = read_choices(tmp_path, subset=True)
    expected = ["traditional", "cnn", "superres", "deblur", "color", "frameinterp", "blur", "zoom"]
    assert list(table["group"]) == list(np.repeat(expected, 2))
    assert list(table["first"].str[-5:]) == ["a.png", "b.png"] * 8


def test_files_are_paired_by_name_whatever_their_order(choices):
    cnn = choices / "val" / "cnn"
    for path in cnn.glob("*/000000.*"):  # made first, now last by name
        path.rename(path.with_stem("000002"))
    table = read_choices(choices, subset=True)
    assert list(table["judgement"]) == pytest.approx([0.1, 0.0])
    assert list(table["second_sha256"]) == [sha256(cnn / "p1" / f"00000{number}.png") for number in (1, 2)]


@pytest.mark.parametrize(
    ("make", "read", "part"),
    [(make_choices, read_choices, "2afc"), (make_same, read_same, "jnd")],
    ids=["choices", "same"],
)
def test_folder_of_both_parts_is_read(tmp_path, make, read, part):
    make(tmp_path / part / "val")
    assert read(tmp_path, subset=True).loc[0, "first"].startswith(f"{part}/val/traditional/p")


def test_equal_references_are_one_cluster(choices):
    save(choices / "val" / "cnn" / "ref" / "000001.png", [0, 0, 0])
    assert len(set(read_choices(choices, subset=True)["cluster"])) == 1


def test_table_can_be_written_and_read_again(tmp_path, choices):
    table = read_choices(choices, subset=True)
    io.write_table(table, tmp_path / "a.parquet", {})
    pd.testing.assert_frame_equal(io.read_table(tmp_path / "a.parquet"), table)


# What is wrong with a copy
@pytest.mark.parametrize("read", [read_choices, read_same])
def test_folder_without_val_is_refused(tmp_path, read):
    with pytest.raises(ValueError, match=rf"BAPPS: there is no folder {tmp_path}/val or .* Give `path`"):
        read(tmp_path)


@pytest.mark.parametrize("subset", [True, False])
def test_empty_folder_is_refused(tmp_path, subset):
    (tmp_path / "val").mkdir()
    with pytest.raises(ValueError, match=r"BAPPS: .*val has no traditional, cnn; expected a folder for each"):
        read_same(tmp_path, subset=subset)


def test_missing_category_is_named(tmp_path):
    make_choices(tmp_path / "val", ["traditional", "cnn", "superres", "color"])
    with pytest.raises(ValueError, match=r"val has no deblur, frameinterp; expected .*set `subset: true`"):
        read_choices(tmp_path)


def test_category_without_files_is_refused(tmp_path):
    (tmp_path / "val" / "cnn" / "ref").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"val/cnn: no files; expected for every name one file in each of ref/\*\.png"):
        read_choices(tmp_path, subset=True)


def test_whole_data_set_is_read_without_being_called_a_subset(tmp_path, monkeypatch):
    part = bapps.PARTS["2afc"]._replace(published=dict.fromkeys(bapps.CATEGORIES_2AFC, 2))
    monkeypatch.setitem(bapps.PARTS, "2afc", part)
    assert len(read_choices(make_choices(tmp_path / "val"))) == 12


def test_whole_data_set_that_lacks_triplets_is_refused_with_both_numbers(tmp_path):
    make_choices(tmp_path / "val")
    with pytest.raises(ValueError, match=r"val/traditional holds 2 judgements; expected 4720, .*`subset: true`"):
        read_choices(tmp_path)


def test_whole_data_set_has_no_other_category(tmp_path):
    make_choices(tmp_path / "val", [*bapps.CATEGORIES_2AFC, "zoom"])
    with pytest.raises(ValueError, match=r"val has zoom; expected a folder for each of traditional, cnn"):
        read_choices(tmp_path)


def test_hidden_folders_do_not_count(choices):
    (choices / "val" / ".cache").mkdir()
    assert set(read_choices(choices, subset=True)["group"]) == {"cnn"}


@pytest.mark.parametrize(
    "lost", ["ref/000001.png", "p0/000001.png", "p1/000001.png", "judge/000001.npy"], ids=lambda path: path[:3]
)
def test_file_that_is_missing_is_named(choices, lost):
    (choices / "val" / "cnn" / lost).unlink()
    with pytest.raises(ValueError, match=rf"val/cnn: 000001 has no {lost.split('/')[0]} \(1 missing in all\)"):
        read_choices(choices, subset=True)


def test_of_many_missing_files_the_first_are_named(tmp_path):
    make_choices(tmp_path / "val", ["cnn"], [f"{number:06d}" for number in range(5)])
    for path in (tmp_path / "val" / "cnn" / "judge").iterdir():
        path.unlink()
    expected = r"000000 has no judge, 000001 has no judge, 000002 has no judge, … \(5 missing in all\)"
    with pytest.raises(ValueError, match=expected):
        read_choices(tmp_path, subset=True)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1.4, "holds 1.4"),
        (-0.1, "holds -0.1"),
        (np.nan, "holds nan"),
        (np.inf, "holds inf"),
        ([0.2, 0.4], r".* \(it holds float64 values of shape \(2,\)\)"),
        ([], r".* \(it holds float64 values of shape \(0,\)\)"),
        ("0.4", r".* \(it holds <U3 values of shape \(\)\)"),
        (0.4j, r".* \(it holds complex128 values of shape \(\)\)"),
    ],
)
def test_judgement_that_is_no_share_is_refused(choices, value, found):
    judge(choices / "val" / "cnn" / "judge" / "000001.npy", np.array(value))
    with pytest.raises(
        ValueError, match=rf"judge/000001\.npy {found}; a judgement is the share .*preferring p1 and lies"
    ):
        read_choices(choices, subset=True)


@pytest.mark.parametrize("value", [0, 1, np.array([1], np.uint8), np.array([0.5], np.float16)])
def test_judgement_may_be_any_kind_of_number(choices, value):
    judge(choices / "val" / "cnn" / "judge" / "000001.npy", value)
    assert read_choices(choices, subset=True).loc[1, "judgement"] == float(np.asarray(value).item())


class Runs:
    """Makes a file when it is unpickled as pickles usually are."""

    def __init__(self, trace):
        self.call = pathlib.Path.touch, (trace,)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("form", ["array", "pickle"])
def test_pickled_judgement_is_not_opened(choices, tmp_path, form):
    path, trace = choices / "val" / "cnn" / "judge" / "000001.npy", tmp_path / "trace"
    if form == "array":
        np.save(path, np.array([Runs(trace)], object), allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(Runs(trace)))
    with pytest.raises(ValueError, match=r"judge/000001\.npy cannot be read as one number"):
        read_choices(choices, subset=True)
    assert not trace.exists()
    np.load(path, allow_pickle=True)
    assert trace.exists()  # it would have run


@pytest.mark.parametrize("count", [10**9, 10**12, 10**30])
def test_judgement_whose_header_asks_for_gigabytes_is_refused_by_it(choices, count):
    path = choices / "val" / "cnn" / "judge" / "000001.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (count,)})
        file.write(bytes(8))
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"judge/000001\.npy .*it holds float64 values of shape \({count},\)"):
        read_choices(choices, subset=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


@pytest.mark.parametrize("kept", [0, 5, 60, 130])
def test_judgement_that_was_cut_is_refused(choices, kept):
    path = choices / "val" / "cnn" / "judge" / "000001.npy"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"judge/000001\.npy cannot be read as one number"):
        read_choices(choices, subset=True)


@pytest.mark.parametrize("role", ["ref", "p0", "p1"])
def test_image_that_was_cut_is_named(choices, role):
    path = choices / "val" / "cnn" / role / "000001.png"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=rf"{role}/000001\.png: cannot be read as an image"):
        read_choices(choices, subset=True)


@pytest.mark.parametrize(("height", "width"), [(64, 65), (65, 64), (63, 63)])
def test_reference_that_is_no_square_of_64_pixels_is_refused(choices, height, width):
    save(choices / "val" / "cnn" / "ref" / "000001.png", 0, height, width)
    with pytest.raises(
        ValueError, match=rf"ref/000001\.png has {width} x {height} pixels; expected a square of at least"
    ):
        read_choices(choices, subset=True)


@pytest.mark.parametrize("role", ["p0", "p1"])
def test_image_of_another_size_than_its_reference_is_refused(choices, role):
    save(choices / "val" / "cnn" / role / "000001.png", 0, 64, 128)
    with pytest.raises(
        ValueError, match=rf"{role}/000001\.png has 128 x 64 pixels; expected 64 x 64, as its reference val/cnn/ref"
    ):
        read_choices(choices, subset=True)


def test_hidden_twins_are_no_data(choices):
    expected = read_choices(choices, subset=True)
    for path in [path for path in choices.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    pd.testing.assert_frame_equal(read_choices(choices, subset=True), expected)
