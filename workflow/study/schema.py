"""The configuration against its schema: defaults filled in, every mistake in one line."""

import copy
import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
# control characters, ends of lines and bytes that are not UTF-8: text with them breaks paths, tables and the report
UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}
LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "a multiple of {}",
    "pattern": "`{}`",
}


class ConfigurationError(ValueError):
    """A mistake in the configuration, in one line."""


@cache
def read_schema() -> dict[str, Any]:
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a configuration with every default filled in.

    Raises
    ------
    ConfigurationError
        If a key is unknown or missing, or a value is not what the schema allows.
    """
    schema, study = read_schema(), copy.deepcopy(dict(config))
    fill_in(study, schema)
    problem = next(Draft202012Validator(schema).iter_errors(study), None)
    if problem is not None:
        raise ConfigurationError(describe(problem, study))
    return study


def fill_in(node: Any, schema: Mapping[str, Any]) -> None:
    """Fill in, in place, the defaults of keys that are not there."""
    if isinstance(node, dict):
        if not_text := [key for key in node if not isinstance(key, str)]:
            raise ConfigurationError(f"Configuration: the key {not_text[0]!r} was not read as text. Quote it.")
        for key, entry in schema.get("properties", {}).items():
            if "default" in entry:
                node.setdefault(key, copy.deepcopy(entry["default"]))
            if key in node:
                fill_in(node[key], entry)
    elif isinstance(node, list):
        for value in node:
            fill_in(value, schema.get("items", {}))


def describe(problem: ValidationError, study: Mapping[str, Any]) -> str:
    """Say in one line which key is wrong, what it is, and what is allowed."""
    key, found = name_of(list(problem.absolute_path), study), problem.instance
    schema: Mapping[str, Any] = problem.schema if isinstance(problem.schema, Mapping) else {}
    known = list(schema.get("properties", ())) or ["relu1_1, relu1_2, ..., relu2_1 and so on"]
    if problem.validator in ("required", "dependentRequired"):
        return f"Configuration: {key} lacks a key: {problem.message}. Its keys are {', '.join(known)}."
    if problem.validator == "additionalProperties":
        patterns = schema.get("patternProperties", {})
        unexpected = (name for name in found if name not in schema.get("properties", {}))
        unknown = next(name for name in unexpected if not any(re.search(pattern, name) for pattern in patterns))
        close = difflib.get_close_matches(str(unknown), known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        return f"Configuration: {key} has no key '{unknown}'.{hint} Its keys are {', '.join(sorted(known))}."
    wanted = allowed(schema).replace("`", "")
    meaning = f" ({schema['description'].rstrip('.')})" if "description" in schema else ""
    hint = misread(problem) if problem.validator == "type" else ""
    if problem.validator == "enum" and (close := difflib.get_close_matches(str(found), map(str, schema["enum"]), n=1)):
        hint = f" Did you mean {close[0]!r}?"
    return f"Configuration: {key} is {found!r}; it must be {wanted}{meaning}.{hint}"


def misread(problem: ValidationError) -> str:
    """Say what to do about a value that YAML, or Snakemake's --config, took for another type than was meant."""
    *above, key = [*problem.absolute_path] or [""]
    found, wanted = problem.instance, str(problem.validator_value)
    if isinstance(found, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", found) and "number" in wanted:
        return f" YAML reads {found} as text: write {float(found)!r}."
    if isinstance(found, str) and above and wanted not in ("array", "object"):
        return " It was read as text: remove its quotes; set nested keys in a file (--configfile), not by --config."
    if "string" in wanted and isinstance(found, bool | int | float | date):
        option = "" if above else f", or on the command line begin it with ./, --config {key}=./..."
        return f' It was not read as text: quote it, {key}: "..."{option}.'
    return ""


def allowed(schema: Mapping[str, Any]) -> str:
    """Say in words what a key may be."""
    if "enum" in schema:
        return f"one of {', '.join(f'`{value}`' for value in schema['enum'])}"
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    words = " or ".join(TYPES[name] for name in types)
    if types[0] == "array" and "properties" in schema["items"]:
        words = words.replace("list", "list of entries")
    limits = [text.format(schema[name]) for name, text in LIMITS.items() if name in schema]
    if schema.get("minItems") and schema["minItems"] == schema.get("maxItems"):
        return f"{words} of {schema['minItems']} values"
    if schema.get("minItems") or schema.get("minProperties") or schema.get("minLength"):
        limits.append("not empty")
    if schema.get("uniqueItems"):
        limits.append("without repeats")
    return ", ".join([words, *limits])


def name_of(path: Sequence[str | int], study: Any) -> str:
    """Write a key as stimuli.phases, and an entry of a list by its name, or by its place if that is not text."""
    parts = []
    for part in path:
        study = study[part]
        name = study.get("name") if isinstance(part, int) and isinstance(study, dict) else None
        parts.append(name if isinstance(name, str) else str(part))
    return UNWRITABLE.sub("?", ".".join(parts)) or "the study"
