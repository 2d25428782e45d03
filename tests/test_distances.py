"""The distance of patterns to blank and of images to references, channel by channel, against a plain reference."""

import numpy as np
import pandas as pd
import pytest
import torch
from skimage import data
from torch import nn

from perceptual_efficacy import distances
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.datasets import comparisons, ladder

LAYERS = {"relu1_1": 4, "relu1_2": 5, "relu2_1": 6}


@pytest.fixture(scope="module")
def backbone():
    return draw_random(LAYERS, seed=1)


@pytest.fixture(scope="module")
def pattern():
    pattern = np.random.default_rng(0).uniform(-1, 1, size=(3, 24, 24))
    return pattern / np.abs(pattern).max(axis=(1, 2), keepdims=True)


def reference(backbone, pattern, contrast):
    """The same in float64 and by loops: pad, run both images, normalise over channels, average over positions."""
    margin = max(backbone.receptive_fields.values())
    double = draw_random(LAYERS, seed=1).double()
    result = []
    for one in pattern:
        padded = np.pad(one, margin)
        images = [torch.tensor(0.5 + 0.5 * c * padded).expand(1, 3, -1, -1) for c in (contrast, 0)]
        for (_, shown), (_, blank) in zip(double.activations(images[0]), double.activations(images[1]), strict=True):
            maps = [activation.numpy()[0] for activation in (shown, blank)]
            lengths = [np.sqrt((activation**2).sum(axis=0) + 1e-10) for activation in maps]
            unit = [activation / length for activation, length in zip(maps, lengths, strict=True)]
            result.append(((unit[0] - unit[1]) ** 2).mean(axis=(1, 2)))
    return np.concatenate(result).reshape(len(pattern), -1)


def test_patterns_are_padded_by_the_receptive_field_but_at_most_by_half_their_size(backbone, pattern):
    assert max(backbone.receptive_fields.values()) == 10
    wide, narrow = (distances.contrast_distances(backbone, one, [0.7]) for one in (pattern, pattern[:, :12, :12]))
    assert (wide.attrs["padding"], narrow.attrs["padding"]) == (10, 6)


def test_distances_equal_a_plain_reference(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.1, 0.7], batch_size=2)
    for number, contrast in enumerate((0.1, 0.7)):
        expected = reference(backbone, pattern, contrast)
        np.testing.assert_allclose(cube["distance"].values[:, number], expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_distances_of_coloured_stimuli_equal_a_plain_reference(backbone):
    """Two backgrounds in turn, in float64 and by loops."""
    random = np.random.default_rng(4)
    backgrounds = random.uniform(0.3, 0.7, size=(2, 3, 1, 1))[[0, 0, 1]]
    changes = random.uniform(-0.3, 0.3, size=(3, 3, 20, 20))

    def drawing(background, change):
        return lambda contrasts: (background + np.reshape(contrasts, (-1, 1, 1, 1)) * change).astype(np.float32)

    draw = [drawing(*one) for one in zip(backgrounds, changes, strict=True)]
    cube = distances.coloured_contrast_distances(backbone, draw, [0.2, 1.0])
    double = draw_random(LAYERS, seed=1).double()
    for found, one in zip(cube["distance"].values, draw, strict=True):
        for row, contrast in zip(found, (0.2, 1.0), strict=True):
            images = [torch.tensor(one([value]).astype(np.float64)) for value in (contrast, 0)]
            expected = []
            for (_, shown), (_, blank) in zip(*map(double.activations, images), strict=True):
                units = [maps / (maps.square().sum(dim=1, keepdim=True) + 1e-10).sqrt() for maps in (shown, blank)]
                expected.append((units[0] - units[1]).square().mean(dim=(0, 2, 3)).numpy())
            expected = np.concatenate(expected)
            np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-4 * expected.max())
    assert cube["contrast"].values.tolist() == [0.2, 1.0]


def test_a_layers_total_equals_the_reference_closely(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.7])
    expected = reference(backbone, pattern, 0.7)
    for layer in LAYERS:
        units = cube["layer"].values == layer
        np.testing.assert_allclose(
            cube["distance"].values[:, 0, units].sum(axis=-1), expected[:, units].sum(axis=-1), rtol=1e-5
        )


