"""The ladder of distortions, and the folders it writes."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data
from skimage.color import rgb2gray
from skimage.metrics import peak_signal_noise_ratio

from perceptual_efficacy import image_files
from perceptual_efficacy.datasets import ladder, photographs
from perceptual_efficacy.datasets.registry import LAYOUTS

NAMES = ["astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "china", "flower", "grace_hopper"]
VISIBLE = [kind for kind in ladder.TYPES if kind != ladder.DITHER]
FIVE = range(1, 6)


def random(seed=0):
    return np.random.default_rng(seed)


def distorted(image, kind, seed=0):
    """Every level of one distortion, with the same noise."""
    return [
        ladder.distort(image, kind, level, random(seed))
        for level in range(1, len(ladder.DISTORTIONS[kind].amounts) + 1)
    ]


def error(image, other):
    """Mean squared error."""
    return np.mean((image.astype(float) - other) ** 2)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Eight of the bundled photographs, by name."""
    folder = tmp_path_factory.mktemp("photographs")
    table = photographs.export([{"name": name, "split": "test"} for name in NAMES], folder)
    return photographs.read(table, folder, "test")


@pytest.fixture(scope="module")
def written(originals, tmp_path_factory):
    """A folder with `opinions`, `choices` and `same` of the eight photographs."""
    folder = tmp_path_factory.mktemp("ladder")
    ladder.opinions(originals, folder / "opinions", size=64, seed=1)
    ladder.choices(originals, folder / "choices", size=64, seed=1)
    ladder.same(originals, folder / "same", size=64, seed=1)
    return folder


@pytest.fixture
def photograph():
    return ladder.reference(data.coffee(), 96)


@pytest.fixture
def ramp():
    """Every code value in every channel."""
    return np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)


def test_there_are_five_levels_of_every_distortion_but_the_dither():
    levels = {kind: len(distortion.amounts) for kind, distortion in ladder.DISTORTIONS.items()}
    assert levels == dict.fromkeys(VISIBLE, 5) | {26: 1}


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("name", NAMES)
def test_every_level_distorts_more_than_the_one_before_and_the_dither_least(originals, name, size):
    original = ladder.reference(originals[name], size)
    dither = error(original, distorted(original, ladder.DITHER)[0])
    for kind in VISIBLE:
        errors = [dither, *(error(original, image) for image in distorted(original, kind))]
        assert np.all(np.diff(errors) > 0), ladder.TYPES[kind]


def test_gaussian_noise_has_the_signal_to_noise_ratios_of_tid2013():
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    measured = [peak_signal_noise_ratio(grey, image) for image in distorted(grey, 1)]
    np.testing.assert_allclose(measured, [33, 30, 27, 24, 21], atol=0.1)


def test_gaussian_noise_of_all_levels_is_one_noise_scaled():
    grey = np.full((64, 64, 3), 128, dtype=np.uint8)
    noises = np.array([image.astype(float) - 128 for image in distorted(grey, 1)])
    assert np.corrcoef(noises.reshape(5, -1)).min() > 0.99


def test_impulse_noise_blackens_and_whitens_a_share_of_the_values_and_more_at_every_level(photograph):
    hits = []
    for share, image in zip([0.0015, 0.003, 0.006, 0.012, 0.024], distorted(photograph, 6), strict=True):
        hit = image != photograph
        assert np.isin(image[hit], [0, 255]).all()
        assert np.mean(image[hit] == 255) == pytest.approx(0.5, abs=0.2)
        assert hit.sum() == pytest.approx(share * hit.size, abs=4 * np.sqrt(share * hit.size))
        hits.append(hit)
    for fewer, more in pairwise(hits):
        assert np.all(more[fewer])


