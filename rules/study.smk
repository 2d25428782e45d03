"""The study's configuration: refused with one line that names the key, the value and what is allowed."""

import difflib
import math
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

TWINS = {"motorcycle_left", "motorcycle_right"}  # the bundled stereo pair: one scene
LARGEST_STIMULI = 2 * 1024**3  # bytes; drawing them takes twice that
OWN_SHAPES = {"kmeans", "random"}
SUFFIXES = {".pth", ".pt", ".safetensors"}
LPIPS_NETWORKS = ("vgg16", "alexnet", "squeezenet1_1")
OTHER_DATA = {"modelfest", "photographs", "ladder"}  # names of folders beside the data sets
LIMITS = (
    "type",
    "enum",
    "pattern",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minItems",
    "minProperties",
    "minLength",
    "multipleOf",
    "uniqueItems",
)


def check_schema(study):
    """Validate the study against the schema and fill in defaults."""
    try:
        validate(study, "../workflow/schemas/config.schema.yaml")
    except WorkflowError as error:
        # the validator's own message prints the whole schema
        problem = error.__context__
        raise WorkflowError(describe(problem) if hasattr(problem, "absolute_path") else error) from None


def describe(problem):
    key = name_of(list(problem.absolute_path))
    allowed = problem.schema
    if problem.validator == "required":
        return f"Configuration: {key} lacks a key: {problem.message}. Its keys are {', '.join(allowed['properties'])}."
    if problem.validator == "additionalProperties":
        known = sorted(allowed.get("properties", {})) or ["relu1_1, relu1_2, ..., relu2_1 and so on"]
        unknown = next(name for name in problem.instance if name not in allowed.get("properties", {}))
        close = difflib.get_close_matches(str(unknown), known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        return f"Configuration: {key} has no key '{unknown}'.{hint} Its keys are {', '.join(known)}."
    meaning = f" ({allowed['description'].rstrip('.')})" if "description" in allowed else ""
    limits = ", ".join(f"{name} {allowed[name]}" for name in LIMITS if name in allowed)
    return f"Configuration: {key} is {problem.instance!r}; {problem.message}. Allowed: {limits}{meaning}."


def name_of(path):
    """Write a key as stimuli.phases, and an entry of a list by its name."""
    parts, place = [], config
    for part in path:
        place = place[part]
        parts.append(str(place.get("name", part)) if isinstance(part, int) and isinstance(place, dict) else str(part))
    return ".".join(parts) or "the study"


def check_study(study):
    """Check what a schema cannot say."""
    for key, found, expected in contradictions(study):
        raise WorkflowError(f"Configuration: {key} is {found!r}; it must be {expected}.")


def contradictions(study):
    """Yield key, value, and what it must be."""
    yield from not_finite(study, [])
    stimuli, modelfest = study["stimuli"], study["modelfest"]
    nyquist = stimuli["pixels_per_degree"] / 2
    highest = 0.85 * nyquist if stimuli["highest_frequency"] is None else stimuli["highest_frequency"]
    if highest > nyquist:
        limit = f"at most {nyquist:g}, the Nyquist frequency: half of stimuli.pixels_per_degree"
        yield "stimuli.highest_frequency", highest, limit
    if stimuli["lowest_frequency"] >= highest:
        yield "stimuli.lowest_frequency", stimuli["lowest_frequency"], f"below the highest frequency, {highest:g}"
    count = stimuli["frequencies"] * stimuli["orientations"] * stimuli["phases"]
    if 4 * count * stimuli["size"] ** 2 > LARGEST_STIMULI:
        limit = f"smaller: {count} oriented gratings (frequencies x orientations x phases) of this size exceed 2 GiB"
        yield "stimuli.size", stimuli["size"], limit
    csf = study["scores"]["csf"]
    for key in ("luminance", "field_size"):
        if csf[key] is not None and csf["model"] != "barten":
            yield f"scores.csf.{key}", csf[key], f"null for the model {csf['model']}; only barten takes it"
    if modelfest["lowest_contrast"] >= modelfest["highest_contrast"]:
        limit = f"below modelfest.highest_contrast, {modelfest['highest_contrast']}"
        yield "modelfest.lowest_contrast", modelfest["lowest_contrast"], limit
    for kind in ("photographs", "backbones", "datasets"):
        names = [entry["name"] for entry in study[kind]]
        for name in names:
            if names.count(name) > 1:
                yield f"{kind}: name", name, "used once"
    for photograph in study["photographs"]:
        if "path" in photograph and not Path(photograph["path"]).is_file():
            limit = "an existing file, absolute or relative to data_root (else to the folder of the results)"
            yield f"photographs: {photograph['name']}: path", photograph["path"], limit
    sides = {photo["split"] for photo in study["photographs"] if photo["name"] in TWINS and "path" not in photo}
    if len(sides) > 1:
        yield "photographs: split of the motorcycle pair", sorted(sides), "one side: both show the same scene"
    for entry in study["backbones"]:
        yield from wrong_with_backbone(entry, study)
    for entry in study["datasets"]:
        yield from wrong_with_dataset(entry)
    if not any("control" in entry for entry in study["backbones"]):
        yield "backbones: control", None, "given for at least one backbone, or there is nothing to study"


def wrong_with_backbone(entry, study):
    """Yield what is wrong with one entry of the backbones, as contradictions do."""
    name, source, layers = entry["name"], entry["source"], entry["layers"]
    if source in OWN_SHAPES:
        yield from wrong_with_own_shape(entry, study)
    else:
        if isinstance(layers, dict):
            yield f"backbones: {name}: layers", layers, "all, lpips or a list of names; only kmeans and random take widths"
        elif layers == "lpips" and source.partition(":")[2] not in LPIPS_NETWORKS:
            yield f"backbones: {name}: layers", layers, f"all or a list; LPIPS is defined on {', '.join(LPIPS_NETWORKS)}"
        weights = entry.get("weights")
        if weights is not None and source.startswith("random:"):
            yield f"backbones: {name}: weights", weights, "left out, as those of random:NAME are random"
        if is_file_of_weights(weights) and Path(weights).suffix not in SUFFIXES:
            yield f"backbones: {name}: weights", weights, f"a file whose name ends with {', '.join(sorted(SUFFIXES))}"
        elif is_file_of_weights(weights) and not Path(weights).is_file():
            limit = "an existing file, absolute or relative to data_root (else to the folder of the results)"
            yield f"backbones: {name}: weights", weights, limit
        if "sha256" in entry and not is_file_of_weights(weights):
            yield f"backbones: {name}: sha256", entry["sha256"], "left out, as its weights are no file of yours"
    others = {other["name"]: other for other in study["backbones"]}
    if (control := entry.get("control")) is None:
        return
    if control not in others or control == name:
        yield f"backbones: {name}: control", control, f"another backbone of this study ({', '.join(others)})"
    elif not has_random_weights(others[control]):
        yield f"backbones: {name}: control", control, "a backbone with random weights"
    elif shape_of(others[control]) != shape_of(entry):
        limit = f"a backbone with the architecture of {name} and its layers ({names_of(layers)})"
        yield f"backbones: {name}: control", control, limit
    layer = entry.get("figure_layer", study["figures"]["layer"])
    if not isinstance(layers, str) and layer not in layers:
        key = f"backbones: {name}: figure_layer" if "figure_layer" in entry else "figures.layer"
        yield key, layer, f"a layer of {name} ({', '.join(layers)})"


def wrong_with_own_shape(entry, study):
    """Yield what is wrong with a VGG-shaped network of the study's own."""
    name, source, layers = entry["name"], entry["source"], entry["layers"]
    for key in ("weights", "sha256"):
        if key in entry:
            yield f"backbones: {name}: {key}", entry[key], f"left out, as its source is {source}"
    if not isinstance(layers, dict):
        limit = "given, VGG's names with their number of channels: {relu1_1: 32, relu1_2: 32, relu2_1: 64}"
        yield f"backbones: {name}: layers", layers, limit
        return
    if (wrong := out_of_order(layers)) is not None:
        yield f"backbones: {name}: layers", wrong, "VGG's names in order: relu1_1, relu1_2, ..., relu2_1 and so on"
    widest = max(layers.values())
    if source == "kmeans" and widest > study["kmeans"]["patches"]:
        yield "kmeans.patches", study["kmeans"]["patches"], f"at least {widest}, the channels of a layer of {name}"
    if source == "kmeans" and not any(photograph["split"] == "train" for photograph in study["photographs"]):
        yield f"backbones: {name}: source", "kmeans", "random, as no photograph is in the train split"


def names_of(layers):
    return layers if isinstance(layers, str) else ", ".join(layers)


def has_random_weights(entry):
    return entry["source"].split(":")[0] == "random" or ("weights" in entry and entry["weights"] is None)


def shape_of(entry):
    """Return the network without its weights, and its layers."""
    layers, source = entry["layers"], entry["source"]
    if isinstance(layers, dict):
        widths = list(layers.items())
    else:
        widths = layers if isinstance(layers, str) else sorted(layers)
    return "own" if source in OWN_SHAPES else source.replace("random:", "torchvision:"), widths


def is_file_of_weights(weights):
    """Return whether weights are a file, not the name of a release, which has neither folder nor suffix."""
    return weights is not None and ("/" in weights or Path(weights).suffix in SUFFIXES)


def wrong_with_dataset(entry):
    """Yield what is wrong with one entry of the data sets, as contradictions do."""
    name, source = entry["name"], entry["source"]
    if name in OTHER_DATA:
        yield "datasets: name", name, f"another; {', '.join(sorted(OTHER_DATA))} are taken"
    if entry["subset"] and source == "ladder":
        yield f"datasets: {name}: subset", True, "left out: the ladder is always whole"
    for key in ("url", "checksum", "allow_unverified"):
        if entry.get(key) and source != "download":
            yield f"datasets: {name}: {key}", entry[key], "left out, as nothing is downloaded"
    if source == "folder":
        path = entry.get("path")
        if path is None or not Path(path).is_dir():
            limit = "an existing folder, absolute or relative to data_root (else to the folder of the results)"
            yield f"datasets: {name}: path", path, limit
    elif "path" in entry:
        yield f"datasets: {name}: path", entry["path"], f"left out, as its source is {source}; or set source: folder"


def out_of_order(layers):
    """Return the first layer that does not follow from the one before, if there is one."""
    block, index = 1, 0
    for layer in layers:
        found = tuple(map(int, re.findall(r"\d+", layer)))
        if found not in ({(block, index + 1), (block + 1, 1)} if index else {(1, 1)}):
            return layer
        block, index = found
    return None


def not_finite(node, path):
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from not_finite(value, [*path, key])
    elif isinstance(node, float) and not math.isfinite(node):
        yield name_of(path), node, "a finite number"


def from_data_root(study):
    """Let relative paths start from the data root."""
    root = Path(study["data_root"] or "").expanduser()
    for entry in [*study["photographs"], *study["datasets"], *study["backbones"]]:
        for key in ("path", "weights"):
            value = entry.get(key)
            if value is not None and (key == "path" or is_file_of_weights(value)):
                entry[key] = str(root / value)
    study["data_root"] = None


check_schema(config)
from_data_root(config)
check_study(config)
