"""Super-resolution without training: resizing, the network, its images, and the metrics."""

import copy
import math
import pickle
import random
import resource
from itertools import product

import lpips as package
import numpy as np
import pandas as pd
import piq
import pytest
import torch
from PIL import Image
from skimage import data, metrics
from torch import nn
from torch.nn import functional

import perceptual_efficacy as pe
from perceptual_efficacy import image_files, io, lpips, storage, vocabulary
from perceptual_efficacy.superres import crops, edsr, fidelity, images, resize
from perceptual_efficacy.superres import metrics as scoring


@pytest.fixture(scope="module")
def photograph():
    return data.astronaut()[20:220, 120:312]


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def noisy(image, deviation, seed=0):
    values = np.random.default_rng(seed).normal(scale=deviation, size=image.shape)
    return (image + values).round().clip(0, 255).astype(np.uint8)


# Resizing
@pytest.mark.parametrize("size", [(6, 5), (12, 15), (24, 40)])
def test_a_constant_image_stays_constant(size):
    image = np.full((12, 15, 3), [0, 131, 255], dtype=np.uint8)
    assert (resize.resize(image, *size) == [0, 131, 255]).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_within_its_border_a_degraded_ramp_has_the_ramps_values_at_the_new_pixels_centres(scale):
    ramp = np.broadcast_to(2 * np.arange(96, dtype=np.uint8)[:, None], (12, 96, 3))
    centres = scale * np.arange(96 // scale) + (scale - 1) / 2
    expected = np.broadcast_to(2 * centres[:, None], (12 // scale, 96 // scale, 3))
    np.testing.assert_array_equal(resize.degrade(ramp, scale)[:, 2:-2], expected[:, 2:-2])


def test_the_values_beyond_the_border_are_those_of_the_outermost_pixels():
    # Keys's kernel over 0 0 0 | 0 0 0 1 ... with a step two pixels within: nothing of the far side is seen
    step = np.zeros((8, 8, 3), dtype=np.uint8)
    step[:, 4:] = 255
    reached = resize.degrade(step, 2)
    assert (reached[:, 0] == 0).all()
    assert (reached[:, -1] == 255).all()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("size", [(20, 18), (10, 9), (80, 72)])
def test_the_resized_mirror_image_is_the_mirror_image_of_the_resized(size, axis):
    image = noise(40, 36)
    np.testing.assert_array_equal(
        resize.resize(np.flip(image, axis), *size), np.flip(resize.resize(image, *size), axis)
    )


@pytest.mark.parametrize("size", [(100, 96), (50, 48), (90, 130), (400, 384)])
def test_within_its_border_the_image_is_pytorchs_with_rounding_between_rows_and_columns(photograph, size):
    values = torch.from_numpy(photograph).permute(2, 0, 1)[None].double()
    for target in ((size[0], 192), size):
        values = functional.interpolate(values, size=target, mode="bicubic", antialias=True)
        values = (values.clamp(0, 255).mul(1e9).round().div(1e9) + 0.5).floor()
    expected = values[0].permute(1, 2, 0).numpy()
    found = resize.resize(photograph, *size)
    np.testing.assert_array_equal(found[5:-5, 5:-5], expected[5:-5, 5:-5])


def test_cropping_takes_rows_from_the_bottom_and_columns_from_the_right():
    image = noise(11, 13)
    np.testing.assert_array_equal(resize.cropped(image, 4), image[:8, :12])


def test_an_image_of_its_size_is_left_whole():
    image = noise(8, 12)
    np.testing.assert_array_equal(resize.cropped(image, 4), image)


def test_an_image_that_is_no_multiple_of_the_scale_is_not_degraded():
    with pytest.raises(ValueError, match="The image is 13 x 12 pixels; expected multiples of the scale 4"):
        resize.degrade(noise(12, 13), 4)


def test_values_of_0_to_1_are_not_resized():
    with pytest.raises(ValueError, match=r"The image is float64 \(8, 8, 3\); expected uint8"):
        resize.resize(noise(8, 8) / 255, 4, 4)


def test_an_image_without_pixels_is_not_resized():
    with pytest.raises(ValueError, match="An image of 0 x 4 pixels cannot be resized to 0 x 2"):
        resize.degrade(noise(4, 0), 2)


# Fidelity
def test_psnr_of_a_known_difference_of_luma_is_its_closed_form():
    # grey 0 and grey 51 differ by 219 / 5 in luma
    black, grey = (np.full((20, 20, 3), value, dtype=np.uint8) for value in (0, 51))
    assert fidelity.psnr_y(black, grey, 2) == pytest.approx(20 * np.log10(255 / (219 / 5)))


@pytest.mark.parametrize(
    ("colour", "luma"), [((255, 255, 255), 235), ((0, 0, 0), 16), ((255, 0, 0), 81.481), ((0, 255, 0), 144.553)]
)
def test_luma_of_pure_colours_is_that_of_bt601(colour, luma):
    assert fidelity.luma(np.array([[colour]], dtype=np.uint8)).item() == pytest.approx(luma)


def test_psnr_of_equal_images_is_infinite(photograph):
    assert fidelity.psnr_y(photograph, photograph, 4) == float("inf")


@pytest.mark.parametrize("measure", [fidelity.psnr_y, fidelity.ssim_y])
def test_what_lies_in_the_border_does_not_count(photograph, measure):
    changed = noisy(photograph, 10)
    other = changed.copy()
    other[:4], other[-4:], other[:, :4], other[:, -4:] = 0, 255, 99, 7
    assert measure(other, photograph, 4) == measure(changed, photograph, 4)


def test_ssim_is_that_of_piq_on_luma(photograph):
    image = noisy(photograph, 12)
    luma = [
        torch.from_numpy(16 + one[3:-3, 3:-3].astype(float) @ [65.481, 128.553, 24.966] / 255)[None, None] / 255
        for one in (image, photograph)
    ]
    expected = piq.ssim(*luma, data_range=1.0, downsample=False).item()
    assert fidelity.ssim_y(image, photograph, 3) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("measure", [fidelity.psnr_y, fidelity.ssim_y])
@pytest.mark.parametrize(
    ("image", "reference", "shave", "message"),
    [
        (noise(20, 30), noise(20, 29), 2, r"shape \(20, 30, 3\), the reference \(20, 29, 3\); they must be equal"),
        (noise(20, 30) / 255, noise(20, 30), 2, r"The image is float64 \(20, 30, 3\); expected uint8"),
        (noise(20, 30), noise(20, 30)[..., 0], 2, r"The reference is uint8 \(20, 30\); expected uint8"),
        (noise(20, 30), noise(20, 30), 10, "shave is 10; of 30 x 20 pixels that leaves nothing"),
        (noise(20, 30), noise(20, 30), -1, "shave is -1"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(measure, image, reference, shave, message):
    with pytest.raises(ValueError, match=message):
        measure(image, reference, shave)


def test_ssim_needs_its_window():
    with pytest.raises(ValueError, match=r"Within its border the image is \(10, 20\); SSIM's window needs 11 x 11"):
        fidelity.ssim_y(noise(14, 24), noise(14, 24), 2)


# The network
def authors_names(scale, blocks):
    """Names of the weights in the authors' files of EDSR-baseline (github.com/sanghyun-son/EDSR-PyTorch)."""
    layers = ["head.0", *(f"body.{block}.body.{layer}" for block in range(blocks) for layer in (0, 2))]
    layers += [f"body.{blocks}", "tail.0.0", *(["tail.0.2"] if scale == 4 else []), "tail.1"]
    return {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


def authors_means():
    """Weights of both layers of the authors' files that are no part of what is learnt."""
    mean = 255 * torch.tensor([0.4488, 0.4371, 0.4040])
    identity = torch.eye(3).view(3, 3, 1, 1)
    return {
        **{f"{layer}.weight": identity.clone() for layer in ("sub_mean", "add_mean")},
        "sub_mean.bias": -mean,
        "add_mean.bias": mean,
    }


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_output_is_scale_times_as_high_and_wide(scale):
    network = edsr.draw(scale, 1, 4, seed=0)
    assert network(torch.rand(2, 3, 5, 7)).shape == (2, 3, 5 * scale, 7 * scale)


@pytest.mark.parametrize(("scale", "parameters"), [(2, 1_369_859), (3, 1_554_499), (4, 1_517_571)])
def test_the_baseline_has_as_many_parameters_as_the_published_one(scale, parameters):
    assert sum(weights.numel() for weights in edsr.EDSR(scale).parameters()) == parameters


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_weights_have_the_authors_names(scale):
    assert set(edsr.EDSR(scale).state_dict()) == authors_names(scale, 16)


@pytest.mark.parametrize(("scale", "residual_scale"), [(3, 1), (4, 1), (2, 0.1)])
def test_output_is_that_of_the_authors_layers_on_values_of_0_to_255(scale, residual_scale):
    network = edsr.draw(scale, 2, 4, seed=0, residual_scale=residual_scale)
    weights = {**network.state_dict(), **authors_means()}

    def layer(name, x):
        kernel = weights[f"{name}.weight"]
        return functional.conv2d(x, kernel, weights[f"{name}.bias"], padding=kernel.shape[-1] // 2)

    image = torch.rand(1, 3, 6, 5)
    x = head = layer("head.0", layer("sub_mean", 255 * image))
    for block in range(2):
        x = x + residual_scale * layer(f"body.{block}.body.2", layer(f"body.{block}.body.0", x).relu())
    x = head + layer("body.2", x)
    for step, name in {2: [(2, "tail.0.0")], 3: [(3, "tail.0.0")], 4: [(2, "tail.0.0"), (2, "tail.0.2")]}[scale]:
        x = functional.pixel_shuffle(layer(name, x), step)
    expected = layer("add_mean", layer("tail.1", x)) / 255
    torch.testing.assert_close(network(image), expected, rtol=1e-5, atol=1e-6)


def test_equal_seeds_give_equal_weights_and_others_others():
    one, same, other = (edsr.draw(2, 1, 4, seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.0.weight"], other["head.0.weight"])


def test_drawing_a_network_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    edsr.draw(2, 1, 4, seed=5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("scale", [1, 5])
def test_scales_that_the_network_is_not_made_for_are_refused(scale):
    with pytest.raises(ValueError, match=f"EDSR is asked for the scale {scale}; it is made for 2, 3, 4"):
        edsr.EDSR(scale)


@pytest.mark.parametrize("shape", [(0, 4), (1, 0)])
def test_a_network_of_nothing_is_refused(shape):
    with pytest.raises(ValueError, match="it needs at least one of each"):
        edsr.EDSR(2, *shape)


@pytest.mark.parametrize("factor", [0, -0.1, math.inf, math.nan])
def test_residuals_times_anything_but_a_number_above_0_are_refused(factor):
    with pytest.raises(ValueError, match=f"EDSR is asked for residuals times {factor}; expected a finite number above"):
        edsr.EDSR(2, 1, 4, factor)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_a_file_are_loaded(tmp_path, suffix):
    state = edsr.draw(3, 2, 4, seed=1).state_dict()
    if suffix == ".pth":
        torch.save(state, tmp_path / "mine.pth")
    else:
        io.write_weights({name: value.numpy() for name, value in state.items()}, tmp_path / "mine.safetensors")
    found = edsr.read(tmp_path / f"mine{suffix}", 3, 2, 4).state_dict()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_the_authors_layers_of_means_are_accepted():
    state = edsr.draw(2, 1, 4, seed=1).state_dict()
    loaded = edsr.load({**state, **authors_means()}, 2, 1, 4, "theirs.pt")
    assert torch.equal(loaded.state_dict()["tail.1.weight"], state["tail.1.weight"])


@pytest.mark.parametrize("held", [(2, 3, 4), (2, 1, 4), (2, 2, 8), (3, 2, 4), (4, 2, 4)])
def test_weights_of_another_architecture_are_refused_saying_what_was_expected(held):
    state = edsr.draw(*held, seed=0).state_dict()
    expected = (
        r"^mine\.pth does not fit the network.*Expected EDSR for the scale 2 with 2 blocks of 4 channels: correct"
    )
    with pytest.raises(ValueError, match=expected):
        edsr.load(state, 2, 2, 4, "mine.pth")


def test_weights_as_wide_as_the_authors_large_network_need_the_scale_of_residuals(tmp_path):
    state = edsr.draw(2, 1, 256, seed=0).state_dict()
    torch.save(state, tmp_path / "theirs.pt")
    with pytest.raises(
        ValueError, match=r"theirs\.pt: a network of 256 channels\. .* 0\.1, which no weights show\. State"
    ):
        edsr.read(tmp_path / "theirs.pt", 2, 1, 256)
    image = torch.rand(1, 3, 6, 5)
    plain, scaled = (edsr.read(tmp_path / "theirs.pt", 2, 1, 256, residual_scale=factor)(image) for factor in (1, 0.1))
    assert not torch.allclose(plain, scaled, atol=1e-4)


def test_a_network_that_was_saved_comes_back_with_its_size_and_weights(tmp_path):
    network = edsr.draw(3, 2, 4, seed=1, residual_scale=0.1)
    network.card = {"loss": "high", "network": "vgg16", "weights": "trained", "seed": 7, "steps": 9}
    edsr.save(network, tmp_path / "weights.safetensors", tmp_path / "card.json")
    found = edsr.restore(tmp_path / "weights.safetensors")
    assert (found.scale, found.blocks, found.width, found.residual_scale) == (3, 2, 4, 0.1)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in found.state_dict().items())
    assert found.card == storage.read_record(tmp_path / "card.json")
    assert found.card.items() >= network.card.items()
    known = {"network": "vgg16", "weights": "trained", "scale": 3, "loss": "high", "seed": 7}
    assert found.identity == {**dict.fromkeys(edsr.RUN), **known}


def test_truncated_weights_of_a_saved_network_are_refused(tmp_path):
    weights = tmp_path / "weights.safetensors"
    edsr.save(edsr.draw(2, 1, 4, 0), weights, tmp_path / "card.json")
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(storage.DamagedFileError, match=r"weights\.safetensors: cannot be read as safetensors"):
        edsr.restore(weights)


def test_an_enlarged_image_is_the_networks_output_rounded():
    class Doubled(nn.Module):
        def forward(self, values):
            return values.repeat_interleave(2, 2).repeat_interleave(2, 3) * 1.5 - 0.25

    image = np.array([[[0, 100, 255], [64, 128, 191]]], dtype=np.uint8)
    # 1.5 v - 63.75, clipped
    expected = np.array([[[0, 86, 255], [32, 128, 223]]]).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(edsr.enlarge(Doubled(), image), expected)


# Images
SCALE, PATCH = 2, 8


def write(folder, **named):
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in named.items():
        stem, _, suffix = name.rpartition("_")
        Image.fromarray(image).save(folder / f"{stem}.{suffix}")
    return folder


def entry(name="a", use="train", **more):
    return {"name": name, "use": use, **more}


def test_images_are_listed_by_set_and_name_whatever_their_format(tmp_path):
    one = write(tmp_path / "one", b_png=noise(9, 8), a_bmp=noise(7, 6, 1))
    two = write(tmp_path / "two", c_png=noise(5, 4, 2))
    (one / "readme.txt").write_text("not an image")
    (one / "folder.png").mkdir()
    table = images.list_images([entry("x"), entry("y", "test")], [one, two])
    assert table[["set", "use", "image", "path", "width", "height"]].to_numpy().tolist() == [
        ["x", "train", "a", "a.bmp", 6, 7],
        ["x", "train", "b", "b.png", 8, 9],
        ["y", "test", "c", "c.png", 4, 5],
    ]
    paths = (one / "a.bmp", one / "b.png", two / "c.png")
    assert table["sha256"].tolist() == [storage.file_sha256(path) for path in paths]


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.png", r"$\frac{.png", "a_b & c | d.png", "=cmd().png"])
def test_an_image_with_an_odd_name_is_listed_by_it(tmp_path, name):
    folder = write(tmp_path, a_png=noise(9, 8))
    (folder / "a.png").rename(folder / name)
    assert images.list_images([entry()], [folder])["path"].tolist() == [name]


def test_an_image_whose_name_cannot_be_written_is_refused_when_listed(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 8))
    (folder / "a.png").rename(folder / "a\nb.png")
    with pytest.raises(ValueError, match=r"a\\nb\.png': a name with control characters"):
        images.list_images([entry()], [folder])


def test_equal_pixels_have_an_equal_digest_whatever_their_encoding(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 8), b_bmp=noise(9, 8), c_png=noise(8, 9))
    digests = images.list_images([entry()], [folder])["content_sha256"]
    assert digests[0] == digests[1] != digests[2]


def test_of_a_set_with_a_size_the_central_square_is_used(tmp_path):
    image = noise(9, 12)
    folder = write(tmp_path, a_png=image)
    table = images.list_images([entry("whole", "test", size=4)], [folder])
    assert table[["width", "height"]].to_numpy().tolist() == [[4, 4]]
    sources = images.sources([entry("whole", "test", size=4)], [folder])
    np.testing.assert_array_equal(images.read(table.iloc[0].to_dict(), sources, 2), image[2:6, 4:8])


def test_an_image_that_is_trained_with_is_not_tested_with_by_a_part_of_it(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 12))
    with pytest.raises(ValueError, match="are the same image"):
        images.list_images([entry("x"), entry("y", "test", size=4)], [folder, folder])


def test_a_set_without_images_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"superres.images: a: .* holds no image \(.avif, .bmp, .*\). Correct its path"
    ):
        images.list_images([entry()], [tmp_path])


def test_two_images_of_one_name_are_refused(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 8), a_bmp=noise(9, 8, 1))
    with pytest.raises(ValueError, match="holds several images called 'a'"):
        images.list_images([entry()], [folder])


def test_two_sets_of_one_name_are_refused(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 8))
    with pytest.raises(ValueError, match="there are several sets called 'a'"):
        images.list_images([entry(), entry(use="test")], [folder, folder])


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 8))
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:100])
    with pytest.raises(ValueError, match=r"b\.png: cannot be read as an image"):
        images.list_images([entry()], [folder])


def test_an_image_smaller_than_its_sets_size_is_named(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 8))
    with pytest.raises(ValueError, match=r"a\.png is 8 x 9 pixels; its set asks for a central square of 10"):
        images.list_images([entry(size=10)], [folder])


