"""Ways to deploy the study: a clone, and a module of a user's own workflow in another folder."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from miniature import ROOT, STUDY, environment, results, snakemake

OWN = """
configfile: "study.yaml"


module perceptual_efficacy:
    snakefile:
        "{clone}/Snakefile"
    config:
        config


use rule * from perceptual_efficacy


rule count_lines:
    default_target: True
    input:
        rules.record_configuration.output,
    output:
        "lines.txt",
    shell:
        "wc --lines < {{input}} > {{output}}"
"""


def run(folder, *arguments, python=sys.executable):
    """Run Snakemake in a folder, with the Snakefile that lies there, and return what it says."""
    finished = subprocess.run(
        [python, "-m", "snakemake", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=environment(folder),
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.fixture
def own(tmp_path, judged_images):
    """A folder with a workflow that has the study as a module, and with its data."""
    judged_images(tmp_path / "data")
    (tmp_path / "Snakefile").write_text(OWN.format(clone=ROOT))
    shutil.copy(STUDY, tmp_path / "study.yaml")
    return tmp_path


def counted(output):
    return int(re.search(r"^total +(\d+)$", output, re.MULTILINE)[1])


def test_a_clone_in_any_folder_has_all_that_the_study_needs(tmp_path):
    """Snakemake puts the path of the clone's own interpreter into shell commands."""
    clone = tmp_path / "a reader's clone"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("these sources are no git repository")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and Path(name).parts[0] != "tests":
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    venv.create(clone / ".venv", symlinks=True)
    (packages,) = (clone / ".venv").glob("lib/*/site-packages")
    (packages / "installed.pth").write_text(sysconfig.get_path("purelib"))
    python = clone / ".venv/bin/python"
    run(clone, "--profile", "profiles/local", "results/configuration.yaml", python=python)
    assert (clone / "results/configuration.yaml").stat().st_size > 0
    again = run(clone, "--workflow-profile", "profiles/local", "results/configuration.yaml", python=python)
    assert "Nothing to be done" in again


def test_a_module_makes_the_same_bytes_beside_rules_of_ones_own(own, study):
    run(own, "--cores", "2")
    assert int((own / "lines.txt").read_text()) == len((own / "results/configuration.yaml").read_text().splitlines())
    made = results(own)
    assert "results/configuration.yaml" in made
    assert made.items() <= results(study).items()


def test_a_module_plans_the_whole_study(own, tmp_path_factory, judged_images):
    folder = tmp_path_factory.mktemp("clone")
    judged_images(folder / "data")
    assert counted(run(own, "--cores", "2", "--dry-run", "all")) == counted(snakemake(folder, "--dry-run").stdout)
