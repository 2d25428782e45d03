"""TID2013's own files: the quirks of its images' names, and its whole table of opinions."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from perceptual_efficacy.datasets import tid2013

FOLDER = os.environ.get("PERCEPTUAL_EFFICACY_TEST_DATA")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="PERCEPTUAL_EFFICACY_TEST_DATA, the folder of real data, is not set"),
]


@pytest.fixture(scope="module")
def opinions():
    """Mean opinion scores of all images, gathered by others, with the number of the type from the image's name."""
    table = pd.read_csv(Path(FOLDER) / "tid2013" / "TID2013.txt")
    table["file"] = table["dis_img_path"].str.split("/").str[-1]
    table["number"] = table["file"].str[4:6].astype(int)
    return table


@pytest.fixture
def read(opinions, tmp_path):
    """The same in TID2013's own form, read again."""
    lines = opinions["score"].astype(str) + " " + opinions["file"].str.replace("i", "I", n=1)
    (tmp_path / "mos_with_names.txt").write_text("\r\n".join(lines) + "\r\n")
    return tid2013.read_opinions(tmp_path / "mos_with_names.txt")


def test_images_as_they_are_distributed_are_read(tmp_path):
    source = Path(FOLDER) / "tid2013" / "piq"
    for name, folder in (("I01.BMP", "reference_images"), ("i01_01_5.bmp", "distorted_images")):
        (tmp_path / folder).mkdir()
        shutil.copy(source / name, tmp_path / folder)
    (tmp_path / "mos_with_names.txt").write_text("4.0 I01_01_5.bmp\n")
    (row,) = tid2013.opinions(tmp_path, subset=True)
    assert (row["cluster"], row["level"], row["judgement"]) == ("i01", 5, 4)
    assert (row["reference"], row["first"]) == ("reference_images/I01.BMP", "distorted_images/i01_01_5.bmp")
    # the SHA-256 that came with the files
    assert row["reference_sha256"] == "43d3c92154c48529fae107749bb60777950ccb8e324b120a63c142f4279df63f"
    assert row["first_sha256"] == "74ec08fde9c5e6d6ec0168ca8a6b8c6824d55557c9bd6b816a52b99b2db3e4ed"
    with Image.open(tmp_path / row["first"]) as image:
        assert image.size == (512, 384)


def test_the_whole_list_is_25_images_by_24_types_by_5_levels(read):
    assert len(read) == 25 * 24 * 5
    assert (read.groupby(["reference", "type", "level"]).size() == 1).all()
    assert [read[name].nunique() for name in ("reference", "type", "level")] == [25, 24, 5]


def test_mean_opinion_of_every_type_is_that_of_the_table(read, opinions):
    found = read.groupby("type")["mos"].mean()
    expected = opinions.groupby("number")["score"].mean()
    pd.testing.assert_series_equal(found, expected, check_names=False)


def test_named_types_are_those_that_others_know(read, opinions):
    """Others' short names of the types, by the number in the image's name."""
    known = opinions.groupby("number")["dis_type"].first()
    shared = {8: "GBLUR", 10: "JPEG", 11: "JP2K", 16: "Mean_Shift", 17: "Contrast_Dist.", 23: "Chroma_Aberrations"}
    assert {number: known[number] for number in shared} == shared
    assert [tid2013.TYPES[number] for number in (8, 10, 11, 16, 17, 23)] == [
        "Gaussian blur",
        "JPEG compression",
        "JPEG2000 compression",
        "mean shift",
        "contrast change",
        "chromatic aberrations",
    ]
