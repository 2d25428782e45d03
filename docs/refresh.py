"""Copy the figures of a finished default study into docs/images and its numbers into the README.

Run as `make docs` after `make figures`: nothing shown there is typed by hand.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from PIL import Image

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
IMAGES = {
    "stimuli": "stimuli",
    "frequency_curves": "kmeans/frequency_curves",
    "orientation_curves": "kmeans/orientation_curves",
    "efficacy_by_layer": "kmeans/efficacy_by_layer",
    "thresholds": "kmeans/thresholds",
    "selections": "kmeans/selections",
    "ladder": "kmeans/ladder",
}
WIDTH = 900


def copy_images() -> None:
    """Write the figures at half their size."""
    (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
    for name, figure in IMAGES.items():
        with Image.open(RESULTS / "figures" / f"{figure}.png") as image:
            small = image.convert("RGB").resize(
                (WIDTH, round(WIDTH * image.height / image.width)), Image.Resampling.LANCZOS
            )
            small.quantize(256, dither=Image.Dither.NONE).save(ROOT / "docs" / "images" / f"{name}.png", optimize=True)


def claims() -> str:
    """Turn claims.json into a table with the verdicts first."""
    lines = ["| claim | verdict | estimate, 95% interval | beside it |", "| --- | --- | --- | --- |"]
    for record in json.loads((RESULTS / "claims.json").read_text(encoding="utf-8"))["claims"]:
        beside = "; ".join(f"{other['label']}: {interval(other)}" for other in record["beside"])
        verdict = f"**{record['verdict']}**: {record['reason']}"
        lines.append(f"| {record['statement']} | {verdict} | {interval(record)} ({record['unit']}) | {beside} |")
    return "\n".join(lines)


def thresholds() -> str:
    """Turn the table of agreement into one row per predictor and one column per resolution."""
    scores = pd.read_csv(RESULTS / "tables" / "agreement.csv", keep_default_na=False, na_values=[""])
    scores = scores[
        (scores["dataset"] == "modelfest")
        & (scores["measure"] == "r")
        & (scores["cube"] != "standardised")
        & scores["ranking"].isin(["none", "pe"])
    ]
    first = scores["network"].iloc[0]
    shown = {
        f"`{network}`, {label} (mean of layers)": (network, "mean of layers", selection)
        for network in scores["network"].unique()
        for selection, label in (("all", "all channels"), ("high", "high PE"), ("low", "low PE"))
    } | {
        "RMS contrast": (first, "none", "RMS contrast"),
        "CSF-weighted energy (Watson and Ahumada 2005)": (first, "none", "CSF-weighted energy"),
        "one observer by the others": (first, "none", "one observer by the others"),
    }
    resolutions = scores.groupby("pixels_per_degree", sort=False)["n"].first()
    lines = [
        "| | " + " | ".join(f"{resolution:g} px/deg, {n} patterns" for resolution, n in resolutions.items()) + " |",
        "| --- |" + " --- |" * len(resolutions),
    ]
    for label, (network, layer, selection) in shown.items():
        rows = scores[
            (scores["network"] == network) & (scores["layer"] == layer) & (scores["selection"] == selection)
        ].set_index("pixels_per_degree")
        cells = [interval(rows.loc[resolution]) for resolution in resolutions.index]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ladder() -> str:
    """Say how often the distances of all channels follow the steps of distortion."""
    steps = pd.read_csv(RESULTS / "figures" / "kmeans" / "ladder.csv")
    once = steps[steps["selection"] == "all"].drop_duplicates(["layer", "group", "photograph"])
    found = {name: once.dropna(subset=name).groupby("layer", sort=False)[name] for name in ("in_order", "above_dither")}
    shares = {name: [f"{layer} {share.sum()}" for layer, share in layers] for name, layers in found.items()}
    count = int(found["in_order"].size().max())
    return (
        f"Of {count} photographs and kinds of distortion, the `kmeans` network's distance grows with every step in "
        f"{', '.join(shares['in_order'])}, and is at level 1 larger than an imperceptible dither's in "
        f"{', '.join(shares['above_dither'])}."
    )


def interval(row: Mapping[str, float]) -> str:
    if any(pd.isna(row[name]) for name in ("estimate", "ci_low", "ci_high")):
        return "–"
    return f"{row['estimate']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def fill(name: str, text: str) -> None:
    """Replace what stands between two marks in the README."""
    path = ROOT / "README.md"
    block = f"<!-- {name}: written by docs/refresh.py -->\n{text}\n<!-- end of {name} -->"
    filled, count = re.subn(
        rf"<!-- {name}: .*?<!-- end of {name} -->", lambda _: block, path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"README.md has {count} places for {name!r}; expected one.")
    path.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    copy_images()
    fill("claims", claims())
    fill("ladder", ladder())
    fill("thresholds", thresholds())
