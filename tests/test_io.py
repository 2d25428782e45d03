import errno
import gc
import json
import weakref
from functools import partial

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from perceptual_efficacy import image_files, io, storage

DATASET = xr.Dataset(
    {
        "response": (("unit", "frequency"), np.array([[0.1, np.nan, 3], [4, 5, 6]], np.float32), {"units": "1"}),
        "rectified": ("unit", [True, False]),
    },
    coords={"layer": ("unit", ["relu1_1", "relu2_1"]), "channel": ("unit", [0, 7]), "frequency": [0.1, 0.2, 0.4]},
    attrs={"border": 0.1, "size": 64, "encoding": ""},
)
TABLE = pd.DataFrame(
    {"layer": ["relu1_1", None], "channel": [0, 7], "mu1": [0.25, np.nan], "rectified": [True, False], "µ": ["é", "\0"]}
)
RECORD = {"name": "µ", "layers": {"relu2_1": 8, "relu1_1": 4}, "values": [1, 2.5, None, True]}
WEIGHTS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "a": np.array([1e-40, -0.0], np.float32)}
IMAGE = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
SOURCE = {"rule": "probe", "frequencies": np.array([1, 2])}


def in_parts(dataset, dimension, size):
    """Cut a Dataset along a dimension."""
    starts = range(0, dataset.sizes[dimension], size)
    return [dataset.isel({dimension: slice(start, start + size)}) for start in starts]


def write_in_parts(parts, dimension, path):
    """Write Datasets that take no time to compute, one after the other."""
    computed = {str(number): lambda part=part: part for number, part in enumerate(parts)}
    io.write_dataset_resumably(computed, dimension, path, SOURCE, {})


FORMATS = {
    "dataset": (lambda path: io.write_dataset(DATASET, path, SOURCE), io.read_dataset),
    "dataset in parts": (lambda path: write_in_parts(in_parts(DATASET, "unit", 1), "unit", path), io.read_dataset),
    "table": (lambda path: io.write_table(TABLE, path, SOURCE), io.read_table),
    "record": (lambda path: storage.write_record(RECORD, path), storage.read_record),
    "weights": (lambda path: io.write_weights(WEIGHTS, path, RECORD), io.read_weights),
    "image": (lambda path: image_files.write(IMAGE, path), image_files.read),
}
TOLD = {"image": "cannot be read as an image .* delete it"}  # which may also be a user's


@pytest.fixture(params=FORMATS)
def written(request, tmp_path):
    """Return the path of a written file, its reader, and what that says of a damaged one."""
    write, read = FORMATS[request.param]
    path = tmp_path / request.param
    write(path)
    return path, read, TOLD.get(request.param, "cannot be read as .* Delete it and run again")


# Round trips
def test_dataset_comes_back_with_its_provenance(tmp_path):
    io.write_dataset(DATASET, tmp_path / "a.nc", SOURCE)
    back = io.read_dataset(tmp_path / "a.nc")
    xr.testing.assert_identical(back, DATASET.assign_attrs(provenance='{"rule": "probe", "frequencies": [1, 2]}'))


def test_dataset_keeps_its_number_types(tmp_path):
    io.write_dataset(DATASET, tmp_path / "a.nc", SOURCE)
    back = io.read_dataset(tmp_path / "a.nc")
    expected = {"response": "float32", "rectified": "bool", "channel": "int64", "frequency": "float64"}
    assert {name: str(back[name].dtype) for name in expected} == expected


@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int64]), arrays.array_shapes(max_dims=2, min_side=0, max_side=3)
    )
)
@settings(max_examples=30)
def test_any_array_comes_back_bit_for_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("nc") / "a.nc"
    io.write_dataset(xr.Dataset({"a": (("x", "y")[: values.ndim], values)}), path, {})
    back = io.read_dataset(path)["a"].values
    assert (back.dtype, back.shape, back.tobytes()) == (values.dtype, values.shape, values.tobytes())


@pytest.mark.parametrize(
    "attributes", [{"units": "days since 2000-01-01"}, {"units": "seconds"}, {"scale_factor": 2.0}]
)
def test_numbers_are_not_decoded_by_their_attributes(tmp_path, attributes):
    io.write_dataset(xr.Dataset({"a": ("x", [1.5], attributes)}), tmp_path / "a.nc", {})
    back = io.read_dataset(tmp_path / "a.nc")["a"]
    assert (back.values.tolist(), back.attrs) == ([1.5], attributes)


