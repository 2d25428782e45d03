"""castleCSF's thresholds: contrasts at which people detect gratings of many sizes, luminances and colours.

Ashraf, Mantiuk, Chapiro, Wuerger: castleCSF - A contrast sensitivity function of color, area, spatiotemporal frequency,
luminance and eccentricity, Journal of Vision 24(4), 2024, whose authors gathered many studies' thresholds in one table
(github.com/gfxdisp/castleCSF, data/data_aggregated_merged.csv, MIT licence). Its README states the columns.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PUBLISHED_NAME = "data_aggregated_merged.csv"
ROWS = 2305  # of the table that addresses.SOURCES names
BACKGROUND, CHANGE = ["L", "M", "S"], ["L_delta", "M_delta", "S_delta"]
SELECTED = ["s_frequency", "t_frequency", "eccentricity"]
NUMBERS = [*SELECTED, "ge_sigma", "luminance", "log_cone_contrast", "N", "var_log_cone_contrast", *BACKGROUND, *CHANGE]
NEEDED = ["dataset", *NUMBERS]
NAMES = {  # of the studies, as the repository's data/datasets.json has them
    "colorfest": "ColorFest, Wuerger et al. 2002",
    "five_centres": "Xu et al. 2020",
    "hdr_csf": "Wuerger et al. 2020",
    "hdrvdp_csf": "Mantiuk et al. 2011",
    "kim2013": "Kim et al. 2013",
    "modelfest": "ModelFest",
    "lucassen2018": "Lucassen et al. 2018",
    "rovamo1993": "Rovamo et al. 1993",
    "vanderHorst1969_b": "Van der Horst & Bouman 1969",
    "virsu1979": "Virsu & Rovamo 1979",
    "wright1983": "Wright & Johnston 1983",
}
ELSEWHERE = "modelfest"  # whose patterns the study shows anyway


def stimuli(path: str | Path, *, subset: bool = False, studies: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the static foveal gratings of a table of thresholds.

    Parameters
    ----------
    path
        The table, as its authors publish it.
    subset
        Whether it may have another number of rows than the published one.
    studies
        Which to read, by their names in the table; all but ModelFest, whose patterns the study shows anyway, unless
        given.

    Returns
    -------
    One row per stimulus: name (its study and its line in the file), study, frequency (cycles per degree), sigma (of the
    envelope, degrees), luminance (cd/m2), L, M and S (the background's), L_delta, M_delta and S_delta (the patch's
    largest increment at threshold), threshold (log10 cone contrast: the root mean square of the three increments, each
    relative to the background's), spread (its standard deviation, if known) and observers.

    Raises
    ------
    ValueError
        If the file cannot be read or lacks a column, has another number of rows, or a number that it needs is missing
        or impossible; if its thresholds are not those of its increments.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no table {path}. Correct `path`.")
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as CSV: {error}. Download it again.") from error
    if lacking := [name for name in NEEDED if name not in table]:
        raise ValueError(
            f"{path} lacks {', '.join(lacking)}; expected castleCSF's {PUBLISHED_NAME}, with {', '.join(NEEDED)}."
        )
    if not subset and len(table) != ROWS:
        raise ValueError(
            f"{path} has {len(table)} rows; the published table has {ROWS}. Download it again, or say `subset: true`."
        )
    table[NUMBERS] = table[NUMBERS].apply(pd.to_numeric, errors="coerce")
    table = table.assign(line=np.arange(2, len(table) + 2))
    if (wrong := table.loc[table[SELECTED].isna().any(axis=1), "line"]).size:
        raise ValueError(f"{path}, line {wrong.iloc[0]}: {', '.join(SELECTED)} must be numbers. Correct the row.")
    static = (table["t_frequency"] == 0) & (table["eccentricity"] == 0) & (table["s_frequency"] > 0)
    wanted = table["dataset"] != ELSEWHERE if studies is None else table["dataset"].isin(studies)
    chosen = table[static & wanted]
    numbers = chosen[["s_frequency", "ge_sigma", "luminance", "log_cone_contrast", "N", *BACKGROUND, *CHANGE]]
    finite = np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1)
    positive = (chosen[["ge_sigma", "luminance", "N", *BACKGROUND]] > 0).all(axis=1)
    if (wrong := chosen.loc[~(finite & positive), "line"]).size:
        raise ValueError(
            f"{path}, line {wrong.iloc[0]}: a size, luminance, colour, threshold or number of observers is missing "
            f"or not above 0. Correct the row, or take it out and say `subset: true`."
        )
    threshold = np.log10(_cone_contrast(chosen[CHANGE], chosen[BACKGROUND]))
    differs = np.abs(threshold - chosen["log_cone_contrast"].to_numpy()) > 1e-6
    if (wrong := chosen.loc[differs, "line"]).size:
        raise ValueError(
            f"{path}, line {wrong.iloc[0]}: log_cone_contrast is not the root mean square of the increments relative "
            f"to the background. Download the table again."
        )
    return pd.DataFrame(
        {
            "name": chosen["dataset"] + ", line " + chosen["line"].astype(str),
            "study": chosen["dataset"].replace(NAMES),
            "frequency": chosen["s_frequency"],
            "sigma": chosen["ge_sigma"],
            "luminance": chosen["luminance"],
            **{name: chosen[name] for name in (*BACKGROUND, *CHANGE)},
            "threshold": chosen["log_cone_contrast"],
            "spread": np.sqrt(chosen["var_log_cone_contrast"].where(np.isfinite(chosen["var_log_cone_contrast"]))),
            "observers": chosen["N"],
        }
    ).reset_index(drop=True)


def _cone_contrast(change: pd.DataFrame, background: pd.DataFrame) -> NDArray[np.float64]:
    """Root mean square of the cones' increments relative to the background, shape (stimuli,)."""
    return np.sqrt(np.mean((change.to_numpy() / background.to_numpy()) ** 2, axis=1))
