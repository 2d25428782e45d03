"""PE of every channel against another score of it, and how figures write their rank correlation over channels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import MEAN_OF_LAYERS

RHO = {"estimate": "rho", "ci_low": "rho_low", "ci_high": "rho_high", "p_split": "p"}  # of a correlation, as shown here


def draw_layers(
    table: pd.DataFrame,
    score: str,
    columns: int,
    height: Callable[[int], float],
    about: Callable[[pd.DataFrame], str] = lambda rows: "",
    **look: Any,
) -> tuple[Figure, NDArray]:
    """Draw one panel per layer, all on the same axes; `height` is the figure's by lines of panels.

    `about` gives lines that a panel's title has besides the number of channels and their correlation.
    """
    layers = list(table[table["layer"] != MEAN_OF_LAYERS].groupby("layer", sort=False))
    figure = style.figure(height(-(-len(layers) // columns)))
    axes = style.panels(figure, len(layers), columns, sharex=True, sharey=True)
    for number, (axis, (layer, rows)) in enumerate(zip(axes, layers, strict=True)):
        size = 12 if len(rows) <= 150 else 6
        axis.scatter(rows["pe"], rows[score], s=size, color=style.COLOURS["pe"], **style.POINT, **look)
        name = f"{layer}, {rows['channel'].notna().sum()} channels{about(rows)}"
        axis.set_title(f"{name}\n{_correlation(rows)}\n{_place(rows)}", fontsize=8.5 if columns < 4 else 8)
        axis.grid()
        axis.tick_params(labelbottom=number + columns >= len(layers))  # none is below
    return figure, axes


def mean_of_layers(table: pd.DataFrame) -> str:
    """Write the mean of the layers' correlations."""
    mean = table[table["layer"] == MEAN_OF_LAYERS]
    return f"mean of layers: {_correlation(mean)}, {_place(mean)}"


def _correlation(rows: pd.DataFrame) -> str:
    """Write the correlation of the first row with its interval, if it has one."""
    rho, low, high = rows[["rho", "rho_low", "rho_high"]].iloc[0]
    interval = f" [{style.signed(low, '.2f')}, {style.signed(high, '.2f')}]" if np.isfinite(low) else ""
    return f"ρ = {style.signed(rho, '.2f')}{interval}"


def _place(rows: pd.DataFrame) -> str:
    """Write where the correlation of the first row lies among shuffles."""
    p = rows["p"].iloc[0]
    return "p < 0.001" if p < 0.001 else f"p = {style.signed(p, '.2g')}"