def test_written_dataset_is_netcdf_for_others(tmp_path):
    io.write_dataset(DATASET, tmp_path / "a.nc", SOURCE)
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as file:
        xr.testing.assert_equal(file, DATASET)


def test_table_comes_back(tmp_path):
    io.write_table(TABLE, tmp_path / "a.parquet", SOURCE)
    pd.testing.assert_frame_equal(io.read_table(tmp_path / "a.parquet"), TABLE, check_exact=True)


def test_table_loses_its_index(tmp_path):
    io.write_table(TABLE.set_index(np.array([5, 3])), tmp_path / "a.parquet", SOURCE)
    pd.testing.assert_frame_equal(io.read_table(tmp_path / "a.parquet"), TABLE)


def test_empty_table_keeps_its_columns(tmp_path):
    io.write_table(TABLE[:0], tmp_path / "a.parquet", SOURCE)
    assert list(io.read_table(tmp_path / "a.parquet")) == list(TABLE)


def test_table_carries_its_provenance(tmp_path):
    io.write_table(TABLE, tmp_path / "a.parquet", SOURCE)
    metadata = pq.read_schema(tmp_path / "a.parquet").metadata
    assert json.loads(metadata[b"provenance"]) == {"rule": "probe", "frequencies": [1, 2]}


finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), json_values))
@settings(max_examples=50)
def test_any_record_comes_back(tmp_path_factory, record):
    path = tmp_path_factory.mktemp("json") / "a.json"
    storage.write_record(record, path)
    assert storage.read_record(path) == record


def test_weights_come_back_bit_for_bit(tmp_path):
    io.write_weights(WEIGHTS, tmp_path / "a.safetensors")
    back, _ = io.read_weights(tmp_path / "a.safetensors")
    assert {name: value.tobytes() for name, value in back.items()} == {n: v.tobytes() for n, v in WEIGHTS.items()}


@pytest.mark.parametrize("metadata", [RECORD, {}, None])
def test_what_is_known_of_weights_comes_back_in_order(tmp_path, metadata):
    io.write_weights(WEIGHTS, tmp_path / "a.safetensors", metadata)
    _, back = io.read_weights(tmp_path / "a.safetensors")
    assert json.dumps(back) == json.dumps(metadata or {})


def test_weights_are_safetensors_for_others(tmp_path):
    io.write_weights(WEIGHTS, tmp_path / "a.safetensors", RECORD)
    back = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert {name: value.tolist() for name, value in back.items()} == {n: v.tolist() for n, v in WEIGHTS.items()}


def test_image_comes_back(tmp_path):
    image_files.write(IMAGE, tmp_path / "a.png")
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png"), IMAGE)


