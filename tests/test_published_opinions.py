"""KADID-10k, PIPAL, CSIQ and LIVE: read from files that are laid out and named as the publishers' are."""

import zipfile
from itertools import product

import numpy as np
import openpyxl
import pandas as pd
import pytest
from miniature import snakemake, study_with
from scipy import io as matlab

from perceptual_efficacy import image_files
from perceptual_efficacy.datasets import addresses, comparisons, csiq, kadid10k, live, pipal
from perceptual_efficacy.datasets.registry import LAYOUTS


def save(path, seed=0, height=4, width=6):
    """Write noise; PNG or BMP."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    image_files.write(image, path, "BMP" if path.suffix.lower() == ".bmp" else "PNG")


# A part of each, laid out as the whole
def make_kadid10k(folder, references=("I02", "I01"), **size):
    rows = []
    for reference, kind, level in product(references, ("01", "25"), ("01", "05")):
        name = f"{reference}_{kind}_{level}.png"
        save(folder / "images" / name, len(rows), **size)
        rows.append((name, f"{reference}.png", 1 + len(rows) % 8 / 2, 0.25 * len(rows)))
        save(folder / "images" / f"{reference}.png", 99, **size)
    pd.DataFrame(rows, columns=["dist_img", "ref_img", "dmos", "var"]).to_csv(folder / "dmos.csv", index=False)


def make_pipal(folder, references=("A0001", "A0005"), kinds=("00_00", "03_11"), **size):
    for number, reference in enumerate(references):
        save(folder / "Train_Ref" / f"{reference}.bmp", **size)
        lines = []
        for place, kind in enumerate(kinds):
            name = f"{reference}_{kind}.bmp"
            save(folder / f"Distortion_{place + 1}" / name, place + 1, **size)
            lines.append(f"{name},{1500 + 10 * number + place + 0.0648}")
        (folder / "Train_Label").mkdir(exist_ok=True)
        (folder / "Train_Label" / f"{reference}.txt").write_text("\n".join(lines) + "\n")


def make_csiq(folder, rows=None, **size):
    rows = rows or [
        (1600, 1, "noise", 2, 0.05, 0.25),
        (1600, 2, "jpeg 2000", 1, 0.02, 0.125),
        ("lady_liberty", 3, "contrast", 3, 0.1, 0.5),
    ]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "all_by_image"
    sheet["A1"] = "CSIQ"
    for column, name in enumerate(("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"), start=4):
        sheet.cell(4, column, name)
        for line, row in enumerate(rows, start=5):
            sheet.cell(line, column, row[column - 4])
    folder.mkdir(exist_ok=True)
    book.save(folder / "csiq.DMOS.xlsx")
    names = {"noise": ("awgn", "AWGN"), "jpeg 2000": ("jpeg2000", "jpeg2000"), "contrast": ("contrast", "contrast")}
    for image, _, kind, level, *_ in rows:
        save(folder / "src_imgs" / f"{image}.png", **size)
        place, token = names[kind]
        save(folder / "dst_imgs" / place / f"{image}.{token}.{level}.png", level, **size)


def make_live(folder, shown=(("jp2k", 1), ("jp2k", 2), ("jpeg", 1), ("fastfading", 174)), **size):
    count = sum(count for count, _ in live.TYPES.values())
    copies = np.zeros((1, count), np.uint8)
    copies[0, -live.COPIES :] = 1
    copies[0, 0], copies[0, -1] = 1, 0
    names = np.array([[f"ref{number % 3}.bmp" for number in range(count)]], dtype=object)
    folder.mkdir(exist_ok=True)
    matlab.savemat(folder / "refnames_all.mat", {"refnames_all": names})
    opinions = {"dmos_new": np.arange(count)[None] / 10, "dmos_std": np.full((1, count), 2.5), "orgs": copies}
    matlab.savemat(folder / "dmos_realigned.mat", opinions)
    for number in range(3):
        save(folder / "refimgs" / f"ref{number}.bmp", **size)
    for kind, number in shown:
        save(folder / kind / f"img{number}.bmp", number, **size)


MAKE = {"kadid10k": make_kadid10k, "pipal": make_pipal, "csiq": make_csiq, "live": make_live}
MODULES = {"kadid10k": kadid10k, "pipal": pipal, "csiq": csiq, "live": live}


@pytest.fixture(params=MAKE)
def layout(request):
    return request.param


@pytest.fixture
def part(tmp_path, layout):
    MAKE[layout](tmp_path)
    return tmp_path


def read(folder, layout, subset=True):
    return LAYOUTS[layout].read(folder, dataset="mine", subset=subset)


def test_kadid10k_is_read(tmp_path):
    make_kadid10k(tmp_path)
    table = read(tmp_path, "kadid10k")
    assert table["first"].tolist()[:3] == [f"images/I01_{name}.png" for name in ("01_01", "01_05", "25_01")]
    first = table.iloc[0]
    assert (first["reference"], first["cluster"], first["level"]) == ("images/I01.png", "i01", 1)
    assert (first["judgement"], first["spread"], first["observers"]) == (3.0, 1.0, 30)  # the fifth row of the list
    assert table["group"].unique().tolist() == ["01 Gaussian blur", "25 contrast change"]


def test_pipal_is_read(tmp_path):
    make_pipal(tmp_path)
    table = read(tmp_path, "pipal")
    assert table["first"].tolist()[1:3] == ["Distortion_2/A0001_03_11.bmp", "Distortion_1/A0005_00_00.bmp"]
    assert table["judgement"].tolist() == [1500.0648, 1501.0648, 1510.0648, 1511.0648]
    assert table["group"].tolist() == ["family 00", "family 03"] * 2
    assert table["spread"].isna().all()


def test_csiq_is_read_and_turned_over(tmp_path):
    make_csiq(tmp_path)
    table = read(tmp_path, "csiq")
    assert table["first"].tolist() == [
        "dst_imgs/jpeg2000/1600.jpeg2000.1.png",
        "dst_imgs/awgn/1600.AWGN.2.png",
        "dst_imgs/contrast/lady_liberty.contrast.3.png",
    ]
    assert table["judgement"].tolist() == [-0.125, -0.25, -0.5]
    assert table["spread"].tolist() == [0.02, 0.05, 0.1]
    assert table["cluster"].tolist() == ["1600", "1600", "lady_liberty"]


def test_live_is_read_without_copies_of_references_and_turned_over(tmp_path):
    make_live(tmp_path / "databaserelease2")
    table = read(tmp_path, "live")
    root = "databaserelease2"
    assert table["first"].tolist() == [
        f"{root}/jp2k/img2.bmp",
        f"{root}/jpeg/img1.bmp",
        f"{root}/fastfading/img174.bmp",
    ]
    np.testing.assert_allclose(table["judgement"], [-0.1, -22.7, -98.1])
    assert table["reference"].tolist() == [f"{root}/refimgs/ref{number % 3}.bmp" for number in (1, 227, 981)]
    assert table["group"].tolist() == ["JPEG2000 compression", "JPEG compression", "fast fading"]


def test_table_has_the_common_columns_and_higher_is_better(part, layout):
    table = read(part, layout)
    assert list(table) == list(comparisons.COLUMNS)
    assert table["unit"].str.endswith("higher is better").all()
    assert table["judgement_type"].unique().tolist() == ["mos"]


def test_part_is_refused_as_the_whole(part, layout):
    with pytest.raises(ValueError, match=r"as published|Complete the folder.*subset: true"):
        read(part, layout, subset=False)


def test_hidden_twins_are_no_data(part, layout):
    expected = read(part, layout)
    for path in [path for path in part.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    pd.testing.assert_frame_equal(read(part, layout), expected)


def test_missing_image_is_named(part, layout):
    (part / read(part, layout)["reference"].iloc[-1]).unlink()
    with pytest.raises(ValueError, match=r"there is no .*\.(png|bmp)"):
        read(part, layout)


def test_image_of_another_size_is_named(part, layout):
    path = part / read(part, layout)["first"].iloc[0]
    save(path, width=7)
    with pytest.raises(ValueError, match=f"{path.name} has 7 x 4 pixels; expected 6 x 4, as its reference"):
        read(part, layout)


def test_missing_list_is_named(tmp_path, layout):
    with pytest.raises(ValueError, match=r"no .*dmos\.csv|holds 0 files|no csiq|no .*refnames_all\.mat"):
        read(tmp_path, layout)


# The whole, without images: the lists have the published number of rows
def test_whole_kadid10k_has_10_125_images(tmp_path, monkeypatch):
    everything = [(f"I{i:02d}", t, n) for i, t, n in product(range(1, 82), range(1, 26), range(1, 6))]
    assert len(everything) == 10_125
    rows = [(f"{i}_{t:02d}_{n:02d}.png", f"{i}.png", 2.5, 0.5) for i, t, n in everything]
    listed = pd.DataFrame(rows, columns=["dist_img", "ref_img", "dmos", "var"])
    monkeypatch.setattr(kadid10k, "compared", lambda opinions, *_: iter([{}]))
    listed.to_csv(tmp_path / "dmos.csv", index=False)
    assert list(kadid10k.rows(tmp_path)) == [{}]
    listed.drop(index=7).to_csv(tmp_path / "dmos.csv", index=False)
    with pytest.raises(ValueError, match=r"it lacks i01_02_03\.png; expected the 10125 images as published"):
        list(kadid10k.rows(tmp_path))


def test_whole_csiq_has_866_images():
    # 5 levels of 6 types; of contrast 4, and 3 of four references
    assert csiq.PUBLISHED == 30 * 5 * 5 + 26 * 4 + 4 * 3


def test_whole_pipal_has_23_200_images():
    assert pipal.REFERENCES * sum(pipal.FAMILIES) == 23_200


def test_whole_live_has_779_distorted_images():
    assert sum(count for count, _ in live.TYPES.values()) - live.COPIES == 779


# What is wrong in a list
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("I01_25_05.png,I01.png", "I01_26_05.png,I01.png", r"line 9: I01_26_05\.png"),
        ("I01_25_05.png,I01.png", "I01_25_05.png,I02.png", r"line 9: I01_25_05\.png, I02\.png"),
        ("I01_25_05.png,I01.png", "I01_25_01.png,I01.png", r"lists I01_25_01\.png twice"),
        (",4.5,", ",5.5,", "an opinion from 1 to 5"),
        ("dist_img", "image", "has the columns image, ref_img"),
    ],
)
def test_wrong_line_of_kadid10k_is_named(tmp_path, old, new, told):
    make_kadid10k(tmp_path)
    path = tmp_path / "dmos.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=f"KADID-10k: .*{told}"):
        read(tmp_path, "kadid10k")


@pytest.mark.parametrize(
    "line", ["A0001_00_00.bmp 1500", "A0005_00_00.bmp,1500", "A0001_00_00.bmp,nan", "A0001_0_00.bmp,1"]
)
def test_wrong_line_of_pipal_is_named(tmp_path, line):
    make_pipal(tmp_path)
    (tmp_path / "Train_Label" / "A0001.txt").write_text(f"\n{line}\n")
    with pytest.raises(ValueError, match=r"PIPAL: .*A0001\.txt, line 2: .*expected an image of A0001"):
        read(tmp_path, "pipal")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ((1600, 1, "mist", 2, 0.05, 0.25), "mist.*; expected a type of noise, blur"),
        ((1600, 1, "noise", 2, 0.05, "#REF!"), "nan; expected a type of .* and a DMOS from 0 to 1"),
        ((1600, 1, "noise", 2, 0.05, 1.25), "1.25; expected a type"),
    ],
)
def test_wrong_row_of_csiq_is_named(tmp_path, row, told):
    make_csiq(tmp_path)
    book = openpyxl.load_workbook(tmp_path / "csiq.DMOS.xlsx")
    for column, value in enumerate(row, start=4):
        book["all_by_image"].cell(5, column, value)
    book.save(tmp_path / "csiq.DMOS.xlsx")
    with pytest.raises(ValueError, match=told):
        read(tmp_path, "csiq")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and then nothing", b"text"])
def test_spreadsheet_and_opinions_that_cannot_be_read_are_told(tmp_path, content):
    make_csiq(tmp_path / "csiq")
    (tmp_path / "csiq" / "csiq.DMOS.xlsx").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as a spreadsheet with the sheet all_by_image"):
        read(tmp_path / "csiq", "csiq")
    make_live(tmp_path / "live")
    (tmp_path / "live" / "dmos_realigned.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"dmos_realigned\.mat cannot be read as MATLAB's, with dmos_new"):
        read(tmp_path / "live", "live")


def test_spreadsheet_that_unpacks_to_too_much_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "csiq.DMOS.xlsx", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", bytes(csiq.LARGEST + 1))
    with pytest.raises(ValueError, match=f"unpacked it has {csiq.LARGEST + 1} bytes, more than {csiq.LARGEST}"):
        read(tmp_path, "csiq")


def test_entities_of_a_spreadsheet_are_refused(tmp_path):
    make_csiq(tmp_path)
    path = tmp_path / "csiq.DMOS.xlsx"
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    bomb = b'<!DOCTYPE a [<!ENTITY x "y">]>'
    parts["xl/workbook.xml"] = bomb + parts["xl/workbook.xml"].partition(b"?>")[2]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(ValueError, match="cannot be read as a spreadsheet") as told:
        read(tmp_path, "csiq")
    causes, error = [], told.value
    while error := error.__cause__ or error.__context__:
        causes.append(type(error).__name__)
    assert "EntitiesForbidden" in causes


def test_opinions_of_live_that_are_not_realigned_are_no_substitute(tmp_path):
    make_live(tmp_path)
    (tmp_path / "dmos_realigned.mat").rename(tmp_path / "dmos.mat")
    with pytest.raises(ValueError, match="the realigned opinions are a download of their own"):
        read(tmp_path, "live")


# Where they are published
def test_addresses_are_those_that_others_state():
    """As IQA-PyTorch, PIQ and the QUALINET list of databases state them."""
    assert addresses.published("kadid10k").files[0].url == "https://datasets.vqa.mmsp-kn.de/archives/kadid10k.zip"
    assert [file.url.rsplit("/", 1)[-1] for file in addresses.published("csiq").files] == [
        "src_imgs.zip",
        "dst_imgs.zip",
        "csiq.DMOS.xlsx",
    ]
    for name in ("pipal", "live"):
        with pytest.raises(
            ValueError, match=rf"No archive is known for the layout {name}\. To get it: .*Give the data set"
        ):
            addresses.published(name)


# End to end
def make_tables(folder, **size):
    """Two references with four images each, in the three layouts of a table of one's own."""
    names = [f"{reference}{number}.png" for reference in "ab" for number in range(4)]
    for number, name in enumerate(names):
        save(folder / name, number + 1, **size)
    references = [f"{name[0]}.png" for name in names]
    for name in sorted(set(references)):
        save(folder / name, 99, **size)
    shown = {"reference": references, "image": names}
    pd.DataFrame({**shown, "judgement": range(1, 9)}).to_csv(folder / "opinions.csv", index=False)
    pd.DataFrame({**shown, "judgement": [0, 0.25, 0.5, 1] * 2}).to_csv(folder / "same_different.csv", index=False)
    pairs = {"first": names, "second": names[1:] + names[:1], "judgement": [0.2, 0.9] * 4, "observers": 10}
    choices = pd.DataFrame({"reference": references, **pairs})
    choices[choices["first"].str[0] == choices["second"].str[0]].to_csv(folder / "choices.csv", index=False)


