"""What a schema cannot say: values that contradict each other, files that are not there."""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from study.configuration import (
    BICUBIC,
    FILES,
    LADDERS,
    LPIPS_NETWORKS,
    OWN_SHAPES,
    START,
    SUFFIXES,
    TABLES,
    DataSet,
    ImageSet,
    Network,
    Study,
)
from study.schema import UNWRITABLE, ConfigurationError, name_of

TWINS = {"motorcycle_left", "motorcycle_right"}  # the bundled stereo pair: one scene
CSF = ("luminance", "field_size")  # what only some functions take
VIEWED = ("barten", "castlecsf")  # these
LEAST_CYCLES = 2  # of the lowest frequency in the field
RESOLUTIONS = 8, 120  # pixels per degree
LEAST_PICTURE = 32  # pixels, of the pictures of thresholds
LARGEST_STIMULI = 2 * 1024**3  # bytes; drawing them takes twice that
EVERYTHING = "all"
OTHER_DATA = {"modelfest", "photographs", "ladder"}  # names of folders beside the data sets
REFERENCES = {BICUBIC, START, "training"}  # names of folders beside the losses
MARKUP = re.compile(r"[<>`*|:\\\[\]]")  # what the report takes a file's name apart at
EXISTING = "an existing {}, absolute or relative to data_root (else to the folder of the results)"
WITHOUT_SUPERRES = "`losses: []` leaves super-resolution out"

Contradictions = Iterator[tuple[str, object, str]]  # the key, its value, and what it must be


def check(study: Study) -> None:
    """Raise a ConfigurationError for the first contradiction in a study."""
    for key, found, expected in contradictions(study):
        found = list(found) if isinstance(found, tuple) else found
        raise ConfigurationError(f"Configuration: {key} is {found!r}; it must be {expected}.")


def contradictions(study: Study) -> Contradictions:
    yield from unusable(study.configuration, [], study)
    yield from wrong_with_stimuli(study)
    for kind in ("photographs", "backbones", "datasets"):
        yield from used_twice(kind, study.value(kind))
    for entry in study.value("photographs"):
        if "path" in entry and not Path(entry["path"]).is_file():
            yield f"photographs: {entry['name']}: path", entry["path"], EXISTING.format("file")
    sides = {entry["split"] for entry in study.value("photographs") if entry["name"] in TWINS and "path" not in entry}
    if len(sides) > 1:
        yield "photographs: split of the motorcycle pair", sorted(sides), "one side: both show the same scene"
    for network in study.networks.values():
        yield from wrong_with_own_shape(network, study) if network.kind in OWN_SHAPES else wrong_with_published(network)
        yield from wrong_with_control(network, study)
    for data in study.datasets.values():
        yield from wrong_with_dataset(data)
    yield from wrong_with_drawn(study)
    if study.ladders:
        yield from wrong_photographs("ladder", study)
    if not study.subjects:
        yield "backbones: control", None, "given for at least one backbone, or there is nothing to study"
    if study.losses:
        yield from wrong_with_superres(study)
        yield from wrong_with_losses(study)
    if study.value("inversion.networks"):
        yield from wrong_with_inversion(study)


