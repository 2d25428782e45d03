"""The site: its code runs, and it is built without a warning."""

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from miniature import ROOT

from perceptual_efficacy import image_files

DOCS = ROOT / "docs"
EXECUTED = [page for page in sorted(DOCS.rglob("*.md")) if "{code-cell}" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive:UserWarning")
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    cells = re.findall(r"^```\{code-cell\} ipython3\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    names = {}
    for cell in cells:
        code = re.sub(r"^:tags:.*\n", "", cell, flags=re.MULTILINE)
        exec(compile(code, str(page), "exec"), names)  # noqa: S102 - our own pages
    assert not list(tmp_path.iterdir())


def test_every_python_block_is_executed():
    """Others would be code that no test has run; a cluster's are for Snakefiles, and one shows what is replaced."""
    for page in DOCS.rglob("*.md"):
        assert page.name in {"cluster.md", "loss.md"} or "```python\n" not in page.read_text(encoding="utf-8"), page


def test_readmes_code_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names = {"output": torch.rand(2, 3, 48, 48), "target": torch.rand(2, 3, 48, 48)}
    for block in blocks:
        code = block.replace("pe.gratings(", "pe.gratings(frequencies=8, phases=1, ")
        exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own page
    assert names["loss"].ndim == 0


@pytest.mark.parametrize("page", [DOCS / "quickstart.md", ROOT / "README.md"], ids=lambda page: page.stem)
def test_commands_of_the_library_run(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    (commands,) = re.findall(r"```bash\n(perceptual-efficacy score.*?)```", text, re.DOTALL)
    noise = np.random.default_rng(0).integers(256, size=(2, 48, 48, 3)).astype(np.uint8)
    for folder in ("originals", "results"):
        (tmp_path / folder).mkdir()
        image_files.write(noise[int(folder == "results")], tmp_path / folder / "a.png")
    for name in ("original", "one", "other"):
        image_files.write(noise[int(name == "other")], tmp_path / f"{name}.png")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = ["bash", "-e", "-c", commands]
    finished = subprocess.run(
        run, cwd=tmp_path, text=True, capture_output=True, check=False, env={**os.environ, "PATH": path}
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (tmp_path / "high.safetensors").exists()
    assert (tmp_path / "efficacy.png").exists()


def test_every_public_name_is_in_the_reference():
    import perceptual_efficacy as pe

    reference = (DOCS / "api.md").read_text(encoding="utf-8")
    for name in pe.__all__:
        assert f" perceptual_efficacy.{name}\n" in reference


@pytest.mark.slow  # executes the pages in notebooks
def test_site_is_built_without_a_warning(tmp_path):
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--builder", "html"]
    command = [sys.executable, "-m", "sphinx", *options, "--doctree-dir", tmp_path / "trees", DOCS, tmp_path / "site"]
    finished = subprocess.run(command, text=True, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "site" / "index.html").exists()
