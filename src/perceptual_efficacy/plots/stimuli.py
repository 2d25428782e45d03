"""Figure: examples of the gratings that probe a network."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from perceptual_efficacy.plots import style

COLUMNS = 5


def table(radial: xr.Dataset, oriented: xr.Dataset, *, crop: int = 64) -> pd.DataFrame:
    """Cut the centres out of some gratings.

    Parameters
    ----------
    radial, oriented
        What `stimuli.gratings` returns.
    crop
        Width and height of the centre that is shown, in pixels.

    Returns
    -------
    One row per pixel: panel, kind (radial, blank or oriented), frequency in cycles per degree, orientation and phase
    in degrees, y and x in degrees of visual angle from the image's centre, and value, the display code value in
    [0, 1]. Radial gratings at four frequencies and the blank; oriented ones at the second of these frequencies, at
    four orientations, and the last again at another phase.
    """
    scale = float(radial.attrs["pixels_per_degree"])
    frequencies = np.unique(radial["frequency"].values)
    shown = frequencies[np.unique(np.linspace(0, len(frequencies) - 1, 4).astype(int))]
    orientations = np.unique(oriented["orientation"].values)
    phases = np.unique(oriented["phase"].values)
    turned = orientations[np.unique(np.arange(4) * len(orientations) // 4)]
    gratings = [_pick(radial, frequency=f, phase=phases[0]) for f in shown]
    gratings.append({"kind": "blank", "image": radial["blank"].values})
    gratings += [_pick(oriented, frequency=shown[1], orientation=o, phase=phases[0]) for o in turned]
    gratings.append(_pick(oriented, frequency=shown[1], orientation=turned[-1], phase=phases[min(1, len(phases) - 1)]))
    return pd.concat([_pixels(panel, one, crop, scale) for panel, one in enumerate(gratings)], ignore_index=True)


def _pick(stimuli: xr.Dataset, **wanted: float) -> dict[str, object]:
    """Return the one stimulus with these coordinates."""
    match = np.all([stimuli[name].values == value for name, value in wanted.items()], axis=0)
    image = stimuli["image"].values[np.flatnonzero(match)[0]]
    return {"kind": "oriented" if "orientation" in wanted else "radial", "image": image, **wanted}


def _pixels(panel: int, grating: dict, crop: int, scale: float) -> pd.DataFrame:
    image = np.asarray(grating["image"], dtype=np.float64)
    size = len(image)
    inner = slice((size - min(crop, size)) // 2, (size + min(crop, size)) // 2)
    position = ((np.arange(size) - (size - 1) / 2) / scale)[inner]
    x, y = np.meshgrid(position, -position)
    return pd.DataFrame(
        {
            "panel": panel,
            "kind": grating["kind"],
            "frequency": grating.get("frequency", np.nan) * scale,
            "orientation": grating.get("orientation", np.nan),
            "phase": grating.get("phase", np.nan),
            "y": y.ravel(),
            "x": x.ravel(),
            "value": image[inner, inner].ravel(),
        }
    )


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
    orientation = f"{first['orientation']:g}°".replace("-", "−")
    return f"{frequency}\n{orientation}, phase {first['phase']:g}°"
