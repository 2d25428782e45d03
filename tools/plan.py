"""Write into docs/cluster.md what the study at the paper's scale needs: jobs, core-hours and disk; its sum into README.

    make figures            the default study in results/, for the times of its small jobs
    python tools/plan.py    takes half an hour; needs the extra "slurm", for the profile of that name

The jobs are those of a dry run. Core-hours are processor time, which a busy machine does not lengthen much: of a few
images or steps by each rule's own function, at the study's sizes and with random weights, times their number; of all
other rules, what their jobs took in the default study. Disk is arithmetic: the sizes of arrays.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, cycle
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
import yaml
from numpy.typing import ArrayLike
from refresh import DOCS, ROOT, fill
from snakemake.utils import update_config
from threadpoolctl import threadpool_limits
from torch.nn import functional

from perceptual_efficacy import (
    agreement,
    baselines,
    csf,
    distances,
    inversion,
    judgements,
    multiverse,
    probing,
    stimuli,
)
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.backbones import vgg
from perceptual_efficacy.backbones.loading import load_backbone
from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.superres import edsr, metrics
from perceptual_efficacy.vocabulary import OPINIONS, PEOPLE, RANKINGS, SAME_OR_DIFFERENT, SCORED, TWO_ALTERNATIVES

STUDY = ROOT / "config" / "paper.yaml"
SUPERRES = "super-resolution"  # beginning of its lines
FLOAT32 = 4.0  # bytes
MODELFEST_STIMULI, MODELFEST_CONTRASTS = 43, 8
MODELFEST_SIDES = (68, 128, 256)  # pixels, at 32, 60 and 120 pixels per degree
CASTLECSF_STIMULI, CASTLECSF_CONTRASTS, CASTLECSF_SIDE = 716, 8, 256  # at 32 pixels per degree
TEST_IMAGES = 5 + 14 + 100 + 100  # Set5, Set14, BSD100, Urban100
TEST_SIZE = 672  # pixels each side: those of Urban100 have about 0.8 million, those of BSD100 0.15 million
# GB, of the archive or of the images in it, whichever is known; both lie on the disk
ARCHIVES = {"BAPPS, 2AFC": 1.28, "TID2013": 3_025 * 384 * 512 * 3 / 1e9, "KADID-10k": 3.07, "DIV2K": 3.53 + 0.45}
TRAINED_ON = 800 * 2040 * 1440 * 3  # bytes of DIV2K's training images, of about this size


class Judged(NamedTuple):
    """A data set of people's judgements, as published."""

    name: str
    judgement_type: str
    comparisons: int
    sides: int
    references: int
    groups: int
    height: int
    width: int


DATASETS = [
    Judged("BAPPS, 2AFC", TWO_ALTERNATIVES, 36_344, 2, 36_344, 6, 64, 64),
    Judged("BAPPS, JND", SAME_OR_DIFFERENT, 9_600, 1, 9_600, 2, 64, 64),
    Judged("TID2013", OPINIONS, 3_000, 1, 25, 24, 384, 512),
    Judged("KADID-10k", OPINIONS, 10_125, 1, 81, 25, 384, 512),
    Judged("CSIQ", OPINIONS, 866, 1, 30, 6, 512, 512),
]


class Cost(NamedTuple):
    """One line of the table."""

    what: str
    rules: tuple[str, ...]
    made_of: str
    core_seconds: float
    bytes_on_disk: float


def core_seconds(run: Callable[[], object], *, warm_up: bool = True) -> float:
    """Processor time of a run, after another one that is not counted; a long run needs none."""
    if warm_up:
        run()
    start = time.process_time()
    run()
    return time.process_time() - start


def shown_as(seconds: float) -> str:
    """Return them with two digits, or as whole seconds."""
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"


def comparisons_of(data: Judged, count: int, each: int) -> pd.DataFrame:
    """Return comparisons of images that have no files, `each` to a reference."""
    random = np.random.default_rng(0)
    shown = {side: [f"{side} {row}" for row in range(count)] for side in ("first", "second")[: data.sides]}
    table = pd.DataFrame({"reference": [f"reference {row // each}" for row in range(count)], "second": None, **shown})
    judgement = random.uniform(1, 8, count) if data.judgement_type == OPINIONS else random.integers(0, 6, count) / 5
    group = [f"group {row % data.groups}" for row in range(count)]
    cluster = [f"cluster {row * min(data.references, count) // count}" for row in range(count)]
    table = table.assign(judgement=judgement, group=group, cluster=cluster, judgement_type=data.judgement_type)
    return table.assign(dataset=data.name, judged_by=PEOPLE, reference_sha256="", first_sha256="", second_sha256="")


