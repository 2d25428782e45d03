"""Training for super-resolution: its state on disk, what it minimises, and that a kill changes nothing."""

import logging
import math
import os
import random
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from skimage import data
from torch import nn
from torch.utils.data import default_collate

from perceptual_efficacy import image_files
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.superres import edsr, images, state, training
from perceptual_efficacy.superres.training import Loss, Recipe

KEY = {"parameter patch": "8", "input weights": '["abc"]'}
SCALE, PATCH = 2, 8
RECIPE = Recipe(steps=7, batch_size=4, learning_rate=1e-3, log_every=3)


# The state
def some_state():
    tensors = {
        "weight": torch.tensor([[0.1, math.pi], [-0.0, 1e-45]]),
        "step": torch.tensor(3.0),
        "half": torch.tensor([1.5, -2], dtype=torch.bfloat16),
    }
    return {"tensors": tensors, "step": 3, "rows": [{"l1": 0.1, "psnr_y": math.nan}], "sums": {"l1": 1 / 3}}


@pytest.fixture
def kept(tmp_path):
    """A state on disk."""
    path = tmp_path / "folder" / ".state"
    state.write(some_state(), path, KEY)
    return path


def test_a_state_comes_back_bit_for_bit(kept):
    found, expected = state.resume(kept, KEY), some_state()
    assert set(found["tensors"]) == set(expected["tensors"])
    for name, tensor in expected["tensors"].items():
        assert found["tensors"][name].dtype == tensor.dtype
        # as integers, so that -0 is not 0
        assert torch.equal(found["tensors"][name][None].view(torch.int16), tensor[None].view(torch.int16))
    assert found["sums"] == expected["sums"]
    assert math.isnan(found["rows"][0]["psnr_y"])


def test_resuming_leaves_the_state_where_it_is(kept):
    state.resume(kept, KEY)
    assert state.resume(kept, KEY) is not None


def test_without_a_state_there_is_nothing_to_resume(tmp_path):
    assert state.resume(tmp_path / ".state", KEY) is None


def damaged(path, kind):
    content = bytearray(path.read_bytes())
    if kind == "truncated":
        del content[len(content) // 2 :]
    elif kind == "empty":
        content.clear()
    else:
        content[len(content) * kind // 100] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["truncated", "empty", 0, 30, 60, 99])
def test_a_damaged_state_is_put_aside_with_a_warning(kept, caplog, kind):
    damaged(kept, kind)
    content = kept.read_bytes()
    assert state.resume(kept, KEY) is None
    assert "Training starts from the beginning, not from its last state: it is damaged" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert [path.name for path in kept.parent.iterdir()] == [".state.stale"]
    assert kept.with_name(".state.stale").read_bytes() == content


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ({**KEY, "parameter patch": "16"}, "parameter patch"),
        ({"parameter patch": "8"}, "input weights"),
        ({**KEY, "threads": "2"}, "threads"),
        ({"input weights": "", "parameter patch": ""}, "input weights, parameter patch"),
    ],
)
def test_a_state_of_another_training_is_put_aside_saying_what_has_changed(kept, caplog, key, named):
    assert state.resume(kept, key) is None
    assert f"these have changed: {named}. It was moved to {kept}.stale" in caplog.text
    assert not kept.exists()


def test_a_removed_state_leaves_nothing_of_a_kill_while_it_was_written(kept):
    kept.with_name("..state-x1y2z3_4").write_bytes(b"half")
    other = kept.with_name("weights.safetensors")
    other.write_bytes(b"whole")
    state.remove(kept)
    assert list(kept.parent.iterdir()) == [other]


def test_a_state_of_another_version_of_torch_is_put_aside(kept, caplog, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "1.0")
    assert state.resume(kept, KEY) is None
    assert "these have changed: version of torch" in caplog.text


def test_a_state_that_does_not_fit_on_the_disk_is_an_error_and_leaves_the_last_one(kept):
    larger = {"weight": torch.zeros(100_000), "step": 4}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            state.write(larger, kept, KEY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert state.resume(kept, KEY)["step"] == 3
    assert [path.name for path in kept.parent.iterdir()] == [".state"]


def test_a_full_disk_is_an_error_and_leaves_the_last_state(kept, monkeypatch):
    def full(handle):
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b"0")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        state.write({"step": 4}, kept, KEY)
    assert state.resume(kept, KEY)["step"] == 3
    assert [path.name for path in kept.parent.iterdir()] == [".state"]


