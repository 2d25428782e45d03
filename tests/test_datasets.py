"""The data sets: photographs inside packages, and ModelFest."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage import data

from perceptual_efficacy import csf, energy, storage
from perceptual_efficacy.datasets import modelfest, photographs
from perceptual_efficacy.judgements import DetectionThresholds
from perceptual_efficacy.vocabulary import FITTED_ENERGY, LEAVE_ONE_OUT


def entry(name, split="train", **rest):
    return {"name": name, "split": split, **rest}


def test_every_bundled_photograph_is_exported(tmp_path):
    table = photographs.export([entry(name) for name in photographs.PACKAGED], tmp_path)
    assert len(table) == 9
    assert table["licence"].isin(["CC0", "CC BY 2.0", "public domain"]).all()
    for row in table.itertuples():
        path = tmp_path / "train" / f"{row.name}.png"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256
        with Image.open(path) as image:
            assert image.size == (row.width, row.height)


def test_exported_pixels_are_those_of_the_package(tmp_path):
    table = photographs.export([entry("astronaut"), entry("chelsea", "test")], tmp_path)
    np.testing.assert_array_equal(photographs.read(table, tmp_path, "train")["astronaut"], data.astronaut())
    np.testing.assert_array_equal(photographs.read(table, tmp_path, "test")["chelsea"], data.chelsea())
    assert list(photographs.read(table, tmp_path, "test")) == ["chelsea"]


def test_an_edited_export_is_refused(tmp_path):
    table = photographs.export([entry("coffee")], tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "train" / "coffee.png")
    with pytest.raises(storage.DamagedFileError, match=r"coffee\.png"):
        photographs.read(table, tmp_path, "train")


def test_a_photograph_of_ones_own_keeps_what_is_said_of_it(tmp_path):
    Image.fromarray(data.coffee()).save(tmp_path / "mine.png")
    table = photographs.export(
        [entry("mine", path=str(tmp_path / "mine.png"), licence="CC0", credit="me")], tmp_path / "out"
    )
    assert table.loc[0, ["package_or_path", "credit", "licence"]].tolist() == ["mine.png", "me", "CC0"]
    np.testing.assert_array_equal(photographs.read(table, tmp_path / "out", "train")["mine"], data.coffee())


def test_a_stereo_pair_on_both_sides_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="'motorcycle' is in the splits 'train' and 'test'"):
        photographs.export([entry("motorcycle_left"), entry("motorcycle_right", "test")], tmp_path)
    assert not list(tmp_path.iterdir())


def test_photograph_of_a_user_is_a_scene_of_its_own_whatever_its_name(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    mine = {"name": "motorcycle", "split": "test", "path": str(tmp_path / "a.png")}
    table = photographs.export([entry("motorcycle_left"), mine], tmp_path)
    assert table["scene"].nunique() == 2


def test_an_unknown_photograph_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"'lena' has no path and is none of the bundled ones .*astronaut"):
        photographs.export([entry("lena")], tmp_path)


def test_a_photograph_that_is_not_there_is_named_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"'mine': there is no file .*gone\.png"):
        photographs.export([entry("astronaut"), entry("mine", path=str(tmp_path / "gone.png"))], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def native():
    """All 43 patterns, as the workflow exports them."""
    source = pytest.importorskip("stimupy.papers.modelfest")
    names = list(source.__all__)
    zeros = [128 / 255 if name in {"Noise35", "NaturalScene43"} else 0.5 for name in names]
    with pytest.warns(UserWarning, match="Rounding visual angle"):
        images = [getattr(source, name)()["img"] for name in names]
    return modelfest.patterns(names, images, zeros), modelfest.comparisons(source.df, names, "test")


def test_there_are_43_patterns_with_a_peak_of_one(native):
    patterns, _ = native
    assert patterns["pattern"].shape == (43, 256, 256)
    np.testing.assert_allclose(np.abs(patterns["pattern"].values).max(axis=(1, 2)), 1)


def test_patterns_that_end_inside_the_picture_are_zero_around_it(native):
    patterns, _ = native
    small = patterns["name"].isin(["GaborPatch12", "Gaussians28", "Disk40", "Orientation36"]).values
    assert np.abs(patterns["pattern"].values[small][:, 0]).max() < 1e-3


def test_thresholds_are_the_published_means(native):
    """1.330 for stimulus 35 and 1.523 for 43, -log10 contrast: by column number, not by stimupy's entry for Noise35."""
    _, judgements = native
    mean = judgements.groupby("first")["judgement"].mean()
    assert mean["Noise35"] == pytest.approx(-1.330, abs=5e-4)
    assert mean["NaturalScene43"] == pytest.approx(-1.523, abs=5e-4)