def image_of(data: Judged) -> Callable[[str, str], np.ndarray]:
    image = np.random.default_rng(0).integers(256, size=(data.height, data.width, 3), dtype=np.uint8)
    return lambda path, sha256: image


def of_images(study: dict, networks: dict[str, Backbone], data: Judged) -> Iterator[Cost]:
    """Yield what one data set with judgements needs, for all networks."""
    runs = len(study["backbones"])
    channels = sum(backbone.units["layer"][1].size for backbone in networks.values()) * runs / len(networks)
    count, each = (8, 4) if data.judgement_type == OPINIONS else (48, 1)
    table, read = comparisons_of(data, count, each), image_of(data)

    seconds = mean(
        core_seconds(partial(distances.image_distances, backbone, table, read, batch_size=24)) / count
        for backbone in networks.values()
    )
    yield Cost(
        f"networks' distances, {data.name}",
        ("measure_image_distances",),
        f"{shown_as(seconds)} s x {data.comparisons:,} comparisons x {runs} networks",
        seconds * data.comparisons * runs,
        FLOAT32 * data.comparisons * data.sides * channels,
    )
    seconds = core_seconds(partial(baselines.baseline_distances, table, read, batch_size=24)) / count
    yield Cost(
        f"baselines' distances, {data.name}",
        ("measure_baselines",),
        f"{shown_as(seconds)} s x {data.comparisons:,} comparisons",
        seconds * data.comparisons,
        0,
    )
    layers, width = layers_of(study, networks)
    judged = judgements.read(comparisons_of(data, data.comparisons, 1))
    seconds = core_seconds(partial(compare, judged, (data.comparisons, data.sides, width)), warm_up=False)
    yield Cost(
        f"agreement, {data.name}",
        ("assess_agreement",),
        f"{shown_as(seconds)} s x {layers:.0f} layers",
        seconds * layers,
        0,
    )
    yield of_analyses(study, networks, data.name, judged, data.sides)


def of_patches(study: dict, networks: dict[str, Backbone]) -> Iterator[Cost]:
    """Yield what castleCSF's thresholds need, for all networks."""
    runs = len(study["backbones"])
    channels = sum(backbone.units["layer"][1].size for backbone in networks.values()) * runs / len(networks)
    picture = np.random.default_rng(0).random((3, CASTLECSF_SIDE, CASTLECSF_SIDE), dtype=np.float32)
    contrasts = np.geomspace(0.001, 1, CASTLECSF_CONTRASTS).tolist()

    def draw(shown: ArrayLike) -> np.ndarray:
        return np.stack([picture] * len(np.asarray(shown)))

    images = CASTLECSF_STIMULI * CASTLECSF_CONTRASTS
    seconds = mean(
        core_seconds(partial(distances.coloured_contrast_distances, backbone, [draw], contrasts)) / len(contrasts)
        for backbone in networks.values()
    )
    yield Cost(
        "networks' distances, castleCSF",
        ("measure_drawn_distances",),
        f"{shown_as(seconds)} s x {images:,} images x {runs} networks",
        seconds * images * runs,
        FLOAT32 * images * channels,
    )
    measured = np.random.default_rng(0).uniform(-2.5, -1, (CASTLECSF_STIMULI, 1))
    judged = judgements.DetectionThresholds(measured, contrasts, study=np.arange(CASTLECSF_STIMULI) % 8)
    layers, width = layers_of(study, networks)
    shape = (CASTLECSF_STIMULI, len(contrasts), width)
    seconds = core_seconds(partial(compare, judged, shape), warm_up=False)
    yield Cost(
        "agreement, castleCSF",
        ("assess_agreement",),
        f"{shown_as(seconds)} s x {layers:.0f} layers",
        seconds * layers,
        0,
    )
    yield of_analyses(study, networks, "castleCSF", judged, len(contrasts))


def layers_of(study: dict, networks: dict[str, Backbone]) -> tuple[float, int]:
    """Return the number of layers of all networks of the study, and their average number of channels."""
    widths = [width for backbone in networks.values() for width in backbone.layers.values()]
    return len(widths) * len(study["backbones"]) / len(networks), round(mean(widths))


