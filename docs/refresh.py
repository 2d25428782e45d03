"""Copy the figures of a finished default study into docs/images and its numbers into the README.

Run as `make docs` after `make figures`: nothing shown there is typed by hand.
"""

import json
import re
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
}
WIDTH = 900


def copy_images() -> None:
    for name, figure in IMAGES.items():
        with Image.open(RESULTS / "figures" / f"{figure}.png") as image:
            small = image.convert("RGB").resize(
                (WIDTH, round(WIDTH * image.height / image.width)), Image.Resampling.LANCZOS
            )
            small.quantize(64, dither=Image.Dither.NONE).save(ROOT / "docs" / "images" / f"{name}.png", optimize=True)


def claims() -> str:
    lines = ["| claim | verdict | estimate, 95% interval | with random weights |", "| --- | --- | --- | --- |"]
    for record in json.loads((RESULTS / "claims.json").read_text(encoding="utf-8"))["claims"]:
        own = "{estimate:.2g} [{ci_low:.2g}, {ci_high:.2g}]".format(**record)
        beside = "{control_estimate:.2g} [{control_ci_low:.2g}, {control_ci_high:.2g}]".format(**record)
        verdict = f"**{record['verdict']}**: {record['reason']}"
        lines.append(f"| {record['statement']} | {verdict} | {own} ({record['unit']}) | {beside} |")
    return "\n".join(lines)


def thresholds() -> str:
    scores = pd.read_csv(RESULTS / "tables" / "agreement.csv", keep_default_na=False, na_values=[""])
    scores = scores[(scores["measure"] == "r") & (scores["cube"] != "standardised")]
    shown = {
        ("mean of layers", "all"): "all channels, mean of layers",
        ("mean of layers", "high"): "high PE, mean of layers",
        ("mean of layers", "low"): "low PE, mean of layers",
        ("none", "RMS contrast"): "RMS contrast",
        ("none", "CSF-weighted energy"): "CSF-weighted energy (Watson and Ahumada)",
        ("none", "one observer by the others"): "one observer by the others",
    }
    columns = [
        (network, resolution)
        for network in scores["network"].unique()
        for resolution in scores["pixels_per_degree"].unique()
    ]
    lines = [
        "| r with 16 observers | "
        + " | ".join(f"{network}, {resolution:g} px/deg" for network, resolution in columns)
        + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for (layer, selection), label in shown.items():
        cells = []
        for network, resolution in columns:
            row = scores[
                (scores["network"] == network)
                & (scores["pixels_per_degree"] == resolution)
                & (scores["layer"] == layer)
                & (scores["selection"] == selection)
                & scores["ranking"].isin(["none", "pe"])
            ]
            cells.append(f"{row['estimate'].item():.2f} [{row['ci_low'].item():.2f}, {row['ci_high'].item():.2f}]")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def fill(name: str, text: str) -> None:
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
    fill("thresholds", thresholds())
