"""The configuration as typed objects, and what follows from it: networks, data sets, images, losses."""

import math
import os.path
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from study.files import fingerprint

CLAIMS = Path(__file__).parents[2] / "src/perceptual_efficacy/claims/claims.yaml"
OWN_SHAPES = {"kmeans", "random"}  # sources of VGG-shaped networks of the study's own
LPIPS_NETWORKS = ("torchvision:vgg16", "torchvision:alexnet", "torchvision:squeezenet1_1")
TABLES = {"opinions", "choices", "same_different"}  # layouts that are a table of one's own
DRAWN = {"castlecsf"}  # layouts of thresholds, whose stimuli are drawn
FILES = TABLES | DRAWN  # layouts that are one file
LADDERS = {"bapps_2afc", "bapps_jnd", "tid2013"}  # layouts that the ladder is written in
GRADED = {"tid2013"}  # layouts of opinions, in which a ladder has every distortion in levels
SUFFIXES = {".pth", ".pt", ".safetensors"}  # of weight files
MEAN_OF_LAYERS = "mean of layers"
BICUBIC, START = "bicubic", "start"  # what losses are compared with: interpolation, and the network they start from

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What is downloaded, and by what it is verified."""

    name: str
    url: str | None = None
    checksum: str | None = None
    allow_unverified: bool = False
    layout: str | None = None  # of a data set with judgements, whose archive the library knows

    @property
    def file(self) -> str:
        return f"results/data/{self.name}/archive"

    @property
    def looked_for_by(self) -> dict[str, object]:
        return {key: getattr(self, key) for key in ("layout", "url", "checksum", "allow_unverified")}


@dataclass(frozen=True, kw_only=True)
class DataSet(Archive):
    """Images with judgements: downloaded, in a user's folder, or the ladder's, known by construction."""

    layout: str
    source: str
    subset: bool
    path: str | None = None
    pixels_per_degree: float | None = None  # at which it was judged; None for the study's
    higher_is: str | None = None  # of the opinions in a table: better or worse
    range: tuple[float, float] | None = None  # of them: the lowest and the highest

    @property
    def human(self) -> bool:
        return self.source != "ladder"

    @property
    def drawn(self) -> bool:
        """Whether it has thresholds of stimuli that are drawn, instead of images."""
        return self.layout in DRAWN

    @property
    def judged_by(self) -> str:
        return "people" if self.human else "construction"

    @property
    def partial(self) -> bool:
        """Whether it may be incomplete, as the ladder may."""
        return self.subset or not self.human

    @property
    def folder(self) -> str:
        """Where its files lie."""
        made = f"results/data/{self.name}/files" if self.human else f"results/data/ladder/{self.layout}"
        if self.path is None:
            return made
        return str(Path(self.path).parent) if self.layout in FILES else self.path

    @property
    def stated(self) -> dict[str, object]:
        """What its reader is told beyond the folder."""
        told: dict[str, object] = {"judged_by": self.judged_by, "subset": self.partial}
        if self.layout in FILES and self.path is not None:
            told["table"] = Path(self.path).name
        if self.range is not None:
            told |= {"higher_is": self.higher_is, "scale": list(self.range)}
        return told

    @property
    def fingerprint(self) -> str | None:
        return None if self.path is None else fingerprint(self.folder)


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Images for super-resolution: the study's photographs, in a user's folder, or in a folder of an archive."""

    name: str
    use: str
    source: str
    size: int | None
    path: str | None = None
    archive: str | None = None
    folder: str | None = None

    @property
    def split(self) -> str:
        """The photographs that it takes, if it takes photographs."""
        return "train" if self.use == "train" else "test"

    @property
    def place(self) -> str:
        """Where its images lie."""
        if self.source == "photographs":
            return f"results/data/photographs/{self.split}"
        return f"results/data/{self.archive}/files/{self.folder}" if self.path is None else self.path

    @property
    def fingerprint(self) -> str | None:
        return None if self.path is None else fingerprint(self.path)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss that super-resolution is fine-tuned with; `bicubic` and `start` are what losses are compared with."""

    name: str
    selection: str
    seeds: tuple[int, ...] = (0,)
    backbone: str | None = None
    layers: tuple[str, ...] | None = None
    draw: int | None = None

    @property
    def channels(self) -> dict[str, object]:
        """Which channels of its network it takes."""
        return {key: getattr(self, key) for key in ("selection", "layers", "draw")}

    @property
    def network(self) -> list[str]:
        """The file of its network; none for L1 alone."""
        return [] if self.backbone is None else [f"results/backbones/{self.backbone}/weights.safetensors"]

    @property
    def scores(self) -> list[str]:
        """The file of the channels' scores; none for L1 alone."""
        return [] if self.backbone is None else [f"results/selectivity/{self.backbone}/channels.parquet"]

    @property
    def runs(self) -> list[str]:
        """Folders of its trained networks, below that of the scale."""
        untuned = {BICUBIC: [], START: [START]}
        return untuned.get(self.name, [f"{self.name}/seed{seed}" for seed in self.seeds])


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network; one with a control, the same with random weights, is a subject of the study."""

    name: str
    source: str
    layers: str | tuple[str, ...]  # names, or `all` or `lpips`, which the library knows
    seed: int
    figure_layer: str
    widths: tuple[int, ...] = ()  # number of channels of each layer, of own shapes
    weights: str | None = ""  # a release or a file; None for random ones, empty if not given
    sha256: str | None = None
    control: str | None = None
    losses: tuple[Loss, ...] = ()  # with its channels, and L1 alone beside them
    inverted: tuple[str, ...] = ()  # layers whose features are inverted

    @property
    def kind(self) -> str:
        return self.source if self.source in OWN_SHAPES else "published"

    @property
    def architecture(self) -> str:
        return self.source.replace("random:", "torchvision:") if self.kind == "published" else "own"

    @property
    def stages(self) -> Any:
        """Its layers; of an own shape with their number of channels."""
        return list(zip(self.layers, self.widths, strict=True)) if self.widths else self.layers

    @property
    def shape(self) -> object:
        """What a network and its control have in common."""
        layers = self.layers if isinstance(self.layers, str) else tuple(sorted(self.layers))
        return self.architecture, self.stages if self.widths else layers

    @property
    def is_random(self) -> bool:
        return self.source.split(":")[0] == "random" or self.weights is None

    @property
    def files(self) -> list[str]:
        """The user's weight file, if there is one."""
        return [self.weights] if self.weights and is_file(self.weights) else []

    @property
    def release(self) -> str | None:
        """The published weights; None for random ones and for those of a file."""
        return None if self.is_random or self.files else self.weights or "DEFAULT"

    @property
    def runs(self) -> list[str]:
        """Folders of the networks trained with its losses, below that of the scale."""
        return [run for loss in self.losses for run in loss.runs]

    @property
    def compared(self) -> list[str]:
        """Names of its losses, after what they are compared with."""
        return [BICUBIC, START, *(loss.name for loss in self.losses)]

    @property
    def named_layers(self) -> dict[str, list[str]]:
        """The layers that other keys name, which only a loaded network can confirm."""
        of_losses = [layer for loss in self.losses for layer in loss.layers or ()]
        shown = [] if self.control is None else [self.figure_layer]  # a control has no figures
        return {"figure_layer": shown, "inversion.networks": list(self.inverted), "superres.losses": of_losses}

    def has(self, layer: str | None) -> bool:
        """Whether it has a layer, as far as that is known before it is loaded."""
        return layer is not None and (isinstance(self.layers, str) or layer in self.layers)


