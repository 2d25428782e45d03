"""On an accelerator: what the processor gives, in the precisions people train in. Skipped where there is none."""

import numpy as np
import pytest
import torch

import perceptual_efficacy as pe
from perceptual_efficacy import distances
from perceptual_efficacy.backbones.loading import load_backbone
from perceptual_efficacy.backbones.network import use_exact_kernels
from perceptual_efficacy.inversion import invert
from perceptual_efficacy.superres import edsr

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

LAYERS = ["relu1_2", "relu2_2"]


@pytest.fixture(autouse=True)
def exact_kernels():
    use_exact_kernels()


@pytest.fixture(scope="module")
def here():
    return pe.PerceptualMetric(load_backbone("random:vgg16", layers=LAYERS))


@pytest.fixture(scope="module")
def there():
    return pe.PerceptualMetric(load_backbone("random:vgg16", layers=LAYERS)).cuda()


def pair(count=2, size=64, seed=0):
    return torch.rand(2, count, 3, size, size, generator=torch.Generator().manual_seed(seed)).unbind()


def moved(*tensors):
    return [tensor.cuda() for tensor in tensors]


def test_distance_is_the_processors(here, there):
    found = there(*moved(*pair()))
    assert found.device.type == "cuda"
    torch.testing.assert_close(found.cpu(), here(*pair()), rtol=1e-4, atol=0)


def test_gradient_is_the_processors(here, there):
    (x, y), gradients = pair(), []
    for metric, device in ((here, "cpu"), (there, "cuda")):
        image = x.detach().clone().to(device).requires_grad_()
        metric(image, y.to(device), reduction="mean").backward()
        gradients.append(image.grad.cpu())
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-3 * gradients[0].abs().max().item())


def test_map_and_tiles_are_the_processors(here, there):
    x, y = pair(count=1, size=192)
    torch.testing.assert_close(there(*moved(x, y), spatial=True).cpu(), here(x, y, spatial=True), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(there.tiled(*moved(x, y), size=64).cpu(), here(x, y), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float16, 1e-3), (torch.bfloat16, 1e-2)], ids=str)
def test_autocast_keeps_distances_in_float32_and_finite(here, there, dtype, rtol):
    x, _ = pair(count=1, size=256)
    with torch.autocast("cuda", dtype):
        found = there(*moved(x, 0 * x))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.cpu(), here(x, 0 * x), rtol=rtol, atol=0)


def test_training_under_float16_with_scaled_gradients_brings_an_image_nearer(there):
    x, y = moved(*pair())
    image, scaler = x.requires_grad_(), torch.amp.GradScaler("cuda")
    optimizer = torch.optim.Adam([image], lr=0.01)
    criterion = pe.PerceptualMetric(there.backbone, validate_range=False)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.float16):
            loss = criterion(image, y, reduction="mean")
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_compiled_metric_measures_the_same(there):
    x, y = moved(*pair())
    compiled = torch.compile(there, fullgraph=True)
    torch.testing.assert_close(compiled(x, y), there(x, y), rtol=1e-3, atol=0)
    with torch.autocast("cuda", torch.float16):
        torch.testing.assert_close(compiled(x, y), there(x, y), rtol=1e-2, atol=0)


def test_images_of_the_processor_are_refused_saying_how_to_move_them(there):
    with pytest.raises(ValueError, match=r"images are on cpu, the metric is on cuda:0\. Move the images, or .*'cpu'"):
        there(*pair())
    with pytest.raises(ValueError, match=r"references are on cpu, the metric is on cuda:0\."):
        there(pair()[0].cuda(), pair()[1])


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype:UserWarning")
def test_unvalidated_distance_does_not_wait_for_the_device(there):
    x, y = moved(*pair())
    unvalidated = pe.PerceptualMetric(there.backbone, validate_range=False)
    unvalidated(x, y)
    torch.cuda.set_sync_debug_mode("error")
    try:
        unvalidated(x, y, reduction="mean")
        with pytest.raises(RuntimeError, match="synchroniz"):
            there(x, y)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_halves_are_the_processors(here, there):
    drawn = pe.gratings(field=2, lowest_frequency=1, frequencies=10, orientations=8, phases=2)
    one, other = (pe.score_channels(pe.probe(metric.backbone, drawn)) for metric in (here, there))
    for score in ("mu1", "mu2", "pe"):
        np.testing.assert_allclose(other[score], one[score], atol=1e-3)
    assert one["weights_sha256"].tolist() == other["weights_sha256"].tolist()


def test_cube_is_the_processors(here, there):
    patterns = np.random.default_rng(0).uniform(-1, 1, (3, 48, 48)).astype(np.float32)
    one, other = (
        distances.contrast_distances(metric.backbone, patterns, [0.01, 0.1, 1.0])["distance"].values
        for metric in (here, there)
    )
    np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4 * one.max())


def test_cube_of_coloured_stimuli_is_the_processors(here, there):
    """Stimuli are drawn on the processor, whatever the network runs on."""
    random = np.random.default_rng(2)
    changes = random.uniform(-0.3, 0.3, (3, 3, 64, 64))

    def drawing(change):
        return lambda contrasts: (0.5 + np.reshape(contrasts, (-1, 1, 1, 1)) * change).astype(np.float32)

    draw = [drawing(change) for change in changes]
    on_one, on_other = (
        distances.coloured_contrast_distances(metric.backbone, draw, [0.01, 0.1, 1.0])["distance"].values
        for metric in (here, there)
    )
    np.testing.assert_allclose(on_other, on_one, rtol=1e-2, atol=1e-3 * on_one.max())


def test_selection_saved_on_one_device_is_read_on_the_other(here, there, tmp_path):
    scores = pe.score_channels(pe.probe(there.backbone, pe.gratings(field=2, lowest_frequency=1, orientations=8)))
    chosen = pe.select_channels(scores, "high")
    pe.save_selection(chosen, tmp_path / "high.safetensors", scores)
    x, y = pair()
    found = pe.PerceptualMetric(here.backbone, tmp_path / "high.safetensors")(x, y)
    expected = pe.PerceptualMetric(there.backbone, chosen)(*moved(x, y))
    torch.testing.assert_close(found, expected.cpu(), rtol=1e-4, atol=0)


def test_inversion_descends_as_on_the_processor(here, there):
    photographs, _ = pair(size=32)
    one = invert(here, photographs, seed=0, steps=20)
    other = invert(there, photographs.cuda(), seed=0, steps=20)
    assert here(one, photographs).mean() == pytest.approx(here(other.cpu(), photographs).mean().item(), rel=0.05)


def test_enlarged_image_is_the_processors():
    network = edsr.draw(2, 4, 16, seed=0)
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    one = edsr.enlarge(network, image)
    other = edsr.enlarge(network.cuda(), image, "cuda")
    assert np.abs(one.astype(int) - other).max() <= 1
