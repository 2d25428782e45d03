"""What the rules look up: the study's networks, resolutions and files."""

import os
import re
import sys
from functools import partial
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from study import Code, ConfigurationError, Lookup, any_of, read_archive, read_study

# jobs end when this process does: workflow/scripts/job/watch.py
os.environ.update(PERCEPTUAL_EFFICACY_SNAKEMAKE=str(os.getpid()))
# Snakemake pastes the interpreter's path into shell commands: a space in it needs a backslash, but not a second time
if Path(sys.executable).exists():
    sys.executable = re.sub(r"([^\w./-])", r"\\\1", sys.executable)

ARCHIVE = os.path.expanduser(config.get("archive") or "")  # of a study that has run: only what is drawn is made again
try:
    archived = read_archive(ARCHIVE) if ARCHIVE else None
    study = read_study(archived.configuration, finished=True) if archived else read_study(config)
except ConfigurationError as error:
    raise WorkflowError(error) from None


def multiplied(amount, wildcards, attempt):
    return amount * attempt


def growing(**amounts):
    """Return resources that grow with every attempt: a job that ran out of memory or time gets more."""
    return {name: partial(multiplied, amount) for name, amount in amounts.items()}


config = study.configuration  # with its defaults, which captions of the report show
code_digest = Code().digest
network, loss = Lookup("backbone", study.networks), Lookup("loss", study.methods)
dataset, download = Lookup("dataset", study.datasets), Lookup("dataset", study.downloads)

DRAWING = growing(mem_mb=1000, runtime=5)  # what a figure or a table asks for
IMAGES = {
    "sets": [{"name": entry.name, "size": entry.size} for entry in study.images],
    "folders": [entry.place for entry in study.images],
}
DRAWN_WITH = {  # how the patches of thresholds are drawn
    **study.params("castlecsf.white", "castlecsf.field", "castlecsf.lowest_contrast", "castlecsf.contrasts"),
    "pixels_per_degree": lambda wildcards: study.drawn_at(wildcards.dataset),
}
REPORT = Path(workflow.current_basedir).parent / "workflow/report"
SECTIONS = yaml.safe_load((REPORT / "sections.yaml").read_text(encoding="utf-8"))
scores_beside = collect("results/superres/x{scale}/{loss}/scores.parquet", loss=network.compared, allow_missing=True)
inversions = collect("results/inversion/{backbone}/{layer}/scores.parquet", layer=network.inverted, allow_missing=True)


def names_from(source):
    return any_of(name for name, entry in study.networks.items() if entry.kind == source)


MODELFEST = "modelfest"
EXPLORED = [MODELFEST, *study.people]  # data sets that all analyses are made of


def explored(part, *networks, data=EXPLORED):
    """Return one of the tables of multiverses, of several networks and data sets."""
    return expand(f"results/multiverse/{{backbone}}/{{data}}-{part}.parquet", backbone=networks, data=data)


def stimuli_of(wildcards):
    """Return how gratings are chosen: the study's, or the same at another contrast."""
    contrast = wildcards.contrast.removeprefix("-contrast-")
    return study.value("stimuli") | ({"contrast": float(contrast)} if contrast else {})


def explored_at(wildcards):
    """Return the resolutions of a data set's multiverse, its own first; drawn stimuli are shown at one alone."""
    entry = study.datasets.get(wildcards.data)
    own = study.value("stimuli.pixels_per_degree") if entry is None else study.drawn_at(wildcards.data)
    others = [] if entry is not None and entry.drawn else study.value("multiverse.pixels_per_degree")
    return list(dict.fromkeys(map(float, [own, *others])))


def explored_cubes(wildcards):
    """Return the distances that a multiverse needs: ModelFest's at each resolution, of images the same for all."""
    names = [f"{MODELFEST}-{resolution:.10g}" for resolution in explored_at(wildcards)]
    names = names if wildcards.data == MODELFEST else [wildcards.data]
    return [f"results/distances/{wildcards.backbone}/{name}.nc" for name in names]


def explored_scores(wildcards):
    """Return the scores of the main result, which say what layers have converged, and which rows they are."""
    entry = study.datasets.get(wildcards.data)
    own = entry is not None and entry.pixels_per_degree is None
    return f"results/selectivity/{wildcards.backbone}/{'channels' if own else 'variants'}.parquet"


def agreement_with(*data):
    return expand("results/agreement/{backbone}/{data}.parquet", backbone=study.networks, data=data)


def dataset_folder(wildcards):
    """Return where a data set's images lie; a user's folder is `ancient`, as even hidden files change its time."""
    entry = study.datasets[wildcards.dataset]
    return entry.folder if entry.path is None else ancient(entry.folder)


def scores_for(wildcards):
    """Return the file of the channels' scores for a data set: at the study's pixels per degree, or among variants."""
    name = "channels" if study.datasets[wildcards.dataset].pixels_per_degree is None else "variants"
    return f"results/selectivity/{wildcards.backbone}/{name}.parquet"


def images_of(*uses):
    """Return the inputs of the sets of images with these uses: made by Snakemake, or users' folders."""
    files = []
    for entry in study.images:
        if entry.use in uses:
            own = [f"results/data/photographs/{name}.png" for name in study.photographs_of(entry.split)]
            made = {"photographs": own, "archive": [f"results/data/{entry.archive}/files"]}
            files += made.get(entry.source) or [ancient(entry.path)]
    return files


def images_fingerprints(wildcards):
    return [images.fingerprint for images in study.images if images.path is not None]


def training(run, recipe, **own):
    """Return the params of a training, its own and those that all share."""
    # the state is not an output: Snakemake would delete it on resuming a killed run
    shared = ("superres.patch", "superres.batch_size", "superres.precision", "superres.devices", "seed")
    own = {"state": f"results/superres/x{{scale}}/{run}/.state", **own, "recipe": study.value(f"superres.{recipe}")}
    return {**IMAGES, **own, **study.params(*shared)}


def figure_files(path, kind=None):
    """Return the files of one figure by format; reports show the PNG, in the section that names its kind."""
    files = {suffix: f"results/figures/{path}.{suffix}" for suffix in ("png", "pdf", "csv")}
    kind = kind or Path(path).name.partition("-")[0]
    (section,) = (section for section in SECTIONS if kind in section["figures"])
    labels = {"figure": section["figures"][kind], "network": "{backbone}" if path.startswith("{backbone}") else "all"}
    shown = {"caption": f"../workflow/report/{kind}.rst", "category": section["title"], "labels": labels}
    return files | {"png": report(files["png"], **shown)}


def figures_named(*names, **wildcards):
    return [expand(getattr(rules, f"plot_{name}").output, **wildcards) for name in names]


def table_files(name, labels, category="Tables", caption="tables"):
    """Return the files of one table by format; the report shows the HTML page."""
    files = {suffix: f"results/tables/{name}.{suffix}" for suffix in ("csv", "md", "tex", "html")}
    caption = f"../workflow/report/{caption}.rst"
    return files | {"html": report(files["html"], caption=caption, category=category, labels=labels)}


wildcard_constraints:
    backbone=any_of(study.networks),
    dataset=any_of([*study.datasets, *study.archives]),
    scale=any_of(study.scales),
    loss=any_of(study.methods),
    layout=any_of(study.ladder_layouts),
    seed=r"\d+",
    resolution=r"[0-9.]+",