def test_quantisation_leaves_so_many_values_from_black_to_white(ramp):
    for count, image in zip([26, 16, 10, 6, 4], distorted(ramp, 7), strict=True):
        for channel in np.moveaxis(image, 2, 0):
            left = np.unique(channel)
            assert len(left) == count
            assert (left[0], left[-1]) == (0, 255)
        assert np.abs(image.astype(float) - ramp).max() <= 255 / (count - 1) / 2 + 0.5  # half a step, and rounding


def test_blur_spreads_an_edge_like_the_gaussian_integral():
    edge = np.zeros((8, 64, 3), dtype=np.uint8)
    edge[:, 32:] = 200
    for deviation, image in zip([0.6, 0.9, 1.4, 2.2, 3.5], distorted(edge, 8), strict=True):
        expected = ndimage.gaussian_filter1d(np.where(np.arange(64) < 32, 0.0, 200.0), deviation)
        np.testing.assert_allclose(image, np.broadcast_to(expected[:, None], image.shape), atol=0.5)
        # a Gaussian's variance is that of the slope across the edge
        slope = np.diff(image[4, :, 0].astype(float))
        middle = np.arange(63) - 31
        assert np.sum(slope * middle**2) / 200 == pytest.approx(deviation**2, rel=0.1)


def test_jpeg_is_that_of_pillow_and_its_files_shrink(photograph, tmp_path):
    sizes = []
    for quality, image in zip([80, 45, 22, 11, 6], distorted(photograph, 10), strict=True):
        path = tmp_path / f"{quality}.jpg"
        Image.fromarray(photograph).save(path, quality=quality)
        np.testing.assert_array_equal(image, image_files.read(path))
        sizes.append(path.stat().st_size)
    assert np.all(np.diff(sizes) < 0)


def test_jpeg2000_has_its_signal_to_noise_ratios(photograph):
    measured = [peak_signal_noise_ratio(photograph, image) for image in distorted(photograph, 11)]
    np.testing.assert_allclose(measured, [36, 33, 30, 27, 24], atol=0.7)


def test_the_mean_shifts_and_stops_at_white(ramp):
    for shift, image in zip([8, 13, 20, 30, 45], distorted(ramp, 16), strict=True):
        np.testing.assert_array_equal(image, np.minimum(ramp.astype(int) + shift, 255))


def test_contrast_shrinks_around_the_mean_of_each_channel(photograph):
    mean = photograph.mean(axis=(0, 1))
    deviation = photograph.std(axis=(0, 1))
    for left, image in zip([0.9, 0.75, 0.6, 0.45, 0.3], distorted(photograph, 17), strict=True):
        np.testing.assert_allclose(image.mean(axis=(0, 1)), mean, atol=0.1)
        np.testing.assert_allclose(image.std(axis=(0, 1)), left * deviation, atol=0.1)


def test_saturation_ends_at_grey_and_keeps_the_luma(photograph):
    images = distorted(photograph, 18)
    luma = np.asarray(Image.fromarray(photograph).convert("L"), dtype=float)
    spread = np.ptp(photograph.astype(float), axis=2)
    for left, image in zip([0.85, 0.65, 0.45, 0.25, 0], images, strict=True):
        np.testing.assert_allclose(np.asarray(Image.fromarray(image).convert("L")), luma, atol=1.5)
        np.testing.assert_allclose(np.ptp(image.astype(float), axis=2), left * spread, atol=1)
    assert np.all(images[-1] == images[-1][:, :, :1])


def test_chromatic_aberration_moves_red_right_and_blue_left():
    point = np.zeros((9, 21, 3), dtype=np.uint8)
    point[4, 10] = 255
    for shift, image in zip([0.35, 0.7, 1.2, 2, 3], distorted(point, 23), strict=True):
        line = image[4].astype(float)
        centre = np.arange(21) @ line / line.sum(axis=0)
        np.testing.assert_allclose(centre, [10 + shift, 10, 10 - shift], atol=0.01)
        assert image.sum() == line.sum()
        np.testing.assert_array_equal(image[:, :, 1], point[:, :, 1])


