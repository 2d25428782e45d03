"""What the rules look up: the study's networks, resolutions and files."""

from pathlib import Path

import yaml


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
    return f"{value:.10g}"


BACKBONES = [entry["name"] for entry in config["backbones"]]
CONTROLS = {entry["name"]: entry["control"] for entry in config["backbones"] if "control" in entry}
SUBJECTS = list(CONTROLS)
PHOTOGRAPHS = [f"{entry['split']}/{entry['name']}" for entry in config["photographs"]]
OWN_RESOLUTION = resolution(config["stimuli"]["pixels_per_degree"])
RESOLUTIONS = list(dict.fromkeys([OWN_RESOLUTION, *map(resolution, config["modelfest"]["also_at"])]))
CLAIMS = yaml.safe_load((Path(workflow.basedir) / "config" / "claims.yaml").read_text(encoding="utf-8"))


wildcard_constraints:
    backbone="[A-Za-z0-9_]+",
    resolution=r"[0-9.]+",
