import dataclasses

import numpy as np
import pytest
from colour.adaptation import CHROMATIC_ADAPTATION_TRANSFORMS
from colour.models import RGB_COLOURSPACES, eotf_inverse_sRGB, eotf_sRGB
from stimupy.stimuli import waves
from stimupy.utils.resolution import compute_ppd
from study import configuration

from perceptual_efficacy import stimuli

SMALL = {"field": 65 / 32, "frequencies": 3, "lowest_frequency": 1, "highest_frequency": 2, "orientations": 8}


@pytest.fixture(scope="module")
def drawn():
    return stimuli.gratings(**SMALL, pixels_per_degree=32, phases=4, contrast=0.3, oriented_every=1).images()


def pick(images, **values):
    """Return the image at these coordinates."""
    return images.sel(values, method="nearest", tolerance=1e-9).values


def stimupy_grating(draw, frequency, phase, **rotation):
    """Draw a cosine grating of contrast 0.3 with stimupy, centred on a pixel of a 65-pixel image.

    Its sine needs 90 degrees, it shifts the origin by 1e-5 degrees, and it stretches the image to the intensities: the
    gratings compared here reach both extremes.
    """
    drawn = draw(
        shape=(66, 66),
        ppd=32,
        frequency=frequency,
        phase_shift=90 + phase + 360 * frequency * 1e-5,
        intensities=(0.35, 0.65),
        origin="center",
        round_phase_width=False,
        **rotation,
    )
    return drawn["img"][1:, 1:]


@pytest.mark.parametrize("phase", [0, 90])
@pytest.mark.parametrize(
    ("frequency", "orientation"),
    [(1, -90), (1, 0), (2, 0), (1, 22.5), (1, -22.5), (1, 67.5), (2**0.5, 45), (2**0.5, -45), (2, -67.5)],
)
def test_oriented_grating_is_stimupys(drawn, frequency, orientation, phase):
    expected = stimupy_grating(waves.sine_linear, frequency, phase, rotation=orientation)
    image = pick(drawn.oriented, oriented_frequency=frequency, orientation=orientation, phase=phase)
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("phase", [0, 90, 180, 270])
@pytest.mark.parametrize("frequency", [1, 2**0.5, 2])
def test_radial_grating_is_stimupys(drawn, frequency, phase):
    expected = stimupy_grating(waves.sine_radial, frequency, phase)
    np.testing.assert_allclose(pick(drawn.radial, frequency=frequency, phase=phase), expected, rtol=0, atol=1e-6)


def test_orientation_zero_is_modulated_along_x_only(drawn):
    image = pick(drawn.oriented, oriented_frequency=1, orientation=0, phase=0)
    assert np.ptp(image, axis=0).max() == 0
    assert np.ptp(image, axis=1).min() == pytest.approx(0.3)


def test_orientation_is_counted_counterclockwise(drawn):
    # along the direction of modulation the phase advances; across it the image is constant: 45 degrees is up and right,
    # so going down and right nothing changes
    image = pick(drawn.oriented, oriented_frequency=2, orientation=45, phase=90)
    np.testing.assert_allclose(image[:-1, :-1], image[1:, 1:], atol=1e-6)


def test_blank_is_uniform_grey(drawn):
    np.testing.assert_array_equal(drawn.blank, np.full((65, 65), 0.5))


def test_gratings_fill_a_grid_of_cycles_per_degree_and_degrees(drawn):
    axes = {
        "frequency": [1, 2**0.5, 2],
        "oriented_frequency": [1, 2**0.5, 2],
        "orientation": [-90, -67.5, -45, -22.5, 0, 22.5, 45, 67.5],
        "phase": [0, 90, 180, 270],
    }
    for name, expected in axes.items():
        np.testing.assert_allclose(drawn[name], expected, rtol=1e-12)
    assert drawn.radial.dims == ("frequency", "phase", "y", "x")
    assert drawn.oriented.dims == ("oriented_frequency", "orientation", "phase", "y", "x")
    assert drawn.oriented.shape == (3, 8, 4, 65, 65)


def test_positions_are_degrees_from_the_centre_with_y_upwards(drawn):
    for position in (drawn.x, -drawn.y):
        np.testing.assert_allclose(position[[0, 32, 64]], [-1, 0, 1], atol=1e-15)