def test_every_observer_judged_every_stimulus(native):
    _, judgements = native
    assert len(judgements) == 43 * 16
    assert judgements["observer"].nunique() == 16
    assert judgements["second"].isna().all()


def one_by_the_others(judged):
    return judged.people(judged.draw(0, np.random.default_rng(0)))[LEAVE_ONE_OUT].item()


def test_one_observer_knows_the_others_as_well_as_published(native):
    """Leave-one-out correlations of the 16 observers average about .97 over all 43 stimuli."""
    patterns, judgements = native
    judged = DetectionThresholds.of(judgements, patterns.assign_coords(contrast=[0.01, 1]))
    assert one_by_the_others(judged) == pytest.approx(0.97, abs=0.005)


def test_watson_and_ahumadas_energy_fits_the_thresholds_it_was_made_for(native):
    """Their CSF was fitted to these very thresholds: it errs by less than one observer differs from another."""
    patterns, judgements = native
    contrasts = np.geomspace(0.003, 1, 8)
    judged = DetectionThresholds.of(judgements, patterns.assign_coords(contrast=contrasts))
    score = judged.score(energy.baselines(patterns["pattern"], contrasts, 120, csf.flat)[FITTED_ENERGY])
    assert score["r"] > one_by_the_others(judged)
    assert score["rmse"] < judged.measured.std(axis=1, ddof=1).mean()


def test_patterns_say_what_they_are_at_every_resolution(native):
    patterns, judgements = native
    about = {"dataset": "modelfest", "judged_by": "people"}
    assert patterns.attrs == {**about, "pixels_per_degree": 120}
    assert modelfest.at_resolution(patterns, 32).attrs == {**about, "pixels_per_degree": 32}
    assert judgements[list(about)].drop_duplicates().to_dict("records") == [about]


def test_at_the_native_resolution_nothing_changes(native):
    patterns, _ = native
    same = modelfest.at_resolution(patterns, 120)
    np.testing.assert_allclose(same["pattern"].values, patterns["pattern"].values, atol=1e-12)
    assert same["used"].all()
    np.testing.assert_allclose(same["energy_kept"], 1)


def gabor(frequency, deviation, pixels_per_degree, size):
    x = (np.arange(size) - (size - 1) / 2) / pixels_per_degree
    return np.cos(2 * np.pi * frequency * x) * np.exp(-((x**2 + x[:, None] ** 2) / (2 * deviation**2)))


@pytest.mark.parametrize(("frequency", "resolution"), [(4, 32), (8, 32), (11, 32), (16, 60)])
def test_a_gabor_keeps_its_contrast_and_its_spectrum(frequency, resolution):
    """As if it had been drawn at the coarser resolution; averaging over area shows 11 cycles per degree at .80."""
    fine = gabor(frequency, 0.25, 120, 256)
    found = modelfest.at_resolution(modelfest.patterns(["gabor"], [fine], [0.0]), resolution)
    shown = found["pattern"].values[0] * np.abs(fine).max()
    np.testing.assert_allclose(shown, gabor(frequency, 0.25, resolution, len(shown)), atol=0.01)
    before, after = (np.abs(np.fft.fft2(one, (512, 512))) / ppd**2 for one, ppd in ((fine, 120), (shown, resolution)))
    assert after.max() == pytest.approx(before.max(), rel=0.01)
    assert found["energy_kept"].item() == pytest.approx(1, abs=0.01)


def test_every_pattern_whose_spectrum_fits_is_used(native):
    """Gabor patches 1 to 10 have 1.12, 2, 2.83, 4, 5.66, 8, 11.3, 16, 22.6 and 30 cycles per degree."""
    patterns, _ = native
    for resolution, last, count in ((32, 7, 33), (60, 9, 39)):
        coarse = modelfest.at_resolution(patterns, resolution)
        used = dict(zip(coarse["name"].values, coarse["used"].values, strict=True))
        assert [used[f"GaborPatch{number}"] for number in range(1, 11)] == [number <= last for number in range(1, 11)]
        assert coarse["used"].sum() == count


def test_finer_than_native_is_refused(native):
    with pytest.raises(ValueError, match="240 pixels per degree is finer than the patterns' own 120"):
        modelfest.at_resolution(native[0], 240)


def test_a_uniform_pattern_is_refused():
    with pytest.raises(ValueError, match="ModelFest stimulus flat is uniform"):
        modelfest.patterns(["flat"], [np.full((4, 4), 0.5)], [0.5])


def test_a_table_with_other_columns_is_refused():
    with pytest.raises(ValueError, match="has 5 columns; expected 9"):
        modelfest.comparisons(pd.DataFrame(np.zeros((2, 5))), ["a", "b"], "test")


def test_a_threshold_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="a threshold that is not a number"):
        modelfest.comparisons(pd.DataFrame([["abc", 1.0, np.nan, 1.0, 1.0]]), ["a"], "test")
