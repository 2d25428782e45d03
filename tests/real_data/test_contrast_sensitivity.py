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
