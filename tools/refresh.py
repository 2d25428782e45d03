"""Write the figures and numbers of finished studies into the documentation, where none is typed by hand.

    python tools/refresh.py                                the default study in results/
    python tools/refresh.py --bfloat16 OTHER/results       what precision=bfloat16 changes in it: into docs/numerics.md
    python tools/refresh.py --pretrained FOLDER/results    config/pretrained.yaml's
    python tools/refresh.py --benchmark                    the tables of `make benchmark`: into docs/speed.md, with
                            [--one-core OTHER/results]     the default study's seconds on one core beside them

The first and the third write into docs/results.md, and some verdicts in a line each into the README, and
docs/paper-figures.md from docs/paper-figures.yaml. `make docs` is the first.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from PIL import Image

from perceptual_efficacy.claims.evaluation import NOT_TESTED
from perceptual_efficacy.plots.style import signed
from perceptual_efficacy.report import analyses
from perceptual_efficacy.report.verdicts import summary
from perceptual_efficacy.tables.claims import KINDS, compared
from perceptual_efficacy.tables.rendering import interval
from perceptual_efficacy.vocabulary import (
    ALL,
    FITTED_ENERGY,
    HIGH,
    HIGH_LOW,
    HUMAN_CEILING,
    LEAVE_ONE_OUT,
    LOW,
    MEAN_OF_LAYERS,
    NONE,
    RAW,
    RMS_CONTRAST,
    STANDARDISED,
    WEIGHTED_ENERGY,
)

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))  # those whose tables are filled in
SUBJECT = "squeezenet"  # of the default study
# what the README tells, by the ids of claims
FOUND = ("efficacy-predicts-thresholds", "efficacy-predicts-thresholds-in-most-analyses")
FOUND_IN_VGG16 = (
    "efficacy-predicts-thresholds",
    "efficacy-predicts-thresholds-in-most-analyses",
    "efficacy-keeps-structure",
    "efficacy-agrees-with-learnt-weights",
)
DOCS = ROOT / "docs"
FIGURES = (
    *("frequency_curves", "orientation_curves", "efficacy_by_layer", "thresholds", "selections", "ladder"),
    *("specification_curve-modelfest", "inversions", "superres_crops-x2", "superres_plane-x2"),
)
PRETRAINED_FIGURES = (
    *("frequency_curves", "channel_scores", "orientation_curves", "efficacy_by_layer", "first_layer_filters"),
    *(
        "specification_curve-modelfest",
        "choices-modelfest",
        "share_kept-modelfest",
        "lpips_weights",
        "known_answers",
        "inversions",
        "superres_plane-x4",
        "superres_crops-x4",
    ),
)
# where a figure lies in results/figures, by its name in docs/images
IMAGES = {"stimuli": "stimuli"} | {name.partition("-")[0]: f"{SUBJECT}/{name}" for name in FIGURES}
PRETRAINED_IMAGES = {f"pretrained_{name}": name for name in ("depth", "networks")} | {
    f"pretrained_{name.partition('-')[0]}": f"vgg16/{name}" for name in PRETRAINED_FIGURES
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


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def read_claims(results: Path) -> list[dict[str, Any]]:
    return json.loads((results / "claims.json").read_text(encoding="utf-8"))["claims"]


def claims(results: Path) -> str:
    """Turn claims.json into two tables, the paper's claims and ours, with the verdict before the numbers."""
    records = read_claims(results)
    several = len({record["network"] for record in records}) > 1
    return "\n\n".join(
        f"{heading}:\n\n{claims_table([record for record in records if record['kind'] == kind], several=several)}"
        for kind, heading in KINDS.items()
    )


