"""The contrast sensitivity functions against people, as many studies measured them (gathered for castleCSF)."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from perceptual_efficacy import csf

FOLDER = os.environ.get("PERCEPTUAL_EFFICACY_TEST_DATA")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER, reason="PERCEPTUAL_EFFICACY_TEST_DATA, the folder of real data, is not set"),
]


@pytest.fixture(scope="module")
def static_foveal_achromatic():
    table = pd.read_csv(Path(FOLDER) / "contrast_sensitivity" / "castlecsf_aggregated.csv")
    return table[
        (table["t_frequency"] == 0)
        & (table["eccentricity"] == 0)
        & (table["L_delta_norm"] > 0.85)
        & (table["M_delta_norm"] > 0.3)
        & table["luminance"].between(10, 300)
        & (table["s_frequency"] >= 0.5)
    ]


@pytest.mark.parametrize(
    ("model", "study"),
    [
        (csf.watson_ahumada, "modelfest"),  # whose small patches it was fitted to
        (csf.watson_ahumada, "colorfest"),
        (csf.barten, "modelfest"),
        (csf.barten, "kim2013"),
        (csf.barten, "rovamo1993"),
        (csf.barten, "colorfest"),
    ],
)
def test_sensitivity_rises_and_falls_with_frequency_as_it_does_in_people(static_foveal_achromatic, model, study):
    rows = static_foveal_achromatic[static_foveal_achromatic["dataset"] == study]
    measured = np.log10(rows["sensitivity"]).groupby(rows["s_frequency"]).mean()
    predicted = np.log10(model(measured.index.to_numpy()))
    assert len(measured) >= 6
    assert stats.pearsonr(predicted, measured).statistic > 0.8


def in_grey(table):
    """Rows whose cones change alike, at luminances that a display shows."""
    change = table[["L_delta", "M_delta", "S_delta"]].to_numpy() / table[["L", "M", "S"]].to_numpy()
    alike = np.abs(change - change.mean(axis=1, keepdims=True)).max(axis=1) < 0.05 * np.abs(change).max(axis=1)
    static = (table["t_frequency"] == 0) & (table["eccentricity"] == 0) & (table["s_frequency"] > 0)
    return table[alike & static & table["luminance"].between(0.1, 1000)]


@pytest.mark.parametrize("study", ["hdrvdp_csf", "modelfest", "rovamo1993"])
def test_castlecsf_fits_the_thresholds_it_was_fitted_to(study):
    """Up to a factor for each study, which its authors fitted, too; over frequency, luminance and size."""
    rows = in_grey(pd.read_csv(Path(FOLDER) / "contrast_sensitivity" / "castlecsf_aggregated.csv"))
    rows = rows[rows["dataset"] == study]
    conditions = rows[["s_frequency", "luminance", "area"]].itertuples(index=False)
    sensitivity = [csf.castlecsf(f, luminance=light, field_size=np.sqrt(area)) for f, light, area in conditions]
    residual = np.log10(sensitivity) + rows["log_cone_contrast"]
    assert len(rows) >= 14
    assert residual.std() < 0.25
    assert abs(residual.mean()) < 0.3
    assert residual.std() < 0.5 * rows["log_cone_contrast"].std()