@dataclass(frozen=True)
class Study:
    """A study; `configuration` is all of it, defaults filled in, paths found from the data root."""

    configuration: Mapping[str, Any]
    claims: Mapping[str, Any]

    def value(self, key: str) -> Any:
        """Return the value of a key: value("scores.csf.model")."""
        found: Any = self.configuration
        for part in key.split("."):
            found = found[part]
        return found

    def params(self, *keys: str) -> dict[str, Any]:
        """Return values by the last part of their keys: params("scores.csf", "seed") has `csf` and `seed`."""
        return {key.split(".")[-1]: self.value(key) for key in keys}

    @cached_property
    def photographs(self) -> list[str]:
        """Paths of the exported photographs in their folder, without the suffix."""
        return [f"{entry['split']}/{entry['name']}" for entry in self.value("photographs")]

    def photographs_of(self, split: str) -> list[str]:
        return [place for place in self.photographs if place.startswith(f"{split}/")]

    @cached_property
    def networks(self) -> dict[str, Network]:
        defaults = {"seed": self.value("seed"), "figure_layer": self.value("figures.layer")}
        inverted = {entry["backbone"]: entry["layers"] for entry in self.value("inversion.networks")}
        found = {}
        for entry in self.value("backbones"):
            name, layers = entry["name"], entry["layers"]
            losses = [loss for loss in self.losses.values() if loss.backbone in (None, name)]
            of_channels = losses if any(loss.backbone for loss in losses) else []
            widths = list(layers.values()) if isinstance(layers, dict) else []
            about = {"layers": list(layers) if widths else layers, "widths": widths, "losses": of_channels}
            found[name] = typed(Network, {**defaults, **entry, **about, "inverted": inverted.get(name, [])})
        return found

    @cached_property
    def subjects(self) -> dict[str, Network]:
        return {name: network for name, network in self.networks.items() if network.control is not None}

    @cached_property
    def controls(self) -> dict[str, str | None]:
        return {name: network.control for name, network in self.subjects.items()}

    @cached_property
    def learned(self) -> dict[str, Network]:
        """Subjects for which LPIPS may have learnt weights; none in a study without images to compare."""
        found = {name: it for name, it in self.subjects.items() if it.source in LPIPS_NETWORKS and not it.is_random}
        return found if self.typical else {}

    @cached_property
    def teachers(self) -> dict[str, Network]:
        """Networks whose channels are compared as losses."""
        return {name: network for name, network in self.networks.items() if network.losses}

    @cached_property
    def inverted(self) -> dict[str, Network]:
        return {name: network for name, network in self.networks.items() if network.inverted}

    def claimed_layer(self, network: Network) -> str | None:
        """Return the layer that claims about a network are about, the paper's own; None if it has none."""
        layer = self.claims["layers"].get(network.architecture)
        return layer if network.has(layer) else None

    @cached_property
    def claim_layers(self) -> dict[str, str]:
        return {name: self.claimed_layer(network) or MEAN_OF_LAYERS for name, network in self.networks.items()}

    @cached_property
    def resolution(self) -> str:
        """The study's pixels per degree, as in the names of files."""
        return f"{self.value('stimuli.pixels_per_degree'):.10g}"

    @cached_property
    def resolutions(self) -> list[str]:
        also = [f"{value:.10g}" for value in self.value("modelfest.also_at")]
        return list(dict.fromkeys([self.resolution, *also]))

    @cached_property
    def shown_at(self) -> list[str]:
        """Resolutions that ModelFest's patterns are shown at: the study's, those reported, those of the multiverse."""
        also = [f"{value:.10g}" for value in self.value("multiverse.pixels_per_degree")]
        return list(dict.fromkeys([*self.resolutions, *also]))

    @property
    def shows_known_answers(self) -> bool:
        """Whether the pixels show the standard of `waveforms`, of 5 cycles per degree."""
        return bool(self.value("stimuli.pixels_per_degree") > 2 * 5)

    @cached_property
    def other_contrasts(self) -> list[float]:
        """Contrasts of gratings that only the multiverse has, as numbers."""
        contrasts = map(float, self.value("multiverse.contrasts"))
        return [contrast for contrast in contrasts if contrast != self.value("stimuli.contrast")]

    @cached_property
    def datasets(self) -> dict[str, DataSet]:
        return {entry["name"]: typed(DataSet, entry) for entry in self.value("datasets")}

    @cached_property
    def viewed_at(self) -> list[float]:
        """Pixels per degree of data sets that state their own."""
        return sorted({data.pixels_per_degree for data in self.datasets.values() if data.pixels_per_degree is not None})

    @cached_property
    def people(self) -> list[str]:
        """Data sets that people judged."""
        return [name for name, data in self.datasets.items() if data.human]

    @cached_property
    def pictured(self) -> list[str]:
        """Data sets of images."""
        return [name for name, data in self.datasets.items() if not data.drawn]

    @cached_property
    def drawn(self) -> list[str]:
        """Data sets of thresholds, whose stimuli are drawn."""
        return [name for name, data in self.datasets.items() if data.drawn]

    def drawn_at(self, name: str) -> float:
        """Pixels per degree at which the stimuli of a data set are drawn."""
        own, study = self.datasets[name].pixels_per_degree, self.value("stimuli.pixels_per_degree")
        return float(study if own is None else own)

    @cached_property
    def typical(self) -> str | None:
        """The data set whose images tell how large a channel's distances are: the first one that people judged."""
        return next((name for name in [*self.people, *self.ladders] if name in self.pictured), None)

    @cached_property
    def ladders(self) -> list[str]:
        return [name for name, data in self.datasets.items() if not data.human]

    @cached_property
    def ladder_layouts(self) -> list[str]:
        return sorted({self.datasets[name].layout for name in self.ladders})

    @cached_property
    def splits(self) -> dict[str, int]:
        """Random splits that halves are compared with, by data set: fewer where nobody judged."""
        people, ladder = self.value("statistics.splits"), self.value("ladder.splits")
        return {name: people if data.human else ladder for name, data in self.datasets.items()}

    @cached_property
    def graded(self) -> str | None:
        """The ladder with every distortion in levels, if there is one."""
        return next((name for name in self.ladders if self.datasets[name].layout in GRADED), None)

    @cached_property
    def whole(self) -> dict[str, str]:
        """Layout of each whole data set of human judgements."""
        return {name: data.layout for name, data in self.datasets.items() if data.human and not data.subset}

    @cached_property
    def evidence(self) -> dict[str, str]:
        """The data set that claims are about by its layout: the first whole one."""
        claimed = {claim["evidence"] for claim in self.claims["claims"]}
        return {layout: name for name, layout in reversed(self.whole.items()) if layout in claimed}

    @cached_property
    def superres(self) -> Mapping[str, Any]:
        """The configuration of super-resolution; without losses it has no scales, images and archives either."""
        superres = self.value("superres")
        return superres if superres["losses"] else {**superres, "scales": [], "images": [], "archives": []}

    @cached_property
    def scales(self) -> list[int]:
        return list(self.superres["scales"])

    @cached_property
    def images(self) -> list[ImageSet]:
        return [typed(ImageSet, entry) for entry in self.superres["images"]]

    @cached_property
    def archives(self) -> dict[str, Archive]:
        """Archives of images."""
        return {entry["name"]: typed(Archive, entry) for entry in self.superres["archives"]}

    @cached_property
    def downloads(self) -> dict[str, Archive]:
        return {name: data for name, data in self.datasets.items() if data.source == "download"} | self.archives

    @cached_property
    def losses(self) -> dict[str, Loss]:
        seeds = self.superres["seeds"]
        return {entry["name"]: typed(Loss, {**entry, "seeds": seeds}) for entry in self.superres["losses"]}

    @cached_property
    def methods(self) -> dict[str, Loss]:
        """All that enlarges images: interpolation, the network that losses start from, and the losses."""
        return {name: Loss(name=name, selection=name) for name in (BICUBIC, START)} | self.losses