def test_chromatic_aberration_leaves_what_is_uniform_up_to_the_edge():
    orange = np.full((8, 8, 3), [230, 120, 10], dtype=np.uint8)
    for image in distorted(orange, 23):
        np.testing.assert_array_equal(image, orange)


def test_resampling_removes_the_frequencies_that_fewer_pixels_cannot_hold():
    """A grating of 5 pixels per cycle needs at least 2 pixels per cycle to survive."""
    wave = 128 + 100 * np.cos(2 * np.pi * np.arange(120) / 5)
    grating = np.broadcast_to(wave[:, None], (120, 120, 3)).astype(np.uint8)
    kept = [image[:, 30:90].std() / grating.std() for image in distorted(grating, 25)]
    assert kept[0] > 0.5
    assert max(kept[2:]) < 0.25  # factors 3, 4 and 6
    assert np.all(np.diff(kept) < 0)


def test_dither_moves_half_of_the_values_by_one(photograph):
    moved = ladder.distort(photograph, ladder.DITHER, 1, random()).astype(int) - photograph
    assert np.unique(moved).tolist() == [-1, 0, 1]
    inside = moved[(photograph > 0) & (photograph < 255)]
    assert np.mean(inside == 1) == pytest.approx(0.25, abs=0.01)
    assert np.mean(inside == -1) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("extreme", [0, 255])
def test_dither_does_not_wrap_around(extreme):
    image = np.full((16, 16, 3), extreme, dtype=np.uint8)
    assert np.abs(ladder.distort(image, ladder.DITHER, 1, random()).astype(int) - extreme).max() == 1


@pytest.mark.parametrize("kind", ladder.TYPES)
def test_an_image_stays_as_it_was_and_keeps_its_shape(kind):
    image = data.coffee()[:41, :67].copy()
    before = image.copy()
    for other in distorted(image, kind):
        assert (other.shape, other.dtype) == (image.shape, np.uint8)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("kind", "level", "message"),
    [
        (2, 1, r"no distortion 2; expected one of 1 \(additive Gaussian noise\), 6"),
        (8, 6, r"8 \(Gaussian blur\) has the levels 1 to 5; found 6"),
        (8, 0, "found 0"),
        (26, 2, r"26 \(dither of one code value\) has the levels 1 to 1; found 2"),
    ],
)
def test_an_unknown_type_or_level_is_refused(photograph, kind, level, message):
    with pytest.raises(ValueError, match=message):
        ladder.distort(photograph, kind, level, random())


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)])
def test_another_kind_of_image_is_refused(image):
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(height, width, 3\)"):
        ladder.distort(image, 1, 1, random())


def test_a_reference_is_the_central_square_at_any_size():
    picture = np.zeros((100, 160, 3), dtype=np.uint8)
    picture[:, 30:130] = 90
    assert np.all(ladder.reference(picture, 64) == 90)
    coffee = data.coffee()
    np.testing.assert_array_equal(ladder.reference(coffee, 400), coffee[:, 100:500])
    large, small = (ladder.reference(coffee, size) for size in (256, 64))
    blocks = rgb2gray(large).reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.corrcoef(blocks.ravel(), rgb2gray(small).ravel())[0, 1] > 0.99


def test_opinions_have_the_layout_of_tid2013(written, originals):
    folder = written / "opinions"
    assert sorted(path.name for path in folder.iterdir()) == [
        "distorted_images",
        "mos_with_names.txt",
        "reference_images",
    ]
    assert sorted(path.name for path in (folder / "reference_images").iterdir()) == [f"I0{i}.BMP" for i in range(1, 9)]
    lines = (folder / "mos_with_names.txt").read_text().splitlines()
    scores = {file: float(score) for score, file in (line.split(" ") for line in lines)}
    assert scores.keys() == {path.name for path in (folder / "distorted_images").iterdir()}
    assert len(lines) == len(scores) == 8 * (11 * 5 + 1)
    assert lines[0] == "5.00000 i01_01_1.bmp"
    assert lines[-1] == "6.00000 i08_26_1.bmp"
    assert [scores[f"i03_25_{level}.bmp"] for level in FIVE] == [5, 4, 3, 2, 1]
    with Image.open(folder / "distorted_images" / "i02_08_3.bmp") as image:
        assert (image.format, image.mode, image.size) == ("BMP", "RGB", (64, 64))
        expected = ladder.distort(ladder.reference(originals["chelsea"], 64), 8, 3, random())
        np.testing.assert_array_equal(np.asarray(image), expected)
    np.testing.assert_array_equal(
        image_files.read(folder / "reference_images" / "I04.BMP"), ladder.reference(originals["rocket"], 64)
    )


