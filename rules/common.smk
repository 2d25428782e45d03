"""What the rules look up: the study's networks, resolutions and files."""

import hashlib
import os
from pathlib import Path

import yaml

# whom a job ends with: workflow/scripts/job.py
os.environ.update(PERCEPTUAL_EFFICACY_SNAKEMAKE=str(os.getpid()))


def growing(amount):
    """Return a resource that is more with every attempt: a job that ran out of memory or time gets more of it."""

    def resource(wildcards, attempt):
        return amount * attempt

    return resource


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
    """Return what an archive is looked for by; the rest of its entry is about what is in it."""
    entry = next(entry for entry in [*config["datasets"], *ARCHIVES] if entry["name"] == wildcards.dataset)
    return {key: entry.get(key) for key in ("layout", "url", "checksum", "allow_unverified")}


def fingerprint_of(wildcards):
    """Hash the names, sizes and times of all files of a user's folder, of which Snakemake sees only the folder's own."""
    if dataset_entry(wildcards)["source"] != "folder":
        return None
    return fingerprint(dataset_folder(wildcards))


def fingerprint(folder):
    """Hash the names, sizes and times of all files of a folder."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        about = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def layout_of(wildcards):
    return dataset_entry(wildcards)["layout"]


def judged_by(wildcards):
    return "people" if is_human(wildcards) else "construction"


def subset_of(wildcards):
    """Return whether a data set may be incomplete; the ladder lacks most of what was published."""
    return dataset_entry(wildcards)["subset"] or not is_human(wildcards)


def is_human(wildcards):
    """Return whether people judged the images; the ladder's judgements are known by construction."""
    return dataset_entry(wildcards)["source"] != "ladder"


def datasets_with(**wanted):
    """Return the names of the data sets whose entries have these values."""
    return [entry["name"] for entry in config["datasets"] if wanted.items() <= entry.items()]


def images_folder(entry):
    """Return where a set of images for super-resolution lies."""
    if entry["source"] == "photographs":
        return f"results/data/photographs/{'train' if entry['use'] == 'train' else 'test'}"
    return entry["path"] if entry["source"] == "folder" else f"results/data/{entry['archive']}/files/{entry['folder']}"


def images_input(entry):
    """Return what Snakemake makes for a set of images, or a user's folder."""
    if entry["source"] == "photographs":
        folder = images_folder(entry)
        return [f"results/data/photographs/{name}.png" for name in PHOTOGRAPHS if folder.endswith(name.split("/")[0])]
    return [entry["path"] if entry["source"] == "folder" else f"results/data/{entry['archive']}/files"]


def loss_entry(wildcards):
    return next(entry for entry in SUPERRES["losses"] if entry["name"] == wildcards.loss)


def features_of(wildcards):
    """Return the files that a loss with channels needs: the backbone, its card and its scores; nothing for L1 alone."""
    backbone = loss_entry(wildcards).get("backbone")
    files = ("backbones/{}/weights.safetensors", "backbones/{}/card.json", "selectivity/{}/channels.parquet")
    return [f"results/{file.format(backbone)}" for file in files] if backbone is not None else []


def selection_of(wildcards):
    """Return which channels a loss takes."""
    entry = loss_entry(wildcards)
    return {key: entry.get(key) for key in ("selection", "layers", "draw")}


def runs_of(wildcards):
    """Return the folders of a loss's runs; interpolation has none, and the start is one by itself."""
    folder = f"results/superres/x{wildcards.scale}/{wildcards.loss}"
    seeds = {"bicubic": [], "start": [None]}.get(wildcards.loss, SUPERRES["seeds"])
    return [folder if seed is None else f"{folder}/seed{seed}" for seed in seeds]


def seeds_of(wildcards):
    """Return the seeds of a loss's runs; 0 for what was not repeated."""
    return [0] if wildcards.loss in ("bicubic", "start") else SUPERRES["seeds"]


