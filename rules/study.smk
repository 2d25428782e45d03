"""The study's configuration: refused with one line that names the key, the value and what is allowed."""

import difflib
import math
import re
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

TWINS = {"motorcycle_left", "motorcycle_right"}  # the bundled stereo pair: one scene
LARGEST_STIMULI = 2 * 1024**3  # bytes; drawing them takes twice that
CLAIMS = yaml.safe_load(
    (Path(workflow.current_basedir).parent / "src/perceptual_efficacy/claims/claims.yaml").read_text(encoding="utf-8")
)
OWN_SHAPES = {"kmeans", "random"}
SUFFIXES = {".pth", ".pt", ".safetensors"}
LPIPS_NETWORKS = ("vgg16", "alexnet", "squeezenet1_1")
OTHER_DATA = {"modelfest", "photographs", "ladder"}  # names of folders beside the data sets
REFERENCES = {"bicubic", "start", "training"}  # names of folders beside the losses
# control characters, ends of lines and bytes that are no UTF-8: text with them breaks paths, tables and the report
UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
MARKUP = re.compile(r"[<>`*|:\\\[\]]")  # what the report takes a file's name apart at
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
    return UNWRITABLE.sub("?", ".".join(parts)) or "the study"


def check_study(study):
    """Check what a schema cannot say."""
    for key, found, expected in contradictions(study):
        raise WorkflowError(f"Configuration: {key} is {found!r}; it must be {expected}.")


def contradictions(study):
    """Yield key, value, and what it must be."""
    yield from unusable(study, [])
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
    yield from wrong_with_superres(study)
    yield from wrong_with_inversion(study)


def wrong_with_superres(study):
    """Yield what is wrong with the super-resolution, as contradictions do."""
    superres = study["superres"]
    losses = superres["losses"]
    if not losses:
        return
    for kind in ("losses", "images", "archives"):
        names = [entry["name"] for entry in superres[kind]]
        for name in names:
            if names.count(name) > 1:
                yield f"superres.{kind}: name", name, "used once"
    for loss in losses:
        name, key = loss["name"], f"superres.losses: {loss['name']}"
        if name in REFERENCES:
            yield "superres.losses: name", name, f"another; {', '.join(sorted(REFERENCES))} are taken"
        if loss["selection"] == "none":
            for what in ("backbone", "layers", "draw"):
                if what in loss:
                    yield f"{key}: {what}", loss[what], "left out, as L1 alone has no channels"
            continue
        yield from unknown_layers(f"{key}: ", loss, study)
        if (loss["selection"] == "random") != ("draw" in loss):
            yield f"{key}: draw", loss.get("draw"), "given for a random half, and for nothing else"
        alike = [other for other in losses if other.get("backbone") == loss["backbone"]]
        if any(other["layers"] != loss["layers"] for other in alike):
            yield f"{key}: layers", loss["layers"], f"the same for all losses with channels of {loss['backbone']}"
        if loss["selection"] != "random" and [other["selection"] for other in alike].count(loss["selection"]) > 1:
            yield f"{key}: selection", loss["selection"], f"there once for {loss['backbone']}"
    for scale in superres["scales"]:
        if superres["patch"] % scale:
            yield "superres.patch", superres["patch"], f"a multiple of the scale {scale}"
    if superres["batch_size"] % max(1, superres["devices"]):
        yield "superres.batch_size", superres["batch_size"], f"a multiple of the {superres['devices']} devices"
    if superres["start"] is not None:
        if len(superres["scales"]) > 1:
            yield "superres.start", superres["start"], "null with several scales: the network of one does not do others"
        if Path(superres["start"]).suffix not in SUFFIXES or not Path(superres["start"]).is_file():
            yield "superres.start", superres[
                "start"
            ], f"an existing file whose name ends with {', '.join(sorted(SUFFIXES))}"
    for use in ("train", "test"):
        if not any(entry["use"] == use for entry in superres["images"]):
            yield "superres.images", [], f"one set of use {use} at least; `losses: []` leaves super-resolution out"
    for entry in superres["images"]:
        yield from wrong_with_images(entry, study)
    for name in {entry["name"] for entry in superres["archives"]}:
        if name in OTHER_DATA or name in {entry["name"] for entry in study["datasets"]}:
            yield "superres.archives: name", name, "another than those of the data sets"
    lpips = superres["lpips"]
    judges = [
        entry["name"]
        for entry in study["backbones"]
        if entry["source"].partition(":")[2] in LPIPS_NETWORKS
        and entry["name"] not in {loss.get("backbone") for loss in losses}
    ]
    if lpips is not None and lpips not in judges:
        limit = (
            f"a backbone of this study that LPIPS is defined on and that no loss uses ({', '.join(judges) or 'none'})"
        )
        yield "superres.lpips", lpips, limit