def test_frequencies_reach_from_half_a_cycle_per_degree_to_85_percent_of_nyquist():
    drawn = stimuli.gratings(pixels_per_degree=40, frequencies=5, orientations=2, phases=1)
    assert [drawn.frequency[0], drawn.frequency[-1]] == pytest.approx([0.5, 17])


def test_oriented_gratings_have_every_second_frequency_from_the_first():
    drawn = stimuli.gratings(frequencies=6)
    assert drawn.oriented_frequency == drawn.frequency[::2]
    assert stimuli.gratings(frequencies=6, oriented_every=4).oriented_frequency == drawn.frequency[::4]


@pytest.mark.parametrize("kind", ["radial", "oriented", "blank"])
def test_larger_pictures_show_the_same_gratings_around_the_same_centre(drawn, kind):
    gratings = stimuli.gratings(**SMALL, pixels_per_degree=32, phases=4, contrast=0.3, oriented_every=1)
    centre = gratings.images(81)[kind].values[..., 8:-8, 8:-8]
    np.testing.assert_allclose(centre, drawn[kind], atol=1e-6)


def test_field_is_given_in_degrees():
    assert stimuli.gratings(pixels_per_degree=60, field=4).pixels == 240


@pytest.mark.parametrize(("size", "expected"), [(3, [-0.1, 0, 0.1]), (4, [-0.15, -0.05, 0.05, 0.15])])
def test_pixel_coordinates_are_centred_with_y_upwards(size, expected):
    x, y = stimuli.pixel_coordinates(size, pixels_per_degree=10)
    np.testing.assert_allclose(x[0], expected, atol=1e-15)
    np.testing.assert_allclose(y[:, 0], expected[::-1], atol=1e-15)


def test_srgb_encoding_is_the_standards_transfer_function():
    small = {"frequencies": 3, "oriented_every": 1, "orientations": 2, "phases": 1, "contrast": 1.0}
    linear, encoded = (stimuli.gratings(**small, encoding=name).images(32) for name in ("display", "srgb"))
    np.testing.assert_allclose(encoded.radial, eotf_inverse_sRGB(linear.radial.values.astype(float)), atol=2e-6)
    np.testing.assert_allclose(encoded.blank, eotf_inverse_sRGB(0.5), atol=1e-6)


def linear(images):
    """Linear RGB (..., rgb) of images (..., rgb, y, x), by colour-science."""
    return eotf_sRGB(np.moveaxis(images.astype(np.float64), -3, -1))


@pytest.mark.parametrize("direction", ["red_green", "blue_yellow"])
def test_isoluminant_gratings_have_the_luminance_of_the_blank(direction):
    gratings = stimuli.gratings(contrast=1.0)
    images, blank = gratings.isoluminant(direction, 2.0, 64), np.full((1, 3, 1, 1), 0.5)
    shown, grey = (linear(one) @ RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ.T for one in (images, blank))
    np.testing.assert_allclose(shown[..., 1], grey.item(1), rtol=2e-4)
    assert np.ptp(images) > 0.3


@pytest.mark.parametrize(
    ("direction", "constant", "varying"), [("red_green", [2], [0, 1]), ("blue_yellow", [0, 1], [2])]
)
def test_isoluminant_gratings_modulate_the_cones_that_they_name(direction, constant, varying):
    to_cones = CHROMATIC_ADAPTATION_TRANSFORMS["Von Kries"] @ RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ
    gratings = stimuli.gratings(contrast=1.0)
    grey = to_cones @ np.full(3, eotf_sRGB(0.5))
    contrast = linear(gratings.isoluminant(direction, 2.0, 64)) @ to_cones.T / grey - 1
    assert np.abs(contrast[..., constant]).max() < 2e-3
    assert np.abs(contrast[..., varying]).max(axis=(0, 1, 2)).min() > 0.02
    if direction == "red_green":  # the one rises where the other falls
        assert np.corrcoef(contrast[..., 0].ravel(), contrast[..., 1].ravel())[0, 1] < -0.999


@pytest.mark.parametrize("direction", ["red_green", "blue_yellow"])
def test_isoluminant_gratings_of_full_contrast_just_fit_into_the_gamut(direction):
    change = stimuli.isoluminant_change(direction, 0.2)
    assert np.abs(change).max() == pytest.approx(0.2)
    half, full = (np.ptp(linear(stimuli.gratings(contrast=c).isoluminant(direction, 2.0, 65))) for c in (0.5, 1.0))
    assert full == pytest.approx(2 * half, rel=1e-3)


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="direction is 'purple'; it must be one of red_green, blue_yellow"):
        stimuli.isoluminant_change("purple", 0.2)