def claims_table(records: list[dict[str, Any]], *, several: bool) -> str:
    """Show claims of one kind, with the network of each if there are several; untested ones in a line each below."""
    rows, untested = [], {}
    for record in records:
        layer = [part for part in record["endpoint"].split(", ") if part.startswith("layer ")]
        network = [", ".join([f"`{record['network']}`", *layer])] if several else []
        verdict = f"**{record['verdict']}**: {record['reason']}"
        estimate = f"{interval(record)} ({record['unit']})"
        if record["verdict"] == NOT_TESTED:
            untested.setdefault((record["statement"], record["reason"]), []).append(f"`{record['network']}`")
        else:
            rows.append([record["statement"], *network, verdict, estimate, compared(record)])
    head = ["claim", *(["network"] if several else []), "verdict", "estimate, 95% interval", "for comparison"]
    lines = [
        f"- {statement} {', '.join(names)}: {reason}." if several else f"- {statement} {_capital(reason)}."
        for (statement, reason), names in untested.items()
    ]
    parts = [markdown(head, rows)] if rows else []
    return "\n\n".join([*parts, *(["Not tested:\n\n" + "\n".join(lines)] if lines else [])])


def findings(results: Path, network: str, ids: Sequence[str]) -> str:
    """Count the verdicts on a network, and tell some of them in a line each, with those on other networks."""
    tested = [record for record in read_claims(results) if record["verdict"] != NOT_TESTED]
    records = {record["id"]: record for record in tested if record["network"] == network}
    lines = [f"Verdicts on tested claims: {summary(records.values())}. Of them:", ""]
    for record in (records[name] for name in ids):
        layer = [part for part in record["endpoint"].split(", ") if part.startswith("layer ")]
        where = f" in {layer[0].removeprefix('layer ')}" if layer and MEAN_OF_LAYERS not in layer[0] else ""
        verdict = f"**{_capital(record['verdict'])}**{where}, {interval(record)} ({record['unit']})"
        others = [it for it in tested if it["id"] == record["id"] and it["network"] != network]
        beside = "".join(f"; {it['verdict']} in {it['network']}, {interval(it)}" for it in others)
        lines.append(f"- “{record['statement']}” {verdict}{beside}.")
    return "\n".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def thresholds(results: Path) -> str:
    """Turn the table of agreement into one row per predictor and one column per resolution."""
    scores = agreement_with_thresholds(results)
    first = scores["network"].iloc[0]
    shown = {
        f"`{network}`, {label} (mean of layers)": (network, MEAN_OF_LAYERS, selection)
        for network in scores["network"].unique()
        for selection, label in ((ALL, "all channels"), (HIGH, "high PE"), (LOW, "low PE"))
    } | {
        name: (first, NONE, name)
        for name in (RMS_CONTRAST, WEIGHTED_ENERGY, FITTED_ENERGY, HUMAN_CEILING, LEAVE_ONE_OUT)
    }
    scores = scores[(scores["cube"] != STANDARDISED) & scores["ranking"].isin([NONE, "pe"])]
    resolutions = scores.groupby("pixels_per_degree", sort=False)["n"].first()
    rows = scores.set_index(["network", "layer", "selection", "pixels_per_degree"])
    return markdown(
        ["", *(f"{resolution:g} px/deg, {n} patterns" for resolution, n in resolutions.items())],
        [
            [label, *(interval(rows.loc[(*row, resolution)]) for resolution in resolutions.index)]
            for label, row in shown.items()
        ],
    )


def agreement_with_thresholds(results: Path) -> pd.DataFrame:
    """Read how well the selections of all networks predict ModelFest's thresholds."""
    scores = pd.read_csv(results / "tables" / "agreement.csv", keep_default_na=False, na_values=[""])
    return scores[(scores["dataset"] == "modelfest") & (scores["measure"] == "r")]


def ladder(results: Path) -> str:
    """Say how often the distances of all channels follow the steps of distortion."""
    steps = pd.read_csv(results / "figures" / SUBJECT / "ladder.csv")
    once = steps[steps["selection"] == ALL].drop_duplicates(["layer", "group", "photograph"])
    found = {name: once.dropna(subset=name).groupby("layer", sort=False)[name] for name in ("in_order", "above_dither")}
    shares = {name: ", ".join(f"{layer} {share.sum()}" for layer, share in layers) for name, layers in found.items()}
    return (
        f"Counts out of {int(found['in_order'].size().max())} combinations of a photograph and a kind of distortion. "
        f"The distance by `{SUBJECT}` grows with every step: {shares['in_order']}. "
        f"It is larger at level 1 than for an imperceptible dither: {shares['above_dither']}."
    )


