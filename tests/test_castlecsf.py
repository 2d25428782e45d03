"""Thresholds of many studies as patches on a display: against closed forms, colour-science and the real table."""

import os
from pathlib import Path

import colour
import numpy as np
import pandas as pd
import pytest
from miniature import snakemake, study_with
from scipy import stats

from perceptual_efficacy import csf, energy, patches, stimuli
from perceptual_efficacy.datasets import castlecsf
from perceptual_efficacy.datasets.registry import LAYOUTS
from perceptual_efficacy.judgements import DetectionThresholds
from perceptual_efficacy.vocabulary import PEOPLE

FOLDER = os.environ.get("PERCEPTUAL_EFFICACY_TEST_DATA")
real_data = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="PERCEPTUAL_EFFICACY_TEST_DATA, the folder of real data, is not set"),
]
DISPLAY = {"white": 100.0, "field": 4.0, "pixels_per_degree": 32.0}
D65 = np.array([0.95047, 1.0, 1.08883])


def row(dataset="kim2013", *, luminance=20.0, frequency=4.0, sigma=0.5, contrast=0.01, xyz=D65, change=None, **others):
    """A row of the published table; the increment is achromatic unless given."""
    background = patches.XYZ_TO_CONES @ (np.asarray(xyz) * luminance)
    increment = background * contrast if change is None else np.asarray(change)
    values = {
        "dataset": dataset,
        "s_frequency": frequency,
        "ge_sigma": sigma,
        "luminance": luminance,
        "t_frequency": 0,
        "eccentricity": 0,
        "log_cone_contrast": np.log10(np.sqrt(np.mean((increment / background) ** 2))),
        "N": 5,
        "var_log_cone_contrast": 0.04,
        **dict(zip(castlecsf.BACKGROUND, background, strict=True)),
        **dict(zip(castlecsf.CHANGE, increment, strict=True)),
    }
    return values | others


def write(folder, rows):
    path = Path(folder) / castlecsf.PUBLISHED_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def read(folder, *rows):
    return castlecsf.stimuli(write(folder, rows), subset=True)