def resolved(study: dict[str, Any]) -> dict[str, Any]:
    """Find relative paths from the data root, and write out what follows from other keys."""
    viewing = study["stimuli"]["pixels_per_degree"]
    if isinstance(viewing, dict):
        study["stimuli"]["pixels_per_degree"] = pixels_per_degree(**viewing)
    root, superres, inversion = study["data_root"] or "", study["superres"], study["inversion"]
    for entry in [*study["photographs"], *study["datasets"], *study["backbones"], *superres["images"], superres]:
        for key in ("path", "weights", "start"):
            value = entry.get(key)
            if value is not None and (key != "weights" or is_file(value)):
                entry[key] = str(Path(os.path.expanduser(root), os.path.expanduser(value)))
    subjects = [entry for entry in study["backbones"] if "control" in entry]
    own = {entry["name"]: [entry.get("figure_layer", study["figures"]["layer"])] for entry in subjects}
    for loss in superres["losses"]:
        if loss["selection"] != "none" and own:
            loss.setdefault("backbone", next(iter(own)))
            loss.setdefault("layers", own.get(loss["backbone"], []))
    if inversion["networks"] is None:
        inversion["networks"] = [{"backbone": name, "layers": layers} for name, layers in own.items()]
    for section in (inversion, study["ladder"]):
        if section["photographs"] is None:
            section["photographs"] = [entry["name"] for entry in study["photographs"] if entry["split"] == "test"]
    return {**study, "data_root": None}


def pixels_per_degree(distance: float, screen_width: float, pixels_across: int) -> float:
    """Return the pixels in the central degree of a screen, as the library's function does."""
    return pixels_across / screen_width * distance * 2 * math.tan(math.radians(0.5))


def typed(kind: type[T], entry: Mapping[str, Any]) -> T:
    """Build an object from those keys of an entry that it has; lists become tuples."""
    values = {field.name: entry[field.name] for field in fields(kind) if field.name in entry}  # type: ignore[arg-type]
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def is_file(weights: str) -> bool:
    """Return whether weights are a file, not the name of a release, which has neither folder nor suffix."""
    return "/" in weights or Path(weights).suffix in SUFFIXES


def any_of(names: Iterable[object]) -> str:
    """Return a pattern that matches any of the names; one that nothing matches if there are none."""
    return "|".join(map(str, names)) or "(?!)"
