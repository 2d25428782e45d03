"""Judgements in a table of one's own."""

import numpy as np
import pandas as pd
import pytest
from miniature import ROOT
from PIL import Image

from perceptual_efficacy import image_files, io
from perceptual_efficacy.datasets import comparisons
from perceptual_efficacy.datasets.registry import LAYOUTS

OPINIONS = {
    "reference": ["b.png", "a.png", "a.png"],
    "image": ["sub/b1.png", "sub/a2.png", "sub/a1.png"],
    "judgement": [4.5, 1.0, 3.25],
}
STATED = {"table": "mine.csv", "higher_is": "better", "scale": (1, 5)}


@pytest.fixture
def folder(tmp_path):
    """Two references of different sizes, and distorted images below."""
    random = np.random.default_rng(0)
    for name in "ab":
        shape = (8, 12, 3) if name == "a" else (6, 5, 3)
        for file in (f"{name}.png", *(f"sub/{name}{number}.png" for number in (1, 2, 3))):
            image_files.write(random.integers(0, 256, shape, np.uint8), tmp_path / file)
    return tmp_path


def write(folder, columns=OPINIONS, **changes):
    table = pd.DataFrame({**columns, **changes})
    table.to_csv(folder / "mine.csv", index=False)
    return table


def read(folder, layout="opinions", **stated):
    stated = {**STATED, **stated} if layout == "opinions" else {"table": "mine.csv", **stated}
    return LAYOUTS[layout].read(folder, dataset="mine", **stated)


def test_opinions_are_read_in_the_order_of_their_images(folder):
    write(folder)
    table = read(folder)
    assert list(table) == list(comparisons.COLUMNS)
    assert table["reference"].tolist() == ["a.png", "a.png", "b.png"]
    assert table["first"].tolist() == ["sub/a1.png", "sub/a2.png", "sub/b1.png"]
    assert table["judgement"].tolist() == [3.25, 1.0, 4.5]
    assert table["cluster"].tolist() == ["a.png", "a.png", "b.png"]
    assert table["judged_by"].unique().tolist() == ["people"]
    assert table["judgement_type"].unique().tolist() == ["mos"]
    assert table[["spread", "observers", "level", "second"]].isna().all(axis=None)


def test_optional_columns_are_kept_and_others_left_out(folder, caplog):
    caplog.set_level("INFO")
    more = {"spread": [0.5, 0.0, 1.5], "observers": [20, 21, 22], "group": [1, 2, 2], "cluster": ["x", "y", "z"]}
    write(folder, **more, remark=["", "fine", ""])
    table = read(folder)
    assert table["spread"].tolist() == [1.5, 0.0, 0.5]
    assert table["observers"].tolist() == [22, 21, 20]
    assert table["group"].tolist() == ["2", "2", "1"]
    assert table["cluster"].tolist() == ["z", "y", "x"]
    assert "columns that are not used: remark" in caplog.text


def test_where_higher_is_worse_opinions_are_turned_over(folder):
    write(folder)
    assert read(folder, higher_is="worse")["judgement"].tolist() == [6 - 3.25, 6 - 1.0, 6 - 4.5]


def test_parquet_and_csv_give_the_same(folder):
    table = write(folder, group=["x", "y", "y"])
    from_csv = read(folder)
    io.write_table(table, folder / "mine.parquet", {})
    pd.testing.assert_frame_equal(read(folder, table="mine.parquet"), from_csv)


def test_csv_as_a_spreadsheet_writes_it_is_read(folder):
    text = "reference, image, judgement\r\na.png, sub\\a1.png, 3\r\n"
    (folder / "mine.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(folder)[["first", "judgement"]].to_numpy().tolist() == [["sub/a1.png", 3.0]]


def test_choices_are_read(folder):
    columns = {"reference": ["a.png"], "first": ["sub/a2.png"], "second": ["sub/a1.png"], "judgement": [0.8]}
    write(folder, columns, observers=[10])
    table = read(folder, "choices")
    assert table[["first", "second", "judgement"]].to_numpy().tolist() == [["sub/a2.png", "sub/a1.png", 0.8]]
    assert table["judgement_type"].tolist() == ["2afc"]


def test_same_or_different_is_read(folder):
    write(folder, judgement=[0.0, 0.5, 1.0])
    table = read(folder, "same_different")
    assert table["judgement"].tolist() == [1.0, 0.5, 0.0]
    assert table["judgement_type"].unique().tolist() == ["same"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"judgement": [4.5, 0.9, 3]}, "line 3: judgement is 0.9; expected a number from 1 to 5"),
        ({"judgement": [4.5, None, 3]}, "line 3: judgement is empty; expected a number from 1 to 5"),
        ({"judgement": ["good", 2, 3]}, "line 2: judgement is good; expected a number from 1 to 5"),
        ({"spread": [0.1, -0.1, 0]}, "line 3: spread is -0.1; expected at least 0"),
        ({"observers": [1.5, 2, 2]}, "line 2: observers is 1.5; expected a whole number above 0"),
        ({"image": ["sub/b1.png", "sub/a1.png", "sub/a1.png"]}, "line 4: the images of line 3 again"),
        ({"image": ["sub/b1.png", "sub/a9.png", "sub/a1.png"]}, r"line 3: there is no image .*a9\.png; expected"),
        (
            {"image": ["sub/b1.png", "sub/A2.png", "sub/a1.png"]},
            r"A2\.png; there is a2\.png, and names must agree in up",
        ),
        ({"image": ["sub/b1.png", "../a2.png", "sub/a1.png"]}, r"line 3: image is \.\./a2\.png; expected a path below"),
        ({"image": ["sub/b1.png", "/a2.png", "sub/a1.png"]}, r"line 3: image is /a2\.png; expected a path below"),
        ({"image": ["sub/b1.png", None, "sub/a1.png"]}, "line 3: image is empty; expected the path of an image"),
        ({"image": ["sub/b1.png", "sub/b2.png", "sub/a1.png"]}, r"b2\.png has 5 x 6 pixels; expected 12 x 8, as its"),
        ({"group": ["all", "x", "x"]}, "a group of comparisons is called 'all'"),
    ],
)
def test_row_that_cannot_be_is_named(folder, changes, told):
    write(folder, **changes)
    with pytest.raises(ValueError, match=told):
        read(folder)