def test_a_folder_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        state.write(some_state(), tmp_path / "file" / ".state", KEY)


# Training
class MeanSquaredError(nn.Module):
    """A distance with known gradient, of each pair of images."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, output, target):
        return self.factor * (output - target).square().flatten(1).mean(1)


@pytest.fixture(scope="module")
def photographs():
    return [data.astronaut()[y : y + 40, x : x + 40] for y, x in ((20, 200), (150, 210))]


@pytest.fixture(scope="module")
def patches(tmp_path_factory, photographs):
    root = tmp_path_factory.mktemp("packed")
    for number, photograph in enumerate(photographs):
        image_files.write(photograph, root / "images" / f"{number}.png")
    entry = {"name": "a", "use": "train"}
    listed = images.list_images([entry], [root / "images"])
    table = images.pack(listed, images.sources([entry], [root / "images"]), SCALE, root / "high.npy", root / "low.npy")
    return images.Patches(table, root / "high.npy", root / "low.npy", scale=SCALE, patch=PATCH, seed=0)


@pytest.fixture
def network():
    return edsr.draw(SCALE, 1, 4, seed=0)


@pytest.fixture
def train(patches, tmp_path):
    """Train for a few steps, and remove the state afterwards."""

    def run(network, loss=None, recipe=RECIPE, **options):
        options = {"state_file": tmp_path / ".state", "key": KEY, **options}
        log = training.train(network, patches, loss or Loss(), recipe, **options)
        options["state_file"].unlink()
        return log

    return run


def batch(patches, numbers):
    """Values in [0, 1] of these patches and of their originals."""
    return (codes / 255 for codes in default_collate([patches[number] for number in numbers]))


def l1(network, patches, numbers):
    low, high = batch(patches, numbers)
    with torch.no_grad():
        return (network(low) - high).abs().mean().item()


def bits(network):
    return {name: value.numpy(force=True).tobytes() for name, value in network.state_dict().items()}


def test_a_trained_network_errs_less_on_other_patches_than_its_start(train, patches, network):
    before = l1(network, patches, range(1000, 1064))
    train(network, recipe=RECIPE._replace(steps=60, learning_rate=3e-3))
    assert l1(network, patches, range(1000, 1064)) < 0.8 * before


def test_the_log_has_a_row_every_so_many_steps_and_at_both_ends(train, network, photographs):
    log = train(network, Loss(MeanSquaredError(), 0.5), validation=photographs)
    assert log["step"].tolist() == [0, 3, 6, 7]
    assert np.isfinite(log[["psnr_y", "mdsi"]]).all(axis=None)
    assert np.isfinite(log.loc[1:, ["l1", "distance"]]).all(axis=None)
    assert log.loc[0, ["l1", "distance"]].isna().all()


def test_what_there_is_nothing_to_say_of_is_missing_in_the_log(train, network):
    assert train(network)[["distance", "psnr_y", "mdsi"]].isna().all(axis=None)


def test_logged_terms_are_means_over_the_steps_since_the_row_before(train, patches, network):
    # of a network that does not learn, so over the first three batches, and the next three
    log = train(network, recipe=RECIPE._replace(learning_rate=0.0, steps=6))
    expected = [l1(network, patches, range(begin, begin + 12)) for begin in (0, 12)]
    assert log["l1"].tolist()[1:] == pytest.approx(expected, rel=1e-5)


def test_a_step_is_adams_on_l1_plus_the_weighted_distance(train, patches, network):
    reference = edsr.draw(SCALE, 1, 4, seed=0)
    adam = torch.optim.Adam(reference.parameters(), lr=1e-3)
    for step in range(3):
        low, high = batch(patches, range(4 * step, 4 * step + 4))
        adam.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * step / 3)) / 2
        output = reference(low)
        adam.zero_grad()
        ((output - high).abs().mean() + 5 * (output - high).square().mean()).backward()
        adam.step()
    train(network, Loss(MeanSquaredError(), 5.0), RECIPE._replace(steps=3))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, reference.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_the_last_state_stays_and_ends_the_same_training_at_once(patches, network, tmp_path):
    options = {"recipe": RECIPE, "state_file": tmp_path / ".state", "key": KEY}
    log = training.train(network, patches, Loss(MeanSquaredError()), **options)
    again = training.train(other := edsr.draw(SCALE, 1, 4, seed=9), patches, Loss(Stopping(1)), **options)
    assert bits(other) == bits(network)
    pd.testing.assert_frame_equal(again, log, check_exact=True)
    assert [path.name for path in tmp_path.iterdir()] == [".state"]


def test_equal_trainings_end_with_the_same_bits(train):
    one, other = (edsr.draw(SCALE, 1, 4, seed=0) for _ in range(2))
    train(one)
    train(other, workers=1)
    assert bits(one) == bits(other)


def test_training_leaves_the_global_random_states_alone(train, network):
    def states():
        return random.getstate(), torch.get_rng_state().tolist(), np.random.get_state()[1:3]  # noqa: NPY002

    before = states()
    train(network)
    after = states()
    assert before[:2] == after[:2]
    np.testing.assert_equal(after[2], before[2])


def test_accelerators_compute_in_full_precision_and_in_one_order(train, network):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.deterministic = False
    train(network)
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.deterministic


def test_the_networks_of_the_metric_stay_as_they_are_and_get_no_gradient(train, network):
    backbone = draw_random({"relu1_1": 4, "relu1_2": 4}, seed=1)
    before = bits(backbone)
    train(network, Loss(PerceptualMetric(backbone, validate_range=False), 0.1))
    assert bits(backbone) == before
    assert all(parameter.grad is None for parameter in backbone.parameters())


def test_convolutions_are_computed_in_bfloat16_and_weights_kept_in_single_precision(train, network):
    log = train(network, recipe=RECIPE._replace(precision="bfloat16"))
    single = train(other := edsr.draw(SCALE, 1, 4, seed=0))
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    assert bits(network) != bits(other)
    np.testing.assert_allclose(log["l1"][1:], single["l1"][1:], rtol=0.02)


def test_an_unknown_precision_is_refused(train, network):
    with pytest.raises(ValueError, match=r"precision is 'float16'; it must be one of \('float32', 'bfloat16'\)"):
        train(network, recipe=RECIPE._replace(precision="float16"))


def test_a_batch_that_cannot_be_shared_is_refused(train, network):
    with pytest.raises(ValueError, match="A batch of 4 patches cannot be shared evenly among 3 devices"):
        train(network, devices=("cpu",) * 3)


# What is not finite
def test_an_infinite_weight_stops_at_the_first_step_naming_the_term(train, network):
    network.head[0].weight.data[0] = math.inf
    with pytest.raises(
        FloatingPointError, match=r"Step 1 of 7: the term 'l1' of the loss is (nan|inf); expected a fin"
    ):
        train(network)


def test_a_learning_rate_too_large_stops_the_training(train, network, tmp_path):
    with pytest.raises(FloatingPointError, match=rf"Step 2 of 7: the term 'l1' .*last state is in {tmp_path}/.state\."):
        train(network, recipe=RECIPE._replace(learning_rate=1e30))


def test_a_distance_that_is_not_finite_is_named(train, network):
    with pytest.raises(FloatingPointError, match="Step 1 of 7: the term 'distance' of the loss is nan"):
        train(network, Loss(MeanSquaredError(math.nan), 1.0))


class SteepAtTheEnd(nn.Module):
    """A distance that is finite, and whose gradient is not."""

    def forward(self, output, target):
        return (0 * (output - target)).square().flatten(1).sum(1).sqrt()


def test_weights_that_the_last_step_breaks_are_no_result(train, network):
    with pytest.raises(FloatingPointError, match=r"After step 1, the last, the weights head\.0\.\w+ are not finite"):
        train(network, Loss(SteepAtTheEnd(), 1.0), RECIPE._replace(steps=1))


def test_a_state_that_cannot_be_written_stops_before_the_first_step(train, network, tmp_path):
    (tmp_path / "file").write_text("")
    before = bits(network)
    with pytest.raises(OSError, match="file"):
        train(network, state_file=tmp_path / "file" / ".state")
    assert bits(network) == before


# Going on
class StoppedError(Exception):
    pass


class Stopping(nn.Module):
    """A distance of 0 that stops the training at its n-th evaluation."""

    def __init__(self, last):
        super().__init__()
        self.left = last

    def forward(self, output, target):
        self.left -= 1
        if self.left == 0:
            raise StoppedError
        return (output - target).square().flatten(1).mean(1)


@pytest.fixture
def stopped(train, monkeypatch):
    """Leave the state of a training that was stopped in its fifth step."""
    monkeypatch.setattr(training, "STATE_SECONDS", 0)
    with pytest.raises(StoppedError):
        train(edsr.draw(SCALE, 1, 4, seed=0), Loss(Stopping(5), 0.5))


def test_a_stopped_training_goes_on_where_it_was(stopped, train, network):
    log = train(network, Loss(Stopping(4), 0.5))  # three steps are left
    expected = train(whole := edsr.draw(SCALE, 1, 4, seed=0), Loss(MeanSquaredError(), 0.5))
    assert bits(network) == bits(whole)
    pd.testing.assert_frame_equal(log, expected, check_exact=True)


def test_a_training_stopped_before_its_first_step_logs_that_step_once(train, network):
    with pytest.raises(StoppedError):
        train(edsr.draw(SCALE, 1, 4, seed=0), Loss(Stopping(1), 0.5))
    assert train(network, Loss(MeanSquaredError(), 0.5))["step"].tolist() == [0, 3, 6, 7]


def test_a_state_of_another_training_is_not_gone_on_from(stopped, train, network, caplog, tmp_path):
    train(network, Loss(MeanSquaredError(), 0.5), key={**KEY, "parameter patch": "16"})
    train(whole := edsr.draw(SCALE, 1, 4, seed=0), Loss(MeanSquaredError(), 0.5))
    assert "these have changed: parameter patch" in caplog.text
    assert bits(network) == bits(whole)
    assert [path.name for path in tmp_path.iterdir()] == [".state.stale"]


SCRIPT = """
import os, random, signal, sys, time
import numpy as np, pandas as pd, torch
from perceptual_efficacy import image_files
from perceptual_efficacy.superres import edsr, images, training