def fill(path: Path, name: str, text: str, writer: str = __file__) -> None:
    """Replace the text between two marks in a page; the marks name the program that writes it."""
    block = f"<!-- {name}: written by tools/{Path(writer).name} -->\n{text}\n<!-- end of {name} -->"
    filled, count = re.subn(
        rf"<!-- {name}: .*?<!-- end of {name} -->", lambda _: block, path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"{path} has {count} places for {name!r}; expected one.")
    path.write_text(filled, encoding="utf-8")


def networks(results: Path) -> str:
    """List the networks of a study and their weights."""
    rows = []
    for path in sorted((results / "backbones").glob("*/card.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        digest = f"`{card['file_sha256'][:16]}…`" if card.get("file_sha256") else "–"
        rows.append([f"`{card['name']}`", card["architecture"], card["origin"], digest, ", ".join(card["layer_order"])])
    return markdown(["network", "architecture", "weights", "sha256 of the file", "layers"], rows)


def table(results: Path, name: str) -> str:
    return (results / "tables" / f"{name}.md").read_text(encoding="utf-8").strip()


def controls(results: Path) -> str:
    """Show the difference of the halves on ModelFest at the layer of each network's claims, and its controls."""
    scores = agreement_with_thresholds(results)
    halves = scores[(scores["ranking"] == "pe") & (scores["selection"] == HIGH_LOW)]
    rows = []
    for record in read_claims(results):
        if record["id"] != "efficacy-predicts-thresholds":
            continue
        layer = record["endpoint"].split(",")[0].removeprefix("layer ")
        of_layer = halves[(halves["network"] == record["network"]) & (halves["layer"] == layer)]
        for resolution, part in of_layer.groupby("pixels_per_degree", sort=False):
            raw, standardised = (part[part["cube"] == cube].iloc[0] for cube in (RAW, STANDARDISED))
            p = ["–" if pd.isna(raw[name]) else f"{raw[name]:.3f}" for name in ("p_split", "p_matched")]
            where = [f"`{record['network']}`, {layer}", f"{resolution:g}"]
            share = [f"{raw['high_share']:.0%}", f"{raw['effective_channels']:.1f}"]
            rows.append([*where, interval(raw), *p, *share, interval(standardised)])
    among = ["p among random splits", "p among share-matched splits"]
    about = ["high half's share of distance", "effective channels"]
    return markdown(["network, layer", "px/deg", HIGH_LOW, *among, *about, "of standardised channels"], rows)


def bfloat16(single: Path, half: Path) -> str:
    """Say how bfloat16 changes the scores and the agreement of a study."""
    import compare_results

    parts = {"Scores": compare_results.channels, "Agreement": compare_results.agreement}
    tables = [f"{heading}:\n\n{compare_results.markdown(compare(single, half))}" for heading, compare in parts.items()]
    return "\n\n".join(tables)


def by_rule(folder: Path, one_core: Path | None) -> str:
    """Say where the seconds of the default study went."""
    import study_by_rule

    return study_by_rule.markdown(folder, one_core)


def all_analyses(results: Path, controls: Mapping[str, str | None]) -> str:
    """Say what the analyses of ModelFest find for each network with a control."""
    parts = {
        name: sorted((results / "multiverse").glob(f"*/modelfest-{name}.parquet")) for name in ("joint", "carried")
    }
    tables = {name: pd.concat(map(pd.read_parquet, paths), ignore_index=True) for name, paths in parts.items()}
    told = analyses.sentences(**tables, controls=controls, claims=read_claims(results))
    found = {one["network"]: one for one in told}
    return "\n".join(f"- `{network}`. {' '.join(found[network]['sentences'])}" for network in controls)


def known_answers(results: Path, networks: Iterable[str]) -> str:
    """Show what networks and their controls answer to gratings, beside people."""
    at = ["answer", "standard", "frequency"]
    columns = {}
    for network in networks:
        table = pd.read_csv(results / "figures" / network / "known_answers.csv")
        table = table[(table["layer"] == MEAN_OF_LAYERS) & (table["selection"] == ALL)]
        columns |= {
            f"`{name}`": rows.set_index(at)["sensitivity"] for name, rows in table.groupby("network", sort=False)
        }
        people = table[table["network"] == network].set_index(at)["people"]
    shown = pd.DataFrame({"people": people, **columns})
    rows = [
        [answer, f"{standard:.0%}", f"{frequency:g}", *(signed(value, ".2f") for value in values)]
        for (answer, standard, frequency), *values in shown.itertuples()
    ]
    return markdown(["", "contrast of the standard", "cycles per degree", *shown], rows)


def controls_of(results: Path) -> dict[str, str | None]:
    """Return the networks of a study that have a control, with its name."""
    study = yaml.safe_load((results / "configuration.yaml").read_text(encoding="utf-8"))
    return {entry["name"]: entry["control"] for entry in study["backbones"] if entry.get("control")}


def paper_figures(items: list[Mapping[str, str]]) -> str:
    """Turn the list of the paper's figures and tables into a page."""
    rows = []
    for item in items:
        rule = f"`{item['rule']}`" if "rule" in item else "–"
        output = f"`{item['output']}`, `{Path(item['output']).with_suffix('.csv').name}`" if "output" in item else "–"
        name = item["item"] + (f" ({item['note']})" if "note" in item else "")
        rows.append([name, rule, output, *(item[study] for study in ("default", "pretrained", "paper"))])
    studies = ["`config.yaml`", "`config/pretrained.yaml`", "`config/paper.yaml`"]
    lines = [
        "# The paper's figures and tables, and what regenerates them",
        "",
        "Written by tools/refresh.py from docs/paper-figures.yaml. Every figure comes with the CSV that it plots.",
        "**reproduced**: from the paper's network and data; **stand-in**: from another network or other data; "
        "**needs data**: needs human judgements that are not part of this study. We do not know which "
        "training of VGG-16 the paper used; ours is torchvision's.",
        "",
        markdown(["in the paper", "rule", "output and CSV", *studies], rows),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--pretrained", type=Path, metavar="RESULTS", help="results of config/pretrained.yaml")
    chosen.add_argument("--bfloat16", type=Path, metavar="RESULTS", help="the default study's in bfloat16")
    chosen.add_argument("--benchmark", action="store_true", help="what `make benchmark` has measured")
    parser.add_argument("--one-core", type=Path, metavar="RESULTS", help="with --benchmark: the default study's")
    arguments = parser.parse_args()
    pretrained, results, page = arguments.pretrained, ROOT / "results", DOCS / "results.md"
    if arguments.bfloat16 is not None:
        fill(DOCS / "numerics.md", "bfloat16", bfloat16(results, arguments.bfloat16))
        return
    if arguments.benchmark:
        folder, one_core = results / "benchmarks", arguments.one_core
        fill(DOCS / "speed.md", "summary", (folder / "summary.md").read_text(encoding="utf-8"))
        fill(DOCS / "speed.md", "study", by_rule(folder, one_core and one_core / "benchmarks"))
        return
    items = yaml.safe_load((DOCS / "paper-figures.yaml").read_text(encoding="utf-8"))
    (DOCS / "paper-figures.md").write_text(paper_figures(items), encoding="utf-8")
    if pretrained is not None:
        copy_images(pretrained, PRETRAINED_IMAGES)
        fill(ROOT / "README.md", "pretrained-findings", findings(pretrained, "vgg16", FOUND_IN_VGG16))
        fill(page, "networks", networks(pretrained))
        fill(page, "claims", claims(pretrained))
        fill(page, "controls", controls(pretrained))
        fill(page, "analyses", all_analyses(pretrained, controls_of(pretrained)))
        fill(page, "known-answers", known_answers(pretrained, controls_of(pretrained)))
        fill(page, "agreement", table(pretrained, "networks"))
        fill(page, "inversions", table(pretrained, "inversions"))
        fill(page, "superres", table(pretrained, "superres"))
        return
    copy_images(results, IMAGES)
    fill(page, "default-claims", claims(results))
    fill(page, "default-ladder", ladder(results))
    fill(page, "default-analyses", all_analyses(results, controls_of(results)))
    fill(page, "default-thresholds", thresholds(results))
    fill(ROOT / "README.md", "findings", findings(results, SUBJECT, FOUND))


if __name__ == "__main__":
    main()