def test_units_are_all_channels_from_shallow_to_deep(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.5])
    assert cube["layer"].values.tolist() == ["relu1_1"] * 4 + ["relu1_2"] * 5 + ["relu2_1"] * 6
    assert cube["channel"].values.tolist() == [*range(4), *range(5), *range(6)]
    assert cube["distance"].dtype == np.float32


def test_network_is_left_alone(pattern):
    backbone = draw_random(LAYERS, seed=1)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    distances.contrast_distances(backbone, pattern, [0.5])
    rows = [{"reference": "a", "first": "b", "second": None, "reference_sha256": "", "first_sha256": ""}]
    noise = np.random.default_rng(0).integers(256, size=(16, 16, 3), dtype=np.uint8)
    distances.image_distances(backbone, comparisons.table(rows), lambda path, _: noise)
    torch.testing.assert_close(dict(backbone.state_dict()), before, rtol=0, atol=0, check_stride=True)


def test_small_contrasts_grow_with_the_square(backbone, pattern):
    cube = distances.contrast_distances(backbone, pattern, [0.001, 0.002])["distance"].values
    first_layer = cube[..., :4].sum(axis=-1)
    np.testing.assert_allclose(first_layer[:, 1] / first_layer[:, 0], 4, rtol=0.05)


def test_where_the_pattern_lies_in_the_picture_does_not_matter(backbone):
    """Padded to the receptive field, a pattern is seen by the same units wherever it is (shifts by the pooling)."""
    shapes = np.zeros((2, 16, 16))
    shapes[0, 4:8, 4:8] = shapes[1, 8:12, 6:10] = 1
    cube = distances.contrast_distances(backbone, shapes, [0.5])["distance"].values
    np.testing.assert_allclose(cube[0], cube[1], rtol=1e-5, atol=1e-9)


def test_the_batch_size_does_not_matter(backbone, pattern):
    one, many = (
        distances.contrast_distances(backbone, pattern, [0.1, 0.5], batch_size=size)["distance"].values
        for size in (1, 6)
    )
    np.testing.assert_allclose(one, many, rtol=1e-3, atol=1e-4 * one.max())


def test_silent_positions_are_at_no_distance_and_not_missing(pattern):
    convolution = nn.utils.skip_init(nn.Conv2d, 3, 2, 3, padding=1)
    nn.init.zeros_(convolution.weight)
    nn.init.constant_(convolution.bias, -1)
    silent = Backbone(nn.Sequential(convolution, nn.ReLU()), {"relu1_1": "1"}, {})
    assert (distances.contrast_distances(silent, pattern, [0.5])["distance"].values == 0).all()


@pytest.mark.parametrize("contrasts", [[], [0.0, 0.5], [0.5, 0.2], [0.5, 1.2]])
def test_contrasts_that_do_not_rise_within_their_range_are_refused(backbone, pattern, contrasts):
    with pytest.raises(ValueError, match=r"contrasts are .*; they must rise within \(0, 1\]"):
        distances.contrast_distances(backbone, pattern, contrasts)


def test_a_pattern_beyond_its_peak_is_refused(backbone, pattern):
    with pytest.raises(ValueError, match=r"A pattern reaches 2.*; its largest magnitude should be 1"):
        distances.contrast_distances(backbone, 2 * pattern, [0.5])


def test_what_overshoots_is_cut_off_as_on_a_display(backbone, pattern):
    cut = np.clip(1.2 * pattern, -1, 1)
    assert np.abs(1.2 * pattern).max() > 1
    faint, strong = distances.contrast_distances(backbone, 1.2 * pattern, [0.5, 1.0])["distance"].values[0]
    np.testing.assert_array_equal(strong, distances.contrast_distances(backbone, cut, [1.0])["distance"].values[0, 0])
    weaker = distances.contrast_distances(backbone, pattern, [0.6])["distance"].values[0, 0]
    np.testing.assert_allclose(faint, weaker, rtol=1e-4, atol=1e-4 * weaker.max())


# Images and their references
class Shelf:
    """Images of noise by name, and a table of comparisons of them; `read` notes what it was asked for."""

    def __init__(self):
        self.images, self.rows, self.asked = {}, [], []
        self.random = np.random.default_rng(0)

    def put(self, name, height, width):
        self.images[name] = self.random.integers(256, size=(height, width, 3), dtype=np.uint8)
        return name

    def compare(self, reference, first, second=None):
        row = {"reference": reference, "first": first, "second": second}
        self.rows.append(row | {f"{side}_sha256": f"sha256 of {name}" for side, name in row.items() if name})

    def read(self, path, sha256):
        assert sha256 == f"sha256 of {path}"
        self.asked.append(path)
        return self.images[path]

    @property
    def table(self):
        return comparisons.table(self.rows)


