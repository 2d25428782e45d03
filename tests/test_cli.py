"""The command line, as a user types it."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from perceptual_efficacy import io
from perceptual_efficacy.backbones.loading import load_backbone
from perceptual_efficacy.backbones.network import as_tensor
from perceptual_efficacy.cli import app
from perceptual_efficacy.metric import PerceptualMetric

NETWORK = ["--network", "random:alexnet", "--layers", "relu1,relu2", "--seed", "2"]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def images(tmp_path):
    """Three images, the second nearer to the first than the third is."""
    reference = np.random.default_rng(0).integers(40, 200, size=(64, 72, 3)).astype(np.uint8)
    for name, step in (("reference", 0), ("near", 5), ("far", 50)):
        io.write_image(
            reference + np.uint8(step) * (np.arange(64) % 2)[:, None, None].astype(np.uint8), tmp_path / f"{name}.png"
        )
    return tmp_path


@pytest.fixture
def channels(tmp_path):
    table = pd.DataFrame({"layer": "relu1", "channel": range(64), "status": "scored", "pe": np.linspace(0, 1, 64)})
    table.to_csv(tmp_path / "channels.csv", index=False)
    return tmp_path / "channels.csv"


def test_help_is_given_without_importing_torch():
    code = "import sys; import perceptual_efficacy.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_compare_prints_each_images_distance_in_the_order_given(images):
    result = run("compare", images / "reference.png", images / "far.png", images / "near.png", *NETWORK)
    assert result.exit_code == 0, result.output
    (far, first), (near, second) = (line.split("\t") for line in result.stdout.splitlines())
    assert (first, second) == (str(images / "far.png"), str(images / "near.png"))
    assert float(far) > float(near) > 0


def test_compare_prints_what_the_metric_gives(images):
    metric = PerceptualMetric(load_backbone("random:alexnet", layers=["relu1", "relu2"], seed=2))
    pair = [as_tensor(io.read_image(images / f"{name}.png")) for name in ("far", "reference")]
    printed = run("compare", images / "reference.png", images / "far.png", *NETWORK).stdout.split()[0]
    assert float(printed) == pytest.approx(metric(*pair).item(), abs=1e-6)


def test_the_reference_is_at_no_distance_from_itself(images):
    result = run("compare", images / "reference.png", images / "reference.png", *NETWORK)
    assert float(result.stdout.split()[0]) == 0


def test_select_writes_the_upper_half(channels, tmp_path):
    result = run("select", channels, "-o", tmp_path / "high.csv")
    assert result.exit_code == 0, result.output
    assert pd.read_csv(tmp_path / "high.csv")["channel"].tolist() == list(range(32, 64))


def test_a_selection_changes_what_compare_prints(images, channels):
    run("select", channels, "-o", images / "high.csv")
    arguments = ["compare", images / "reference.png", images / "far.png", *NETWORK]
    everything, chosen = (run(*arguments, *more) for more in ([], ["--selection", images / "high.csv"]))
    assert 0 < float(chosen.stdout.split()[0]) < float(everything.stdout.split()[0])


def test_score_writes_every_channel_and_prints_every_layer(tmp_path):
    result = run("score", "random:alexnet", "--layers", "relu1", "-o", tmp_path / "channels.csv")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "channels.csv")) == 64
    assert "relu1" in result.stdout
    assert "random weights" in result.stdout


def test_doctor_names_versions_and_where_weights_are_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert torch.__version__.split("+")[0] in result.stdout
    assert "checkpoints" in result.stdout


def noted(to, sent):
    """Note what is sent to which kind of device, and leave it where it is."""

    def note(self, *arguments, **options):
        if arguments and isinstance(arguments[0], torch.device):
            sent.append((type(self).__name__, arguments[0].type))
            return self
        return to(self, *arguments, **options)

    return note


@pytest.mark.parametrize(("accelerated", "kind"), [(False, "cpu"), (True, "cuda")])
def test_networks_run_on_the_device_that_doctor_names(images, monkeypatch, accelerated, kind):
    sent = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: accelerated)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"accelerator {device.type}")
    for one in (torch.nn.Module, torch.Tensor):
        monkeypatch.setattr(one, "to", noted(one.to, sent))
    named = re.search("networks run on +(.*)", run("doctor").stdout).group(1)
    assert named == ("accelerator cuda" if accelerated else "CPU")
    assert run("compare", images / "reference.png", images / "far.png", *NETWORK).exit_code == 0
    assert [device for name, device in sent if name == "Backbone"] == [kind]
    assert sent.count(("Tensor", kind)) >= 2  # both images
    sent.clear()
    assert run("score", "random:alexnet", "--layers", "relu1").exit_code == 0
    assert [device for name, device in sent if name == "Backbone"] == [kind]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_an_accelerator_gives_what_the_cpu_gives(images):
    metric = PerceptualMetric(load_backbone("random:alexnet", layers=["relu1", "relu2"], seed=2))
    pair = [as_tensor(io.read_image(images / f"{name}.png")) for name in ("far", "reference")]
    printed = run("compare", images / "reference.png", images / "far.png", *NETWORK).stdout.split()[0]
    assert float(printed) == pytest.approx(metric(*pair).item(), abs=2e-6)
    assert torch.cuda.max_memory_allocated() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "torchvision:vgg61"], "Did you mean vgg"),
        (["score", "random:alexnet", "--layers", "relu9"], "has no layer 'relu9'"),
        (["score", "random:alexnet", "-o", "channels.txt"], "output is channels.txt; its name must end with .csv"),
        (["score", "random:alexnet", "-o", "gone/channels.csv"], "there is no folder"),
        (["select", "gone.csv", "-o", "high.csv"], "There is no file gone.csv"),
        (["compare", "gone.png", "gone.png"], "gone.png"),
    ],
)
def test_a_mistake_is_one_line(arguments, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


def test_images_of_other_sizes_are_refused_with_both_sizes(images):
    io.write_image(np.zeros((32, 40, 3), np.uint8), images / "small.png")
    result = run("compare", images / "reference.png", images / "small.png", *NETWORK)
    assert result.exit_code == 1
    assert "is 40 x 32 pixels, the reference" in result.stderr
    assert "72 x 64" in result.stderr


def test_compare_with_lpips_for_weights_that_it_was_not_trained_on_is_refused(images):
    result = run(
        "compare", images / "reference.png", images / "far.png", "-n", "random:alexnet", "--selection", "lpips"
    )
    assert result.exit_code == 1
    assert "it has none for random:alexnet with random weights" in result.stderr.replace("\n", " ")


def test_brackets_in_a_name_are_printed_as_they_are(tmp_path):
    result = run("compare", tmp_path / "q[/x][red].png", tmp_path / "y.png", *NETWORK)
    assert result.exit_code == 1
    assert "q[/x][red].png" in result.stderr.replace("\n", "")


def test_layers_may_be_listed_with_spaces(images):
    arguments = ["compare", images / "reference.png", images / "far.png", "-n", "random:alexnet", "--layers"]
    assert run(*arguments, "relu1, relu2").stdout == run(*arguments, "relu1,relu2").stdout != ""


def test_weights_of_a_file_are_used(images):
    state = dict(load_backbone("random:alexnet", layers=["relu1"], seed=5).network.state_dict())
    torch.save(state, images / "weights.pth")
    pair = [images / "reference.png", images / "far.png"]
    of_file = run(
        "compare", *pair, "-n", "torchvision:alexnet", "--layers", "relu1", "--weights", images / "weights.pth"
    )
    drawn = run("compare", *pair, "-n", "random:alexnet", "--layers", "relu1", "--seed", 5)
    assert of_file.stdout == drawn.stdout != ""


def test_ranking_by_text_is_refused(channels, tmp_path):
    result = run("select", channels, "--by", "layer", "-o", tmp_path / "high.csv")
    assert (result.exit_code, "holds no numbers" in result.stderr) == (1, True)