def judged_selection(wildcards):
    return wildcards.loss if wildcards.loss in ("bicubic", "start") else loss_entry(wildcards)["selection"]


def entries_beside(backbone):
    """Return the losses that are compared with those of a backbone: its own, and L1 alone."""
    return [entry for entry in SUPERRES["losses"] if entry.get("backbone") in (None, backbone)]


def losses_beside(backbone):
    """Return the names of these losses, after the two that no loss has fine-tuned."""
    return ["bicubic", "start", *(entry["name"] for entry in entries_beside(backbone))]


def scores_beside(wildcards):
    folder = f"results/superres/x{wildcards.scale}"
    return [f"{folder}/{loss}/scores.parquet" for loss in losses_beside(wildcards.backbone)]


def lpips_judge(wildcards):
    """Return the files of the network that judges as LPIPS, if there is one."""
    if SUPERRES["lpips"] is None:
        return []
    return [f"results/backbones/{SUPERRES['lpips']}/{file}" for file in ("weights.safetensors", "card.json")]


def inverted_layers(backbone):
    return next(entry["layers"] for entry in INVERTED if entry["backbone"] == backbone)


def table_files(name, title, category="Tables", caption="tables"):
    """Return one table in its four formats, the HTML page for the report."""
    page = report(
        f"results/tables/{name}.html",
        caption=f"../workflow/report/{caption}.rst",
        category=category,
        labels={"table": title},
    )
    return [*multiext(f"results/tables/{name}", ".csv", ".md", ".tex"), page]


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
SUPERRES = config["superres"]
ARCHIVES = SUPERRES["archives"] if SUPERRES["losses"] else []
IMAGE_SETS = SUPERRES["images"] if SUPERRES["losses"] else []
LOSSES = [entry["name"] for entry in SUPERRES["losses"]]
SCALES = SUPERRES["scales"] if LOSSES else []
# networks whose channels are compared as losses
TEACHERS = list(dict.fromkeys(entry["backbone"] for entry in SUPERRES["losses"] if "backbone" in entry))
INVERTED = config["inversion"]["networks"]
DATASETS = datasets_with()
DOWNLOADED = [*datasets_with(source="download"), *(entry["name"] for entry in ARCHIVES)]
LADDERS = datasets_with(source="ladder")
LADDER_LAYOUTS = list(dict.fromkeys(entry["layout"] for entry in config["datasets"] if entry["source"] == "ladder"))
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
    **(
        {"superres": expand(f"results/superres/x{SCALES[0]}/{{backbone}}.parquet", backbone=TEACHERS)}
        if TEACHERS
        else {}
    ),
    **(
        {"inversion": [f"results/inversion/{entry['backbone']}/comparison.parquet" for entry in INVERTED]}
        if INVERTED
        else {}
    ),
    **({"lpips": expand("results/selectivity/{backbone}/lpips.parquet", backbone=LEARNED)} if LEARNED else {}),
    **{
        layout: expand(f"results/agreement/{{backbone}}/{judged[0]}.parquet", backbone=BACKBONES)
        for layout, judged in JUDGED.items()
        if judged
    },
}
# the networks that each kind of evidence is there for, where it is not all of them
EVIDENCE_OF = {
    "layers": SUBJECTS,
    "lpips": LEARNED,
    "superres": TEACHERS,
    "inversion": [entry["backbone"] for entry in INVERTED],
}
PUBLISHED = yaml.safe_load(
    (Path(workflow.current_basedir).parent / "config" / "published.yaml").read_text(encoding="utf-8")
)


wildcard_constraints:
    backbone="[A-Za-z0-9_]+",
    dataset=any_of([*DATASETS, *(entry["name"] for entry in ARCHIVES)]),
    scale=any_of(map(str, SCALES)),
    loss=any_of(["bicubic", "start", *LOSSES]),
    seed=r"\d+",
    resolution=r"[0-9.]+",