def test_choices_have_the_layout_of_bapps(written):
    categories = sorted((written / "choices" / "val").iterdir())
    assert [path.name for path in categories] == [
        "additive_gaussian_noise",
        "change_of_colour_saturation",
        "chromatic_aberrations",
        "contrast_change",
        "down_and_up_sampling",
        "gaussian_blur",
        "impulse_noise",
        "jpeg2000_compression",
        "jpeg_compression",
        "mean_shift",
        "quantisation",
    ]
    for category in categories:
        for part, suffix in (("ref", "png"), ("p0", "png"), ("p1", "png"), ("judge", "npy")):
            files = sorted(path.name for path in (category / part).iterdir())
            assert files == [f"{i:06}.{suffix}" for i in range(8 * 4)]


def test_the_judge_says_which_patch_is_nearer_and_prefers_no_side(written):
    for category in (written / "choices" / "val").iterdir():
        judges = []
        for path in sorted((category / "judge").iterdir()):
            judge = np.load(path, allow_pickle=False)
            assert (judge.shape, judge.dtype) == ((1,), np.float64)
            reference, first, second = (
                image_files.read(category / part / f"{path.stem}.png") for part in ("ref", "p0", "p1")
            )
            assert reference.shape == first.shape == second.shape == (64, 64, 3)
            assert judge.item() == float(error(reference, second) < error(reference, first)), path
            judges.append(judge.item())
        assert set(np.reshape(judges, (8, 4)).sum(axis=1)) == {2}


def test_same_has_the_layout_of_bapps(written):
    assert [path.name for path in (written / "same" / "val").iterdir()] == ["ladder"]
    category = written / "same" / "val" / "ladder"
    for part, suffix in (("p0", "png"), ("p1", "png"), ("same", "npy")):
        assert sorted(path.name for path in (category / part).iterdir()) == [f"{i:06}.{suffix}" for i in range(96)]
    largest = []
    for path in sorted((category / "same").iterdir()):
        first, second = (image_files.read(category / part / f"{path.stem}.png").astype(int) for part in ("p0", "p1"))
        judgement = np.load(path, allow_pickle=False)
        assert judgement.shape == (1,)
        largest.append((np.abs(first - second).max(), judgement.item()))
    assert [judgement for _, judgement in largest] == ([0.0] * 11 + [1.0]) * 8
    assert all((difference == 1) == (judgement == 1) for difference, judgement in largest)


def test_opinions_choices_and_same_show_the_same_noise(written):
    bitmap = image_files.read(written / "opinions" / "distorted_images" / "i02_01_1.bmp")
    # the second photograph: its first pair of levels, and its first distortion
    category = written / "choices" / "val" / "additive_gaussian_noise"
    side = "p1" if np.load(category / "judge" / "000004.npy").item() else "p0"
    np.testing.assert_array_equal(bitmap, image_files.read(category / side / "000004.png"))
    np.testing.assert_array_equal(bitmap, image_files.read(written / "same" / "val" / "ladder" / "p1" / "000012.png"))


