"""The table of comparisons, cut into parts, and the images it names."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from perceptual_efficacy import image_files, storage
from perceptual_efficacy.datasets import comparisons


@pytest.fixture
def table():
    rows = [{"reference": f"r{number // 3}", "first": f"d{number}", "judgement": number / 10} for number in range(11)]
    return comparisons.table(rows, dataset="mine", unit="share", judged_by="me")


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(256, size=(5, 4, 3), dtype=np.uint8)


@pytest.fixture
def stored(tmp_path, image):
    """Folder of one image, and its SHA-256."""
    image_files.write(image, tmp_path / "ref" / "a.png")
    return tmp_path, storage.file_sha256(tmp_path / "ref" / "a.png")


def test_what_is_the_same_in_all_rows_is_in_every_row(table):
    assert set(table["dataset"]) == {"mine"}
    assert set(table["judged_by"]) == {"me"}


def test_what_no_row_gives_is_missing(table):
    assert table[["second", "second_sha256", "shown_at", "level", "spread", "observers"]].isna().all(axis=None)


def test_table_has_the_columns_in_their_order_and_kinds(table):
    assert table.dtypes.astype(str).to_dict() == comparisons.COLUMNS
    assert list(table) == list(comparisons.COLUMNS)


@pytest.mark.parametrize("size", [1, 4, 11, 12])
def test_parts_are_all_rows_in_their_order(table, size):
    parts = comparisons.parts(table, size)
    pd.testing.assert_frame_equal(pd.concat(parts.values()), table)


@pytest.mark.parametrize(("size", "lengths"), [(4, [4, 4, 3]), (11, [11]), (12, [11]), (5, [5, 5, 1])])
def test_parts_have_one_size_but_for_the_last_that_may_be_smaller(table, size, lengths):
    assert [len(part) for part in comparisons.parts(table, size).values()] == lengths


def test_names_of_parts_sort_in_their_order(table):
    names = list(comparisons.parts(pd.concat([table] * 100), 7))
    assert names == sorted(names)
    assert len(set(names)) == len(names) == 158  # 1100 rows by sevens


def test_nothing_has_no_parts(table):
    assert comparisons.parts(table[:0], 4) == {}


def test_image_is_read_below_the_folder(stored, image, table):
    folder, sha256 = stored
    np.testing.assert_array_equal(comparisons.reader(folder, table)("ref/a.png", sha256), image)


def test_image_is_scaled_to_the_size_at_which_the_table_says_it_is_shown(tmp_path, table):
    image = np.random.default_rng(0).integers(256, size=(12, 12, 3), dtype=np.uint8)
    image_files.write(image, tmp_path / "a.png")
    read = comparisons.reader(tmp_path, table.assign(shown_at=6))
    found = read("a.png", storage.file_sha256(tmp_path / "a.png"))
    np.testing.assert_array_equal(found, comparisons.scaled(image, 6))


def test_image_that_changed_since_the_table_was_made_is_refused_with_what_to_do(stored, image, table):
    folder, sha256 = stored
    image_files.write(image[::-1], folder / "ref" / "a.png")
    changed = storage.file_sha256(folder / "ref" / "a.png")
    expected = (
        rf"{folder}/ref/a\.png: its SHA-256 is {changed[:12]}, but was {sha256[:12]} when the judgements were read.*"
        r"Restore the file, or, if the study made or downloaded it, delete .*; .* delete this data set's comparisons"
    )
    with pytest.raises(ValueError, match=expected):
        comparisons.reader(folder, table)("ref/a.png", sha256)


def test_image_that_is_missing_is_refused_with_what_to_do(stored, table):
    folder, sha256 = stored
    expected = rf"{folder}/ref/b\.png: its SHA-256 is missing, but was {sha256[:12]} .*Restore the file"
    with pytest.raises(ValueError, match=expected):
        comparisons.reader(folder, table)("ref/b.png", sha256)


def test_picture_is_an_image_with_its_size_and_hash(stored):
    folder, sha256 = stored
    assert comparisons.picture(folder, folder / "ref" / "a.png") == ("ref/a.png", sha256, (5, 4))


def test_picture_that_was_cut_is_refused(stored):
    folder, _ = stored
    path = folder / "ref" / "a.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"a\.png: cannot be read as an image"):
        comparisons.picture(folder, path)


# The size that people saw
def test_patch_of_64_pixels_stays_as_it_is():
    image = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(comparisons.scaled(image, 64), image)


@pytest.mark.parametrize("side", [65, 128, 256])
def test_larger_patch_is_scaled_as_torchvision_scales_it(side):
    transforms = pytest.importorskip("torchvision.transforms")
    image = np.random.default_rng(0).integers(256, size=(side, side, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        comparisons.scaled(image, 64), np.asarray(transforms.Resize(64)(Image.fromarray(image)))
    )


def test_scaling_to_half_weighs_four_pixels_by_a_triangle():
    rng = np.random.default_rng(0)
    row = rng.integers(256, size=128).astype(np.uint8)
    image = np.broadcast_to(row[None, :, None], (128, 128, 3)).copy()
    x = np.arange(1, 63)
    expected = row.astype(float)[2 * x[:, None] + np.arange(-1, 3)] @ np.array([1, 3, 3, 1]) / 8
    np.testing.assert_allclose(comparisons.scaled(image, 64)[10, 1:63, 1], expected, atol=0.51)


def test_patch_that_is_no_square_is_refused():
    with pytest.raises(ValueError, match="128 x 64 pixels; expected a square, to be shown at 64 x 64"):
        comparisons.scaled(np.zeros((64, 128, 3), np.uint8), 64)