@pytest.mark.parametrize("use", ["test", "validation"])
def test_an_image_that_is_trained_with_is_not_tested_with_in_another_encoding(tmp_path, use):
    learnt = write(tmp_path / "learnt", a_png=noise(9, 8), b_png=noise(9, 8, 1))
    tested = write(tmp_path / "tested", c_bmp=noise(9, 8, 1))
    expected = rf"c\.bmp \(y, {use}\) and b\.png \(x, train\) are the same image: what is learnt"
    with pytest.raises(ValueError, match=expected):
        images.list_images([entry("x"), entry("y", use)], [learnt, tested])


def test_an_image_may_be_tested_with_in_two_sets(tmp_path):
    folder = write(tmp_path, a_png=noise(9, 8))
    assert len(images.list_images([entry("x", "test"), entry("y", "validation")], [folder, folder])) == 2


def listed(**sizes):
    rows = [
        {"set": "s", "use": use, "path": f"{use}.png", "width": width, "height": height}
        for use, (width, height) in sizes.items()
    ]
    return pd.DataFrame(rows)


def test_images_of_the_least_sizes_are_accepted():
    images.check_sizes(listed(train=(48, 48), test=(40, 90), validation=(12, 12)), 4, 48)


@pytest.mark.parametrize(
    ("sizes", "patch", "message"),
    [
        (
            {"train": (48, 47)},
            48,
            r"train\.png \(s, train\) is 48 x 44 pixels, cropped to multiples of the scale 4; exp",
        ),
        ({"train": (48, 48)}, 50, "superres.patch is 50; it must be a multiple of the scale 4"),
        ({"test": (48, 48)}, 48, "names no image to train with"),
        ({"train": (48, 48), "test": (39, 90)}, 48, r"test\.png .* is 36 x 88 pixels, .* expected at least 40 x 40"),
        ({"train": (48, 48), "validation": (8, 90)}, 48, r"validation\.png .* expected at least 12 x 12"),
    ],
)
def test_images_too_small_or_a_patch_that_does_not_fit_are_refused(sizes, patch, message):
    with pytest.raises(ValueError, match=message):
        images.check_sizes(listed(**sizes), 4, patch)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_least_image_to_test_with_is_large_enough_for_every_metric_but_ms_ssim(scale):
    side = next(
        side
        for side in range(scale, 200, scale)
        if not refused(listed(train=(scale, scale), test=(side, side)), scale, scale)
    )
    every = scoring.METRICS | scoring.lpips(pe.load_backbone("random:alexnet", layers="lpips"))
    found = scoring.score(noise(side, side), noise(side, side, 1), scale, every).set_index("measure")["value"]
    assert found.index[found.isna()].tolist() == ["MS-SSIM"]


