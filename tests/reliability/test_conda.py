"""`snakemake --use-conda`: the environments are really made, and the rules run inside them.

Where no public channel is reached, a helper packs this interpreter and pip into a local one, and another stands in for
the conda command with the real conda library. They show that the files of envs/ parse, that the pins install together
in a fresh prefix and that the library is found there; not that the public channel solves them.
"""

import os
import subprocess
import sys
import tarfile
import venv
from functools import partial
from importlib import metadata

import pytest
import yaml
from miniature import ROOT, results, snakemake, study_with
from packaging.utils import canonicalize_name

from perceptual_efficacy import storage

pytestmark = pytest.mark.conda


def run(*command, env=None):
    finished = subprocess.run(command, text=True, capture_output=True, check=False, env=env)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout.strip()


@pytest.fixture(scope="session")
def conda(tools, tmp_path_factory):
    """Variables of the environment with which Snakemake finds a conda command."""
    if sys.base_prefix == "/usr":
        pytest.skip("the system's own Python cannot be packed for a conda channel; make .venv with another")
    root = tmp_path_factory.mktemp("conda")
    venv.create(root / "python", with_pip=True)
    python = str(root / "python/bin/python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "py-rattler==0.28.0", "pyyaml==6.0.3")
    alias = run(sys.executable, str(tools / "conda-local-channel"), str(root / "channel"))
    run(python, str(tools / "conda-shim"), "setup", str(root / "shim"))
    path = f"{root / 'shim/bin'}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "CONDA_CHANNEL_ALIAS": alias, "CONDA_PKGS_DIRS": str(root / "packages")}


def environments(folder):
    """Return the names of the packages in each environment that Snakemake has made."""
    return [
        {path.name.split("-")[0] for path in prefix.glob("lib/python3.11/site-packages/*.dist-info")}
        for prefix in (folder / ".snakemake/conda").iterdir()
        if prefix.is_dir()
    ]


def test_downloads_import_only_what_their_small_environment_has():
    code = (
        "import sys; before = {*sys.modules}\nimport job, perceptual_efficacy.datasets.archives\n"
        "print(*{name.partition('.')[0] for name in {*sys.modules} - before})"
    )
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "workflow/scripts")])
    run = partial(subprocess.run, text=True, capture_output=True, check=True)
    imported = run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}).stdout.split()
    packages = metadata.packages_distributions()
    found = {canonicalize_name(name) for module in imported for name in packages.get(module, [])}
    environment = yaml.safe_load((ROOT / "envs" / "download.yaml").read_text())
    allowed = {canonicalize_name(pin.partition("==")[0]) for pin in environment["dependencies"][-1]["pip"]}
    assert "requests" in found
    assert found - {"perceptual-efficacy"} <= allowed


def test_a_download_makes_only_the_small_environment(conda, tried, served, tmp_path):
    row = tried(
        "no packages of one's own", "`--use-conda`: a data set is downloaded and unpacked in an environment for that"
    )
    folder, address = served
    (folder / "judged.txt").write_text("one file")
    with tarfile.open(folder / "judged.tar.gz", "w:gz") as archive:
        archive.add(folder / "judged.txt", "val/judged.txt")
    checksum = f"sha256:{storage.file_sha256(folder / 'judged.tar.gz')}"
    entry = {"name": "judged", "layout": "tid2013", "source": "download", "url": f"{address}/judged.tar.gz"}
    study = study_with(tmp_path, datasets=[{**entry, "checksum": checksum}])
    finished = snakemake(tmp_path, "results/data/judged/files", "--use-conda", study=study, env=conda)
    assert finished.returncode == 0, finished.stdout
    assert (tmp_path / "results/data/judged/files/val/judged.txt").read_text() == "one file"
    (packages,) = environments(tmp_path)
    assert "requests" in packages
    assert not packages & {"numpy", "torch"}
    row.survived(f"one environment of {len(packages)} small packages, without torch")


def test_the_container_recipe_makes_both_environments(conda, tmp_path):
    finished = snakemake(tmp_path, "--containerize", study=study_with(tmp_path, datasets=[]), env=conda)
    assert finished.returncode == 0, finished.stdout
    for path in (ROOT / "envs").glob("*.yaml"):
        for pin in yaml.safe_load(path.read_text())["dependencies"][-1]["pip"]:
            assert pin in finished.stdout
        assert f"envs/{path.name}" in finished.stdout


@pytest.mark.slow
def test_the_whole_study_runs_in_its_environment(conda, tried, study, judged_images, tmp_path):
    row = tried("no packages of one's own", "`--use-conda`: the whole miniature study in the environment for analysis")
    judged_images(tmp_path / "data")
    finished = snakemake(tmp_path, "--use-conda", env=conda)
    assert finished.returncode == 0, finished.stdout
    assert results(tmp_path) == results(study)
    (packages,) = environments(tmp_path)
    assert "perceptual_efficacy" not in packages  # the scripts find the library beside them
    assert "Nothing to be done" in snakemake(tmp_path, "--use-conda", env=conda).stdout
    row.survived(f"one environment of {len(packages)} packages; the same bytes as in the developers' environment")
