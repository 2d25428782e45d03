"""What the rules look up: the study's networks, resolutions and files."""

import os
import re
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from study import Code, ConfigurationError, Lookup, any_of, read_study
from study.configuration import CLAIMS as CLAIMS_FILE
from study.configuration import BICUBIC, START

# whom a job ends with: workflow/scripts/job/watch.py
os.environ.update(PERCEPTUAL_EFFICACY_SNAKEMAKE=str(os.getpid()))
# Snakemake pastes the interpreter's path into shell commands: a space in it needs a backslash, but not a second time
if Path(sys.executable).exists():
    sys.executable = re.sub(r"([^\w./-])", r"\\\1", sys.executable)

try:
    study = read_study(config)
except ConfigurationError as error:
    raise WorkflowError(error) from None


def growing(amount):
    """Return a resource that is more with every attempt: a job that ran out of memory or time gets more of it."""

    def resource(wildcards, attempt):
        return amount * attempt

    return resource


# what rule files use until they ask the study themselves
config = study.configuration
code_digest = Code().digest
network, dataset, loss = (
    Lookup("backbone", study.networks),
    Lookup("dataset", study.datasets),
    Lookup("loss", study.methods),
)
weights_file, release_of, sha256_of = network.files, network.release, network.sha256
network_of, seed_of, control_of, figure_layer_of = network.source, network.seed, network.control, network.figure_layer
layout_of, is_human, fingerprint_of = dataset.layout, dataset.human, dataset.fingerprint
judged_by, subset_of = dataset.judged_by, dataset.partial
selection_of, judged_selection, seeds_of = loss.channels, loss.selection, loss.seeds
archive_of, download_of = Lookup("dataset", study.downloads).file, Lookup("dataset", study.downloads).origin
control_tuning = network("results/probing/{0.control}/tuning.nc")
control_channels = network("results/selectivity/{0.control}/channels.parquet")
scores_beside = collect("results/superres/x{scale}/{loss}/scores.parquet", loss=network.compared, allow_missing=True)


def layers_of(wildcards):
    entry = study.networks[wildcards.backbone]
    return entry.stages or entry.layers


def figure_layer_or_none(wildcards):
    return figure_layer_of(wildcards) if wildcards.backbone in study.subjects else None


def dataset_folder(wildcards):
    """Return where a data set's images lie; the time of a user's folder is that of its last file, hidden or not."""
    entry = study.datasets[wildcards.dataset]
    return entry.folder if entry.path is None else ancient(entry.folder)


def images_of(*uses):
    """Return what Snakemake makes for the sets of images for these uses, or users' folders."""
    files = []
    for entry in study.images:
        if entry.use in uses:
            own = [f"results/data/photographs/{name}.png" for name in study.photographs_of(entry.split)]
            made = {"photographs": own, "archive": [f"results/data/{entry.archive}/files"]}
            files += made.get(entry.source) or [ancient(entry.path)]
    return files


def images_fingerprints(wildcards):
    return [images.fingerprint for images in study.images if images.path is not None]


def features_of(wildcards):
    """Return the files that a loss with channels needs: the backbone and its scores; nothing for L1 alone."""
    backbone = study.losses[wildcards.loss].backbone
    files = ("backbones/{}/weights.safetensors", "selectivity/{}/channels.parquet")
    return [f"results/{file.format(backbone)}" for file in files] if backbone is not None else []


IMAGES = {
    "sets": [{"name": entry.name, "size": entry.size} for entry in study.images],
    "folders": [entry.place for entry in study.images],
}
DRAWING = {"mem_mb": growing(1000), "runtime": growing(5)}  # what a figure or a table asks for
CONSTRUCTED = "Ladder of distortions, by construction"


def category_of(wildcards):
    """Return the report's category of figures about one data set."""
    return "Agreement with human judgements" if is_human(wildcards) else CONSTRUCTED


def figure_files(path, title, category, caption=None):
    """Return the files of one figure by format; the report shows the PNG."""
    files = {suffix: f"results/figures/{path}.{suffix}" for suffix in ("png", "pdf", "csv")}
    caption = caption or Path(path).name.partition("-")[0]
    network = "{backbone}" if path.startswith("{backbone}") else "all"
    labels = {"figure": title, "network": network}
    shown = report(files["png"], caption=f"../workflow/report/{caption}.rst", category=category, labels=labels)
    return files | {"png": shown}


def table_files(name, labels, category="Tables", caption="tables"):
    """Return the files of one table by format; the report shows the HTML page."""
    files = {suffix: f"results/tables/{name}.{suffix}" for suffix in ("csv", "md", "tex", "html")}
    page = report(files["html"], caption=f"../workflow/report/{caption}.rst", category=category, labels=labels)
    return files | {"html": page}


def names_from(source):
    return any_of(name for name, entry in study.networks.items() if entry.kind == source)


def published_names():
    return names_from("published")


PUBLISHED = yaml.safe_load(CLAIMS_FILE.with_name("published.yaml").read_text(encoding="utf-8"))
GRADED = study.ladder("tid2013")  # the ladder with every distortion in levels
CLAIMED = {claim["evidence"] for claim in study.claims["claims"]}
EVIDENCE = {
    "modelfest": expand(
        f"results/agreement/{{backbone}}/modelfest-{study.resolution}.parquet", backbone=study.networks
    ),
    "layers": expand("results/selectivity/{backbone}/layers.parquet", backbone=study.subjects),
    "superres": expand(f"results/superres/x{[*study.scales, 0][0]}/{{backbone}}.parquet", backbone=study.teachers),
    "inversion": expand("results/inversion/{backbone}/comparison.parquet", backbone=list(study.inverted)),
    "lpips": expand("results/selectivity/{backbone}/lpips.parquet", backbone=study.learned),
    **{
        layout: expand(f"results/agreement/{{backbone}}/{name}.parquet", backbone=study.networks)
        for name, layout in reversed(study.whole.items())
        if layout in CLAIMED
    },
}
EVIDENCE = {kind: files for kind, files in EVIDENCE.items() if files}


wildcard_constraints:
    backbone=any_of(study.networks),
    dataset=any_of([*study.datasets, *study.archives]),
    scale=any_of(study.scales),
    loss=any_of([*study.methods]),
    seed=r"\d+",
    resolution=r"[0-9.]+",