def compare(judged: judgements.Judgements, shape: tuple[int, int, int]) -> None:
    """Compare the halves of one layer with judgements, as assess_agreement does."""
    random, width = np.random.default_rng(0), shape[-1]
    units = {"layer": ("unit", ["layer"] * width), "channel": ("unit", np.arange(width))}
    values = of_channels(shape)
    cube = xr.DataArray(values, dims=("comparison", "side", "unit"), coords=units)
    scores = {name: random.random(width) for name in RANKINGS}
    channels = pd.DataFrame({"layer": "layer", "channel": np.arange(width), "status": SCORED, **scores})
    rankings = {name: Ranking(channels, name) for name in RANKINGS}
    agreement.compare_selections(cube, judged, rankings)
    agreement.compare_single_channels(cube, judged, rankings)


def of_channels(shape: tuple[int, int, int]) -> np.ndarray:
    """Return random distances (comparisons, sides, channels); channels differ in scale, as those of networks do."""
    random = np.random.default_rng(1)
    values: np.ndarray = random.random(shape, dtype=np.float32) ** 2
    return values * (10 ** random.normal(0, 0.7, shape[-1])).astype(np.float32)


def of_analyses(
    study: dict, networks: dict[str, Backbone], name: str, judged: judgements.Judgements, sides: int, cubes: int = 1
) -> Cost:
    """Return what all analyses of one data set need, for all networks, by a layer of average size.

    Of images there is one cube, whatever the resolution; patterns are drawn for each.
    """
    layers, width = layers_of(study, networks)
    backbone = vgg.draw_random({"relu1_1": width}, seed=0)
    tuning = probing.probe(backbone, stimuli.gratings(frequencies=5, orientations=4, phases=2), colour=False)
    units = {coordinate: ("unit", tuning[coordinate].values) for coordinate in ("layer", "channel")}
    values = of_channels((len(judged), sides, width))
    cube = xr.DataArray(values, dims=("comparison", "side", "unit"), coords=units)
    data = dict(zip((32.0, 60.0), cycle([multiverse.Data(cube, judged) for _ in range(cubes)])))
    replicates, shuffles = (study["multiverse"][number] for number in ("replicates", "shuffles"))
    explore = partial(multiverse.explore, tuning, data, csf.MODELS, layers=["relu1_1"], replicates=replicates)
    few, more = 20, 60  # shuffles, which are only a part of it
    once = core_seconds(partial(explore, shuffles=few))
    longer = core_seconds(partial(explore, shuffles=more), warm_up=False)
    seconds = once + (longer - once) * (shuffles - few) / (more - few)
    return Cost(
        f"all analyses, {name}",
        ("explore_choices",),
        f"{shown_as(seconds)} s x {layers:.0f} layers",
        seconds * layers,
        0,
    )


def of_gratings(study: dict, networks: dict[str, Backbone]) -> Iterator[Cost]:
    """Yield what the responses to gratings need, and the distances of ModelFest's patterns."""
    controls = len({entry["control"] for entry in study["backbones"] if "control" in entry})
    shown_at = 1 + len(study["multiverse"]["contrasts"])  # contrasts; other seeds see only the first
    runs = len(study["backbones"]) * shown_at + controls * (study["probing"]["control_seeds"] - 1)
    few, all_of_them = stimuli.gratings(frequencies=4, orientations=4, phases=2), stimuli.gratings()
    seconds = mean(core_seconds(partial(probing.probe, it, few)) for it in networks.values()) / pictures(few)
    yield Cost(
        "gratings",
        ("probe_channels", "probe_controls"),
        f"{shown_as(seconds)} s x {pictures(all_of_them):,} pictures x {runs} networks, contrasts, control seeds",
        seconds * pictures(all_of_them) * runs,
        0,
    )
    random, few_contrasts = np.random.default_rng(0), [0.1, 0.5]
    patterns = [random.uniform(-1, 1, (1, side, side)) for side in MODELFEST_SIDES]
    seconds = mean(
        core_seconds(partial(distances.contrast_distances, backbone, pattern, few_contrasts)) / len(few_contrasts)
        for backbone in networks.values()
        for pattern in patterns
    )
    shown, runs = MODELFEST_STIMULI * MODELFEST_CONTRASTS * len(patterns), len(study["backbones"])
    yield Cost(
        "ModelFest",
        ("measure_contrast_distances",),
        f"{shown_as(seconds)} s x {shown:,} images x {runs} networks",
        seconds * shown * runs,
        0,
    )
    measured, contrasts = random.uniform(-2.5, -1, (MODELFEST_STIMULI, 16)), np.geomspace(0.003, 1, MODELFEST_CONTRASTS)
    judged = judgements.DetectionThresholds(measured, contrasts)
    yield of_analyses(study, networks, "ModelFest", judged, MODELFEST_CONTRASTS, cubes=2)