def unusable(node: object, path: list[Any], study: Study) -> Contradictions:
    """Yield numbers that are not finite, and text that breaks what it becomes part of."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from unusable(str(key), path, study)
            yield from unusable(value, [*path, key], study)
    elif isinstance(node, float) and not math.isfinite(node):
        yield name_of(path, study.configuration), node, "a finite number"
    elif isinstance(node, str) and UNWRITABLE.search(node):
        yield name_of(path, study.configuration), node, "without control characters"
    elif isinstance(node, str) and path and path[-1] in ("path", "weights", "start") and re.search("[{}]", node):
        yield name_of(path, study.configuration), node, "without { and }, which mean wildcards to Snakemake"


def used_twice(key: str, entries: list[dict[str, Any]], name: str = "name") -> Contradictions:
    names = [entry[name] for entry in entries]
    yield from ((f"{key}: {name}", value, "used once") for value in names if names.count(value) > 1)


def left_out(key: str, entry: object, names: tuple[str, ...], why: str) -> Contradictions:
    """Yield the values of an entry that are given."""
    for name in names:
        if (value := getattr(entry, name)) not in (None, "") and value is not False:
            yield f"{key}: {name}", value, f"left out, {why}"


def wrong_with_drawn(study: Study) -> Contradictions:
    """Yield what is wrong with how the stimuli of thresholds are drawn."""
    field, most = study.value("castlecsf.field"), study.value("probing.largest")
    for name in study.drawn:
        pixels = round(field * study.drawn_at(name))
        if pixels < LEAST_PICTURE:
            yield (
                "castlecsf.field",
                field,
                f"wider: {name} would be {pixels} pixels wide, and {LEAST_PICTURE} are least",
            )
        if pixels > most:
            yield "castlecsf.field", field, f"at most {most / pixels * field:.3g}: {name} would be {pixels} pixels wide"


def wrong_with_stimuli(study: Study) -> Contradictions:
    stimuli, modelfest = study.value("stimuli"), study.value("modelfest")
    nyquist = stimuli["pixels_per_degree"] / 2
    low, high = RESOLUTIONS
    if not low <= stimuli["pixels_per_degree"] <= high:  # by its viewing geometry
        yield "stimuli.pixels_per_degree", stimuli["pixels_per_degree"], f"at least {low}, at most {high}"
    highest = 0.85 * nyquist if stimuli["highest_frequency"] is None else stimuli["highest_frequency"]
    if highest >= nyquist:
        yield "stimuli.highest_frequency", highest, f"below {nyquist:g}, the Nyquist frequency"
    if stimuli["lowest_frequency"] >= highest:
        yield "stimuli.lowest_frequency", stimuli["lowest_frequency"], f"below the highest frequency, {highest:g}"
    field, every = stimuli["field"], stimuli["oriented_every"]
    if field * stimuli["lowest_frequency"] < LEAST_CYCLES:
        least = LEAST_CYCLES / stimuli["lowest_frequency"]
        yield "stimuli.field", field, f"at least {least:g}: {LEAST_CYCLES} cycles of the lowest frequency"
    if every >= stimuli["frequencies"] - 1:
        yield "stimuli.oriented_every", every, "smaller: no frequency between the first and the last is left"
    pixels = round(field * stimuli["pixels_per_degree"])
    count = -(-stimuli["frequencies"] // every) * stimuli["orientations"] * stimuli["phases"]
    if 4 * count * pixels**2 > LARGEST_STIMULI:
        yield "stimuli.field", field, f"smaller: {count} oriented gratings of {pixels} x {pixels} pixels exceed 2 GiB"
    if pixels > study.value("probing.largest"):
        yield "probing.largest", study.value("probing.largest"), f"at least {pixels}, the pixels of stimuli.field"
    for (section, csf), key in product(
        {"scores": study.value("scores.csf"), "modelfest": modelfest["csf"]}.items(), CSF
    ):
        if csf[key] is not None and csf["model"] not in VIEWED:
            takers = " and ".join(VIEWED)
            yield f"{section}.csf.{key}", csf[key], f"null for the model {csf['model']}; only {takers} take it"
    if modelfest["lowest_contrast"] >= modelfest["highest_contrast"]:
        yield "modelfest.lowest_contrast", modelfest["lowest_contrast"], "below modelfest.highest_contrast"


def wrong_with_own_shape(network: Network, study: Study) -> Contradictions:
    """Yield what is wrong with a VGG-shaped network of the study's own."""
    key, patches = f"backbones: {network.name}", study.value("kmeans.patches")
    if network.weights != "":
        yield f"{key}: weights", network.weights, f"left out, as its source is {network.source}"
    yield from left_out(key, network, ("sha256",), f"as its source is {network.source}")
    if not network.widths:
        yield f"{key}: layers", network.layers, "given, VGG's names with their number of channels: {relu1_1: 32, ...}"
        return
    places = [tuple(map(int, re.findall(r"\d+", layer))) for layer in network.layers]
    for layer, place, (block, index) in zip(network.layers, places, [(0, 0), *places], strict=False):
        if place not in ((block, index + 1), (block + 1, 1)):
            yield f"{key}: layers", layer, "VGG's names in order: relu1_1, relu1_2, ..., relu2_1 and so on"
    if network.source == "kmeans" and max(network.widths) > patches:
        yield "kmeans.patches", patches, f"at least {max(network.widths)}, the channels of a layer of {network.name}"
    if network.source == "kmeans" and not study.photographs_of("train"):
        yield f"{key}: source", "kmeans", "random, as no photograph is in the train split"


