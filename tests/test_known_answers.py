"""Answers to gratings of observers whose answers follow from a closed form."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from perceptual_efficacy import csf, known_answers, waveforms
from perceptual_efficacy.known_answers import OF_FREQUENCY, OF_ORIENTATION, OF_WAVEFORM

CHANNELS = pd.DataFrame(
    {"layer": "layer", "channel": [0, 1], "pe": [0.9, 0.1], "mu1": [0.9, 0.1], "mu2": [0.9, 0.1], "status": "scored"}
)


def answers(distance, sensitivity=csf.flat):
    """Answers of an observer whose distances are a function of contrast, shape (contrasts,), and of the gratings."""
    gratings = waveforms.gratings(32)
    shown = distance(np.array(waveforms.CONTRASTS)[None], gratings)
    cube = xr.DataArray(
        np.repeat(shown[..., None], 2, axis=-1), dims=("stimulus", "contrast", "unit"), attrs={"network": "net"}
    )
    cube = cube.assign_coords(gratings.coords).assign_coords(contrast=list(waveforms.CONTRASTS))
    return known_answers.answers(cube, CHANNELS, sensitivity)


def of(table, answer, standard=0.01, selection="all"):
    rows = table[(table["answer"] == answer) & (table["standard"] == standard) & (table["selection"] == selection)]
    return rows[rows["layer"] == "layer"].set_index("frequency")["sensitivity"]


def energy(contrast, gratings):
    return contrast**2 * (gratings.values.astype(float) ** 2).mean(axis=(1, 2))[:, None]


def amplitude(gratings):
    """Amplitude of each grating's fundamental, relative to a sine wave's."""
    return np.where(gratings["waveform"].values == "square", 4 / np.pi, 1.0)


def test_one_who_sees_all_energy_sees_square_waves_by_their_harmonics():
    found = of(answers(energy), OF_WAVEFORM)
    assert list(found.index) == [1.25, 2.5, 5.0]
    # Parseval: the energy of the harmonics k below 16 cycles per degree, over a sine wave's
    for frequency, harmonics in ((1.25, range(1, 12, 2)), (2.5, range(1, 6, 2)), (5.0, (1, 3))):
        expected = 4 / np.pi * np.sqrt(sum(1 / k**2 for k in harmonics))
        assert found[frequency] == pytest.approx(expected, rel=2e-3)  # neighbours overlap a little in the window


def test_one_who_sees_the_fundamental_alone_answers_as_people():
    table = answers(lambda contrast, gratings: (contrast * amplitude(gratings)[:, None]) ** 2)
    rows = table[(table["answer"] == OF_WAVEFORM) & (table["selection"] == "all")]
    np.testing.assert_allclose(rows["sensitivity"], 4 / np.pi)
    np.testing.assert_allclose(rows.loc[rows["frequency"] == 5, "people"], 4 / np.pi)
    assert rows.loc[rows["frequency"] < 5, "people"].isna().all()


def test_turned_gratings_are_compared_at_their_own_frequency():
    def distance(contrast, gratings):
        lost = np.where(gratings["orientation"].values == "oblique", gratings["frequency"].values / 20, 1)
        return (contrast * lost[:, None]) ** 2

    np.testing.assert_allclose(of(answers(distance), OF_ORIENTATION), [1.25 / 20, 2.5 / 20, 5 / 20, 10 / 20])


@pytest.mark.parametrize("power", [1, 2, 3])
def test_one_whose_distance_is_contrast_weighted_by_a_csf_is_never_constant(power):
    """However steeply a distance rises with contrast, matches follow the weights at any standard."""
    weights = csf.mannos_sakrison(np.array([1.25, 2.5, 5.0, 10.0]))

    def distance(contrast, gratings):
        return (contrast * csf.mannos_sakrison(gratings["frequency"].values)[:, None]) ** power

    table = answers(distance, csf.mannos_sakrison)
    for standard in (0.01, 0.3):
        np.testing.assert_allclose(of(table, OF_FREQUENCY, standard), weights / weights[2])
    people = table[(table["answer"] == OF_FREQUENCY) & (table["selection"] == "high") & (table["layer"] == "layer")]
    np.testing.assert_allclose(people["people"], [*weights / weights[2], 1, 1, 1, 1])


def test_one_who_subtracts_a_threshold_tends_to_constancy():
    """Distance (c - 1/S)^2, S the sensitivity: a match lies as far above its threshold as the standard."""
    threshold = {1.25: 0.008, 2.5: 0.006, 5.0: 0.004, 10.0: 0.02}

    def distance(contrast, gratings):
        own = np.array([threshold[frequency] for frequency in gratings["frequency"].values])[:, None]
        return np.maximum(contrast - own, 0) ** 2

    table = answers(distance)
    far = of(table, OF_FREQUENCY, 0.3)
    np.testing.assert_allclose(far, [0.3 / (0.3 - 0.004 + value) for value in threshold.values()], rtol=0.02)
    assert np.abs(np.log(of(table, OF_FREQUENCY, 0.01))).max() > 3 * np.abs(np.log(far)).max()


def test_a_network_without_any_distance_has_no_answer():
    table = answers(lambda contrast, gratings: np.zeros((gratings.sizes["stimulus"], contrast.size)))
    assert table["sensitivity"].isna().all()


def test_contrasts_beyond_those_shown_are_marked():
    def distance(contrast, gratings):
        return (contrast * np.where(gratings["frequency"].values == 10, 0.001, 1)[:, None]) ** 2

    rows = answers(distance).set_index(["answer", "frequency"]).sort_index()
    assert rows.loc[(OF_FREQUENCY, 10.0), "extrapolated"].all()
    assert not rows.loc[(OF_WAVEFORM, 5.0), "extrapolated"].any()
    np.testing.assert_allclose(rows.loc[(OF_FREQUENCY, 10.0), "sensitivity"], 0.001)


def test_too_few_pixels_for_the_standard_are_refused():
    with pytest.raises(ValueError, match="10 pixels per degree show up to 5 cycles per degree"):
        waveforms.gratings(10)
    shown = waveforms.gratings(16)
    assert set(shown["frequency"].values[shown["waveform"].values == "square"]) == {1.25, 2.5}


def test_the_mean_of_layers_is_geometric_over_those_that_have_converged():
    gratings, factors = waveforms.gratings(32), {"a": 1.0, "b": 4.0, "c": 100.0}
    shown = [
        (np.array(waveforms.CONTRASTS) * np.where(gratings["orientation"].values == "oblique", 1, factor)[:, None]) ** 2
        for factor in factors.values()
    ]
    cube = xr.DataArray(np.stack(shown, axis=-1), dims=("stimulus", "contrast", "unit"), attrs={"network": "net"})
    cube = cube.assign_coords(gratings.coords).assign_coords(contrast=list(waveforms.CONTRASTS))
    channels = pd.DataFrame({"layer": list(factors), "channel": 0, "pe": 0.5, "mu1": 0.5, "mu2": 0.5})
    channels = channels.assign(status="scored", converged=[True, True, False])
    table = known_answers.answers(cube, channels, csf.flat)
    rows = table[(table["answer"] == OF_ORIENTATION) & (table["selection"] == "all")]
    found = rows.groupby("layer")["sensitivity"].mean()
    np.testing.assert_allclose(found[["a", "b", "c"]], [1, 1 / 4, 1 / 100])
    assert found["mean of layers"] == pytest.approx(1 / 2)
