"""A study's archive: figures, tables and claims are drawn again from it alone, bit for bit."""

import json
import shutil
import zipfile

import pytest
from miniature import results, snakemake
from study import ConfigurationError, read_archive

DRAWN = ("figures/", "tables/", "claims.")


def drawn(folder):
    """SHA-256 of the files that an archive brings back."""
    return {name: digest for name, digest in results(folder).items() if name.removeprefix("results/").startswith(DRAWN)}


def again(folder, archive, *arguments):
    folder.mkdir()
    return snakemake(folder, *arguments, "--config", f"archive={archive}", study=None)


@pytest.mark.slow  # draws everything of a study again
def test_everything_is_drawn_again_from_the_archive_alone(study, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(study, whole, symlinks=True)
    finished = snakemake(whole, "archive")
    assert finished.returncode == 0, finished.stdout
    archive = whole / "results/archive.zip"
    first = archive.read_bytes()
    with zipfile.ZipFile(archive) as members:
        names = members.namelist()
    assert names == ["contents.json", *sorted(names[1:])]
    assert not any(name.startswith(("results/figures", "results/tables")) for name in names)
    archive.unlink()
    assert snakemake(whole, "archive").returncode == 0
    assert archive.read_bytes() == first  # equal contents, equal bytes
    redrawn = again(tmp_path / "elsewhere", archive)
    assert redrawn.returncode == 0, redrawn.stdout
    expected = drawn(whole)
    assert len(expected) > 100
    assert drawn(tmp_path / "elsewhere") == expected
    assert (
        "Nothing to be done" in snakemake(tmp_path / "elsewhere", "--config", f"archive={archive}", study=None).stdout
    )
    # one file of it changed
    damaged = tmp_path / "damaged.zip"
    changed = "results/data/modelfest/comparisons.parquet"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name)[:-1] if name == changed else source.read(name))
    refused = again(tmp_path / "refused", damaged)
    assert refused.returncode != 0
    assert f"{changed} is not what its contents say" in refused.stdout
    assert not (tmp_path / "refused/results/figures").exists()


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_what_is_no_archive_is_told_in_one_line(tmp_path, content):
    archive = tmp_path / "archive.zip"
    if content is not None:
        archive.write_bytes(content)
    finished = again(tmp_path / "here", archive, "--dry-run")
    assert finished.returncode != 0
    assert f"archive is '{archive}'; it must be an archive that the rule pack_archive wrote" in finished.stdout


@pytest.mark.parametrize(
    "name", ["/etc/hosts", "results/../../other", "results/{x}.csv", "elsewhere/a.csv", "results/none"]
)
def test_names_that_lead_elsewhere_or_nowhere_are_refused(tmp_path, name):
    """Snakemake would delete an output before its job runs."""
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w") as members:
        members.writestr("results/configuration.yaml", "seed: 0")
        members.writestr("contents.json", json.dumps({"files": {name: "0"}, "folders": {}}))
        if name != "results/none":
            members.writestr(name.lstrip("/"), "")
    with pytest.raises(ConfigurationError, match="must be an archive that the rule pack_archive wrote"):
        read_archive(str(tmp_path / "hostile.zip"))


def test_another_zip_is_no_archive_of_a_study(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as members:
        members.writestr("results/configuration.yaml", "seed: 0")
    finished = again(tmp_path / "here", tmp_path / "other.zip", "--dry-run")
    assert "must be an archive that the rule pack_archive wrote" in finished.stdout
