"""TID2013 in its published layout, made here from noise: what is read, and every way in which a copy can be wrong."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from perceptual_efficacy import io
from perceptual_efficacy.datasets import comparisons, tid2013
from perceptual_efficacy.datasets.registry import LAYOUTS

PART = [(reference, type_, level) for reference in (1, 25) for type_ in (1, 24) for level in (1, 2)]


def save(path, seed=0, height=4, width=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, format="BMP")


def make(folder, design=PART):
    """Write images and opinions 0.5, 0.6, ...; names in upper and lower case as in the published archive."""
    lines = []
    for number, (reference, type_, level) in enumerate(design):
        name = f"i{reference:02d}_{type_:02d}_{level}.bmp"
        save(folder / "distorted_images" / name, number)
        lines.append(f"{0.5 + number % 80 / 10:.5f} {name.replace('i', 'I')}")
    for reference in {reference for reference, _, _ in design}:
        name = f"I{reference:02d}.BMP" if reference < 25 else f"i{reference:02d}.bmp"
        save(folder / "reference_images" / name, 100 + reference)
    (folder / "mos_with_names.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder


@pytest.fixture
def part(tmp_path):
    """Folder of a part: two references, two types, two levels."""
    return make(tmp_path)


def rewrite(folder, old, new):
    path = folder / "mos_with_names.txt"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(folder, subset=True, **options):
    return LAYOUTS["tid2013"].read(folder, subset=subset, **{"dataset": "tid2013", **options})


def test_opinion_is_read_with_its_images(part):
    table = read(part, dataset="mine", judged_by="people")
    assert table.iloc[1].dropna().to_dict() == {
        "dataset": "mine",
        "judged_by": "people",
        "judgement_type": "mos",
        "group": "01 additive Gaussian noise",
        "cluster": "i01",
        "reference": "reference_images/I01.BMP",
        "first": "distorted_images/i01_01_2.bmp",
        "reference_sha256": sha256(part / "reference_images" / "I01.BMP"),
        "first_sha256": sha256(part / "distorted_images" / "i01_01_2.bmp"),
        "level": 2,
        "judgement": 0.6,
        "unit": "mean opinion score, 0 to 9, higher is better",
    }


def test_rows_go_by_reference_then_type_then_level(part):
    found = read(part)[["group", "cluster", "level"]].itertuples(index=False, name=None)
    types = {1: "01 additive Gaussian noise", 24: "24 sparse sampling and reconstruction"}
    assert list(found) == [(types[t], f"i{r:02d}", n) for r in (1, 25) for t in (1, 24) for n in (1, 2)]


def test_columns_are_those_of_the_other_data_sets(part):
    assert read(part).dtypes.astype(str).to_dict() == comparisons.COLUMNS


def test_table_can_be_written_and_read_again(part, tmp_path):
    io.write_table(read(part), tmp_path / "a.parquet", {})
    pd.testing.assert_frame_equal(io.read_table(tmp_path / "a.parquet"), read(part))


def test_spreads_go_by_the_lines_of_the_list(part):
    (part / "mos_std.txt").write_text("".join(f"{number}\n" for number in range(8)))
    listed = part / "mos_with_names.txt"
    listed.write_text("\n".join(reversed(listed.read_text().splitlines())) + "\n")
    assert list(read(part)["spread"]) == [7, 6, 5, 4, 3, 2, 1, 0]


def test_folder_inside_the_given_one_is_found(part, tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    part.rename(outer / "tid2013")
    assert read(outer).loc[0, "first"] == "tid2013/distorted_images/i01_01_1.bmp"
    (outer / "tid2013").rename(part)


def test_windows_line_ends_and_blank_lines_do_not_matter(part):
    before = read(part)
    path = part / "mos_with_names.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    pd.testing.assert_frame_equal(read(part), before)


def test_types_of_another_data_set_can_be_given(tmp_path):
    (row,) = tid2013.opinions(make(tmp_path, [(1, 30, 1)]), names={30: "haze"}, subset=True)
    assert row["group"] == "30 haze"


def full_design():
    return [(r, t, n) for r in range(1, 26) for t in range(1, 25) for n in range(1, 6)]


def write_full_list(folder, design):
    folder.mkdir(exist_ok=True)
    lines = (f"5 I{r:02d}_{t:02d}_{n}.bmp\n" for r, t, n in design)
    (folder / "mos_with_names.txt").write_text("".join(lines))


def test_the_whole_is_read_without_being_called_a_part(tmp_path):
    table = read(make(tmp_path, full_design()), subset=False)
    assert len(table) == 3000
    assert (table.groupby("group").size() == 125).all()
    assert table["group"].nunique() == 24
    assert table["cluster"].nunique() == 25


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda design: design[1:], r"it lacks i01_01_1\.bmp;"),
        (lambda design: design[:-10], r"it lacks i25_23_1\.bmp, i25_23_2\.bmp, i25_23_3\.bmp and 7 more;"),
        (lambda design: [*design, (26, 1, 1)], r"it lists i26_01_1\.bmp;"),
        (lambda design: [*design[1:], (1, 1, 6)], r"it lacks i01_01_1\.bmp; it lists i01_01_6\.bmp;"),
    ],
)
def test_incomplete_whole_is_refused(tmp_path, change, found):
    write_full_list(tmp_path, change(full_design()))
    with pytest.raises(ValueError, match=rf"names\.txt: {found} expected 25 references x 24 types x 5 levels = 3000"):
        read(tmp_path, subset=False)


@pytest.mark.parametrize("lost", ["I25_24_2", "I01_01_1"])
def test_part_with_other_levels_of_one_reference_is_refused(part, lost):
    path = part / "mos_with_names.txt"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if lost not in line))
    with pytest.raises(ValueError, match=rf"it lacks {lost.lower()}\.bmp; expected the same types and levels of each"):
        read(part)


def test_part_without_one_type_of_one_reference_is_refused(tmp_path):
    make(tmp_path, [design for design in PART if design[:2] != (25, 24)])
    with pytest.raises(ValueError, match=r"it lacks i25_24_1\.bmp, i25_24_2\.bmp; expected the same"):
        read(tmp_path)


# Lists
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("I01_01_1.bmp", "'I01_01_1.bmp'; expected a score and a name"),
        ("0.5", "'0.5'; expected a score and a name"),
        ("0,5 I01_01_1.bmp", "'0,5 I01_01_1.bmp'; expected a score"),
        ("I01_01_1.bmp 0.5", "'I01_01_1.bmp 0.5'; expected a score"),
        ("0.5 I01_01_1.bmp x", "'0.5 I01_01_1.bmp x'; expected a score"),
        ("0.5 1 I01_01_1.bmp", "'0.5 1 I01_01_1.bmp'; expected a score"),
        ("0.5 I1_01_1.bmp", "a name of the form iRR_TT_L"),
        ("0.5 I01_01_1.png", "a name of the form iRR_TT_L"),
        ("0.5 xI01_01_1.bmp", "a name of the form iRR_TT_L"),
        ("0.5 I01_01_10.bmp", "a name of the form iRR_TT_L"),
        ("9.01 I01_01_1.bmp", "a score of 9.01; expected one between 0 and 9"),
        ("-0.1 I01_01_1.bmp", "a score of -0.1; expected one between 0 and 9"),
        ("nan I01_01_1.bmp", "a score of nan; expected one between 0 and 9"),
        ("inf I01_01_1.bmp", "a score of inf; expected one between 0 and 9"),
        ("0.5 I01_25_1.bmp", "type 25; expected one of 1, 2, 3"),
        ("0.5 I01_00_1.bmp", "type 0; expected one of 1, 2, 3"),
        ("0.5 i01_01_2.bmp", "i01_01_2.bmp again, after line 2; expected every image once"),
    ],
)
def test_line_that_is_wrong_is_named(tmp_path, line, found):
    path = tmp_path / "mos_with_names.txt"
    path.write_text(f"\n1 I01_01_2.bmp\n{line}\n")
    with pytest.raises(ValueError, match=rf"TID2013: {path}, line 3: .*{found}"):
        tid2013.read_opinions(path)


@pytest.mark.parametrize("content", [b"\x00\xff\x80\n", b"PK\x03\x04 \xe9"])
def test_list_that_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.txt, line 1: "):
        tid2013.read_opinions(tmp_path / "a.txt")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_list_is_refused(tmp_path, content):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(ValueError, match=r"TID2013: .*a\.txt is empty; expected a score and a name in each line"):
        tid2013.read_opinions(tmp_path / "a.txt")


def test_list_gives_the_numbers_in_the_names(tmp_path):
    (tmp_path / "a.txt").write_text("5.51429 I01_24_5.bmp\n0 i25_01_1.BMP\n")
    expected = [("I01_24_5.bmp", 1, 24, 5, 5.51429, 1), ("i25_01_1.BMP", 25, 1, 1, 0.0, 2)]
    table = tid2013.read_opinions(tmp_path / "a.txt")
    assert list(table) == ["file", "reference", "type", "level", "mos", "line"]
    assert list(table.itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["0.1"] * 7, r"mos_std\.txt holds 7 numbers; expected 8"),
        (["0.1"] * 9, r"mos_std\.txt holds 9 numbers; expected 8"),
        (["0.1", "x"] * 4, r"mos_std\.txt, line 2: 'x'; expected a standard deviation"),
        (["0.1", "-1"] * 4, r"mos_std\.txt, line 2: '-1'; expected a standard deviation"),
        (["0.1", "nan"] * 4, r"mos_std\.txt, line 2: 'nan'; expected a standard deviation"),
        (["0.1", "1 2"] * 4, r"mos_std\.txt, line 2: '1 2'; expected a standard deviation"),
    ],
)
def test_spreads_that_do_not_fit_are_refused(part, lines, found):
    (part / "mos_std.txt").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=f"TID2013: .*{found}"):
        read(part)


# Images
def test_folder_without_a_list_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"TID2013: there is no .*mos_with_names\.txt\. Give `path`"):
        read(tmp_path, subset=False)


@pytest.mark.parametrize("name", ["distorted_images", "reference_images"])
def test_missing_folder_is_named(part, name):
    (part / name).rename(part / "elsewhere")
    with pytest.raises(ValueError, match=rf"TID2013: there is no folder .*{name}\. Give `path`"):
        read(part)


def test_distorted_image_that_is_missing_is_named_with_its_line(part):
    (part / "distorted_images" / "i25_01_2.bmp").unlink()
    with pytest.raises(
        ValueError, match=r"names\.txt, line 6: there is no distorted image i25_01_2\.bmp in .*distorted"
    ):
        read(part)


def test_reference_that_is_missing_is_named_with_its_line(part):
    (part / "reference_images" / "i25.bmp").unlink()
    with pytest.raises(ValueError, match=r"names\.txt, line 5: there is no reference image i25\.bmp in .*reference_"):
        read(part)


def test_image_that_is_not_in_the_list_is_refused_in_the_whole(tmp_path):
    make(tmp_path, [*PART, (26, 1, 1)])
    write_full_list(tmp_path, full_design())
    with pytest.raises(
        ValueError, match=r"distorted_images holds i26_01_1\.bmp, which mos_with_names\.txt does not list"
    ):
        read(tmp_path, subset=False)


def test_image_that_is_not_in_the_list_does_not_matter_in_a_part(part):
    save(part / "distorted_images" / "i26_01_1.bmp")
    assert len(read(part)) == 8


@pytest.mark.parametrize(
    ("folder", "names"),
    [("distorted_images", ("I01_01_1.BMP", "i01_01_1.bmp")), ("reference_images", ("I01.BMP", "i01.bmp"))],
)
def test_names_that_differ_only_in_case_are_refused(part, folder, names):
    for name in names:
        save(part / folder / name)
    if len([path for path in (part / folder).iterdir() if path.name.lower() == names[1]]) == 1:
        pytest.skip("this file system does not tell upper from lower case")
    with pytest.raises(ValueError, match=rf"TID2013: .*{folder} holds {names[0]} and {names[1]}; expected names"):
        read(part)


def test_image_of_another_size_than_its_reference_is_refused(part):
    save(part / "distorted_images" / "i25_01_2.bmp", height=5, width=7)
    with pytest.raises(
        ValueError, match=r"i25_01_2\.bmp has 7 x 5 pixels; expected 8 x 4, as its reference .*i25\.bmp"
    ):
        read(part)


@pytest.mark.parametrize("name", ["distorted_images/i25_01_2.bmp", "reference_images/i25.bmp"])
@pytest.mark.parametrize("kept", [0, 10, 60, -1])
def test_image_that_was_cut_is_named(part, name, kept):
    (part / name).write_bytes((part / name).read_bytes()[:kept])
    with pytest.raises(ValueError, match=rf"{name}: cannot be read as an image"):
        read(part)


def test_there_are_24_types():
    assert sorted(tid2013.TYPES) == list(range(1, 25))
    assert len(set(tid2013.TYPES.values())) == 24


def test_hidden_twins_are_no_data(part):
    """macOS adds a ._ file for every file; in the whole, an image without an opinion is an error."""
    expected = read(part)
    for path in [path for path in part.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    pd.testing.assert_frame_equal(read(part), expected)
    assert not [name for name in tid2013._bitmaps(part / "distorted_images") if name.startswith(".")]
