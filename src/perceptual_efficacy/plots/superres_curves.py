"""Figure: the training of the networks for super-resolution, step by step."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptual_efficacy.plots import style
from perceptual_efficacy.plots.superres_plane import FORMULAS, MEAN, keys
from perceptual_efficacy.vocabulary import RANDOM

KEYS = ["network", "weights", "loss", "selection", "seed", "step"]
QUANTITIES = ["l1", "distance", "psnr_y", "mdsi"]
PANELS = {
    "l1": "Training L1 (of values in [0, 1]), lower is better",
    "psnr_y": "Validation PSNR-Y (dB), higher is better",
    "mdsi": "Validation MDSI, lower is better",
}
NO_DATA = {"l1": "no training", "psnr_y": "no validation images", "mdsi": "no validation images"}


def table(logs: pd.DataFrame) -> pd.DataFrame:
    """Add the mean over seeds to the logs of training.

    `logs` has network and weights (missing where a loss uses no channels), loss, selection, seed and step, without
    which, or without rows, it is a ValueError; l1 and distance (means since the last row, of training batches), psnr_y
    (dB) and mdsi (of validation images), which may be missing. The table has these columns; the seed is a number or
    "mean", which exists at the steps that all the seeds of a loss have. Distances of different selections are in
    different units: compare them within a loss only.
    """
    lacking = [column for column in KEYS if column not in logs]
    if lacking or logs.empty:
        raise ValueError(f"The logs have {len(logs)} rows and the columns {list(logs)}; expected {KEYS} and some rows.")
    rows = logs.reindex(columns=[*KEYS, *QUANTITIES]).astype(dict.fromkeys(QUANTITIES, float))
    of_step = rows.groupby([key for key in KEYS if key != "seed"], sort=False, dropna=False)
    # with a seed missing a mean would jump
    means = of_step[QUANTITIES].mean().where(of_step[QUANTITIES].count().eq(of_step.size(), axis=0)).reset_index()
    complete = of_step["seed"].nunique().to_numpy() == means["loss"].map(rows.groupby("loss")["seed"].nunique())
    means = means[complete].assign(seed=MEAN)
    return pd.concat([rows.assign(seed=rows["seed"].astype(str)), means], ignore_index=True)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel each for the training L1 and, of validation images, PSNR-Y and MDSI."""
    figure = style.figure(3.9)
    axes = figure.subplots(1, len(PANELS))
    for axis, (quantity, label) in zip(axes, PANELS.items(), strict=True):
        _draw_quantity(axis, table.dropna(subset=quantity), quantity)
        axis.set_ylabel(label, size=7.5)
    axes[len(PANELS) // 2].set_xlabel("Training step")
    figure.suptitle(f"Training with losses from channels of {style.network_of(table)}")
    several = (table.groupby("loss")["seed"].nunique() > 2).any()
    lines = "Lines with markers: mean over seeds; thin: single seeds." if several else "One seed."
    note = f"{lines} No decision rests on the validation images.\n{FORMULAS}"
    style.legend(figure, keys(table, "-"), 5, note)
    return figure


def _draw_quantity(axis: Axes, rows: pd.DataFrame, quantity: str) -> None:
    if rows.empty:
        axis.text(0.5, 0.5, NO_DATA[quantity], transform=axis.transAxes, ha="center", va="center")
        axis.set(xticks=[], yticks=[])
        return
    for _, of_loss in rows.groupby("loss", sort=False):
        selection = of_loss["selection"].iloc[0]
        width, size, order = (0.9, 2.5, 2.0) if selection == RANDOM else (1.5, 3.5, 3.0)
        look: dict[str, Any] = {"color": style.COLOURS[selection], "zorder": order}
        lines = {seed: line.sort_values("step") for seed, line in of_loss.groupby("seed", sort=False)}
        mean = lines.pop(MEAN, of_loss.iloc[:0])
        if len(lines) > 1 or mean.empty:
            for line in lines.values():
                axis.plot(line["step"], line[quantity], linewidth=0.5, alpha=0.7, **look)
        look |= {"marker": style.LOSSES[selection][1], "markersize": size, "markevery": max(1, len(mean) // 6)}
        axis.plot(mean["step"], mean[quantity], linewidth=width, **look)
    style.round_ticks(axis.xaxis, 4, integer=True)
    axis.xaxis.set_major_formatter(_steps)
    style.round_ticks(axis.yaxis, 7)
    axis.grid()


def _steps(value: float, _: float) -> str:
    return style.signed(value) if abs(value) < 10_000 else f"{style.signed(value / 1000)}k"