def test_contrast_is_michelsons(drawn):
    image = pick(drawn.oriented, oriented_frequency=1, orientation=0, phase=0)
    assert (image.max() - image.min()) / (image.max() + image.min()) == pytest.approx(0.3)


@pytest.mark.parametrize("encoding", ["display", "srgb", "gamma2.2"])
@pytest.mark.parametrize(("pixels_per_degree", "contrast"), [(32, 0.5), (120, 0.5), (32, 1.0), (21.3, 0.1)])
def test_every_grating_has_the_mean_and_the_contrast_that_were_asked_for(pixels_per_degree, contrast, encoding):
    """A sinusoid of contrast c around .5 has the mean .5 and the standard deviation c / sqrt(8)."""
    gratings = stimuli.gratings(pixels_per_degree=pixels_per_degree, contrast=contrast, encoding=encoding)
    gratings = dataclasses.replace(gratings, frequency=gratings.frequency[::6], orientation=gratings.orientation[::3])
    for frequency in (*gratings.frequency, 0.98 * pixels_per_degree / 2):
        oriented = np.concatenate(gratings.oriented(frequency, gratings.pixels))
        for image in (*gratings.radial(frequency, gratings.pixels), *oriented):
            shown = {"srgb": eotf_sRGB, "gamma2.2": lambda value: value**2.2}  # luminance of a display
            drawn = shown[encoding](image) if encoding in shown else image
            # cycles cut at the edges, two of a radial grating at least, and slow beats just below the Nyquist frequency
            assert drawn.mean() == pytest.approx(0.5, abs=0.07 * contrast)
            assert drawn.std() * 8**0.5 == pytest.approx(contrast, rel=0.09)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            {"highest_frequency": 16},
            r"from 1 to 16 .* to below the Nyquist frequency, 16\.0 cycles per degree at 32",
        ),
        ({"lowest_frequency": 0}, "Frequencies from 0 to 2 cycles per degree: they must rise from above 0"),
        ({"lowest_frequency": 3}, "Frequencies from 3 to 2 cycles per degree: they must rise"),
        ({"pixels_per_degree": -32}, "Frequencies from 1 to 2 cycles per degree"),
        ({"pixels_per_degree": float("nan")}, "Frequencies from 1 to 2 cycles per degree"),
        ({"field": 1.5}, r"The field is 1\.5 degrees, which holds 1\.5 cycles of the lowest frequency, 1 cycles"),
        ({"field": 1.5}, r"it must hold at least 2: make the field 2 degrees\."),
        ({"oriented_every": 0}, "oriented_every is 0; it must be at least 1"),
        ({"oriented_every": 2}, "oriented_every is 2; that leaves no frequency between the first and the last"),
        ({"frequencies": 2}, "frequencies is 2; it must be at least 3"),
        ({"orientations": 1}, "orientations is 1; it must be at least 2"),
        ({"phases": 0}, "phases is 0; it must be at least 1"),
        ({"contrast": 0}, r"contrast is 0; it must lie in \(0, 1\]"),
        ({"contrast": 1.1}, r"contrast is 1\.1; it must lie in \(0, 1\]"),
        ({"encoding": "gamma"}, "encoding is 'gamma'; it must be one of display, srgb, gamma2.2"),
    ],
)
def test_argument_out_of_range_is_refused(argument, message):
    with pytest.raises(ValueError, match=message):
        stimuli.gratings(**{**SMALL, "pixels_per_degree": 32, **argument})


@pytest.mark.parametrize(("distance", "width", "pixels"), [(60, 53.1, 1920), (0.7472, 0.664, 3840), (57.3, 1, 32)])
def test_viewing_geometry_gives_the_pixels_per_degree_of_stimupy(distance, width, pixels):
    expected = compute_ppd(width, pixels, distance)
    assert stimuli.pixels_per_degree(distance, width, pixels) == pytest.approx(expected, rel=1e-12)
    assert configuration.pixels_per_degree(distance, width, pixels) == pytest.approx(expected, rel=1e-12)


def test_a_screen_without_width_is_refused():
    with pytest.raises(ValueError, match="screen_width and pixels_across are 60, 0 and 1920; each must be above 0"):
        stimuli.pixels_per_degree(60, 0, 1920)