def wrong_with_published(network: Network) -> Contradictions:
    """Yield what is wrong with a network of torchvision or timm."""
    key, weights = f"backbones: {network.name}", network.weights
    if network.widths:
        yield f"{key}: layers", dict(network.stages), "all, lpips or a list of names, as its shape is published"
    if network.layers == "lpips" and network.architecture not in LPIPS_NETWORKS:
        yield f"{key}: layers", network.layers, f"all or a list; LPIPS is defined on {', '.join(LPIPS_NETWORKS)}"
    if network.source.startswith("random:"):
        yield from left_out(key, network, ("weights",), "as those of random:NAME are random")
    for file in map(Path, network.files):
        if file.suffix not in SUFFIXES:
            yield f"{key}: weights", weights, f"a file whose name ends with {', '.join(sorted(SUFFIXES))}"
        if MARKUP.search(file.name):
            yield f"{key}: weights", weights, "a file whose name has none of < > ` * | : \\ [ ]"
        if not file.is_file():
            yield f"{key}: weights", weights, EXISTING.format("file")
    if not network.files:
        yield from left_out(key, network, ("sha256",), "as its weights are not from a file")


def wrong_with_control(network: Network, study: Study) -> Contradictions:
    """Yield what is wrong with the control of a network, and with its layer for figures."""
    if network.control is None:
        return
    key, layer, control = f"backbones: {network.name}", network.figure_layer, study.networks.get(network.control)
    layers = network.layers if isinstance(network.layers, str) else ", ".join(network.layers)
    if control is None or control is network:
        yield f"{key}: control", network.control, f"another backbone of this study ({', '.join(study.networks)})"
    elif not control.is_random:
        yield f"{key}: control", network.control, "a backbone with random weights"
    elif control.shape != network.shape:
        alike = f"a backbone with the architecture of {network.name} and its layers ({layers})"
        yield f"{key}: control", control.name, alike
    if not network.has(layer):
        given = {entry["name"] for entry in study.value("backbones") if "figure_layer" in entry}
        where = f"{key}: figure_layer" if network.name in given else "figures.layer"
        yield where, layer, f"a layer of {network.name} ({layers})"


def wrong_with_dataset(data: DataSet) -> Contradictions:
    key = f"datasets: {data.name}"
    if data.name in OTHER_DATA:
        yield "datasets: name", data.name, f"another; {', '.join(sorted(OTHER_DATA))} are taken"
    if data.source == "ladder" and data.layout not in LADDERS:
        yield f"{key}: source", "ladder", f"download or folder, as there is no ladder in the layout {data.layout}"
    if data.source == "ladder":
        yield from left_out(key, data, ("subset",), "as the ladder is always whole")
        yield from left_out(key, data, ("pixels_per_degree",), "as nobody saw the ladder")
    if data.source != "download":
        yield from left_out(key, data, ("url", "checksum", "allow_unverified"), "as nothing is downloaded")
    if data.source != "folder":
        yield from left_out(key, data, ("path",), f"as its source is {data.source}; or set source: folder")
    elif data.layout in FILES:
        suffixes = (".csv", ".parquet") if data.layout in TABLES else (".csv",)
        if data.path is None or Path(data.path).suffix.lower() not in suffixes:
            advice = "; export a spreadsheet as CSV" if data.layout in TABLES else ""
            yield f"{key}: path", data.path, f"a table, a {' or '.join(suffixes)} file{advice}"
        elif not Path(data.path).is_file():
            yield f"{key}: path", data.path, f"an existing file; there is no {Path(data.path).absolute()}"
    elif data.path is None or not Path(data.path).is_dir():
        yield f"{key}: path", data.path, EXISTING.format("folder")
    if data.layout in TABLES:
        if data.source != "folder":
            yield f"{key}: source", data.source, f"folder, as {data.layout} is a table of your own at `path`"
        yield from left_out(key, data, ("subset",), "as a table of your own is whole")
    of_opinions = data.layout == "opinions"
    for name in ("higher_is", "range"):
        if of_opinions and getattr(data, name) is None:
            yield (
                f"{key}: {name}",
                None,
                "given: better or worse" if name == "higher_is" else "given: [lowest, highest]",
            )
    if not of_opinions:
        yield from left_out(key, data, ("higher_is", "range"), f"as the layout {data.layout} says it")
    elif data.range is not None and not data.range[0] < data.range[1]:
        yield f"{key}: range", list(data.range), "the lowest opinion, then the highest"