def pictures(gratings: stimuli.Gratings) -> int:
    """Count the pictures of a probing set: radial ones in grey and two colours, oriented ones, and the blank."""
    radial = 3 * len(gratings.frequency) * len(gratings.phase)
    return radial + len(gratings.oriented_frequency) * len(gratings.orientation) * len(gratings.phase) + 1


def of_training(study: dict) -> Iterator[Cost]:
    """Yield what training, fine-tuning and scoring need."""
    superres = study["superres"]
    (scale,), patch, batch = superres["scales"], superres["patch"], superres["batch_size"]
    random = torch.Generator().manual_seed(0)
    low, high = (torch.rand(batch, 3, side, side, generator=random) for side in (patch // scale, patch))
    network = edsr.draw(scale, superres["network"]["blocks"], superres["network"]["width"], seed=0)
    half = pd.DataFrame({"layer": "relu2_2", "channel": range(0, 128, 2)})
    metric = PerceptualMetric(load_backbone("random:vgg16", layers=["relu2_2"]), half, validate_range=False)
    adam = torch.optim.Adam(network.parameters())

    def step(*, features: bool) -> None:
        adam.zero_grad()
        output = network(low)
        loss = functional.l1_loss(output, high)
        (loss + metric(output, high).mean() if features else loss).backward()
        adam.step()

    weights = FLOAT32 * sum(parameter.numel() for parameter in network.parameters())
    plain, with_features = (core_seconds(partial(step, features=features)) for features in (False, True))
    steps = superres["training"]["steps"]
    yield Cost(
        f"{SUPERRES}, initial checkpoint",
        ("train_start",),
        f"{shown_as(plain)} s x {steps:,} steps",
        plain * steps,
        weights,
    )
    steps = superres["fine_tuning"]["steps"]
    seeds, losses = len(superres["seeds"]), superres["losses"]
    seconds = sum(plain if loss["selection"] == "none" else with_features for loss in losses) / len(losses)
    yield Cost(
        f"{SUPERRES}, fine-tuning",
        ("fine_tune",),
        f"{shown_as(seconds)} s x {steps:,} steps x {len(losses)} losses x {seeds} seeds",
        seconds * steps * len(losses) * seeds,
        weights * len(losses) * seeds,
    )
    image = np.random.default_rng(0).integers(256, size=(TEST_SIZE, TEST_SIZE, 3), dtype=np.uint8)
    seconds = core_seconds(partial(metrics.score, image, image[::-1], scale))
    seconds += core_seconds(partial(edsr.enlarge, network, image[::scale, ::scale]))
    runs = len(losses) * seeds + 2
    yield Cost(
        f"{SUPERRES}, scoring",
        ("score_images",),
        f"{shown_as(seconds)} s x {TEST_IMAGES} images x {runs} runs",
        seconds * TEST_IMAGES * runs,
        image.nbytes * TEST_IMAGES * runs,  # PNG of photographs is smaller by about a third
    )


def of_inversion(study: dict) -> Iterator[Cost]:
    """Yield what inverting features needs."""
    inverted, steps = study["inversion"], 4
    subjects = [entry for entry in study["backbones"] if "control" in entry]
    tested = sum(photograph["split"] == "test" for photograph in study["photographs"])
    side = inverted["size"]
    photographs = torch.rand(tested, 3, side, side, generator=torch.Generator().manual_seed(0))

    def seconds_of(entry: dict) -> float:
        layer = entry.get("figure_layer", study["figures"]["layer"])
        metric = PerceptualMetric(load_backbone(f"random:{entry['source'].partition(':')[2]}", layers=[layer]))
        return core_seconds(partial(inversion.invert, metric, photographs, seed=0, steps=steps)) / steps

    seconds = mean(map(seconds_of, subjects))
    selected = 3 + inverted["halves"]  # all, high, low and random halves
    total = inverted["steps"] * len(inverted["seeds"]) * selected
    yield Cost(
        "inversion",
        ("invert_features",),
        f"{shown_as(seconds)} s x {total:,} steps x {len(subjects)} networks",
        seconds * total * len(subjects),
        0,
    )


def of_data(study: dict) -> Cost:
    """Return what data from elsewhere need; time is the network's and the disk's."""
    (scale,) = study["superres"]["scales"]
    size = 2 * 1e9 * sum(ARCHIVES.values()) + TRAINED_ON * (1 + 1 / scale**2)
    listed = ", ".join(f"{name} {size:.1f}" for name, size in ARCHIVES.items())
    return Cost(
        "data from elsewhere", (), f"archives and what is in them ({listed} GB), training images unpacked", 0.0, size
    )


def planned() -> dict[str, int]:
    """Return the number of jobs of each rule, by a dry run with the profile for Slurm."""
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(  # noqa: S603 - fixed words
            [
                *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", folder),
                *("--profile", str(ROOT / "profiles/slurm"), "--dry-run", "--quiet", "rules"),
                *("--configfile", str(STUDY)),
            ],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
        ).stdout
    stats = told.split("Job stats:")[-1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", stats, re.MULTILINE)}


def of_the_rest(jobs: dict[str, int], measured: set[str]) -> tuple[Cost, list[str]]:
    """Return what all other jobs need, startup included, and which rules the default study does not have."""
    folder = ROOT / "results" / "benchmarks"
    taken = {rule: [pd.read_csv(path, sep="\t") for path in files_of(folder, rule)] for rule in jobs}
    # not cpu_time: Snakemake looks at it every half minute, and misses what comes after
    known = {rule: float(pd.concat(tables)["s"].mean()) for rule, tables in taken.items() if tables}
    others = {rule: count for rule, count in jobs.items() if rule not in measured and rule in known}
    seconds = sum(known[rule] * count for rule, count in others.items())
    lacking = sorted({*jobs} - measured - {*known} - {"all"})
    return Cost("all others", tuple(others), "what they took in the default study", seconds, 0), lacking


def files_of(folder: Path, rule: str) -> list[Path]:
    return [*folder.glob(f"{rule}.tsv"), *folder.glob(f"{rule}/**/*.tsv")]


def main() -> None:
    study, paper = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "config.yaml", STUDY))
    update_config(study, paper)
    jobs = planned()
    sources = {entry["source"].partition(":")[2]: entry.get("layers", "all") for entry in study["backbones"]}
    networks = {name: load_backbone(f"random:{name}", layers=layers) for name, layers in sources.items()}
    costs = []
    for cost in chain(
        of_gratings(study, networks),
        *(of_images(study, networks, data) for data in DATASETS),
        of_patches(study, networks),
        of_inversion(study),
        of_training(study),
    ):
        print(f"{cost.what}: {cost.made_of}", flush=True)
        costs.append(cost)
    others, lacking = of_the_rest(jobs, {rule for cost in costs for rule in cost.rules})
    costs += [others, of_data(study)]
    rows = [
        {"": cost.what, "made of": cost.made_of, "core-hours": cost.core_seconds / 3600, "GB": cost.bytes_on_disk / 1e9}
        for cost in costs
    ]
    table = pd.DataFrame(rows)
    total = table[["core-hours", "GB"]].sum()
    training = table.loc[table[""].str.startswith(SUPERRES), "core-hours"].sum()
    needs = [f"about {hours:,.0f}" for hours in (total["core-hours"] - training, training)]
    summary = f"(It needs {needs[0]} core-hours; super-resolution, {needs[1]} more without an accelerator.)"
    fill(ROOT / "README.md", "plan", summary, __file__)
    table.loc[len(table)] = {"": "**together**", "made of": f"{sum(jobs.values())} jobs", **total}
    table["core-hours"] = table["core-hours"].map(lambda value: f"{value:,.1f}" if value else "")
    table["GB"] = table["GB"].map(lambda value: f"{value:,.1f}" if value >= 0.05 else "")
    many = sorted((item for item in jobs.items() if item[1] > 4), key=lambda item: -item[1])
    counts = "Jobs by rule, where there are more than four: " + ", ".join(f"{rule} {count}" for rule, count in many)
    shown = table.to_markdown(index=False, colalign=("left", "left", "right", "right"))
    unmeasured = f"Not measured, as the default study has no such jobs: {', '.join(lacking)}"
    fill(DOCS / "cluster.md", "plan", f"{shown}\n\n{counts}. {unmeasured}.", __file__)


if __name__ == "__main__":
    torch.set_num_threads(1)  # threads that wait for each other take processor time too
    with threadpool_limits(1):
        main()