def test_lacking_column_is_named(folder):
    write(folder, {"reference": ["a.png"], "images": ["sub/a1.png"], "judgement": [1]})
    with pytest.raises(ValueError, match=r"mine\.csv lacks image; its columns are reference, images, judgement\. Exp"):
        read(folder)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n1,"2\n'])
def test_file_that_is_no_table_is_told(folder, content):
    (folder / "mine.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.csv (cannot be read as a table of UTF-8 text|lacks reference)"):
        read(folder)


def test_missing_table_is_told_with_one_of_another_case(folder):
    write(folder).to_csv(folder / "MINE.csv")
    (folder / "mine.csv").unlink()
    with pytest.raises(ValueError, match=r"There is no table .*mine\.csv\. There is MINE\.csv\. Correct `path`"):
        read(folder)


def test_table_without_rows_is_refused(folder):
    (folder / "mine.csv").write_text("reference,image,judgement\n")
    with pytest.raises(ValueError, match="has no rows; expected one for each comparison"):
        read(folder)


def test_photographs_of_a_phone_are_compared_upright(folder):
    turned = Image.fromarray(image_files.read(folder / "a.png")).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x112] = 6  # a quarter turn clockwise brings it back
    turned.save(folder / "sub" / "phone.png", exif=exif)
    write(folder, image=["sub/b1.png", "sub/phone.png", "sub/a1.png"])
    table = read(folder)
    look = comparisons.reader(folder, table)
    row = table[table["first"] == "sub/phone.png"].iloc[0]
    np.testing.assert_array_equal(*(look(row[role], row[f"{role}_sha256"]) for role in ("first", "reference")))


def test_examples_of_the_page_are_read(tmp_path):
    """What config/README.md shows, with images of those names."""
    blocks = (ROOT / "config/README.md").read_text(encoding="utf-8").split("```\n")
    shown = [block for block in blocks if block.startswith("reference,")]
    assert len(shown) == 3
    for block, layout in zip(shown, ("opinions", "choices", "same_different"), strict=True):
        folder = tmp_path / layout
        folder.mkdir()
        (folder / "mine.csv").write_text(block)
        for name in {cell for line in block.splitlines() for cell in line.split(",") if cell.endswith(".png")}:
            image_files.write(np.zeros((4, 4, 3), np.uint8), folder / name)
        assert len(read(folder, layout)) == 4


def test_semicolons_of_a_spreadsheet_are_told(folder):
    (folder / "mine.csv").write_text("reference;image;judgement\na.png;sub/a1.png;3,5\n")
    with pytest.raises(
        ValueError, match=r"its columns are reference;image;judgement\. .* Separate columns by commas, not ';'"
    ):
        read(folder)


def test_empty_rows_at_the_end_are_left_out(folder):
    write(folder)
    expected = read(folder)
    with (folder / "mine.csv").open("a") as file:
        file.write(",,\n,,\n")
    pd.testing.assert_frame_equal(read(folder), expected)


def test_choice_between_an_image_and_itself_is_refused_and_a_pair_in_either_order_is_one(folder):
    columns = {"reference": ["a.png"], "first": ["sub/a1.png"], "second": ["sub/a1.png"], "judgement": [0.8]}
    write(folder, columns)
    with pytest.raises(ValueError, match=r"line 2: the two images are one, sub/a1\.png; expected two to choose from"):
        read(folder, "choices")
    pairs = {"reference": ["a.png"] * 2, "first": ["sub/a1.png", "sub/a2.png"], "second": ["sub/a2.png", "sub/a1.png"]}
    write(folder, {**pairs, "judgement": [0.8, 0.2]})
    with pytest.raises(ValueError, match="line 3: the images of line 2 again"):
        read(folder, "choices")
