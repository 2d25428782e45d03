"""What more than one test file needs."""

import shutil
from collections import OrderedDict
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from miniature import ROOT, snakemake
from PIL import Image
from skimage import data
from torch import nn

from perceptual_efficacy.backbones.network import MEAN, STANDARD_DEVIATION, Backbone
from perceptual_efficacy.datasets import bapps, ladder

pytest.register_assert_rewrite("plotting")
settings.register_profile("untimed", deadline=None)  # a busy machine is no fault
settings.load_profile("untimed")

# Long files first, so that no process is idle while another ends. The first one makes the miniature study, which those
# after the figures need as well.
ORDER = (
    "test_workflow.py",
    "test_plots_agreement.py",
    "test_published.py",
    "test_plots_superres.py",
    "test_plots_channels.py",
    "test_agreement.py",
    "test_workflow_data.py",
    "test_faults.py",
    "test_study.py",
    "test_deployment.py",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: ORDER.index(item.path.name) if item.path.name in ORDER else len(ORDER))


def build_filter_bank(kernels, bias=0.0, nonlinearity=None):
    """Return a backbone whose one layer, "bank", filters the grey value of the image by these square kernels.

    Kernels of shape (filters, width, width), in grey values; padding repeats the edge.
    """
    kernels = torch.as_tensor(np.asarray(kernels), dtype=torch.float32)
    width = kernels.shape[-1]
    convolution = nn.Conv2d(3, len(kernels), width, padding=width // 2, padding_mode="replicate")
    deviation, mean = torch.tensor(STANDARD_DEVIATION), torch.tensor(MEAN)
    # a third of the grey value from each colour, whose normalisation by mean and deviation is undone
    convolution.weight = nn.Parameter(kernels[:, None] * deviation[:, None, None] / 3)
    convolution.bias = nn.Parameter(kernels.sum(dim=(1, 2)) * mean.mean() + torch.as_tensor(bias, dtype=torch.float32))
    bank = nn.Sequential(convolution, nn.ReLU() if nonlinearity is None else nonlinearity)
    return Backbone(nn.Sequential(OrderedDict(bank=bank)), {"bank": "bank"}, {})


@pytest.fixture(scope="session")
def filter_bank():
    """Return `build_filter_bank`."""
    return build_filter_bank


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_judgements(folder):
    """Write small data sets in the layouts of BAPPS (2AFC and JND) and TID2013, with random judgements, into a folder.

    12 references of 64 x 64 pixels from one photograph, each distorted in every category or type; names in upper and
    lower case as TID2013 has them.
    """
    random = np.random.default_rng(0)
    photograph = data.astronaut()
    references = [photograph[64 * (i // 4) :, 64 * (i % 4) :][:64, :64] for i in range(12)]
    for part, categories, roles, judged in (
        ("2afc", bapps.CATEGORIES_2AFC, ("ref", "p0", "p1"), "judge"),
        ("jnd", bapps.CATEGORIES_JND, ("p0", "p1"), "same"),
    ):
        for category in categories:
            root = folder / "bapps" / part / "val" / category
            for number, reference in enumerate(references):
                shown = [ladder.distort(reference, kind, random.integers(1, 4), random) for kind in (1, 8)]
                for role, image in zip(roles, [reference, *shown][: len(roles)], strict=True):
                    save(image, root / role / f"{number:06d}.png")
                (root / judged).mkdir(exist_ok=True)
                np.save(root / judged / f"{number:06d}.npy", np.array([random.integers(0, 6) / 5]))
    lines = []
    root = folder / "tid2013"
    for number, reference in enumerate(references, start=1):
        save(reference, root / "reference_images" / f"I{number:02d}.BMP")
        for kind in (1, 8, 10):
            for level in (1, 2, 3):
                name = f"i{number:02d}_{kind:02d}_{level}.bmp"
                save(ladder.distort(reference, kind, level, random), root / "distorted_images" / name)
                lines.append(f"{random.uniform(1, 8):.5f} {name.upper() if kind == 1 else name}")
    (root / "mos_with_names.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def judged_images():
    """Return `write_judgements`."""
    return write_judgements


@pytest.fixture(scope="session")
def study(tmp_path_factory, judged_images, worker_id):
    """A folder with the finished miniature study; tests must not change it."""
    root = tmp_path_factory.getbasetemp()
    if worker_id != "master":  # pytest-xdist's processes share one: the first that needs it makes it
        root = root.parent
    folder = root / "study"
    with FileLock(root / "study.lock"):
        if not (root / "study.made").exists():
            judged_images(folder / "data")
            finished = snakemake(folder)
            assert finished.returncode == 0, finished.stdout
            (root / "study.made").touch()
    return folder


@pytest.fixture
def copy(study, tmp_path):
    """A copy of the finished study, times of files included, to be changed."""
    return Path(shutil.copytree(study, tmp_path / "copy", copy_function=shutil.copy2))


@pytest.fixture
def clone(tmp_path):
    """A copy of the sources, to be edited."""
    root = tmp_path / "clone"
    for name in ("rules", "workflow", "src", "config", "envs"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def served(tmp_path):
    """Serve a folder on the loopback interface: the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
