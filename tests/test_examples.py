"""The examples: each runs, and does what its first line says."""

import importlib.util
import subprocess
import sys

import lpips
import pytest
import torch
from miniature import ROOT
from torch import distributed, multiprocessing
from torchmetrics.utilities import check_forward_full_state_property

import perceptual_efficacy as pe

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def load(name):
    specification = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def small():
    return pe.PerceptualMetric(pe.load_backbone("random:alexnet", layers=["relu1"]))


def pairs(count=4):
    return torch.rand(2, count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    finished = subprocess.run([sys.executable, example], cwd=tmp_path, text=True, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout
    assert not list(tmp_path.iterdir())


def test_optimised_image_comes_near():
    image, distances = load("optimise_an_image").approach(small(), pairs(1)[0], steps=20)
    assert distances[-1] < distances[0] / 2
    assert 0 <= image.min() <= image.max() <= 1


def test_toolbox_builds_the_loss_with_its_weight():
    build = load("loss_in_a_dictionary").build_loss
    options = {"type": "PerceptualEfficacyLoss", "network": "random:alexnet", "layers": ["relu1"], "loss_weight": 0.25}
    x, y = pairs()
    torch.testing.assert_close(build(options)(x, y), 0.25 * small()(x, y).mean())


NETS = {"torchvision:vgg16": "vgg", "torchvision:alexnet": "alex", "torchvision:squeezenet1_1": "squeeze"}


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning")  # lpips asks torchvision so
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
@pytest.mark.parametrize("network", NETS)
def test_replacement_and_torchmetrics_give_the_distance_of_the_package_lpips(network):
    ours = load("replace_lpips").perceptual_metric(network, weights=None)
    theirs = lpips.LPIPS(net=NETS[network], pnet_rand=True, verbose=False)
    for weight, drawn in zip(theirs.net.parameters(), ours.backbone.network.parameters(), strict=True):
        weight.data.copy_(drawn)
    x, y = pairs()
    distance = load("torchmetrics_metric").PerceptualDistance(ours)
    with torch.no_grad():
        expected = theirs(x, y, normalize=True).flatten()
        torch.testing.assert_close(ours(x, y), expected, rtol=1e-5, atol=0)
        distance.update(x[:3], y[:3])
        distance.update(x[3:], y[3:])
        torch.testing.assert_close(distance.compute(), expected.mean(), rtol=1e-5, atol=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_lightning_module_has_no_weight_of_the_losss_network():
    module = load("lightning_module").Restoration(small())
    assert all(name.startswith("network.") for name in module.state_dict())
    assert len(list(module.parameters())) == 4
    module.double()
    assert {weight.dtype for weight in module.loss.backbone.parameters()} == {torch.float64}


def test_torchmetrics_finds_that_forward_may_use_the_batch_alone(capsys):
    """Its check for metrics of others: both ways of computing `forward` agree, so the faster one may be used."""
    x, y = pairs()
    check_forward_full_state_property(
        load("torchmetrics_metric").PerceptualDistance,
        init_args={"metric": small()},
        input_args={"images": x, "references": y},
        num_update_to_compare=[2, 3],
        reps=2,
    )
    assert "Partial state for" in capsys.readouterr().out  # it times both only if they agree


def test_torchmetrics_averages_over_all_images_and_starts_anew():
    distance = load("torchmetrics_metric").PerceptualDistance(small())
    assert distance.higher_is_better is False
    x, y = pairs()
    expected = small()(x, y)
    for _ in range(2):
        distance(x[:1], y[:1])
        torch.testing.assert_close(distance(x[1:], y[1:]), expected[1:].mean())
        torch.testing.assert_close(distance.compute(), expected.mean())
        distance.reset()
    assert distance.state_dict() == {}


def _measure_shared(rank, meeting, found):
    distributed.init_process_group("gloo", meeting, rank=rank, world_size=2)
    distance = load("torchmetrics_metric").PerceptualDistance(small())
    x, y = pairs()
    own = slice(0, 1) if rank == 0 else slice(1, 4)
    with torch.no_grad():
        distance.update(x[own], y[own])
        found[rank] = distance.compute()
    distributed.destroy_process_group()


@pytest.mark.slow  # each process imports torch
def test_torchmetrics_adds_up_over_processes(tmp_path):
    found = torch.zeros(2).share_memory_()
    multiprocessing.spawn(_measure_shared, (f"file://{tmp_path}/meeting", found), 2)
    expected = small()(*pairs()).mean()
    torch.testing.assert_close(found, expected.expand(2))