def test_csv_has_six_digits_and_unix_line_ends(tmp_path):
    io.write_csv(pd.DataFrame({"a": [1 / 3, 2e-9], "b": ["x", None]}, index=[4, 5]), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"a,b\n0.333333,x\n2e-09,\n"


@pytest.mark.parametrize("kind", FORMATS)
def test_equal_content_gives_equal_bytes(tmp_path, kind):
    write, _ = FORMATS[kind]
    first, second = tmp_path / "first", tmp_path / "elsewhere" / "second.file"
    write(first)
    write(second)
    assert first.read_bytes() == second.read_bytes()


def test_order_of_the_weights_does_not_change_the_bytes(tmp_path):
    io.write_weights(WEIGHTS, tmp_path / "a")
    io.write_weights(dict(reversed(WEIGHTS.items())), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Datasets written part by part
CUBE = xr.Dataset(
    {
        "distance": (
            ("comparison", "side", "unit"),
            np.random.default_rng(0).normal(size=(7, 2, 3)).astype(np.float32),
            {"units": "1"},
        ),
        "across": (("unit", "comparison"), np.arange(21.0).reshape(3, 7)),
        "missing": ("comparison", [0.5, np.nan, 1, 2, np.nan, np.nan, 3]),
        "judged": ("comparison", [True, False, False, True, True, False, True]),
        "level": ("comparison", np.arange(7)),
        "file": ("comparison", ["a", "bb", "c", "d", "longer than those before", "f", "µ"]),
        "rectified": ("unit", [True, False, True]),
    },
    coords={"layer": ("unit", ["relu1_1", "relu1_1", "relu2_1"]), "number": ("comparison", np.arange(10, 17))},
    attrs={"distance": "mean over positions", "size": 64},
)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_dataset_in_parts_is_read_as_their_concatenation_is(tmp_path, size):
    io.write_dataset(CUBE, tmp_path / "whole.nc", SOURCE)
    write_in_parts(in_parts(CUBE, "comparison", size), "comparison", tmp_path / "parts.nc")
    whole, parts = (io.read_dataset(tmp_path / name) for name in ("whole.nc", "parts.nc"))
    xr.testing.assert_identical(parts, whole)
    kinds = [{name: found[name].dtype.kind for name in CUBE.variables} for found in (parts, whole)]
    assert kinds[0] == kinds[1]


def test_dataset_in_parts_comes_back_with_its_provenance(tmp_path):
    write_in_parts(in_parts(CUBE, "comparison", 3), "comparison", tmp_path / "a.nc")
    expected = CUBE.assign_attrs(provenance='{"rule": "probe", "frequencies": [1, 2]}')
    xr.testing.assert_identical(io.read_dataset(tmp_path / "a.nc"), expected)


def test_dataset_in_parts_is_netcdf_for_others(tmp_path):
    write_in_parts(in_parts(CUBE, "comparison", 3), "comparison", tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as file:
        xr.testing.assert_equal(file, CUBE)


def test_parts_that_were_written_do_not_stay_in_memory(tmp_path):
    written = []
    left = []

    def compute(number):
        gc.collect()
        left.append(sum(values() is not None for values in written))
        part = CUBE.isel(comparison=[number]).copy(deep=True)
        written.append(weakref.ref(part["distance"].values))
        return part

    parts = {str(number): partial(compute, number) for number in range(6)}
    io.write_dataset_resumably(parts, "comparison", tmp_path / "a.nc", SOURCE, {})
    assert max(left) == 0, left


def test_dataset_of_no_parts_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"a\.nc: there is nothing to write along 'comparison'"):
        io.write_dataset_resumably({}, "comparison", tmp_path / "a.nc", SOURCE, {})
    assert list(tmp_path.iterdir()) == []


def flipped(position):
    """Return what flips a bit of the byte at a position of a content."""

    def flip(content):
        content = bytearray(content)
        content[position] ^= 8
        return bytes(content)

    return flip


class Computation:
    """Four parts of the cube by name, which note what was computed and may be killed at one of them."""

    def __init__(self, killed_at=None):
        self.killed_at, self.computed = killed_at, []

    def write(self, path, provenance=SOURCE, threads=2):
        parts = {f"{number:03d}": part for number, part in enumerate(in_parts(CUBE, "comparison", 2))}
        computations = {name: lambda name=name, part=part: self.compute(name, part) for name, part in parts.items()}
        io.write_dataset_resumably(computations, "comparison", path, provenance, {"threads": threads})

    def compute(self, name, part):
        if name == self.killed_at:
            raise KeyboardInterrupt
        self.computed.append(name)
        return part


@pytest.fixture
def killed(tmp_path):
    """Where a computation was killed in its third part of four."""
    path = tmp_path / "a.nc"
    with pytest.raises(KeyboardInterrupt):
        Computation("002").write(path)
    return path


def test_killed_computation_leaves_no_file_but_what_is_finished(killed):
    assert not killed.exists()
    kept = sorted(path.name for path in killed.parent.rglob("*.nc"))
    assert kept == ["000.nc", "001.nc"]


def test_killed_computation_goes_on_where_it_was(killed):
    again = Computation()
    again.write(killed)
    assert again.computed == ["002", "003"]


def test_computation_that_was_killed_gives_the_bytes_of_one_that_was_not(killed, tmp_path):
    Computation().write(killed)
    Computation().write(tmp_path / "b.nc")
    assert killed.read_bytes() == (tmp_path / "b.nc").read_bytes()


@pytest.mark.parametrize("suffix", ["nc", "sha256"])
@pytest.mark.parametrize(
    "damage", [lambda content: content[:0], lambda content: content[:-2], flipped(-1), flipped(60)]
)
def test_part_that_was_damaged_is_computed_again(killed, tmp_path, damage, suffix):
    (part,) = tmp_path.rglob(f"001.{suffix}")
    part.write_bytes(damage(part.read_bytes()))
    again = Computation()
    again.write(killed)
    assert again.computed == ["001", "002", "003"]
    assert io.read_dataset(killed).drop_attrs().identical(CUBE.drop_attrs())


def test_parts_computed_from_something_else_are_computed_again(killed):
    again = Computation()
    again.write(killed, {**SOURCE, "seed": 1})
    assert again.computed == ["000", "001", "002", "003"]


def test_parts_computed_in_other_surroundings_are_computed_again(killed):
    again = Computation()
    again.write(killed, threads=1)
    assert again.computed == ["000", "001", "002", "003"]


def test_surroundings_are_not_told_in_the_file(killed, tmp_path):
    Computation().write(killed)
    Computation().write(tmp_path / "b.nc", threads=1)
    assert killed.read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_part_of_another_name_is_not_taken_for_this_one(killed, tmp_path):
    (part,) = tmp_path.rglob("001.nc")
    part.replace(part.with_name("002.nc"))
    part.with_suffix(".sha256").replace(part.with_name("002.sha256"))
    again = Computation()
    again.write(killed)
    assert again.computed == ["001", "002", "003"]


def test_whole_file_is_all_that_is_left_in_the_end(killed, tmp_path):
    Computation().write(killed)
    assert list(tmp_path.iterdir()) == [killed]


def test_second_file_beside_it_has_its_own_parts(killed, tmp_path):
    other = Computation()
    other.write(tmp_path / "b.nc")
    assert other.computed == ["000", "001", "002", "003"]
    assert len(list(tmp_path.rglob("00?.nc"))) == 2  # still those of the first


# Damage
@pytest.mark.parametrize("kept", [0, 1, 60, -40])
def test_truncated_file_is_refused_by_name(written, kept):
    path, read, told = written
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=f"{path}: {told}"):
        read(path)


def test_weights_that_are_no_safetensors_are_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"pickle")
    with pytest.raises(storage.DamagedFileError, match=r"a\.safetensors: cannot be read as safetensors"):
        io.read_weights(tmp_path / "a.safetensors")


