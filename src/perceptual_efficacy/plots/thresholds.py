"""Figure: predicted against measured detection thresholds."""

from typing import Any

import numpy as np
import pandas as pd
import textalloc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from perceptual_efficacy.plots import style
from perceptual_efficacy.vocabulary import ALL, ALL_LAYERS, HIGH, IDENTITY, LOW, NONE, RMS_CONTRAST, WEIGHTED_ENERGY

PANELS = (
    (ALL_LAYERS, HIGH),
    (ALL_LAYERS, LOW),
    (ALL_LAYERS, ALL),
    (NONE, RMS_CONTRAST),
    (NONE, WEIGHTED_ENERGY),
)
TITLES = {HIGH: "high-PE channels", LOW: "low-PE channels", ALL: "all channels"}
OUTLIERS = 3  # that are named in each panel
MARGIN = 0.2  # log10 units around the points, for names
PER_CENT = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


def table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Collect the panels' predictions, with how well each agrees; a panel without any is a ValueError.

    `predictions` has a row per layer, selection and stimulus: network, weights, dataset, pixels_per_degree, layer,
    selection, number, name, measured and measured_sd (mean and standard deviation over observers, log10 contrast),
    observers (how many they are), predicted (log10 contrast), extrapolated and error (of the prediction by the other
    stimuli's criterion). The table has the columns of its identity, number, name, measured, measured_se, predicted (all
    log10 contrast), extrapolated, error, outlier (one of the three largest errors of its panel), r (Pearson) and rmse
    (of the errors, log10 contrast) of its panel.
    """
    parts = []
    for layer, selection in PANELS:
        rows = predictions[(predictions["layer"] == layer) & (predictions["selection"] == selection)]
        if rows.empty:
            raise ValueError(f"There are no predictions of {selection!r} for {layer!r}.")
        parts.append(
            rows.assign(
                measured_se=rows["measured_sd"] / np.sqrt(rows["observers"]),
                outlier=rows["error"].abs().rank(method="first", ascending=False) <= OUTLIERS,
                r=np.corrcoef(rows["predicted"], rows["measured"])[0, 1],
                rmse=np.sqrt((rows["error"] ** 2).mean()),
            )
        )
    columns = ["number", "name", "measured", "measured_se", "predicted", "extrapolated", "error", "outlier"]
    columns += ["r", "rmse"]
    return pd.concat(parts, ignore_index=True).filter([*IDENTITY, *columns])


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel per selection, on equal logarithmic axes in per cent contrast, with the line of equality."""
    panels = [rows for _, rows in table.groupby(["layer", "selection"], sort=False)]
    figure = style.figure(0.6 + 2.4 * -(-(len(panels) + 1) // 3))
    *axes, key = style.panels(figure, len(panels) + 1, 3, sharex=True, sharey=True)
    values = np.concatenate([table["predicted"], table["measured"] - table["measured_se"]])
    limits = (float(values.min()) - MARGIN, float(max(values.max(), table["measured"].max())) + MARGIN)
    for axis, rows in zip(axes, panels, strict=True):
        layer, selection = rows[["layer", "selection"]].iloc[0]
        colour = style.COLOURS.get(selection, style.OTHER)
        axis.plot(limits, limits, color="#999999", linewidth=1, zorder=1)
        bars = {"fmt": "none", "ecolor": colour, "elinewidth": 0.8}
        axis.errorbar(rows["measured"], rows["predicted"], xerr=rows["measured_se"], **bars)
        fill = np.where(rows["extrapolated"], "white", colour)
        marker = style.MARKERS.get(selection, "s")
        axis.scatter(rows["measured"], rows["predicted"], s=20, c=fill, edgecolor=colour, marker=marker, zorder=3)
        title = selection if layer == NONE else f"{TITLES[selection]}, {layer}"
        axis.set_title(f"{title}\nr = {rows['r'].iloc[0]:.3f}, RMSE = {rows['rmse'].iloc[0]:.2f}")
        axis.set(xlim=limits, ylim=limits, aspect="equal")
        _per_cent(axis)
    point: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": "black"}
    handles = [
        Line2D([], [], label="between the contrasts shown", **point),
        Line2D([], [], label="extrapolated", markerfacecolor="white", **point),
        Line2D([], [], color="black", linewidth=0.8, label="± standard error\nof the observers"),
        Line2D([], [], color="#999999", linewidth=1, label="prediction = measurement"),
    ]
    note = f"Named: the {OUTLIERS} largest errors.\nRMSE in log₁₀ contrast."
    key.legend(handles=handles, loc="center left", title=note, alignment="left")
    key.set_axis_off()
    figure.supxlabel("Measured threshold contrast (%)", fontsize=8.5)
    figure.supylabel("Predicted threshold contrast (%)", fontsize=8.5)
    figure.suptitle(
        f"Detection thresholds of {table['number'].nunique()} ModelFest stimuli: "
        f"{style.network_of(table)}, {table['pixels_per_degree'].iloc[0]:g} pixels per degree"
    )
    for axis, rows in zip(axes, panels, strict=True):
        _name_outliers(axis, rows)
    return figure


def _name_outliers(axis: Axes, rows: pd.DataFrame) -> None:
    """Write the outliers' names near their points, where they cover neither points nor bars nor each other."""
    measured, reach, predicted = (rows[name].to_numpy() for name in ("measured", "measured_se", "predicted"))
    named = rows["outlier"].to_numpy()
    bars = np.stack([measured - reach, measured + reach], axis=1)
    textalloc.allocate(
        axis,
        measured[named],
        predicted[named],
        rows.loc[named, "name"].tolist(),
        x_scatter=measured,
        y_scatter=predicted,
        x_lines=[np.array(axis.get_xlim()), *bars],
        y_lines=[np.array(axis.get_ylim()), *np.stack([predicted, predicted], axis=1)],
        textsize=7,
        max_distance=0.12,
        avoid_label_lines_overlap=True,
        in_layout=False,
        plot_kwargs={"c": "#666666", "linewidth": 0.5, "in_layout": False},
    )


def _per_cent(axis: Axes) -> None:
    low, high = axis.get_xlim()
    ticks = np.log10(PER_CENT if high - low < 2.3 else PER_CENT[::2]) - 2
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(FixedLocator(ticks.tolist()))
        one.set_major_formatter(lambda value, _: f"{100 * 10**value:.4g}")
    axis.tick_params(labelbottom=True, labelleft=True)
    axis.grid()
