"""The first rules of the workflow, on data that come from outside: downloads, judgements and images."""

import re
import shutil
import tarfile

import numpy as np
import pandas as pd
import pytest
import yaml
from miniature import STUDY, planned, snakemake, study_with

from perceptual_efficacy import image_files, io, storage


def test_a_photograph_that_cannot_be_read_is_named(tmp_path):
    broken = tmp_path / "garden.png"
    broken.write_bytes(b"no image")
    listed = [{"name": "astronaut", "split": "train"}, {"name": "garden", "split": "test", "path": str(broken)}]
    finished = snakemake(
        tmp_path,
        "export_photographs",
        study=study_with(tmp_path, photographs=listed, datasets=[]),
    )
    assert finished.returncode != 0
    assert f"{broken}: cannot be read as an image" in finished.stdout
    assert not list((tmp_path / "results/data").rglob("*.png"))


def downloaded(address, **more):
    """Entry of a data set that is downloaded."""
    entry = {"name": "bapps", "layout": "bapps_2afc", "source": "download", "subset": True}
    return {**entry, "url": f"{address}/2afc.tar.gz", **more}


def test_a_data_set_is_downloaded_verified_unpacked_and_read(served, study, tmp_path):
    folder, address = served
    with tarfile.open(folder / "2afc.tar.gz", "w:gz") as archive:
        archive.add(study / "data/bapps/2afc/val", "val")
    checksum = f"sha256:{storage.file_sha256(folder / '2afc.tar.gz')}"
    config = study_with(tmp_path, datasets=[downloaded(address, checksum=checksum)])
    comparisons = "results/data/bapps/comparisons.parquet"
    finished = snakemake(tmp_path, comparisons, study=config)
    assert finished.returncode == 0, finished.stdout
    columns = ["group", "cluster", "judgement", "reference_sha256", "first_sha256", "second_sha256"]
    pd.testing.assert_frame_equal(
        io.read_table(tmp_path / comparisons)[columns],
        io.read_table(study / "results/data/choices/comparisons.parquet")[columns],
    )
    card = storage.read_record(tmp_path / "results/data/bapps/card.json")
    (file,) = card["files"]
    assert (file["sha256"], file["verified_by"]) == (checksum, checksum)
    assert card["cite"].startswith("Zhang")


def test_an_archive_outlives_a_change_of_its_entry(served, study, tmp_path):
    folder, address = served
    with tarfile.open(folder / "2afc.tar.gz", "w:gz") as archive:
        archive.add(study / "data/bapps/2afc/val/cnn", "val/cnn")
    card = "results/data/bapps/card.json"
    unverified = study_with(tmp_path, datasets=[downloaded(address, allow_unverified=True)])
    assert snakemake(tmp_path, card, study=unverified).returncode == 0
    (found,) = storage.read_record(tmp_path / card)["files"]
    assert found["verified_by"] is None
    (folder / "2afc.tar.gz").unlink()
    verified = study_with(tmp_path, datasets=[downloaded(address, checksum=found["sha256"])])
    assert snakemake(tmp_path, card, study=verified).returncode == 0
    assert storage.read_record(tmp_path / card)["files"][0]["verified_by"] == found["sha256"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"checksum": f"sha256:{'0' * 64}"}, r"has the checksum sha256:[0-9a-f]+; expected sha256:0{64}"),
        ({}, r"there is no checksum to verify it by.*\n.*\n.*checksum: sha256:[0-9a-f]{64}"),
    ],
)
def test_what_cannot_be_verified_is_not_unpacked(served, tmp_path, more, message):
    folder, address = served
    (folder / "2afc.tar.gz").write_bytes(b"something else")
    config = study_with(tmp_path, datasets=[{**downloaded(address), **more}])
    finished = snakemake(tmp_path, "results/data/bapps/files", "--retries", "0", study=config)
    assert finished.returncode != 0
    assert re.search(message, finished.stdout), finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (tmp_path / "results/data/bapps/files").exists()


def test_a_judgement_that_was_edited_in_place_is_read_again(copy):
    np.save(copy / "data/bapps/2afc/val/cnn/judge/000003.npy", np.array([0.55]))
    jobs = planned(snakemake(copy, "--dry-run").stdout)
    assert jobs["read_judgements"] == 2  # choices, and same, which lies in the same folder
    assert {"measure_image_distances", "assess_agreement", "write_table"} <= set(jobs)


def test_a_judgement_that_is_none_is_named_before_any_network_runs(copy):
    np.save(copy / "data/bapps/2afc/val/cnn/judge/000003.npy", np.array([1.4]))
    finished = snakemake(copy, "results/data/choices/comparisons.parquet")
    assert finished.returncode != 0
    assert re.search(r"judge/000003\.npy holds 1\.4; a judgement is the share of observers", finished.stdout)


# this job alone, though the fingerprint of the folder has changed
FORCED = ("--force", "--rerun-triggers", "mtime")


def test_an_image_that_changed_after_its_judgements_were_read_is_named(copy):
    distorted = copy / "data/tid2013/distorted_images"
    shutil.copy(distorted / "i01_08_1.bmp", distorted / "i01_08_2.bmp")
    finished = snakemake(copy, "results/distances/tiny/opinions.nc", *FORCED)
    assert finished.returncode != 0
    assert re.search(r"i01_08_2\.bmp: its SHA-256 is .*the data set has changed", " ".join(finished.stdout.split()))


def test_distances_go_on_from_the_part_where_they_were_stopped(study, copy):
    """A later part's image is missing at first: the parts before it stay, and the bytes are those of one run."""
    image = copy / "data/tid2013/distorted_images/i12_10_3.bmp"
    content = image.read_bytes()
    image.unlink()
    wanted = "results/distances/tiny/opinions.nc"
    assert snakemake(copy, wanted, *FORCED).returncode != 0
    parts = copy / "results/distances/tiny/.opinions-parts"
    assert sorted(path.name for path in parts.glob("*.nc")) == ["0000000.nc", "0000040.nc"]
    image.write_bytes(content)
    assert snakemake(copy, wanted, *FORCED).returncode == 0
    assert not parts.exists()
    assert (copy / wanted).read_bytes() == (study / wanted).read_bytes()


def test_an_image_to_train_and_to_test_with_is_refused_before_any_training(study, tmp_path):
    photograph = study / "results/data/photographs/train/astronaut.png"
    image_files.write(image_files.read(photograph), tmp_path / "photos/renamed.png")
    images = [
        {"name": "training", "use": "train", "source": "photographs"},
        {"name": "own", "use": "test", "source": "folder", "path": "photos"},
    ]
    superres = {**yaml.safe_load(STUDY.read_text())["superres"], "images": images}
    changed = study_with(tmp_path, superres=superres, datasets=[])
    finished = snakemake(tmp_path, "results/superres/x2/l1/scores.parquet", study=changed)
    told = r"list_images: renamed.png \(own, test\) and astronaut.png \(training, train\) are the same image"
    assert re.search(told, finished.stdout), finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (tmp_path / "results/superres").exists()
