"""The library as others install it, and the lock files that the study is installed from."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from miniature import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = {"numpy", "pandas", "safetensors", "scipy", "torch", "torchvision", "tqdm", "xarray"}
METRIC = ["test_metric.py", "test_selections.py"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPTIONS = ["--quiet", "-m", "not slow", "--noconftest", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, folder], check=True)
    return next(folder.glob("*.whl"))


def needed_by(*names):
    """Return the installed distributions that these need, directly or not, themselves included."""
    found, todo = {}, list(names)
    while todo:
        if (name := canonicalize_name(todo.pop())) not in found:
            found[name] = importlib.metadata.distribution(name)
            requirements = map(Requirement, found[name].requires or [])
            todo += [one.name for one in requirements if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


def environment_with(wheel, folder, *packages):
    """Make an environment with the wheel, what it needs, and these packages for tests: links to those of this one."""
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python3*/site-packages"))
    for distribution in needed_by(*CORE, *packages).values():
        for file in distribution.files:
            top = Path(file.parts[0])
            if top.parts[0] not in {"..", "__pycache__"} and not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))
    python = str(folder / "bin" / "python")
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--python", python]
    subprocess.run([sys.executable, "-m", "pip", *options[-2:], "install", *options[:-2], wheel], check=True)
    return python


def run(python, *arguments, folder=ROOT / "tests"):
    """Run a program of an environment, without what is configured in the checkout."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    return subprocess.run([python, *arguments], cwd=folder, text=True, capture_output=True, check=False, env=env)


def test_wheel_has_its_data_and_types(wheel):
    names = " ".join(zipfile.ZipFile(wheel).namelist())
    for name in ("py.typed", "claims/claims.yaml", "report/page.html.j2", "METADATA", "LICENSE"):
        assert name in names


def test_wheel_passes_the_tests_of_the_metric_with_what_it_needs_alone(wheel, tmp_path):
    python = environment_with(wheel, tmp_path / "core", "pytest", "hypothesis", "lpips")
    where = run(python, "-c", "import perceptual_efficacy; print(perceptual_efficacy.__file__)").stdout
    assert where.startswith(str(tmp_path))
    for extra in ("matplotlib", "typer", "timm", "piq", "pyarrow", "skimage"):
        assert run(python, "-c", f"import {extra}").returncode == 1
    tested = run(python, "-m", "pytest", *OPTIONS, *METRIC)
    assert tested.returncode == 0, tested.stdout
    assert int(re.search(r"(\d+) passed", tested.stdout)[1]) > 130


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("cli", "typer", "cli"),
        ("baselines", "piq", "superres"),
        ("superres.fidelity", "skimage", "superres"),
        ("plots", "matplotlib", "plots"),
        ("datasets.archives", "requests", "datasets"),
        ("report", "docutils", "pipeline"),
    ],
)
def test_missing_extra_is_named_with_the_command_that_installs_it(module, package, extra):
    code = f"import sys; sys.modules[{package!r}] = None; import perceptual_efficacy.{module}"
    told = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=False).stderr
    assert told.splitlines()[-1] == (
        f"ImportError: The package {package} is needed for this. Install it: pip install 'perceptual-efficacy[{extra}]'"
    )


@pytest.mark.slow
@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_wheel_works_beside_the_lowest_and_the_newest_versions(wheel, tmp_path, resolution):
    python = str(tmp_path / "bin" / "python")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, tmp_path], check=True)
    wanted = [
        f"perceptual-efficacy[lpips] @ file://{wheel}",
        "pytest>=8.3",
        "hypothesis>=6.100",
        *PROJECT["dependencies"],
    ]
    options = ["--quiet", "--python", python, "--resolution", resolution]
    installed = subprocess.run([*uv, "pip", "install", *options, *wanted], text=True, capture_output=True, check=False)
    if installed.returncode and re.search("dns error|error sending request|Connect", installed.stderr):
        pytest.skip(f"no package index here: {installed.stderr.splitlines()[-1]}")
    assert installed.returncode == 0, installed.stderr
    if resolution == "lowest-direct":
        for requirement in map(Requirement, PROJECT["dependencies"]):
            (floor,) = (one.version for one in requirement.specifier)
            code = f"from importlib.metadata import version; print(version({requirement.name!r}))"
            assert run(python, "-c", code).stdout.startswith(floor), requirement
    tested = run(python, "-m", "pytest", *OPTIONS, *METRIC)
    assert tested.returncode == 0, tested.stdout
    (example,) = re.findall(r"^## Score your own network\n.*?```python\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    example = example.replace("packaged:squeezenet1_1", "random:squeezenet1_1")
    shown = run(python, "-c", example + "\nprint(len(chosen))")
    assert shown.returncode == 0, shown.stderr


# The lock files
def locked(extra):
    """Return the entries of a lock file with their numbers of hashes; a name may have a version for each Python."""
    text = (ROOT / "envs" / f"{extra}.txt").read_text()
    entries = re.findall(r"^([\w.-]+)==(\S+)((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return {(canonicalize_name(name), version): rest.count("--hash=sha256:") for name, version, rest in entries}


def wanted_by(*extras):
    """Return what the core and extras ask for, extras within extras included."""
    found, todo = [Requirement(one) for one in PROJECT["dependencies"]], list(extras)
    while todo:
        for requirement in map(Requirement, EXTRAS[todo.pop()]):
            if requirement.name == PROJECT["name"]:
                todo += requirement.extras
            else:
                found.append(requirement)
    return found


def test_core_is_small():
    assert {Requirement(one).name for one in PROJECT["dependencies"]} == CORE


@pytest.mark.parametrize(
    ("lock", "extras"), [("pipeline", ["pipeline"]), ("cluster", ["pipeline", "slurm"]), ("dev", ["dev"])]
)
def test_lock_file_has_what_the_ranges_ask_for_with_hashes(lock, extras):
    entries = locked(lock)
    for requirement in wanted_by(*extras):
        versions = [version for name, version in entries if name == canonicalize_name(requirement.name)]
        assert versions, requirement
        assert all(requirement.specifier.contains(version) for version in versions), requirement
    assert all(entries.values())


def test_lock_files_have_equal_versions():
    assert locked("pipeline").items() <= locked("cluster").items() <= locked("dev").items()


def test_this_environment_is_what_the_lock_file_says():
    if not (ROOT / ".venv" / "dev.installed").exists():
        pytest.skip("this environment was not installed by the Makefile")
    entries = locked("dev")
    for one in importlib.metadata.distributions():
        if (name := canonicalize_name(one.name)) not in {"perceptual-efficacy", "pip"}:
            assert (name, one.version.partition("+")[0]) in entries


@pytest.mark.parametrize("environment", ["perception", "download"])
def test_conda_environments_have_the_locked_versions(environment):
    content = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text())
    pins = content["dependencies"][-1]["pip"]
    assert all("--hash=sha256:" in pin for pin in pins)
    requirements = [Requirement(re.sub(r" --hash=\S+", "", pin)) for pin in pins]
    entries = locked("pipeline")
    for pin in requirements:
        assert (canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")) in entries
    if environment == "perception":
        asked = {canonicalize_name(one.name) for one in wanted_by("pipeline")} - {"snakemake", "setuptools", "uv"}
        assert asked <= {canonicalize_name(pin.name) for pin in requirements}
