"""The study's configuration: refused with one line that names the key, the value and what is allowed."""

import difflib

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

LIMITS = ("type", "enum", "pattern", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "minItems")


def check_schema(study):
    """Validate the study against the schema and fill in defaults."""
    try:
        validate(study, "../workflow/schemas/config.schema.yaml")
    except WorkflowError as error:
        # the validator's own message prints the whole schema
        problem = error.__context__
        raise WorkflowError(describe(problem) if hasattr(problem, "absolute_path") else error) from None


def describe(problem):
    key = ".".join(str(part) for part in problem.absolute_path) or "the study"
    allowed = problem.schema
    if problem.validator == "additionalProperties":
        known = sorted({*allowed.get("properties", {}), *allowed.get("patternProperties", {})})
        unknown = next(name for name in problem.instance if name not in allowed.get("properties", {}))
        close = difflib.get_close_matches(str(unknown), known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        return f"Configuration: {key} has no key '{unknown}'.{hint} Its keys are {', '.join(known)}."
    meaning = f" ({allowed['description'].rstrip('.')})" if "description" in allowed else ""
    limits = ", ".join(f"{name} {allowed[name]}" for name in LIMITS if name in allowed)
    return f"Configuration: {key} is {problem.instance!r}; {problem.message}. Allowed: {limits}{meaning}."


def check_study(study):
    """Check what a schema cannot say."""
    for key, found, expected in contradictions(study):
        raise WorkflowError(f"Configuration: {key} is {found!r}; it must be {expected}.")


def contradictions(study):
    """Yield key, value, and what it must be."""
    stimuli, modelfest = study["stimuli"], study["modelfest"]
    nyquist = stimuli["pixels_per_degree"] / 2
    highest = 0.85 * nyquist if stimuli["highest_frequency"] is None else stimuli["highest_frequency"]
    if highest > nyquist:
        limit = f"at most {nyquist:g}, the Nyquist frequency: half of stimuli.pixels_per_degree"
        yield "stimuli.highest_frequency", highest, limit
    if stimuli["lowest_frequency"] >= highest:
        yield "stimuli.lowest_frequency", stimuli["lowest_frequency"], f"below the highest frequency, {highest:g}"
    if modelfest["lowest_contrast"] >= modelfest["highest_contrast"]:
        limit = f"below modelfest.highest_contrast, {modelfest['highest_contrast']}"
        yield "modelfest.lowest_contrast", modelfest["lowest_contrast"], limit
    for kind in ("photographs", "backbones"):
        names = [entry["name"] for entry in study[kind]]
        for name in names:
            if names.count(name) > 1:
                yield f"{kind}: name", name, "used once"
    to_learn_from = any(photograph["split"] == "train" for photograph in study["photographs"])
    layers = {entry["name"]: entry["layers"] for entry in study["backbones"]}
    for entry in study["backbones"]:
        name, control = entry["name"], entry.get("control")
        if entry["source"] == "kmeans" and not to_learn_from:
            yield f"backbones: {name}: source", "kmeans", "random, as no photograph is in the train split"
        if control is None:
            continue
        if control not in layers or control == name:
            yield f"backbones: {name}: control", control, f"another backbone of this study ({', '.join(layers)})"
        elif list(layers[control].items()) != list(entry["layers"].items()):
            yield f"backbones: {name}: control", control, f"a backbone with the layers of {name}"
        if study["figures"]["layer"] not in entry["layers"]:
            yield "figures.layer", study["figures"]["layer"], f"a layer of {name} ({', '.join(entry['layers'])})"
    if not any("control" in entry for entry in study["backbones"]):
        yield "backbones: control", None, "given for at least one backbone, or there is nothing to study"


check_schema(config)
check_study(config)