@pytest.mark.parametrize("kind", FORMATS)
def test_missing_file_is_not_called_damaged(tmp_path, kind):
    write, read = FORMATS[kind]
    write(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="missing"):
        read(tmp_path / "missing")


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")])
@pytest.mark.parametrize(
    ("kind", "module", "name"),
    [
        ("dataset", io.xr, "open_dataset"),
        ("table", pq, "read_table"),
        ("weights", io, "safe_open"),
        ("image", Image, "open"),
    ],
)
def test_file_is_not_called_damaged_for_a_fault_of_the_disk_or_too_little_memory(
    tmp_path, monkeypatch, error, kind, module, name
):
    def fail(*_, **__):
        raise error

    write, read = FORMATS[kind]
    write(tmp_path / "file")
    monkeypatch.setattr(module, name, fail)
    with pytest.raises(type(error)) as told:
        read(tmp_path / "file")
    assert told.value is error


# Writing whole or not at all
def fail_halfway(path, error):
    with storage.written_atomically(path) as temporary:
        temporary.write_text("half")
        raise error


def test_failed_write_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError, match="in the middle"):
        fail_halfway(tmp_path / "a.txt", RuntimeError("in the middle"))
    assert list(tmp_path.iterdir()) == []


def test_interrupted_write_leaves_the_old_file_as_it_was(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(tmp_path / "a.txt", KeyboardInterrupt())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_refused_content_leaves_no_file(tmp_path):
    with pytest.raises(TypeError, match="Invalid value for attr"):
        io.write_dataset(DATASET.assign_attrs(bad=object()), tmp_path / "a.nc", SOURCE)
    assert list(tmp_path.iterdir()) == []