@pytest.mark.slow  # seven data sets
def test_every_layout_runs_through_the_study(tmp_path):
    size = {"height": 48, "width": 48}
    make_kadid10k(tmp_path / "kadid10k", ("I01", "I02", "I03"), **size)
    make_pipal(tmp_path / "pipal", ("A0001", "A0002", "A0003"), ("00_00", "03_11", "06_01"), **size)
    kinds = [("noise", 1), ("noise", 2), ("contrast", 1)]
    rows = [(r, i, k, n, 0.1, (i * 3 + n) / 16) for i, r in enumerate((1600, "elk", "swarm")) for k, n in kinds]
    make_csiq(tmp_path / "csiq", rows, **size)
    make_live(tmp_path / "live", [("jp2k", number) for number in range(1, 10)], **size)
    make_tables(tmp_path, **size)
    names = ["kadid10k", "pipal", "csiq", "live"]
    datasets = [{"name": name, "layout": name, "source": "folder", "path": name, "subset": True} for name in names]
    for layout in ("opinions", "choices", "same_different"):
        stated = {"higher_is": "worse", "range": [1, 9], "pixels_per_degree": 40} if layout == "opinions" else {}
        datasets.append({"name": layout, "layout": layout, "source": "folder", "path": f"{layout}.csv", **stated})
    changes = {
        "data_root": str(tmp_path),
        "datasets": datasets,
        "superres": {"losses": []},
        "inversion": {"networks": []},
    }
    finished = snakemake(tmp_path, "agreement", "tables", "claims", study=study_with(tmp_path, **changes))
    assert finished.returncode == 0, finished.stdout
    for entry in datasets:
        table = pd.read_parquet(tmp_path / f"results/agreement/tiny/{entry['name']}.parquet")
        assert np.isfinite(table.loc[table["selection"] == "all", "estimate"]).any()
    scores = pd.read_parquet(tmp_path / "results/selectivity/tiny/variants.parquet")
    shown = pd.read_parquet(tmp_path / "results/agreement/tiny/opinions-channels.parquet")
    expected = scores[(scores["csf"] == "study") & (scores["pixels_per_degree"] == 40)]
    np.testing.assert_array_equal(shown["pe"], expected["pe"])
    other = pd.read_parquet(tmp_path / "results/agreement/tiny/csiq-channels.parquet")
    assert not np.array_equal(shown["pe"], other["pe"], equal_nan=True)