def refused(*arguments):
    try:
        images.check_sizes(*arguments)
    except ValueError:
        return True
    return False


# Packing and patches
ORIGINALS = {"a": noise(24, 20, 1), "b": noise(13, 31, 2), "c": noise(8, 9, 3)}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Three images, packed: the table and both files, the list and where they lie."""
    root = tmp_path_factory.mktemp("packed")
    folder = write(root / "images", **{f"{name}_png": image for name, image in ORIGINALS.items()})
    table = images.list_images([entry()], [folder])
    sources = images.sources([entry()], [folder])
    files = root / "high.npy", root / "low.npy"
    return images.pack(table, sources, SCALE, *files), *files, table, sources


def cut(packed, seed=0):
    return images.Patches(*packed[:3], scale=SCALE, patch=PATCH, seed=seed)


def unflipped(patch, turns, flipped):
    """Undo what may have been done to a patch (3, height, width): quarter turns, then a mirroring."""
    image = patch.transpose(1, 2, 0)
    return np.rot90(image[:, ::-1] if flipped else image, -turns)


def found_in_originals(patch):
    """All places that a patch may have been cut from: image, turns, flipped, top, left."""
    for (name, image), turns, flipped in product(ORIGINALS.items(), range(4), range(2)):
        windows = np.lib.stride_tricks.sliding_window_view(image, (PATCH, PATCH), axis=(0, 1))
        same = (windows == unflipped(patch, turns, flipped).transpose(2, 0, 1)).all(axis=(2, 3, 4))
        yield from ((name, turns, flipped, top, left) for top, left in np.argwhere(same).tolist())


@pytest.fixture(scope="module")
def places(packed):
    return [list(found_in_originals(high)) for _, high in (cut(packed)[i] for i in range(100))]


def test_every_original_patch_is_cut_from_an_image(places):
    assert [len(found) for found in places] == [1] * 100


def test_patches_begin_at_multiples_of_the_scale(places):
    assert all(top % SCALE == left % SCALE == 0 for [(*_, top, left)] in places)


def test_every_degraded_patch_is_the_same_part_of_the_whole_degraded_image(packed, places):
    patches = cut(packed)
    for number, [(name, turns, flipped, top, left)] in enumerate(places):
        image = ORIGINALS[name]
        whole = resize.degrade(image[: len(image) // SCALE * SCALE, : image.shape[1] // SCALE * SCALE], SCALE)
        y, x, side = top // SCALE, left // SCALE, PATCH // SCALE
        expected = whole[y : y + side, x : x + side]
        np.testing.assert_array_equal(unflipped(patches[number][0], turns, flipped), expected)


def test_all_eight_orientations_occur(places):
    assert {(turns, flipped) for [(_, turns, flipped, _, _)] in places} == set(product(range(4), range(2)))


def test_patches_come_from_every_image_and_reach_its_borders(places):
    tops = {name: {top for [(of, _, _, top, _)] in places if of == name} for name in ORIGINALS}
    # images of 24, 12 and 8 rows, cropped to multiples of 2
    assert {name: (min(found), max(found)) for name, found in tops.items()} == {"a": (0, 16), "b": (0, 4), "c": (0, 0)}


def test_a_patch_depends_on_its_number_and_not_on_the_others(packed):
    patches = cut(packed)
    assert patches[56] is not None
    for one, other in zip(patches[57], cut(packed)[57], strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_seeds_give_other_patches(packed):
    one, other = (np.stack([cut(packed, seed=seed)[i][1] for i in range(20)]) for seed in (0, 1))
    assert not (one == other).all(axis=(1, 2, 3)).any()


def test_patches_leave_the_global_random_states_alone(packed):
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    cut(packed)[0]
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert after == before


def test_pickled_patches_carry_no_image_and_are_the_same(packed):
    patches = cut(packed)
    expected = patches[3]
    pickled = pickle.dumps(patches)
    assert len(pickled) < packed[1].stat().st_size / 2
    for one, other in zip(pickle.loads(pickled)[3], expected, strict=True):  # noqa: S301, made here
        np.testing.assert_array_equal(one, other)


def test_patches_are_cut_in_other_processes(packed):
    numbered = torch.utils.data.Subset(cut(packed), range(8))
    loader = torch.utils.data.DataLoader(numbered, batch_size=4, num_workers=1)
    expected = torch.utils.data.default_collate([cut(packed)[i] for i in range(4)])
    for one, other in zip(next(iter(loader)), expected, strict=True):
        assert torch.equal(one, other)


def test_packed_files_are_plain_arrays_of_the_images(packed):
    # each image's pixels, cropped to multiples of the scale, one after the other
    cropped = [ORIGINALS["a"], ORIGINALS["b"][:12, :30], ORIGINALS["c"][:, :8]]
    np.testing.assert_array_equal(np.load(packed[1]), np.concatenate([image.ravel() for image in cropped]))


def test_an_image_that_has_changed_since_it_was_listed_is_refused(packed, tmp_path):
    *_, table, sources = packed
    folder = write(tmp_path, a_png=noise(24, 20, 9))
    with pytest.raises(storage.DamagedFileError, match=r"a\.png: its SHA-256 is"):
        images.read(table.iloc[0], {"a": images.Source(folder, sources["a"].size)}, SCALE)


def test_where_the_files_do_not_fit_packing_ends_with_an_error_and_leaves_none(packed, tmp_path):
    *_, table, sources = packed
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            images.pack(table, sources, SCALE, tmp_path / "high.npy", tmp_path / "low.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


# Crops
def test_the_crop_is_where_the_original_has_most_detail():
    image = np.full((70, 100, 3), 90, dtype=np.uint8)
    image[36:60, 48:72] = 90 + 80 * (np.indices((24, 24)).sum(axis=0) // 2 % 2)[..., None]
    assert crops.most_detailed(image, 24) == (36, 48)
    assert crops.most_detailed(image[:, ::-1][:, 4:].copy(), 24) == (36, 24)  # 100 - 72 - 4


def test_the_crop_is_found_by_luma():
    """Equal steps in green and in blue: green's is the larger in luma."""
    image = np.zeros((24, 48, 3), dtype=np.uint8)
    image[:, 6, 2] = 200
    image[:, 30, 1] = 200
    assert crops.most_detailed(image, 24) == (0, 12)  # the first that holds both edges
    assert crops.most_detailed(image, 12) == (0, 24)


