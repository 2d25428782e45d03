"""The command line, as a user types it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from perceptual_efficacy import image_files, io
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
        image_files.write(
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
    pair = [as_tensor(image_files.read(images / f"{name}.png")) for name in ("far", "reference")]
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
    sent.clear()
    assert run("score", "random:alexnet", "--layers", "relu1").exit_code == 0
    assert [device for name, device in sent if name == "Backbone"] == [kind]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_an_accelerator_gives_what_the_cpu_gives(images):
    metric = PerceptualMetric(load_backbone("random:alexnet", layers=["relu1", "relu2"], seed=2))
    pair = [as_tensor(image_files.read(images / f"{name}.png")) for name in ("far", "reference")]
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
    image_files.write(np.zeros((32, 40, 3), np.uint8), images / "small.png")
    result = run("compare", images / "reference.png", images / "small.png", *NETWORK)
    assert result.exit_code == 1
    assert "is 40 x 32 pixels, its reference" in result.stderr
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


@pytest.fixture
def folders(images):
    """Two folders of images, which have two names in common, in other formats and sizes."""
    noise = np.random.default_rng(1).integers(256, size=(48, 40, 3)).astype(np.uint8)
    for folder in ("originals", "results"):
        (images / folder).mkdir()
    (images / "reference.png").rename(images / "originals" / "a.png")
    (images / "near.png").rename(images / "results" / "a.png")
    (images / "far.png").rename(images / "originals" / "only here.png")
    image_files.write(noise, images / "originals" / "b.png")
    image_files.write(255 - noise, images / "results" / "b.bmp", "BMP")
    (images / "results" / "notes.txt").write_text("no image")
    return images


def test_folders_are_compared_by_stem_and_what_has_no_partner_is_named(folders):
    result = run("compare", folders / "originals", folders / "results", *NETWORK)
    assert result.exit_code == 0, result.output
    found = {path: float(distance) for distance, path in (line.split("\t") for line in result.stdout.splitlines())}
    assert list(found) == [str(folders / "results" / name) for name in ("a.png", "b.bmp")]
    for one, other in (("a.png", "a.png"), ("b.png", "b.bmp")):
        alone = run("compare", folders / "originals" / one, folders / "results" / other, *NETWORK).stdout
        assert found[str(folders / "results" / other)] == pytest.approx(float(alone.split()[0]), abs=2e-6)
    assert f"not compared, no other image has its name: {folders / 'originals' / 'only here.png'}" in result.stderr
    assert f"mean of 2: {sum(found.values()) / 2:.6f}"[:-1] in result.stderr


@pytest.mark.parametrize("size", [1, 2, 100])
def test_batch_size_changes_no_distance(images, size):
    names = [images / f"{name}.png" for name in ("near", "reference", "far")]
    lines = run("compare", images / "reference.png", *names, *NETWORK, "--batch-size", size).stdout.splitlines()
    for line, name in zip(lines, names, strict=True):
        alone = run("compare", images / "reference.png", name, *NETWORK).stdout.split()[0]
        assert float(line.split("\t")[0]) == pytest.approx(float(alone), abs=2e-6)


def test_image_that_cannot_be_read_is_named_and_the_others_are_measured(images):
    (images / "near.png").write_bytes((images / "near.png").read_bytes()[:-40])
    names = [images / f"{name}.png" for name in ("far", "near", "gone", "reference")]
    result = run("compare", images / "reference.png", *names, *NETWORK, "-o", images / "found.csv")
    assert result.exit_code == 1
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == [str(names[0]), str(names[3])]
    assert re.search(r"error: \S+near\.png: cannot be read as an image", result.stderr)
    assert re.search(r"error: .*gone\.png", result.stderr)
    written = pd.read_csv(images / "found.csv")
    assert written["image"].tolist() == [*map(str, names), "mean"]
    assert written["distance"].isna().tolist() == [False, True, True, False, False]


def test_distances_are_written_with_their_mean(images):
    arguments = ["compare", images / "reference.png", images / "near.png", images / "far.png", *NETWORK]
    assert run(*arguments, "-o", images / "found.csv").exit_code == 0
    printed = run(*arguments, "-o", images / "found.json").stdout.splitlines()
    table = pd.read_csv(images / "found.csv")
    assert table["distance"].iloc[:2].tolist() == pytest.approx([float(line.split()[0]) for line in printed], abs=1e-6)
    assert table["distance"].iloc[2] == pytest.approx(table["distance"].iloc[:2].mean(), rel=1e-5)
    record = json.loads((images / "found.json").read_text())
    assert [entry["distance"] for entry in record["images"]] == pytest.approx(
        table["distance"].iloc[:2].tolist(), rel=1e-5
    )
    assert record["mean"] == pytest.approx(table["distance"].iloc[2], rel=1e-5)
    assert (record["network"], record["selection"], record["weights"]) == ("torchvision:alexnet", "all", "random")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["originals", "elsewhere"],
            "No image of one folder has the name of one in the other, suffix aside. originals: a.png",
        ),
        (
            ["originals", "results/a.png"],
            "Compare an image with images, or a folder with one folder; found originals (a ",
        ),
        (["originals", "results", "elsewhere"], "or a folder with one folder; found"),
        (["gone.png", "results/a.png"], "There is no reference gone.png"),
        (["originals", "twice"], "twice has a.bmp and a.png: which of them is compared?"),
        (["originals", "results", "--batch-size", "0"], "batch_size is 0; it must be at least 1"),
        (["originals", "results", "-o", "found.txt"], "output is found.txt; its name must end with .csv or .json"),
        (["originals", "results", "--device", "cuda:77"], "There is no device 'cuda:77' here"),
        (["originals", "results", "--device", "abacus"], "There is no device 'abacus' here"),
    ],
)
def test_what_cannot_be_compared_is_one_line(folders, monkeypatch, arguments, message):
    monkeypatch.chdir(folders)
    for folder in ("elsewhere", "twice"):
        (folders / folder).mkdir()
    for name in ("elsewhere/z.png", "twice/a.png"):
        image_files.write(np.zeros((8, 8, 3), np.uint8), name)
    image_files.write(np.zeros((8, 8, 3), np.uint8), "twice/a.bmp", "BMP")
    result = run("compare", *arguments, *NETWORK)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_distances_go_through_a_pipe(images):
    """What is printed is data alone, and a reader that stops early is no error worth a traceback."""
    names = " ".join(["near.png", "far.png"] * 20)
    program = Path(sys.executable).with_name("perceptual-efficacy")
    command = f"{program} compare reference.png {names} {' '.join(NETWORK)} | head -1"
    found = subprocess.run(["bash", "-c", command], cwd=images, text=True, capture_output=True, check=True)
    assert re.fullmatch(r"\d\.\d{6}\tnear\.png\n", found.stdout)
    assert "Traceback" not in found.stderr


def test_score_draws_its_picture(tmp_path):
    for suffix, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        result = run("score", "random:alexnet", "--layers", "relu1", "--plot", tmp_path / f"pe{suffix}")
        assert result.exit_code == 0, result.output
        assert (tmp_path / f"pe{suffix}").read_bytes().startswith(start)


def test_layers_are_those_of_the_selections_file(images):
    run("score", "random:alexnet", "--layers", "relu1", "--seed", "2", "-o", images / "one.csv")
    run("select", images / "one.csv", "-o", images / "one.safetensors")
    shown = images / "reference.png", images / "far.png"
    options = ["-n", "random:alexnet", "--seed", "2", "--selection", images / "one.safetensors"]
    found = run("compare", *shown, *options)
    assert found.exit_code == 0, found.stderr
    assert found.stdout == run("compare", *shown, *options, "--layers", "relu1").stdout


def test_selection_as_safetensors_is_for_the_network_that_was_scored(images):
    scored = ["random:alexnet", "--layers", "relu1,relu2", "--seed", "2"]
    assert run("score", *scored, "-o", images / "channels.csv").exit_code == 0
    for suffix in ("csv", "safetensors"):
        result = run("select", images / "channels.csv", "--layers", "relu2", "-o", images / f"high.{suffix}")
        assert result.exit_code == 0, result.output
    _, card = io.read_weights(images / "high.safetensors")
    about = {
        "network": "torchvision:alexnet",
        "weights": "random",
        "half": "high",
        "by": "pe",
        "csf": "mannos-sakrison",
    }
    assert {name: card[name] for name in about} == about
    pair = [images / "reference.png", images / "far.png"]
    lines = {
        run("compare", *pair, *NETWORK, "--selection", images / f"high.{s}").stdout for s in ("csv", "safetensors")
    }
    assert len(lines) == 1
    other = run("compare", *pair, *NETWORK[:-1], "3", "--selection", images / "high.safetensors")
    assert other.exit_code == 1
    assert "is a selection for" in other.stderr


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
