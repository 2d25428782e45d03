"""Helpers of the rules: the study's configuration, what a rule's result depends on, and names of files."""

import ast
import difflib
import hashlib
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

LIBRARY = Path(workflow.basedir) / "src" / "perceptual_efficacy"
SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"


def check_schema(study):
    """Validate the study against the schema and fill in defaults; one line says what is wrong."""
    try:
        validate(study, "../workflow/schemas/config.schema.yaml")
    except WorkflowError as error:
        raise WorkflowError(
            describe(error.__context__) if hasattr(error.__context__, "absolute_path") else error
        ) from None


def describe(problem):
    """Name the key, the value and what is allowed, from a violation of the schema."""
    key = ".".join(str(part) for part in problem.absolute_path) or "the study"
    allowed = problem.schema
    if problem.validator == "additionalProperties":
        known = sorted({*allowed.get("properties", {}), *allowed.get("patternProperties", {})})
        unknown = [name for name in problem.instance if name not in allowed.get("properties", {})]
        close = difflib.get_close_matches(str(unknown[0]), known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        return f"Configuration: {key} has no key '{unknown[0]}'.{hint} Its keys are {', '.join(known)}."
    meaning = f" ({allowed['description'].rstrip('.')})" if "description" in allowed else ""
    limits = ", ".join(
        f"{name} {value}"
        for name, value in allowed.items()
        if name
        not in {
            "description",
            "default",
            "properties",
            "items",
            "additionalProperties",
            "required",
        }
    )
    return f"Configuration: {key} is {problem.instance!r}; {problem.message}. Allowed: {limits}{meaning}."


def check_study(study):
    """Check what a schema cannot say."""
    stimuli, modelfest = study["stimuli"], study["modelfest"]
    nyquist = stimuli["pixels_per_degree"] / 2
    highest = stimuli["highest_frequency"]
    if highest is not None and highest > nyquist:
        refuse(
            "stimuli.highest_frequency",
            highest,
            f"at most {nyquist:g}, the Nyquist frequency: half of stimuli.pixels_per_degree",
        )
    if stimuli["lowest_frequency"] >= (0.85 * nyquist if highest is None else highest):
        refuse(
            "stimuli.lowest_frequency",
            stimuli["lowest_frequency"],
            f"below the highest frequency, {highest or 0.85 * nyquist:g}",
        )
    if modelfest["lowest_contrast"] >= modelfest["highest_contrast"]:
        refuse(
            "modelfest.lowest_contrast",
            modelfest["lowest_contrast"],
            f"below modelfest.highest_contrast, {modelfest['highest_contrast']}",
        )
    for kind in ("photographs", "backbones"):
        names = [entry["name"] for entry in study[kind]]
        for name in names:
            if names.count(name) > 1:
                refuse(f"{kind}: name", name, "used once")
    layers = {entry["name"]: entry["layers"] for entry in study["backbones"]}
    for entry in study["backbones"]:
        name, control = entry["name"], entry.get("control")
        if entry["source"] == "kmeans" and not any(photo["split"] == "train" for photo in study["photographs"]):
            refuse(
                f"backbones: {name}: source",
                "kmeans",
                "random, as no photograph is in the train split",
            )
        if control is None:
            continue
        if control not in layers or control == name:
            refuse(
                f"backbones: {name}: control",
                control,
                f"another backbone of this study ({', '.join(layers)})",
            )
        if list(layers[control].items()) != list(entry["layers"].items()):
            refuse(
                f"backbones: {name}: control",
                control,
                f"a backbone with the layers of {name}",
            )
        if study["figures"]["layer"] not in entry["layers"]:
            refuse(
                "figures.layer",
                study["figures"]["layer"],
                f"a layer of {name} ({', '.join(entry['layers'])})",
            )
    if not any("control" in entry for entry in study["backbones"]):
        refuse(
            "backbones: control",
            None,
            "given for at least one backbone, or there is nothing to study",
        )


def refuse(key, found, expected):
    raise WorkflowError(f"Configuration: {key} is {found!r}; it must be {expected}.")


def code_digest(rule):
    """Hash the code that a rule's result depends on: the library modules that its script imports, and what those import.

    In a rule's params it re-runs the rule when that code changes; Snakemake itself only watches the script. Comments,
    docstrings and formatting do not count: what is hashed is the syntax tree.
    """
    digest = hashlib.sha256()
    for path in sorted(imported_by(SCRIPTS / f"{rule}.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        digest.update(f"{path.relative_to(LIBRARY).as_posix()}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def imported_by(script):
    """Return the library's files that a script imports, directly or not, found without running anything."""
    found, todo = set(), library_imports(script)
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += library_imports(path)
    return found


def library_imports(path):
    """Return the files that one file imports; not the package's own __init__, which only points at public names."""
    paths = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == LIBRARY.name:
            parent = LIBRARY.joinpath(*node.module.split(".")[1:])
            for name in (
                *([parent] if parent != LIBRARY else []),
                *(parent / alias.name for alias in node.names),
            ):
                paths += [path for path in (name.with_suffix(".py"), name / "__init__.py") if path.is_file()]
    return paths


def backbone_entry(wildcards):
    return next(entry for entry in config["backbones"] if entry["name"] == wildcards.backbone)


def layers_of(wildcards):
    return list(backbone_entry(wildcards)["layers"].items())


def control_of(wildcards):
    return backbone_entry(wildcards)["control"]


def control_tuning(wildcards):
    return f"results/probing/{control_of(wildcards)}/tuning.nc"


def control_card(wildcards):
    return f"results/backbones/{control_of(wildcards)}/card.json"


def control_channels(wildcards):
    return f"results/selectivity/{control_of(wildcards)}/channels.parquet"


def names_from(source):
    """Return a pattern of the names of the backbones from one source; one that nothing matches if there are none."""
    return "|".join(entry["name"] for entry in config["backbones"] if entry["source"] == source) or "(?!)"


def resolution(value):
    return f"{value:g}"


check_schema(config)
check_study(config)

BACKBONES = [entry["name"] for entry in config["backbones"]]
CONTROLS = {entry["name"]: entry["control"] for entry in config["backbones"] if "control" in entry}
SUBJECTS = list(CONTROLS)
PHOTOGRAPHS = [f"{entry['split']}/{entry['name']}" for entry in config["photographs"]]
OWN_RESOLUTION = resolution(config["stimuli"]["pixels_per_degree"])
CLAIMS = yaml.safe_load((Path(workflow.basedir) / "config" / "claims.yaml").read_text(encoding="utf-8"))
FIGURES = [
    "frequency_curves",
    "channel_scores",
    "orientation_curves",
    "efficacy_by_layer",
    "first_layer_filters",
    "thresholds",
    "selections",
]
RESOLUTIONS = list(dict.fromkeys([OWN_RESOLUTION, *map(resolution, config["modelfest"]["also_at"])]))


wildcard_constraints:
    backbone="[A-Za-z0-9_]+",
    resolution=r"[0-9.]+",