def full_shelf(sides):
    """Five references of three sizes, the last one that of the first comparison again, with one to four images each."""
    shelf = Shelf()
    sizes = {"a": (16, 16), "b": (16, 16), "c": (22, 14), "d": (12, 30)}
    for name, size in sizes.items():
        shelf.put(name, *size)
    for number, (name, count) in enumerate([("a", 3), ("b", 4), ("c", 1), ("d", 2), ("a", 2)]):
        for place in range(count):
            others = [shelf.put(f"{name}{number}{place}{side}", *sizes[name]) for side in range(sides)]
            shelf.compare(name, *others)
    return shelf


@pytest.fixture(scope="module", params=[1, 2])
def sides(request):
    return request.param


@pytest.fixture
def shelf(sides):
    return full_shelf(sides)


def image_reference(shelf, row):
    """The same in float64 and by loops for one comparison, shape (sides, units)."""
    double = draw_random(LAYERS, seed=1).double()
    names = [name for name in (row["reference"], row["first"], row["second"]) if not pd.isna(name)]
    units = []
    for name in names:
        image = torch.tensor(shelf.images[name] / 255).permute(2, 0, 1)[None]
        maps = [activation.numpy()[0] for _, activation in double.activations(image)]
        units.append([activation / np.sqrt((activation**2).sum(axis=0) + 1e-10) for activation in maps])
    return np.array(
        [
            np.concatenate([((one - other) ** 2).mean(axis=(1, 2)) for one, other in zip(units[0], side, strict=True)])
            for side in units[1:]
        ]
    )


@pytest.fixture(scope="module")
def expected(sides):
    shelf = full_shelf(sides)
    return np.stack([image_reference(shelf, row) for row in shelf.table.to_dict("records")])


def image_cube(backbone, shelf, **options):
    return distances.image_distances(backbone, shelf.table, shelf.read, **options)


def test_distances_of_images_equal_a_plain_reference(backbone, shelf, expected):
    found = image_cube(backbone, shelf)["distance"].values
    assert found.shape == expected.shape
    loud = expected > 1e-4 * expected.max()
    np.testing.assert_allclose(found[loud], expected[loud], rtol=1e-3)
    assert np.abs(found[~loud] - expected[~loud]).max(initial=0) < 1e-4 * expected.max()


def test_means_by_channel_are_over_comparisons_and_sides(backbone, shelf, expected):
    found = distances.means_by_channel(image_cube(backbone, shelf))
    np.testing.assert_allclose(found["mean_image_distance"], expected.mean(axis=(0, 1)), rtol=1e-3)
    units = [(layer, number) for layer, width in LAYERS.items() for number in range(width)]
    assert list(zip(found["layer"], found["channel"], strict=True)) == units


def test_a_layers_total_of_images_equals_the_reference_closely(backbone, shelf, expected):
    cube = image_cube(backbone, shelf)
    for layer in LAYERS:
        units = cube["layer"].values == layer
        np.testing.assert_allclose(
            cube["distance"].values[..., units].sum(axis=-1), expected[..., units].sum(axis=-1), rtol=1e-5
        )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_the_batch_size_does_not_matter_for_images(backbone, shelf, expected, size):
    found = image_cube(backbone, shelf, batch_size=size)["distance"].values
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max())


@pytest.mark.parametrize("size", [1, 2, 5])
def test_how_the_comparisons_are_cut_into_parts_does_not_matter(backbone, shelf, expected, size):
    parts = comparisons.parts(shelf.table, size).values()
    found = [distances.image_distances(backbone, part, shelf.read, batch_size=3)["distance"].values for part in parts]
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_units_of_images_are_all_channels_and_sides_are_those_of_the_table(backbone, shelf, sides):
    cube = image_cube(backbone, shelf)
    assert cube["distance"].dims == ("comparison", "side", "unit")
    assert cube.sizes == {"comparison": 12, "side": sides, "unit": 15}
    assert cube["layer"].values.tolist() == ["relu1_1"] * 4 + ["relu1_2"] * 5 + ["relu2_1"] * 6
    assert cube["channel"].values.tolist() == [*range(4), *range(5), *range(6)]
    assert cube["distance"].dtype == np.float32