def wrong_with_superres(study: Study) -> Contradictions:
    superres, scales = study.superres, study.scales
    start, lpips = superres["start"], superres["lpips"]
    for kind in ("losses", "images", "archives"):
        yield from used_twice(f"superres.{kind}", superres[kind])
    for scale in scales:
        if superres["patch"] % scale:
            yield "superres.patch", superres["patch"], f"a multiple of the scale {scale}"
    if superres["batch_size"] % max(1, superres["devices"]):
        yield "superres.batch_size", superres["batch_size"], f"a multiple of the {superres['devices']} devices"
    if start is not None and len(scales) > 1:
        yield "superres.start", start, "null with several scales: a network has one scale"
    if start is not None and not (Path(start).suffix in SUFFIXES and Path(start).is_file()):
        yield "superres.start", start, f"an existing file whose name ends with {', '.join(sorted(SUFFIXES))}"
    uses = [images.use for images in study.images]
    for use in ("train", "test"):
        if use not in uses:
            yield "superres.images: use", uses, f"{use} for at least one set; {WITHOUT_SUPERRES}"
    for images in study.images:
        yield from wrong_with_images(images, study)
    for name in study.archives:
        if name in OTHER_DATA or name in study.datasets:
            yield "superres.archives: name", name, "another than those of the data sets"
    judges = [name for name, it in study.networks.items() if it.architecture in LPIPS_NETWORKS and not it.losses]
    if lpips is not None and lpips not in judges:
        known = ", ".join(judges) or "none"
        yield "superres.lpips", lpips, f"a backbone that LPIPS is defined on and that no loss uses ({known})"


def wrong_with_images(images: ImageSet, study: Study) -> Contradictions:
    key, source = f"superres.images: {images.name}", images.source
    if images.name == EVERYTHING:
        yield "superres.images: name", images.name, f"another; {EVERYTHING} stands for all test images together"
    needed = {"photographs": (), "folder": ("path",), "archive": ("archive", "folder")}[source]
    others = tuple(name for name in ("path", "archive", "folder") if name not in needed)
    yield from left_out(key, images, others, f"as its source is {source}")
    for name in needed:
        if getattr(images, name) is None:
            yield f"{key}: {name}", None, f"given, as its source is {source}"
    if source == "folder" and not Path(str(images.path)).is_dir():
        yield f"{key}: path", images.path, EXISTING.format("folder")
    if source == "archive" and images.archive not in study.archives:
        yield f"{key}: archive", images.archive, f"one of superres.archives ({', '.join(study.archives) or 'none'})"
    if source == "photographs" and not study.photographs_of(images.split):
        yield f"{key}: source", source, f"another, as no photograph is in the {images.split} split; {WITHOUT_SUPERRES}"


def wrong_with_losses(study: Study) -> Contradictions:
    for name, loss in study.losses.items():
        key = f"superres.losses: {name}"
        if name in REFERENCES:
            yield "superres.losses: name", name, f"another; {', '.join(sorted(REFERENCES))} are taken"
        if loss.backbone is None or loss.selection == "none":
            yield from left_out(key, loss, ("backbone", "layers", "draw"), "as L1 alone has no channels")
            continue
        yield from unknown_layers(key, loss.backbone, loss.layers or (), study)
        if (loss.selection == "random") != (loss.draw is not None):
            yield f"{key}: draw", loss.draw, "given for a random half, and for nothing else"
        alike = [other for other in study.losses.values() if other.backbone == loss.backbone]
        if any(other.layers != loss.layers for other in alike):
            yield f"{key}: layers", loss.layers, f"the same for all losses with channels of {loss.backbone}"
        if loss.selection != "random" and [other.selection for other in alike].count(loss.selection) > 1:
            yield f"{key}: selection", loss.selection, f"used once for {loss.backbone}"


def wrong_with_inversion(study: Study) -> Contradictions:
    yield from used_twice("inversion.networks", study.value("inversion.networks"), "backbone")
    for entry in study.value("inversion.networks"):
        name, key = entry["backbone"], f"inversion.networks: {entry['backbone']}"
        yield from unknown_layers(key, name, entry["layers"], study)
        layer = study.claimed_layer(study.networks[name])
        if layer is not None and layer not in entry["layers"]:
            yield f"{key}: layers", entry["layers"], f"with {layer}, which the claims are about"
    yield from wrong_photographs("inversion", study)


def wrong_photographs(section: str, study: Study) -> Contradictions:
    """Yield what is wrong with the photographs that the ladder or the inversions take."""
    known, chosen = [entry["name"] for entry in study.value("photographs")], study.value(f"{section}.photographs")
    for name in chosen:
        if name not in known:
            yield f"{section}.photographs", name, f"a photograph of this study ({', '.join(known)})"
    if not chosen:
        yield f"{section}.photographs", [], "given, as no photograph is in the split test"


def unknown_layers(key: str, name: str, layers: Iterable[str], study: Study) -> Contradictions:
    """Yield a backbone that is not a subject of the study, or a layer that it lacks."""
    if name not in study.subjects:
        yield f"{key}: backbone", name, f"a network of this study with a control ({', '.join(study.subjects)})"
        return
    for layer in layers:
        if not study.subjects[name].has(layer):
            yield f"{key}: layers", layer, f"a layer of {name} ({', '.join(study.subjects[name].layers)})"
