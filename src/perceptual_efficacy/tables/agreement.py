"""Table: every score of every selection; for programs, so as CSV alone."""

import pandas as pd

from perceptual_efficacy.tables._chosen import identified


def table(agreement: pd.DataFrame) -> pd.DataFrame:
    """Put what a score is of in front.

    Parameters
    ----------
    agreement
        What `agreement.compare_selections` and `agreement.compare_single_channels` return, of any number of networks
        and data sets, with `dataset`, `judged_by` and, for ModelFest, `pixels_per_degree`.
    """
    return identified(agreement)