@pytest.fixture
def passes(backbone):
    """Number of images of every forward pass."""
    counts = []
    first = backbone.network.get_submodule("relu1_1.0")
    handle = first.register_forward_pre_hook(lambda _, inputs: counts.append(len(inputs[0])))
    yield counts
    handle.remove()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_reference_of_comparisons_in_a_row_is_read_once(backbone, shelf, size):
    image_cube(backbone, shelf, batch_size=size)
    assert [name for name in shelf.asked if len(name) == 1] == ["a", "b", "c", "d", "a"]
    assert sorted(name for name in shelf.asked if len(name) > 1) == sorted(set(shelf.images) - set("abcd"))


@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_image_and_every_reference_in_a_row_goes_through_the_network_once(backbone, shelf, passes, size, sides):
    image_cube(backbone, shelf, batch_size=size)
    assert sum(passes) == 5 + 12 * sides


@pytest.mark.parametrize("size", [1, 4])
def test_a_forward_pass_exceeds_the_batch_size_by_no_more_than_one_comparison(backbone, shelf, passes, size, sides):
    """What is in memory does not grow with how many comparisons a reference has."""
    shelf.rows += [shelf.rows[-1]] * 20
    image_cube(backbone, shelf, batch_size=size)
    assert max(passes) <= size - 1 + 1 + sides  # one short of full, then a reference and its images


def test_progress_is_by_comparison(backbone, shelf):
    seen = []

    def progress(rows):
        for row in rows:
            seen.append(row["first"])
            yield row

    image_cube(backbone, shelf, progress=progress)
    assert seen == list(shelf.table["first"])


@pytest.mark.parametrize("size", [1, 3, 100])
def test_identical_images_are_at_no_distance_at_all(backbone, size):
    shelf = Shelf()
    for name, shape in {"a": (16, 16), "b": (21, 13)}.items():
        shelf.put(name, *shape)
        for number in range(3):
            shelf.compare(name, shelf.put(f"{name}{number}", *shape), name)
    found = image_cube(backbone, shelf, batch_size=size)["distance"].values
    assert (found[:, 1] == 0).all()
    assert (found[:, 0].sum(axis=-1) > 0).all()


def test_swapped_sides_swap_their_distances(backbone):
    shelf, swapped = Shelf(), Shelf()
    names = [shelf.put(name, 16, 16) for name in ("a", "b", "c")]
    swapped.images = shelf.images
    shelf.compare(*names)
    swapped.compare("a", "c", "b")
    found, other = (image_cube(backbone, one)["distance"].values for one in (shelf, swapped))
    np.testing.assert_allclose(found, other[:, ::-1], rtol=1e-5)


@pytest.mark.parametrize("size", [1, 8])
@pytest.mark.parametrize("side", ["first", "second"])
def test_an_image_of_another_size_than_its_reference_is_refused_naming_both(backbone, side, size):
    shelf = Shelf()
    for name in ("a", "b", "c"):
        shelf.put(name, 16, 20)
    shelf.put("odd", 20, 16)
    shelf.compare("a", "b", "c")
    shelf.compare("a", **{"first": "b", "second": "c", side: "odd"})
    expected = "odd is 16 x 20 pixels, its reference a 20 x 16; they must have one size"
    with pytest.raises(ValueError, match=expected):
        image_cube(backbone, shelf, batch_size=size)


def test_dither_of_one_code_value_is_nearer_than_any_visible_distortion(backbone):
    """For a network with random weights; nobody sees the dither."""
    shelf = Shelf()
    shelf.images["reference"] = ladder.reference(data.astronaut(), 96)
    for kind in ladder.TYPES:
        shelf.images[str(kind)] = ladder.distort(shelf.images["reference"], kind, 1, np.random.default_rng(0))
        shelf.compare("reference", str(kind))
    total = pd.Series(image_cube(backbone, shelf)["distance"].values.sum(axis=(1, 2)), index=list(ladder.TYPES))
    assert 0 < total[ladder.DITHER] < total.drop(ladder.DITHER).min()