def test_of_equal_crops_the_first_is_chosen():
    assert crops.most_detailed(np.full((50, 60, 3), 7, dtype=np.uint8), 48) == (0, 0)


def test_an_original_that_has_no_such_crop_is_refused():
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="crop is 48 x 48 pixels; the original has 60 x 40"):
        crops.most_detailed(image, 48)


def test_crops_are_of_the_first_image_of_every_set_and_then_of_the_second_ones(tmp_path):
    photograph = data.astronaut()
    one = write(tmp_path / "one", a_png=photograph[:100, :90], b_png=photograph[100:200, :90])
    two = write(tmp_path / "two", c_png=photograph[:60, 100:180])
    sets = [entry("x", "test"), entry("y", "test")]
    sources = images.sources(sets, [one, two])
    chosen, pixels = crops.choose(images.list_images(sets, [one, two]), sources, 2, most=2)
    assert chosen[["dataset", "image"]].to_numpy().tolist() == [["x", "a"], ["y", "c"]]
    y, x = chosen.loc[0, ["y", "x"]]
    assert (y, x) == crops.most_detailed(photograph[:100, :90], 48)
    np.testing.assert_array_equal(pixels["x", "a", "original"], photograph[:100, :90][y : y + 48, x : x + 48])
    low = resize.degrade(photograph[:100, :90], 2)
    np.testing.assert_array_equal(pixels["x", "a", "low resolution"], low[y // 2 : y // 2 + 24, x // 2 : x // 2 + 24])


def test_crops_of_enlarged_images_are_cut_from_their_files(tmp_path):
    image_files.write(noise(60, 70), tmp_path / "a.png")
    place = {"dataset": "x", "image": "a", "x": 12, "y": 4, "width": 48, "height": 48}
    table = pd.DataFrame([{**place, "method": "l1", "file": str(tmp_path / "a.png")}, {**place, "method": "original"}])
    (((key, pixels),)) = crops.cut(table).items()
    assert key == ("x", "a", "l1")
    np.testing.assert_array_equal(pixels, noise(60, 70)[4:52, 12:60])


# Metrics
def as_batch(image):
    return torch.from_numpy(image.astype(np.float64) / 255).permute(2, 0, 1)[None].contiguous()


def as_grey(image):
    """Rounded grey value by BT.601, (1, 1, height, width)."""
    return torch.from_numpy((image @ [299, 587, 114] / 1000).round() / 255)[None, None]


BY_PIQ = {
    "MDSI": lambda x, y: piq.mdsi(as_batch(x), as_batch(y)),
    "MS-SSIM": lambda x, y: piq.multi_scale_ssim(as_grey(x), as_grey(y)),
    "FSIM": lambda x, y: piq.fsim(as_batch(x), as_batch(y), chromatic=False),
    "VSI": lambda x, y: piq.vsi(as_batch(x).float(), as_batch(y).float()),
    "HaarPSI": lambda x, y: piq.haarpsi(as_batch(x), as_batch(y)),
    "GMSD": lambda x, y: piq.gmsd(as_grey(x), as_grey(y)),
}


@pytest.fixture(scope="module")
def scored(photograph):
    return scoring.score(noisy(photograph, 10), photograph, 4).set_index("measure")


@pytest.mark.parametrize("name", BY_PIQ)
def test_metrics_say_what_piq_says_of_the_images_without_their_border(photograph, scored, name):
    image, original = (one[4:-4, 4:-4] for one in (noisy(photograph, 10), photograph))
    assert scored.loc[name, "value"] == pytest.approx(BY_PIQ[name](image, original).item(), abs=1e-4)


def test_psnr_and_ssim_are_those_of_scikit_image_on_luma(photograph, scored):
    luma = [16 + one[4:-4, 4:-4] @ [65.481, 128.553, 24.966] / 255 for one in (noisy(photograph, 10), photograph)]
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = metrics.peak_signal_noise_ratio(*luma, data_range=255), metrics.structural_similarity(*luma, **settings)
    assert scored.loc[["PSNR-Y", "SSIM-Y"], "value"].tolist() == pytest.approx(expected)


def test_there_are_no_other_metrics(scored):
    assert set(scored.index) == {*BY_PIQ, "PSNR-Y", "SSIM-Y"}


def test_every_metric_finds_less_noise_better(photograph, scored):
    less = scoring.score(noisy(photograph, 3), photograph, 4).set_index("measure")["value"]
    np.testing.assert_array_equal(less > scored["value"], scored["higher_is_better"])
    assert (less != scored["value"]).all()


def test_the_primary_metric_is_one_of_them(scored):
    assert vocabulary.MDSI in scored.index


def test_a_value_that_is_not_finite_is_missing(photograph):
    found = scoring.score(photograph, photograph, 4).set_index("measure")["value"]
    assert found.index[found.isna()].tolist() == ["PSNR-Y"]


def test_test_images_are_enlarged_written_and_scored(tmp_path):
    folder = write(tmp_path / "images", a_png=data.astronaut()[:41, :50], b_png=data.astronaut()[100:140, 50:90])
    sets = [entry(use="test")]
    table, sources = images.list_images(sets, [folder]), images.sources(sets, [folder])
    networks = [edsr.draw(2, 1, 4, seed=seed) for seed in (5, 6)]
    for seed, network in enumerate(networks, start=5):
        network.card = {"network": "vgg16", "weights": "trained", "loss": "l", "selection": "random", "draw": 3}
        network.card["seed"] = seed
    found = scoring.score_images(table, sources, networks, tmp_path / "out", scale=2)
    assert len(found) == 2 * 2 * len(scoring.METRICS)
    identity = {"network": "vgg16", "weights": "trained", "scale": 2, "loss": "l", "selection": "random", "draw": 3}
    assert (found[[*identity, "dataset"]] == [*identity.values(), "a"]).all(axis=None)
    one = found[(found["image"] == "a") & (found["seed"] == 6)].set_index("measure")
    original = data.astronaut()[:40, :50]
    expected = edsr.enlarge(networks[1], resize.degrade(original, 2))
    np.testing.assert_array_equal(image_files.read(one["file"].iloc[0]), expected)
    assert one.loc["PSNR-Y", "value"] == fidelity.psnr_y(expected, original, 2)


def test_without_a_network_test_images_are_interpolated(tmp_path):
    folder = write(tmp_path / "images", a_png=data.astronaut()[:40, :40])
    sets = [entry(use="test")]
    table, sources = images.list_images(sets, [folder]), images.sources(sets, [folder])
    found = scoring.score_images(table, sources, [], tmp_path, scale=2)
    about = found[["loss", "selection", "seed", "scale", "network", "draw"]].drop_duplicates().iloc[0]
    assert about.tolist()[:4] == ["bicubic", "bicubic", 0, 2]
    assert about[["network", "draw"]].isna().all()
    expected = resize.upscale(resize.degrade(data.astronaut()[:40, :40], 2), 2)
    np.testing.assert_array_equal(image_files.read(found["file"].iloc[0]), expected)


@pytest.fixture(scope="module")
def alexnet():
    """AlexNet with random weights: another training than LPIPS's."""
    return pe.load_backbone("random:alexnet", layers="lpips", seed=3)


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning")  # lpips asks torchvision so
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
@pytest.mark.parametrize("calibrated", [False, True])
def test_lpips_is_that_of_the_package_lpips_with_the_same_weights(photograph, alexnet, calibrated):
    theirs = package.LPIPS(net="alex", pnet_rand=True, lpips=calibrated, verbose=False)
    state = alexnet.network.state_dict()
    for name, weight in theirs.net.named_parameters():  # slice1.0.weight is features.0.weight
        weight.data.copy_(state[f"features.{name.partition('.')[2]}"])
    backbone = copy.deepcopy(alexnet)
    if calibrated:  # as if these weights were those that LPIPS learnt on
        backbone.card = {**alexnet.card, "release": lpips.RELEASE}
    ((name, metric),) = scoring.lpips(backbone).items()
    image = noisy(photograph, 10)
    with torch.no_grad():
        expected = theirs(*(as_batch(one[4:-4, 4:-4]).float() * 2 - 1 for one in (image, photograph))).item()
    assert metric.measure(image, photograph, 4) == pytest.approx(expected, rel=1e-4)
    assert name == ("LPIPS-Alex" if calibrated else "LPIPS-Alex, unweighted")


def test_lower_lpips_is_better(alexnet):
    assert [metric.higher_is_better for metric in scoring.lpips(alexnet).values()] == [False]


def test_lpips_is_not_defined_on_other_networks():
    with pytest.raises(ValueError, match="LPIPS has no weights for 'torchvision:resnet18'"):
        scoring.lpips(pe.load_backbone("random:resnet18"))


def test_images_in_subfolders_are_listed_by_their_paths_and_others_are_named(tmp_path, caplog):
    folder = write(tmp_path / "a", a_png=noise(9, 8))
    write(tmp_path / "a" / "more", a_png=noise(9, 8, seed=1))
    (folder / "readme.txt").write_text("no image")
    (folder / "._a.png").write_bytes(b"\0\5\x16\7")
    table = images.list_images([entry()], [folder])
    assert table["image"].tolist() == ["a", "more/a"]
    assert table["path"].tolist() == ["a.png", "more/a.png"]
    assert caplog.messages == [f"superres.images: a: left out, as it is no image: {folder / 'readme.txt'}"]
