import numpy as np
import pytest
from colour.contrast import barten1999

from perceptual_efficacy import csf

OCTAVES = [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize(
    ("model", "expected", "tolerance"),
    [
        ("mannos-sakrison", [0.316, 0.528, 0.8105, 0.9808, 0.6908, 0.150], 5e-4),
        ("watson-ahumada", [106.6, 182.0, 214.2, 135.1, 43.1, 5.64], 0.05),
    ],
)
def test_model_has_its_published_values(model, expected, tolerance):
    np.testing.assert_allclose(csf.by_name(model)(OCTAVES), expected, rtol=0, atol=tolerance)


def test_mannos_sakrison_peaks_at_eight_cycles_per_degree():
    frequency = np.linspace(0, 60, 6001)
    assert frequency[csf.mannos_sakrison(frequency).argmax()] == pytest.approx(8, abs=0.2)


def test_barten_has_the_value_of_colour_science_documentation():
    # the example of colour.contrast.contrast_sensitivity_function_Barten1999
    assert csf.barten(4) == pytest.approx(360.8691122, abs=1e-6)


def test_barten_luminance_sets_pupil_blur_and_illuminance():
    pupil = barten1999.pupil_diameter_Barten1999(50, 60, 60)
    expected = barten1999.contrast_sensitivity_function_Barten1999(
        np.array([0.5, 4.0, 20.0]),
        sigma=barten1999.sigma_Barten1999(0.5 / 60, 0.08 / 60, pupil),
        E=barten1999.retinal_illuminance_Barten1999(50, pupil),
    )
    np.testing.assert_allclose(csf.barten([0.5, 4, 20], luminance=50), expected, rtol=1e-12)


def test_barten_field_size_limits_the_integration_area():
    expected = barten1999.contrast_sensitivity_function_Barten1999(np.array([0.5, 4.0]), X_0=2, Y_0=2)
    np.testing.assert_allclose(csf.barten([0.5, 4], field_size=2), expected, rtol=1e-12)


def test_barten_field_size_also_sets_the_pupil_at_a_given_luminance():
    pupil = barten1999.pupil_diameter_Barten1999(50, 5, 5)
    expected = barten1999.contrast_sensitivity_function_Barten1999(
        4.0,
        sigma=barten1999.sigma_Barten1999(0.5 / 60, 0.08 / 60, pupil),
        E=barten1999.retinal_illuminance_Barten1999(50, pupil),
        X_0=5,
        Y_0=5,
    )
    assert csf.barten(4, luminance=50, field_size=5) == pytest.approx(expected, rel=1e-12)


def test_parameters_given_by_name_are_bound():
    assert csf.by_name("barten", luminance=50, field_size=5)(4) == csf.barten(4, luminance=50, field_size=5)


def test_parameters_of_none_keep_their_defaults():
    assert csf.by_name("barten", luminance=None, field_size=None)(4) == pytest.approx(360.8691122, abs=1e-6)


def test_flat_is_one_everywhere():
    np.testing.assert_array_equal(csf.flat([[0, 1], [8, 1e6]]), np.ones((2, 2)))


@pytest.mark.parametrize("model", csf.MODELS)
def test_shape_of_the_frequencies_is_kept(model):
    assert csf.by_name(model)(np.ones((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("model", ["mannos-sakrison", "watson-ahumada", "barten", "castlecsf"])
def test_sensitivity_vanishes_at_high_frequencies_without_overflow(model):
    assert csf.by_name(model)([2000.0, 1e5]) == pytest.approx([0, 0], abs=1e-6 if model == "castlecsf" else 1e-20)


@pytest.mark.parametrize("model", ["mannos-sakrison", "watson-ahumada"])
def test_sensitivity_is_finite_at_zero_frequency(model):
    # 2.6 * 0.0192 and 373.08 * (1 - 0.8493)
    assert csf.by_name(model)(0) == pytest.approx(
        {"mannos-sakrison": 0.04992, "watson-ahumada": 56.223}[model], abs=1e-3
    )


def test_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="'mannos' is not known; choose one of mannos-sakrison, watson-ahumada, barten, castlecsf"
    ):
        csf.by_name("mannos")


def test_parameter_of_a_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match=r"'flat' takes no parameters, got \{'luminance': 50\}"):
        csf.by_name("flat", luminance=50)


def test_unknown_parameter_is_refused():
    with pytest.raises(ValueError, match=r"'barten' takes luminance, field_size, got \{'age': 30\}"):
        csf.by_name("barten", age=30)


@pytest.mark.parametrize("octaves", [-1, 1])
def test_a_shifted_function_peaks_so_many_octaves_higher(octaves):
    frequency = np.geomspace(0.5, 32, 2001)
    peaks = [
        frequency[model(frequency).argmax()]
        for model in (csf.mannos_sakrison, csf.shifted(csf.mannos_sakrison, octaves))
    ]
    assert np.log2(peaks[1] / peaks[0]) == pytest.approx(octaves, abs=0.01)


def test_bartens_model_takes_the_frequency_that_a_spectrum_starts_with():
    """At ModelFest's luminance and size, and without a warning."""
    sensitivity = csf.barten([0, 0.01, 4], luminance=30, field_size=2)
    assert sensitivity[0] == 0 < sensitivity[1] < sensitivity[2]
