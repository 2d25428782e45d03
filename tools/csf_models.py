"""Compare the contrast sensitivity functions with people: docs/images/csf_models.png, and a table in docs/method.md.

    python tools/csf_models.py TABLE    castleCSF's data_aggregated_merged.csv

Thresholds are those of static foveal gratings in grey at 10 to 300 cd/m2 (`datasets.castlecsf`, and ModelFest's Gabors,
which that leaves out). A study's mean residual is taken off: it is the observers' criterion.
"""

import re
import sys

import numpy as np
import pandas as pd
from refresh import DOCS, fill

from perceptual_efficacy import csf
from perceptual_efficacy.datasets import castlecsf
from perceptual_efficacy.plots import style

LUMINANCES = (10, 300)  # cd/m2
ALIKE = 0.05  # of the cones' mean change, of a grating in grey
MODELS = {
    "mannos-sakrison": "Mannos and Sakrison 1974",
    "watson-ahumada": "Watson and Ahumada 2005 (fitted to ModelFest)",
    "barten": "Barten 1999, at each luminance and size",
    "castlecsf": "castleCSF 2024, at each luminance and size (fitted to all)",
    "flat": "no CSF",
}
MARKERS = "os^vDP"
COLOURS = [style.COLOURS[name] for name in ("high", "low", "csf", "mu1", "mu2", "pe")]


def residuals(thresholds: pd.DataFrame) -> pd.DataFrame:
    """log10 of predicted over measured sensitivity by model and stimulus, less the mean of its study."""
    parts = []
    for model in MODELS:
        predicted = []
        for row in thresholds.to_dict("records"):
            viewed = {"luminance": row["luminance"], "field_size": np.sqrt(np.pi) * row["sigma"]}
            function = csf.by_name(model, **(viewed if model in csf.VIEWED else {}))
            predicted.append(float(function(row["frequency"])))
        apart = np.log10(predicted) + thresholds["threshold"]
        apart -= apart.groupby(thresholds["study"]).transform("mean")
        parts.append(thresholds[["study", "frequency"]].assign(model=model, residual=apart))
    return pd.concat(parts, ignore_index=True)


@style.context()
def draw(table: pd.DataFrame) -> None:
    figure = style.figure(4.6)
    axes = style.panels(figure, len(MODELS), 3, sharex=True, sharey=True)
    studies = list(table["study"].unique())
    for axis, (model, name) in zip(axes, MODELS.items(), strict=True):
        rows = table[table["model"] == model]
        for number, study in enumerate(studies):
            own = rows[rows["study"] == study]
            look = {"color": COLOURS[number], "markersize": 3, "alpha": 0.7, "label": study}
            axis.plot(own["frequency"], own["residual"], MARKERS[number], **look)
        axis.axhline(0, color="#999999", linewidth=0.7)
        axis.set_title(f"{re.split(', | [(]', name)[0]}\nRMS {np.sqrt((rows['residual'] ** 2).mean()):.2f}")
        ticks = style.octave_axis(axis, 0.5, 32, margin=1.15)
        style.fixed_ticks(axis.xaxis, ticks[::2])
    for axis in axes[3:]:
        axis.set_xlabel("Frequency (cycles per degree)")
    figure.supylabel("log₁₀ of predicted over measured sensitivity", fontsize=8.5)
    figure.suptitle("Contrast sensitivity functions against people")
    style.legend(figure, axes[0].get_legend_handles_labels()[0], 3)
    style.write(figure, DOCS / "images" / "csf_models.png")


def main() -> None:
    (path,) = sys.argv[1:]
    everything = pd.concat([castlecsf.stimuli(path), castlecsf.stimuli(path, studies=[castlecsf.ELSEWHERE])])
    change = everything[castlecsf.CHANGE].to_numpy() / everything[castlecsf.BACKGROUND].to_numpy()
    mean = change.mean(axis=1, keepdims=True)
    grey = (np.abs(change - mean) < ALIKE * np.abs(mean)).all(axis=1)
    chosen = everything[grey & everything["luminance"].between(*LUMINANCES) & (everything["frequency"] >= 0.5)]
    counts = chosen["study"].value_counts()
    chosen = chosen[chosen["study"].isin(counts.index[counts >= 10])]
    table = residuals(chosen)
    draw(table)
    by_study = table.assign(square=table["residual"] ** 2).groupby(["model", "study"])["square"].mean() ** 0.5
    shown = by_study.unstack().reindex(MODELS).round(2)  # noqa: PD010
    shown.insert(0, "model", list(MODELS.values()))
    fill(DOCS / "method.md", "csf-models", shown.to_markdown(index=False), __file__)


if __name__ == "__main__":
    main()
