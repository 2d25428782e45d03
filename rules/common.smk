"""What the rules look up: the study's networks, resolutions and files."""

import hashlib
from pathlib import Path

import yaml


def backbone_entry(wildcards):
    return next(entry for entry in config["backbones"] if entry["name"] == wildcards.backbone)


def layers_of(wildcards):
    layers = backbone_entry(wildcards)["layers"]
    return list(layers.items()) if isinstance(layers, dict) else layers


def weights_file(wildcards):
    """Return the user's file of weights, if there is one."""
    weights = backbone_entry(wildcards).get("weights")
    return [weights] if is_file_of_weights(weights) else []


def release_of(wildcards):
    """Return the name of the release of weights; None for random weights and for those of a file."""
    entry = backbone_entry(wildcards)
    weights = entry.get("weights", "DEFAULT")
    return None if has_random_weights(entry) or is_file_of_weights(weights) else weights


def sha256_of(wildcards):
    return backbone_entry(wildcards).get("sha256")


def network_of(wildcards):
    return backbone_entry(wildcards)["source"]


def figure_layer_of(wildcards):
    return backbone_entry(wildcards).get("figure_layer", config["figures"]["layer"])


def figure_layer_or_none(wildcards):
    """Return the layer that figures of a network will ask for; None for a network without figures of its own."""
    return figure_layer_of(wildcards) if wildcards.backbone in SUBJECTS else None


def claim_layer(entry):
    """Return the layer that a network is judged by: the paper's own if it is the paper's network, else the mean."""
    network, layers = shape_of(entry)
    layer = CLAIMS["layers"].get(network)
    return layer if layer is not None and (isinstance(layers, str) or layer in layers) else "mean of layers"


def control_of(wildcards):
    return backbone_entry(wildcards)["control"]


def control_tuning(wildcards):
    return f"results/probing/{control_of(wildcards)}/tuning.nc"


def control_card(wildcards):
    return f"results/backbones/{control_of(wildcards)}/card.json"


def control_channels(wildcards):
    return f"results/selectivity/{control_of(wildcards)}/channels.parquet"


def seed_of(wildcards):
    return backbone_entry(wildcards).get("seed", config["seed"])


def dataset_entry(wildcards):
    return next(entry for entry in config["datasets"] if entry["name"] == wildcards.dataset)


def dataset_folder(wildcards):
    """Return where a data set's images lie: a user's folder, the ladder's, or that of the unpacked archive."""
    entry = dataset_entry(wildcards)
    places = {
        "folder": entry.get("path"),
        "ladder": f"results/data/ladder/{entry['layout']}",
        "download": f"results/data/{entry['name']}/files",
    }
    return places[entry["source"]]


def archive_of(wildcards):
    return f"results/data/{wildcards.dataset}/archive"


def download_of(wildcards):
    """Return what a data set's archive is looked for by; the rest of its entry is about what is in it."""
    return {key: dataset_entry(wildcards).get(key) for key in ("layout", "url", "checksum", "allow_unverified")}


def fingerprint_of(wildcards):
    """Hash the names, sizes and times of all files of a user's folder, of which Snakemake sees only the folder's own."""
    if dataset_entry(wildcards)["source"] != "folder":
        return None
    folder = Path(dataset_folder(wildcards))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        about = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def layout_of(wildcards):
    return dataset_entry(wildcards)["layout"]


def subset_of(wildcards):
    return dataset_entry(wildcards)["subset"]


def is_human(wildcards):
    """Return whether people judged the images; the ladder's judgements are known by construction."""
    return dataset_entry(wildcards)["source"] != "ladder"


def datasets_with(**wanted):
    """Return the names of the data sets whose entries have these values."""
    return [entry["name"] for entry in config["datasets"] if wanted.items() <= entry.items()]


def names_from(source):
    """Return a pattern of the names of the backbones from one source."""
    return any_of(entry["name"] for entry in config["backbones"] if entry["source"] == source)


def published_names():
    """Return a pattern of the names of the published networks."""
    return any_of(entry["name"] for entry in config["backbones"] if entry["source"] not in OWN_SHAPES)


def any_of(names):
    """Return a pattern that matches any of the names; one that nothing matches if there are none."""
    return "|".join(names) or "(?!)"


def resolution(value):
    return f"{value:.10g}"


CLAIMS = yaml.safe_load((Path(workflow.basedir) / "config" / "claims.yaml").read_text(encoding="utf-8"))
BACKBONES = [entry["name"] for entry in config["backbones"]]
CONTROLS = {entry["name"]: entry["control"] for entry in config["backbones"] if "control" in entry}
SUBJECTS = list(CONTROLS)
# networks on which LPIPS may have learnt its weights
LEARNED = [
    entry["name"]
    for entry in config["backbones"]
    if entry["name"] in SUBJECTS
    and entry["source"].removeprefix("torchvision:") in LPIPS_NETWORKS
    and not has_random_weights(entry)
]
CLAIM_LAYERS = {entry["name"]: claim_layer(entry) for entry in config["backbones"]}
DATASETS = datasets_with()
LADDERS = datasets_with(source="ladder")
LADDER = next(iter(datasets_with(source="ladder", layout="tid2013")), None)
JUDGED_BY_PEOPLE = [name for name in DATASETS if name not in LADDERS]
PHOTOGRAPHS = [f"{entry['split']}/{entry['name']}" for entry in config["photographs"]]
OWN_RESOLUTION = resolution(config["stimuli"]["pixels_per_degree"])
RESOLUTIONS = list(dict.fromkeys([OWN_RESOLUTION, *map(resolution, config["modelfest"]["also_at"])]))
# the published data sets, whole, by layout: the claims are about the first of each
JUDGED = {
    layout: [name for name in datasets_with(layout=layout, subset=False) if name in JUDGED_BY_PEOPLE]
    for layout in ("bapps_2afc", "tid2013")
}
EVIDENCE = {
    "modelfest": expand(f"results/agreement/{{backbone}}/modelfest-{OWN_RESOLUTION}.parquet", backbone=BACKBONES),
    "layers": expand("results/selectivity/{backbone}/layers.parquet", backbone=SUBJECTS),
    **({"lpips": expand("results/selectivity/{backbone}/lpips.parquet", backbone=LEARNED)} if LEARNED else {}),
    **{
        layout: expand(f"results/agreement/{{backbone}}/{judged[0]}.parquet", backbone=BACKBONES)
        for layout, judged in JUDGED.items()
        if judged
    },
}
PUBLISHED = yaml.safe_load((Path(workflow.basedir) / "config" / "published.yaml").read_text(encoding="utf-8"))


wildcard_constraints:
    backbone="[A-Za-z0-9_]+",
    dataset=any_of(DATASETS),
    resolution=r"[0-9.]+",
