"""Write the figures and numbers of finished studies into the documentation: nothing shown there is typed by hand.

    python docs/refresh.py                                the default study in results/: into the README
    python docs/refresh.py --pretrained FOLDER/results    config/pretrained.yaml's: into docs/results.md
      --bfloat16 OTHER/results                            and what precision=bfloat16 changes: into docs/numerics.md

Both also write docs/paper-figures.md from docs/paper-figures.yaml. `make docs` is the first.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
IMAGES = {
    "stimuli": "stimuli",
    "frequency_curves": "kmeans/frequency_curves",
    "orientation_curves": "kmeans/orientation_curves",
    "efficacy_by_layer": "kmeans/efficacy_by_layer",
    "thresholds": "kmeans/thresholds",
    "selections": "kmeans/selections",
    "ladder": "kmeans/ladder",
    "inversions": "kmeans/inversions",
    "superres_crops": "kmeans/superres_crops-x2",
    "superres_plane": "kmeans/superres_plane-x2",
}
PRETRAINED_IMAGES = {
    "pretrained_frequency_curves": "vgg16/frequency_curves",
    "pretrained_channel_scores": "vgg16/channel_scores",
    "pretrained_orientation_curves": "vgg16/orientation_curves",
    "pretrained_efficacy_by_layer": "vgg16/efficacy_by_layer",
    "pretrained_first_layer_filters": "vgg16/first_layer_filters",
    "pretrained_lpips_weights": "vgg16/lpips_weights",
    "pretrained_depth": "depth",
    "pretrained_networks": "networks",
    "pretrained_inversions": "vgg16/inversions",
    "pretrained_superres_plane": "vgg16/superres_plane-x4",
    "pretrained_superres_crops": "vgg16/superres_crops-x4",
}
WIDTH = 900


def copy_images(results: Path, images: Mapping[str, str]) -> None:
    """Write the figures at half their size."""
    (DOCS / "images").mkdir(parents=True, exist_ok=True)
    for name, figure in images.items():
        with Image.open(results / "figures" / f"{figure}.png") as image:
            small = image.convert("RGB").resize(
                (WIDTH, round(WIDTH * image.height / image.width)), Image.Resampling.LANCZOS
            )
            small.quantize(256, dither=Image.Dither.NONE).save(DOCS / "images" / f"{name}.png", optimize=True)


def claims(results: Path) -> str:
    """Turn claims.json into a table with the verdicts first."""
    records = json.loads((results / "claims.json").read_text(encoding="utf-8"))["claims"]
    several = len({record["network"] for record in records}) > 1
    head = ["claim", *(["network"] if several else []), "verdict", "estimate, 95% interval", "beside it"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for record in records:
        beside = "; ".join(f"{other['label']}: {interval(other)}" for other in record["beside"])
        layer = [part for part in record["endpoint"].split(", ") if part.startswith("layer ")]
        network = [", ".join([f"`{record['network']}`", *layer])] if several else []
        verdict = f"**{record['verdict']}**: {record['reason']}"
        cells = [record["statement"], *network, verdict, f"{interval(record)} ({record['unit']})", beside]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def thresholds(results: Path) -> str:
    """Turn the table of agreement into one row per predictor and one column per resolution."""
    scores = pd.read_csv(results / "tables" / "agreement.csv", keep_default_na=False, na_values=[""])
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
        "leave-one-observer-out": (first, "none", "leave-one-observer-out"),
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


def ladder(results: Path) -> str:
    """Say how often the distances of all channels follow the steps of distortion."""
    steps = pd.read_csv(results / "figures" / "kmeans" / "ladder.csv")
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
    if pd.isna(row["estimate"]):
        return "–"
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{row['estimate']:.3f}"
    return f"{row['estimate']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def fill(path: Path, name: str, text: str, writer: str = __file__) -> None:
    """Replace what stands between two marks in a page, which name the program that writes it."""
    block = f"<!-- {name}: written by docs/{Path(writer).name} -->\n{text}\n<!-- end of {name} -->"
    filled, count = re.subn(
        rf"<!-- {name}: .*?<!-- end of {name} -->", lambda _: block, path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"{path} has {count} places for {name!r}; expected one.")
    path.write_text(filled, encoding="utf-8")


def networks(results: Path) -> str:
    """List a study's networks with what their weights are."""
    lines = ["| network | architecture | weights | sha256 of the file | layers |", "| --- | --- | --- | --- | --- |"]
    for path in sorted((results / "backbones").glob("*/card.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        digest = f"`{card['file_sha256'][:16]}…`" if card.get("file_sha256") else "–"
        layers = ", ".join(card["layer_order"])
        lines.append(f"| `{card['name']}` | {card['architecture']} | {card['origin']} | {digest} | {layers} |")
    return "\n".join(lines)


def table(results: Path, name: str) -> str:
    return (results / "tables" / f"{name}.md").read_text(encoding="utf-8").strip()


def controls(results: Path) -> str:
    """Show the difference of the halves on ModelFest at the layer of each network's claims, and what controls it."""
    scores = pd.read_csv(results / "tables" / "agreement.csv", keep_default_na=False, na_values=[""])
    halves = scores[
        (scores["dataset"] == "modelfest")
        & (scores["measure"] == "r")
        & (scores["ranking"] == "pe")
        & (scores["selection"] == "high - low")
    ]
    lines = [
        "| network, layer | px/deg | high - low | p, Holm | p among share-matched splits | of standardised channels |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    records = json.loads((results / "claims.json").read_text(encoding="utf-8"))["claims"]
    for record in (one for one in records if one["id"] == "efficacy-predicts-thresholds"):
        layer = record["endpoint"].split(",")[0].removeprefix("layer ")
        rows = halves[(halves["network"] == record["network"]) & (halves["layer"] == layer)]
        for resolution, part in rows.groupby("pixels_per_degree", sort=False):
            raw, standardised = (part[part["cube"] == cube].iloc[0] for cube in ("raw", "standardised"))
            cells = [f"`{record['network']}`, {layer}", f"{resolution:g}", interval(raw), f"{raw['p_holm']:.3f}"]
            matched = "–" if pd.isna(raw["p_matched"]) else f"{raw['p_matched']:.3f}"
            cells += [matched, interval(standardised)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def bfloat16(single: Path, half: Path) -> str:
    """Say what bfloat16 changes of the scores and the agreement of a study."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import compare_results

    parts = {"Scores": compare_results.channels, "Agreement": compare_results.agreement}
    tables = [f"{heading}:\n\n{compare_results.markdown(compare(single, half))}" for heading, compare in parts.items()]
    return "\n\n".join(tables)


def paper_figures(items: list[Mapping[str, str]]) -> str:
    """Turn the list of what the paper shows into a page."""
    studies = ("default", "pretrained", "paper")
    lines = [
        "# The paper's figures and tables, and what regenerates them",
        "",
        "Written by docs/refresh.py from docs/paper-figures.yaml. Every figure lies beside the CSV that it plots.",
        "**reproduced**: from the paper's network and data; **stand-in**: from another network or other data; "
        "**needs data**: judgements of people that are not part of this study. Which "
        "training of VGG-16 the paper used is not known to us; here it is torchvision's.",
        "",
        "| in the paper | rule | output and CSV | `config.yaml` | `config/pretrained.yaml` | `config/paper.yaml` |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for item in items:
        rule = f"`{item['rule']}`" if "rule" in item else "–"
        output = f"`{item['output']}`, `{Path(item['output']).with_suffix('.csv').name}`" if "output" in item else "–"
        name = item["item"] + (f" ({item['note']})" if "note" in item else "")
        lines.append(f"| {' | '.join([name, rule, output, *(item[study] for study in studies)])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pretrained", type=Path, metavar="RESULTS", help="results of config/pretrained.yaml")
    parser.add_argument("--bfloat16", type=Path, metavar="RESULTS", help="the same study's with precision=bfloat16")
    arguments = parser.parse_args()
    pretrained = arguments.pretrained
    items = yaml.safe_load((DOCS / "paper-figures.yaml").read_text(encoding="utf-8"))
    (DOCS / "paper-figures.md").write_text(paper_figures(items), encoding="utf-8")
    if pretrained is not None:
        copy_images(pretrained, PRETRAINED_IMAGES)
        page = DOCS / "results.md"
        fill(page, "networks", networks(pretrained))
        fill(page, "claims", claims(pretrained))
        fill(page, "controls", controls(pretrained))
        fill(page, "agreement", table(pretrained, "networks"))
        fill(page, "inversions", table(pretrained, "inversions"))
        fill(page, "superres", table(pretrained, "superres"))
        if arguments.bfloat16 is not None:
            fill(DOCS / "numerics.md", "bfloat16", bfloat16(pretrained, arguments.bfloat16))
        return
    results, page = ROOT / "results", ROOT / "README.md"
    copy_images(results, IMAGES)
    fill(page, "claims", claims(results))
    fill(page, "ladder", ladder(results))
    fill(page, "thresholds", thresholds(results))


if __name__ == "__main__":
    main()