folder = sys.argv[1]
training.STATE_SECONDS = 0
entry = {"name": "a", "use": "train"}
listed = images.list_images([entry], [f"{folder}/images"])
files = f"{folder}/high.npy", f"{folder}/low.npy"
table = images.pack(listed, images.sources([entry], [f"{folder}/images"]), 2, *files)
patches = images.Patches(table, *files, scale=2, patch=8, seed=0)
original = image_files.read(f"{folder}/images/0.png")


def train(name):
    torch.set_num_threads(1)
    network = edsr.draw(2, 1, 4, seed=0)
    recipe = training.Recipe(steps=120, batch_size=2, learning_rate=1e-3, log_every=7)
    log = training.train(
        network, patches, training.Loss(), recipe, validation=[original],
        state_file=f"{folder}/{name}.state", key={},
    )
    log.to_pickle(f"{folder}/{name}.log")
    torch.save(network.state_dict(), f"{folder}/{name}.pt")


def modified(path):
    return os.stat(path).st_mtime_ns if os.path.exists(path) else 0


moments = random.Random(4)
for name, kills in (("whole", 0), ("killed", 3)):
    for attempt in range(kills + 1):
        before = modified(f"{folder}/{name}.state")
        child = os.fork()
        if child == 0:
            train(name)
            os._exit(0)
        if attempt < kills:
            while modified(f"{folder}/{name}.state") == before:
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.15))
            os.kill(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_training_killed_three_times_ends_with_the_bits_of_one_that_was_not(tmp_path, photographs):
    image_files.write(photographs[0], tmp_path / "images" / "0.png")
    (tmp_path / "train.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / "train.py", tmp_path], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.split() == ["0", "-9", "-9", "-9", "0"]
    assert "starts from the beginning" not in done.stderr
    whole, killed = (torch.load(tmp_path / f"{name}.pt") for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    logs = [pd.read_pickle(tmp_path / f"{name}.log") for name in ("whole", "killed")]  # noqa: S301, made here
    pd.testing.assert_frame_equal(*logs, check_exact=True)


# Other devices, several devices
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_accelerator_trains_as_the_processor_does_and_twice_the_same(train, precision):
    metric = PerceptualMetric(draw_random({"relu1_1": 4, "relu1_2": 4}, seed=1), validate_range=False)
    recipe = RECIPE._replace(precision=precision)
    one, other, again = (edsr.draw(SCALE, 1, 4, seed=0) for _ in range(3))
    log = train(one, Loss(metric, 0.1), recipe)
    logs = [train(network, Loss(metric, 0.1), recipe, devices=("cuda",)) for network in (other, again)]
    np.testing.assert_allclose(logs[0]["l1"], log["l1"], rtol=1e-3 if precision == "float32" else 0.02)
    pd.testing.assert_frame_equal(*logs, check_exact=True)
    assert bits(other) == bits(again)


@pytest.mark.slow
def test_two_processes_train_as_one_does(train, photographs):
    one, two = (edsr.draw(SCALE, 1, 4, seed=0) for _ in range(2))
    log = train(one, Loss(MeanSquaredError(), 0.5), validation=photographs)
    shared = train(two, Loss(MeanSquaredError(), 0.5), validation=photographs, devices=("cpu", "cpu"))
    for name, value in one.state_dict().items():
        torch.testing.assert_close(two.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shared, log, rtol=1e-4)


@pytest.mark.slow
def test_two_processes_go_on_where_one_was(stopped, train, network):
    log = train(network, Loss(MeanSquaredError(), 0.5), devices=("cpu", "cpu"))
    expected = train(whole := edsr.draw(SCALE, 1, 4, seed=0), Loss(MeanSquaredError(), 0.5))
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(log, expected, rtol=1e-4)


@pytest.mark.slow
def test_what_is_not_finite_in_another_process_is_told_the_same(train, network):
    with pytest.raises(FloatingPointError, match="Step 1 of 7: the term 'distance' of the loss is nan; expected a fin"):
        train(network, Loss(MeanSquaredError(math.nan), 1.0), devices=("cpu", "cpu"))


WITHOUT_GUARD = """
import sys
from perceptual_efficacy.superres import edsr, images, training

print("the script runs", flush=True)
folder, entry = sys.argv[1], {"name": "a", "use": "train"}
listed, sources = (make([entry], [f"{folder}/images"]) for make in (images.list_images, images.sources))
table = images.pack(listed, sources, 2, f"{folder}/high.npy", f"{folder}/low.npy")
patches = images.Patches(table, f"{folder}/high.npy", f"{folder}/low.npy", scale=2, patch=8, seed=0)
recipe = training.Recipe(steps=2, batch_size=2, learning_rate=1e-3, log_every=1)
files = {"state_file": f"{folder}/.state", "key": {}}
log = training.train(edsr.draw(2, 1, 4, 0), patches, training.Loss(), recipe, devices=("cpu", "cpu"), **files)
print(log["step"].tolist())
"""


@pytest.mark.slow
def test_a_script_without_a_main_guard_trains_in_several_processes_and_runs_once(tmp_path, photographs):
    """As Snakemake's scripts are."""
    image_files.write(photographs[0], tmp_path / "images" / "0.png")
    (tmp_path / "train.py").write_text(WITHOUT_GUARD)
    done = subprocess.run(
        [sys.executable, tmp_path / "train.py", tmp_path], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.splitlines() == ["the script runs", "[0, 1, 2]"]


# The weight of the distance
@pytest.mark.parametrize("rho", [0.5, 2])
def test_the_weight_is_rho_times_the_ratio_of_the_lengths_of_the_gradients(network, patches, rho):
    # ten patches, so that batches of eight differ in size
    low, high = batch(patches, range(10))
    with torch.no_grad():
        output = network(low).numpy().astype(np.float64)
    high = high.numpy().astype(np.float64)
    size = 3 * PATCH**2
    # of the mean of |y - x| over n values it is 1 / sqrt(n); of their mean square 2 |y - x| / n
    of_l1 = 1 / np.sqrt(size)
    of_distance = 2 * np.sqrt(((output - high) ** 2).sum(axis=(1, 2, 3))).mean() / size
    weight = training.weigh(network, MeanSquaredError(), patches, rho, count=10)
    assert weight == pytest.approx(rho * of_l1 / of_distance, rel=1e-5)


def test_weighing_leaves_the_network_as_it_is_and_without_gradients(network, patches):
    before = bits(network)
    training.weigh(network, MeanSquaredError(), patches, 1.0, count=3)
    assert bits(network) == before
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("factor", [0.0, math.nan])
def test_a_distance_without_a_gradient_cannot_be_weighed(network, patches, factor):
    with pytest.raises(ValueError, match=r"gradient of the distance at the network's output has length (0\.0|nan) on"):
        training.weigh(network, MeanSquaredError(factor), patches, 1.0, count=3)