@pytest.fixture
def two(originals):
    return {name: originals[name] for name in ("coffee", "rocket")}


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_all(images, folder, seed):
    ladder.opinions(images, folder / "opinions", size=32, seed=seed)
    ladder.choices(images, folder / "choices", size=64, seed=seed)
    ladder.same(images, folder / "same", size=64, seed=seed)
    return contents(folder)


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_noise(two, tmp_path):
    first = write_all(two, tmp_path / "first", 7)
    assert write_all(two, tmp_path / "again", 7) == first
    other = write_all(two, tmp_path / "other", 8)
    assert other.keys() == first.keys()
    changed = {path for path, content in first.items() if other[path] != content and path.startswith("opinions")}
    noisy = [f"{kind}_{level}" for kind in ("01", "06") for level in FIVE] + ["26_1"]
    assert changed == {f"opinions/distorted_images/i0{i}_{file}.bmp" for i in (1, 2) for file in noisy}
    assert any(other[path] != content for path, content in first.items() if "judge" in path)


@pytest.fixture
def greys(tmp_path):
    """Two uniform photographs at the strongest Gaussian noise."""
    images = {"dark": np.full((64, 64, 3), 127, np.uint8), "light": np.full((64, 64, 3), 129, np.uint8)}
    ladder.opinions(images, tmp_path / "greys", size=64, seed=1)
    return [image_files.read(tmp_path / "greys" / "distorted_images" / f"i0{i}_01_5.bmp").astype(int) for i in (1, 2)]


def test_every_photograph_has_a_noise_of_its_own(greys):
    assert abs(np.corrcoef(greys[0].ravel(), greys[1].ravel())[0, 1]) < 0.05


def test_the_noise_is_the_same_in_every_process(greys):
    """Values from another process: a seed by Python's hash() would give others."""
    assert greys[0][0, :6, 0].tolist() == [150, 164, 162, 157, 137, 123]


def test_the_noise_of_a_photograph_does_not_depend_on_the_others(two, tmp_path):
    ladder.opinions(two, tmp_path / "two", size=32, seed=7)
    ladder.opinions({"rocket": two["rocket"]}, tmp_path / "one", size=32, seed=7)
    beside, alone = (
        tmp_path / folder / "distorted_images" / file
        for folder, file in (("two", "i02_01_3.bmp"), ("one", "i01_01_3.bmp"))
    )
    assert beside.read_bytes() == alone.read_bytes()


def test_the_global_random_numbers_are_left_alone(two, tmp_path):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    write_all(two, tmp_path, 0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    "write",
    [
        lambda images, folder: ladder.opinions(images, folder, size=64, seed=0),
        lambda images, folder: ladder.choices(images, folder, size=64, seed=0),
        lambda images, folder: ladder.same(images, folder, size=64, seed=0),
    ],
)
class TestRefusals:
    """Before anything is written."""

    def test_a_photograph_too_small(self, write, two, tmp_path):
        images = two | {"tiny": two["coffee"][:60]}
        with pytest.raises(
            ValueError, match="Photograph 'tiny': 600 by 60 pixels are too few; expected at least 64 by 64"
        ):
            write(images, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_two_photographs_with_one_reference(self, write, two, tmp_path):
        images = two | {"wide": two["coffee"][:, 20:-20]}
        with pytest.raises(ValueError, match="'coffee' and 'wide' give the same reference"):
            write(images, tmp_path / "out")
        assert not (tmp_path / "out").exists()


WITH_LADDER = {name: layout for name, layout in LAYOUTS.items() if layout.ladder is not None}


@pytest.mark.parametrize("layout", WITH_LADDER.values(), ids=WITH_LADDER)
def test_a_ladder_is_read_back_in_every_layout(layout, two, tmp_path):
    layout.write_ladder(two, tmp_path, 32, 1)
    table = layout.read(tmp_path, dataset="ladder", judged_by="construction", subset=True)
    comparisons = {"2afc": 11 * 4, "same": 12, "mos": 11 * 5 + 1}[layout.judgement_type]
    assert len(table) == 2 * comparisons
    assert set(table["judged_by"]) == {"construction"}
