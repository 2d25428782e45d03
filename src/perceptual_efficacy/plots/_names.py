"""Names beside points, where they cover neither points nor each other."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox


def name_outliers(axis: Axes, rows: pd.DataFrame) -> None:
    """Write each outlier's name at the free place nearest to its point; the figure's layout must be final.

    Parameters
    ----------
    axis
        Axes with `measured` along x and `predicted` along y.
    rows
        The points: name, measured, measured_se, predicted and outlier, which says whether to name it.
    """
    pixels = axis.transData.transform
    point = axis.figure.dpi / 72
    unit = pixels((1.0, 0.0))[0] - pixels((0.0, 0.0))[0]  # of log10 contrast
    reach = np.maximum(rows["measured_se"] * unit, 4 * point)
    taken = [
        Bbox.from_extents(x - across, y - 4 * point, x + across, y + 4 * point)
        for (x, y), across in zip(pixels(rows[["measured", "predicted"]]), reach, strict=True)
    ]
    equality = pixels(np.repeat(np.linspace(*axis.get_xlim(), 100)[:, None], 2, axis=1))
    named: list[Bbox] = []
    outliers = rows.loc[rows["outlier"], ["name", "measured", "predicted"]]
    for name, measured, predicted in outliers.itertuples(index=False, name=None):
        label = axis.annotate(
            name,
            (measured, predicted),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=7,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#666666", "shrinkA": 0, "shrinkB": 2},
        )
        text, centre = label.get_window_extent(), pixels((measured, predicted))
        choices = []
        for distance, angle in itertools.product((8, 14, 22, 32), np.deg2rad(np.arange(0, 360, 15))):
            right = np.cos(angle) * (distance + text.width / 2 / point)
            up = np.sin(angle) * (distance + text.height / 2 / point)
            box = text.translated(right * point, up * point)
            outside = box.x0 < axis.bbox.x0 or box.x1 > axis.bbox.x1 or box.y0 < axis.bbox.y0 or box.y1 > axis.bbox.y1
            line = centre + np.linspace(0, 1, 30)[:, None] * [right * point, up * point]
            hits = sum(box.overlaps(other) for other in taken) + sum(other.count_contains(line) > 0 for other in named)
            crosses = box.count_contains(equality) > 0  # the lesser evil
            choices.append((1000 * outside + 100 * hits + 20 * crosses + distance, right, up, box))
        _, right, up, box = min(choices, key=lambda choice: choice[0])
        label.xyann = (right, up)
        taken.append(box)
        named.append(box)