def wrong_with_images(entry, study):
    """Yield what is wrong with one set of images, as contradictions do."""
    key, source = f"superres.images: {entry['name']}", entry["source"]
    wanted = {"photographs": set(), "folder": {"path"}, "archive": {"archive", "folder"}}[source]
    for what in ("path", "archive", "folder"):
        if (what in entry) != (what in wanted):
            yield f"{key}: {what}", entry.get(
                what
            ), f"{'given' if what in wanted else 'left out'}, as its source is {source}"
    if source == "folder" and "path" in entry and not Path(entry["path"]).is_dir():
        limit = "an existing folder, absolute or relative to data_root (else to the folder of the results)"
        yield f"{key}: path", entry["path"], limit
    archives = [archive["name"] for archive in study["superres"]["archives"]]
    if source == "archive" and entry.get("archive") not in archives:
        yield f"{key}: archive", entry.get("archive"), f"one of superres.archives ({', '.join(archives) or 'none'})"
    split = "train" if entry["use"] == "train" else "test"
    if source == "photographs" and not any(photograph["split"] == split for photograph in study["photographs"]):
        yield f"{key}: source", source, f"another, as no photograph is in the {split} split; `losses: []` leaves super-resolution out"


def wrong_with_inversion(study):
    """Yield what is wrong with the inversion, as contradictions do."""
    inversion = study["inversion"]
    if not inversion["networks"]:
        return
    names = [entry["backbone"] for entry in inversion["networks"]]
    for entry in inversion["networks"]:
        name, layer = entry["backbone"], CLAIMS["layers"].get(shape_named(entry["backbone"], study))
        if names.count(name) > 1:
            yield "inversion.networks: backbone", name, "there once"
        yield from unknown_layers(f"inversion.networks: {name}: ", entry, study)
        held = next((other["layers"] for other in study["backbones"] if other["name"] == name), [])
        claimed = layer is not None and (isinstance(held, str) or layer in held)
        if claimed and layer not in entry["layers"]:
            yield f"inversion.networks: {name}: layers", entry["layers"], f"with {layer}, which the claims are about"
    known = [photograph["name"] for photograph in study["photographs"]]
    for name in inversion["photographs"]:
        if name not in known:
            yield "inversion.photographs", name, f"a photograph of this study ({', '.join(known)})"
    if not inversion["photographs"]:
        yield "inversion.photographs", [], "given, as no photograph is in the split test"


def unknown_layers(key, entry, study):
    """Yield a backbone that is no subject of the study, or a layer that it lacks."""
    subjects = {other["name"]: other["layers"] for other in study["backbones"] if "control" in other}
    if entry["backbone"] not in subjects:
        yield f"{key}backbone", entry["backbone"], f"a network of this study with a control ({', '.join(subjects)})"
        return
    layers = subjects[entry["backbone"]]
    for layer in entry["layers"]:
        if not isinstance(layers, str) and layer not in layers:
            yield f"{key}layers", layer, f"a layer of {entry['backbone']} ({', '.join(layers)})"


def shape_named(name, study):
    """Return the network of a backbone without its weights; None if there is no such backbone."""
    return next((shape_of(entry)[0] for entry in study["backbones"] if entry["name"] == name), None)


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
        elif is_file_of_weights(weights) and MARKUP.search(Path(weights).name):
            yield f"backbones: {name}: weights", weights, "a file whose name has none of < > ` * | : \\ [ ]"
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


def unusable(node, path):
    """Yield numbers that are not finite, and text that breaks what it becomes part of, as contradictions do."""
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from unusable(str(key), path)
            yield from unusable(value, [*path, key])
    elif isinstance(node, float) and not math.isfinite(node):
        yield name_of(path), node, "a finite number"
    elif isinstance(node, str) and UNWRITABLE.search(node):
        yield name_of(path), node, "without control characters"
    elif isinstance(node, str) and path and path[-1] in ("path", "weights", "start") and re.search("[{}]", node):
        yield name_of(path), node, "without { and }, which mean wildcards to Snakemake"


def from_data_root(study):
    """Let relative paths start from the data root."""
    root = Path(study["data_root"] or "").expanduser()
    superres = study["superres"]
    for entry in [*study["photographs"], *study["datasets"], *study["backbones"], *superres["images"], superres]:
        for key in ("path", "weights", "start"):
            value = entry.get(key)
            if value is not None and (key != "weights" or is_file_of_weights(value)):
                entry[key] = str(root / value)
    study["data_root"] = None


def complete(study):
    """Write out what super-resolution and inversion take from the rest of the study."""
    own = {
        entry["name"]: [entry.get("figure_layer", study["figures"]["layer"])]
        for entry in study["backbones"]
        if "control" in entry
    }
    for loss in study["superres"]["losses"]:
        if loss["selection"] != "none" and own:
            loss.setdefault("backbone", next(iter(own)))
            loss.setdefault("layers", own.get(loss["backbone"], []))
    inversion = study["inversion"]
    if inversion["networks"] is None:
        inversion["networks"] = [{"backbone": name, "layers": layers} for name, layers in own.items()]
    if inversion["photographs"] is None:
        tested = [photograph["name"] for photograph in study["photographs"] if photograph["split"] == "test"]
        inversion["photographs"] = tested


def check():
    """Check the study, and write out what it leaves to others."""
    check_schema(config)
    from_data_root(config)
    complete(config)
    check_study(config)


check()