def shown(folder, *rows, least=1, **display):
    """What the display says of the rows, as if a study needed no ten of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "LEAST_STIMULI", least)
        return patches.on_display(read(folder, *rows), **DISPLAY | display)


def test_static_foveal_gratings_of_other_studies_are_read(tmp_path):
    table = read(
        tmp_path,
        row(frequency=2),
        row(t_frequency=5),
        row(eccentricity=4),
        row(s_frequency=0),
        row("modelfest"),
        row("somebody2030", var_log_cone_contrast=np.nan),
    )
    assert table["name"].tolist() == ["kim2013, line 2", "somebody2030, line 7"]
    assert table["study"].tolist() == ["Kim et al. 2013", "somebody2030"]
    assert table["frequency"].tolist() == [2, 4]
    np.testing.assert_allclose(table["threshold"], -2)
    np.testing.assert_allclose(table["spread"], [0.2, np.nan])


def test_thresholds_are_judgements_of_people(tmp_path):
    write(tmp_path, [row(contrast=0.01), row("hdr_csf", contrast=0.1)])
    table = LAYOUTS["castlecsf"].read(tmp_path, dataset="many", subset=True)
    assert table["judgement"].tolist() == pytest.approx([-2, -1])
    assert table["group"].tolist() == ["Kim et al. 2013", "Wuerger et al. 2020"]
    assert set(table["judged_by"]) == {PEOPLE}
    assert table["observers"].tolist() == [5, 5]


def test_an_achromatic_patch_has_the_contrast_that_the_background_leaves_room_for(tmp_path):
    """Half the white leaves room for a contrast of 1, three quarters for a third."""
    table = shown(tmp_path, row(luminance=50), row(luminance=75))
    assert (table["shown"] == patches.SHOWN).all()
    np.testing.assert_allclose(10 ** table["full"], [1, 1 / 3], rtol=1e-3)  # sRGB's white is D65 to three digits
    np.testing.assert_allclose(table[["red", "green", "blue"]], [[0.5] * 3, [0.75] * 3], atol=1e-3)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"frequency": 14}, "a frequency too high for the pixels"),
        ({"frequency": 0.4, "sigma": 2}, "fewer than 2 cycles in the field"),
        ({"luminance": 0.05}, "darker than the display's black"),
        ({"luminance": 150}, "a background beyond the display's colours"),
        ({"luminance": 75, "contrast": 0.5}, "a threshold beyond the display's colours"),
    ],
)
def test_what_the_display_cannot_show_is_left_out_with_its_reason(tmp_path, given, reason):
    assert shown(tmp_path, row(), row(**given))["shown"].tolist() == [patches.SHOWN, reason]


def test_a_small_patch_may_have_less_than_a_cycle(tmp_path):
    assert shown(tmp_path, row(frequency=0.4, sigma=0.3))["shown"].item() == patches.SHOWN


def test_a_study_of_which_too_little_is_left_is_left_out(tmp_path):
    table = shown(tmp_path, *[row() for _ in range(10)], *[row("hdr_csf") for _ in range(9)], least=10)
    assert table["shown"].value_counts().to_dict() == {patches.SHOWN: 10, "fewer than 10 of its study are left": 9}


def test_the_picture_has_the_cone_contrast_that_it_should(tmp_path):
    """Decoded and turned into cones by colour-science: in the middle of the patch, in an oblique direction."""
    change = patches.XYZ_TO_CONES @ (D65 * 20) * [0.02, -0.03, 0.1]
    table = shown(tmp_path, row(xyz=[0.9, 1, 0.8], luminance=20, change=change))
    stimulus = table.iloc[0]
    picture = patches.drawing(stimulus, field=101 / 32, pixels_per_degree=32)([0.0, 0.5, 1.0])  # has a middle pixel
    assert picture.shape == (3, 3, 101, 101)
    assert picture.dtype == np.float32
    light = colour.models.eotf_sRGB(picture[:, :, 50, 50].astype(np.float64))
    xyz = light @ colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ.T * DISPLAY["white"]
    cones = xyz @ patches.XYZ_TO_CONES.T
    np.testing.assert_allclose(cones[0], stimulus[castlecsf.BACKGROUND].to_numpy(float), rtol=1e-3)
    contrast = np.sqrt(np.mean((cones / cones[0] - 1) ** 2, axis=-1))
    np.testing.assert_allclose(np.log10(contrast[1:]), stimulus["full"] + np.log10([0.5, 1]), atol=2e-3)


def test_the_patch_has_its_frequency_and_its_width(tmp_path):
    table = shown(tmp_path, row(frequency=4, sigma=0.5))
    patch = patches.pattern(table.iloc[0], field=4, pixels_per_degree=32)
    spectrum = np.abs(np.fft.fft2(patch))
    vertical, horizontal = np.unravel_index(spectrum[:64, :64].argmax(), (64, 64))
    assert (vertical / 4, horizontal / 4) == (0, 4)  # upright bars
    x, y = stimuli.pixel_coordinates(128, 32)
    assert np.abs(patch).max() == pytest.approx(np.cos(2 * np.pi * 4 / 64), abs=0.01)  # half a pixel off the middle
    assert (np.abs(patch) <= np.exp(-(x**2 + y**2) / (2 * 0.25)) + 1e-12).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ge_sigma": np.nan}, "line 3: a size, luminance"),
        ({"L": 0}, "line 3: a size, luminance"),
        ({"N": "five"}, "line 3: a size, luminance"),
        ({"t_frequency": "none"}, "line 3: s_frequency, t_frequency, eccentricity must be numbers"),
        ({"log_cone_contrast": -1}, "line 3: log_cone_contrast is not the root mean square"),
    ],
)
def test_impossible_numbers_are_told_with_their_line(tmp_path, change, told):
    with pytest.raises(ValueError, match=told):
        read(tmp_path, row(), row(**change))


def test_another_table_is_told(tmp_path):
    with pytest.raises(ValueError, match="There is no table"):
        castlecsf.stimuli(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"lacks s_frequency; expected castleCSF's data_aggregated_merged\.csv"):
        castlecsf.stimuli(write(tmp_path, [{k: v for k, v in row().items() if k != "s_frequency"}]))
    with pytest.raises(ValueError, match="has 1 rows; the published table has 2305"):
        castlecsf.stimuli(write(tmp_path, [row()]))
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="cannot be read as CSV"):
        castlecsf.stimuli(tmp_path / "bytes.csv")


@pytest.mark.slow  # a study
def test_thresholds_run_through_the_study(tmp_path):
    """Two studies, each also scored by itself; what the display cannot show is listed with its reason."""
    rows = [
        row(study, frequency=frequency, sigma=0.3, contrast=0.01 * frequency, change=change)
        for study in ("kim2013", "rovamo1993")
        for frequency in (2, 3, 4, 6, 8)
        for change in (None, [0.02 * frequency, -0.01 * frequency, 0])
    ]
    write(tmp_path, [*rows, row(luminance=0.01)])
    entry = {"name": "many", "layout": "castlecsf", "source": "folder", "path": castlecsf.PUBLISHED_NAME}
    changes = {
        "data_root": str(tmp_path),
        "datasets": [entry | {"subset": True, "pixels_per_degree": 40}],
        "castlecsf": {"field": 2, "contrasts": 4},
        "superres": {"losses": []},
        "inversion": {"networks": []},
    }
    finished = snakemake(tmp_path, "report", study=study_with(tmp_path, **changes))
    assert finished.returncode == 0, finished.stdout
    agreement = pd.read_parquet(tmp_path / "results/agreement/tiny/many.parquet")
    chosen = agreement[(agreement["layer"] == "mean of layers") & (agreement["measure"] == "r")]
    scores = chosen[(chosen["cube"] == "raw") & (chosen["selection"] == "all")].set_index("group")["estimate"]
    assert scores["all"] == pytest.approx(scores[[castlecsf.NAMES["kim2013"], castlecsf.NAMES["rovamo1993"]]].mean())
    assert set(agreement["pixels_per_degree"]) == {40}
    assert agreement.loc[agreement["selection"] == "RMS contrast", "estimate"].notna().all()
    counts = pd.read_csv(tmp_path / "results/tables/thresholds.csv").set_index("study")
    assert counts["shown"].tolist() == [10, 10]
    assert counts["darker than the display's black"].tolist() == [1, 0]
    page = (tmp_path / "results/report.html").read_text(encoding="utf-8")
    assert "by study" in page


@pytest.fixture(scope="module")
def published():
    return castlecsf.stimuli(Path(str(FOLDER)) / "contrast_sensitivity" / "castlecsf_aggregated.csv")


class TestRealTable:
    pytestmark = real_data

    def test_studies_are_whole(self, published):
        """Counted in the table by hand."""
        counts = published["study"].value_counts()
        studies = ("hdrvdp_csf", "rovamo1993", "five_centres", "hdr_csf", "kim2013", "lucassen2018")
        assert [counts[castlecsf.NAMES[name]] for name in studies] == [86, 46, 420, 218, 106, 71]
        assert set(counts.index) <= set(castlecsf.NAMES.values())

    def test_cones_of_daylight_are_those_of_the_table(self, published):
        """Its D65 backgrounds have the chromaticity of D65 (CIE 15) and their luminance."""
        rows = published[published["study"] == castlecsf.NAMES["rovamo1993"]]
        xyz = rows[castlecsf.BACKGROUND].to_numpy() @ np.linalg.inv(patches.XYZ_TO_CONES).T
        np.testing.assert_allclose(xyz[:, 1], rows["luminance"], rtol=1e-6)
        np.testing.assert_allclose(
            xyz[:, :2] / xyz.sum(axis=1, keepdims=True), [[0.31272, 0.32903]] * len(rows), atol=1e-5
        )

    def test_energy_weighted_by_a_csf_predicts_thresholds_of_gratings_in_grey(self, published):
        """Rovamo's gratings differ in area as much as in frequency: a patch must have the right size, too."""
        pictures = {"field": 8.0, "pixels_per_degree": 32.0}
        table = patches.on_display(published, white=300.0, **pictures)
        rows = table[(table["study"] == castlecsf.NAMES["rovamo1993"]) & (table["shown"] == patches.SHOWN)]
        drawn = np.stack([patches.pattern(one, **pictures) for _, one in rows.iterrows()])
        found = energy.contrast_energy(drawn, 32, sensitivity=csf.watson_ahumada, exponent=energy.POOLING)
        predicted = -np.log10(found)
        assert len(rows) >= 30
        assert stats.pearsonr(predicted, rows["threshold"]).statistic > 0.85
        contrasts = np.geomspace(0.001, 1, 8)
        judged = DetectionThresholds(rows[["threshold"]].to_numpy(), contrasts, rows["full"])
        distance = energy.distance_of_energy(found * 10 ** rows["full"], contrasts)
        np.testing.assert_allclose(
            judged.score(distance)["r"], stats.pearsonr(predicted, rows["threshold"]).statistic, atol=1e-9
        )
