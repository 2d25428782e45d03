"""Figure: examples of the gratings that a network is probed with."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from perceptual_efficacy.plots import style

COLUMNS = 5


def table(gratings: xr.Dataset, *, crop: int = 64) -> pd.DataFrame:
    """Cut the centres out of some of `stimuli.gratings`, `crop` pixels wide and high.

    Radial gratings at four frequencies and the blank; oriented ones at the second of these frequencies, at four
    orientations, and the last again at another phase. A row per pixel: panel, kind (radial, blank or oriented),
    frequency in cycles per degree, orientation and phase in degrees, y and x in degrees of visual angle from the
    image's centre, and value, the display code value in [0, 1].
    """
    frequency, orientation, phase = (gratings[name].values for name in ("oriented_frequency", "orientation", "phase"))
    shown = frequency[np.unique(np.linspace(0, len(frequency) - 1, 4).astype(int))]
    turned = orientation[np.unique(np.arange(4) * len(orientation) // 4)]
    radial = gratings["radial"].sel(phase=phase[0])
    oriented = gratings["oriented"].sel(oriented_frequency=shown[1]).rename(oriented_frequency="frequency")
    panels = [*(radial.sel(frequency=f) for f in shown), gratings["blank"]]
    panels += [oriented.sel(orientation=o, phase=phase[0]) for o in turned]
    panels.append(oriented.sel(orientation=turned[-1], phase=phase[min(1, len(phase) - 1)]))
    size = gratings.sizes["x"]
    centre = slice((size - min(crop, size)) // 2, (size + min(crop, size)) // 2)
    parts = []
    for panel, image in enumerate(panels):
        pixels = image.isel(y=centre, x=centre).astype(np.float64).to_dataframe("value")
        parts.append(pixels.reset_index().assign(panel=panel, kind=str(image.name)))
    columns = ["panel", "kind", "frequency", "orientation", "phase", "y", "x", "value"]
    return pd.concat(parts, ignore_index=True)[columns]


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw the gratings in two rows: radial ones and the blank above, oriented ones below."""
    figure = style.figure(3.65)
    axes = figure.subplots(2, COLUMNS, sharex=True, sharey=True)
    for axis in axes.flat:
        axis.set_visible(False)
    rows = {False: iter(axes[0]), True: iter(axes[1])}
    for _, panel in table.groupby("panel", sort=True):
        first = panel.iloc[0]
        axis = next(rows[first["kind"] == "oriented"])
        axis.set_visible(True)
        image = panel.pivot_table(index="y", columns="x", values="value")
        position = image.columns.to_numpy(dtype=np.float64)
        half = (position[1] - position[0]) / 2
        left, right = position[0] - half, position[-1] + half
        axis.imshow(image, cmap="gray", vmin=0, vmax=1, origin="lower", extent=(left, right, left, right))
        axis.set_title(_title(first))
        axis.locator_params(nbins=3)
        axis.spines[:].set_visible(False)
    axes[0, 0].set_ylabel("Radial\n\nPosition (degrees)")
    axes[1, 0].set_ylabel("Oriented\n\nPosition (degrees)")
    axes[1, COLUMNS // 2].set_xlabel(
        "Position from the centre (degrees of visual angle)\nAngles above: direction of modulation"
    )
    figure.suptitle("Gratings that probe a network: the central part of each, in display code values from 0 to 1")
    return figure


def _title(first: pd.Series) -> str:
    if first["kind"] == "blank":
        return "blank (0.5)" if round(first["value"], 3) == 0.5 else f"blank ({first['value']:.2f})"
    frequency = f"{first['frequency']:.3g} cycles/deg"
    if first["kind"] == "radial":
        return frequency
    return f"{frequency}\n{style.signed(first['orientation'])}°, phase {first['phase']:g}°"
