"""The study that the rules ask, and its configuration: every mistake in one line, every default in the schema only."""

import ast
import copy
import re
import shutil
import sys
from datetime import date
from types import SimpleNamespace

import pytest
import yaml
from miniature import ROOT, STUDY, snakemake, study_with
from snakemake.cli import parse_config
from study import Code, ConfigurationError, Lookup, any_of, checks, configuration, files, read_study
from study.configuration import LPIPS_NETWORKS, MEAN_OF_LAYERS
from study.files import fingerprint
from study.page import page
from study.schema import read_schema

from perceptual_efficacy import lpips, provenance, vocabulary
from perceptual_efficacy.datasets import photographs

MISTAKES = [
    ({"stimuli": {"phasess": 2}}, r"stimuli has no key 'phasess'. Did you mean 'phases'\? Its keys are contrast, "),
    ({"stimulus": {}}, r"the study has no key 'stimulus'. Did you mean 'stimuli'\?"),
    ({"stimuli": {"phases": 0}}, r"stimuli.phases is 0; it must be a whole number, at least 1, at most 64"),
    ({"stimuli": {"encoding": "linear"}}, r"stimuli.encoding is 'linear'; .*display"),
    (
        {"stimuli": {"highest_frequency": 17}},
        r"stimuli.highest_frequency is 17; it must be below 16, the Nyquist frequency",
    ),
    ({"stimuli": {"highest_frequency": 16}}, r"stimuli.highest_frequency is 16; it must be below 16, the Nyquist"),
    (
        {"stimuli": {"pixels_per_degree": {"distance": 60, "screen_width": 53.1, "pixels_across": 19200}}},
        r"stimuli.pixels_per_degree is 378\.\d+; it must be at least 8, at most 120",
    ),
    (
        {"stimuli": {"pixels_per_degree": {"distance": 60, "width": 53.1, "pixels_across": 1920}}},
        r"stimuli.pixels_per_degree ",
    ),
    ({"stimuli": {"lowest_frequency": 15}}, r"stimuli.lowest_frequency is 15; it must be below"),
    ({"photographs": []}, r"photographs is \[\]; it must be a list of entries, not empty"),
    (
        {"photographs": [{"name": "astronaut", "split": "test"}]},
        r"backbones: tiny: source is 'kmeans'; it must be random, as no photograph is in the train split",
    ),
    (
        {"photographs": [{"name": "astronaut", "split": "train"}, {"name": "astronaut", "split": "test"}]},
        r"photographs: name is 'astronaut'; it must be used once",
    ),
    (
        {"backbones": [{"name": "a", "source": "random", "layers": {"relu1_1": 4}, "control": "b"}]},
        r"backbones: a: control is 'b'; it must be another backbone of this study",
    ),
    (
        {"backbones": [{"name": "../x", "source": "random", "layers": {"relu1_1": 4}}]},
        r"backbones.\.\./x.name is '\.\./x'",
    ),
    ({"figures": {"layer": "relu9_9"}}, r"figures.layer is 'relu9_9'; it must be a layer of tiny"),
    ({"modelfest": {"lowest_contrast": 0.5, "highest_contrast": 0.4}}, r"modelfest.lowest_contrast is 0.5"),
    ({"stimuli": {"contrast": float("nan")}}, r"stimuli.contrast is nan"),
    ({"stimuli": {"field": 40, "orientations": 180}}, r"stimuli.field is 40; .* exceed 2 GiB"),
    ({"stimuli": {"field": 1}}, r"stimuli.field is 1; it must be at least 4: 2 cycles of the lowest frequency"),
    ({"stimuli": {"oriented_every": 46}}, r"stimuli.oriented_every is 46; it must be smaller"),
    ({"probing": {"largest": 60}}, r"probing.largest is 60; it must be at least 64, the pixels of stimuli.field"),
    ({"modelfest": {"csf": {"model": "flat"}}}, r"modelfest.csf.luminance is 30; it must be null for the model flat"),
    ({"scores": {"csf": {"luminance": 100}}}, r"scores.csf.luminance is 100; it must be null for the model mannos"),
    ({"photographs": [{"name": "gardn", "split": "train"}]}, r"photographs.gardn.name is 'gardn'; .*astronaut"),
    (
        {"photographs": [{"name": "garden", "split": "train", "path": "gone.png"}]},
        r"photographs: garden: path is 'gone.png'; it must be an existing file",
    ),
    (
        {"photographs": [{"name": f"motorcycle_{s}", "split": t} for s, t in (("left", "train"), ("right", "test"))]},
        r"photographs: split of the motorcycle pair is .*; it must be one side",
    ),
    ({"photographs": [{"name": "coffee"}]}, r"photographs.coffee lacks a key: 'split'"),
    (
        {"backbones": [{"name": "a", "source": "kmeans", "layers": {"relu1_1": 4, "relu1_3": 4}}]},
        r"backbones: a: layers is 'relu1_3'; it must be VGG's names in order",
    ),
    (
        {"backbones": [{"name": "a", "source": "torchvison:vgg16"}]},
        r"backbones.a.source is 'torchvison:vgg16'; .*A published network",
    ),
    (
        {"backbones": [{"name": "a", "source": "random"}]},
        r"backbones: a: layers is 'all'; it must be given, VGG's names with their number of channels",
    ),
    (
        {"backbones": [{"name": "a", "source": "torchvision:vgg16", "layers": {"relu1_1": 64}}]},
        r"backbones: a: layers is {'relu1_1': 64}; it must be all, lpips or a list of names",
    ),
    (
        {"backbones": [{"name": "a", "source": "torchvision:resnet18", "layers": "lpips"}]},
        r"backbones: a: layers is 'lpips'; it must be all or a list; LPIPS is defined on torchvision:vgg16, torch",
    ),
    (
        {"backbones": [{"name": "a", "source": "timm:vgg16", "layers": "lpips"}]},
        r"backbones: a: layers is 'lpips'; it must be all or a list; LPIPS is defined on torchvision:vgg16, torch",
    ),
    (
        {
            "backbones": [
                {"name": "a", "source": "torchvision:vgg16", "control": "b", "figure_layer": "relu1_2"},
                {"name": "b", "source": "random:vgg16"},
                {"name": "judge", "source": "timm:vgg16"},
            ],
            "superres": {"lpips": "judge"},
        },
        r"superres.lpips is 'judge'; it must be a backbone that LPIPS is defined on and that no loss uses \(b\)",
    ),
    (
        {"data_root": "/data", "backbones": [{"name": "a", "source": "torchvision:vgg16", "weights": "gone.pth"}]},
        r"backbones: a: weights is '/data/gone.pth'; it must be an existing file",
    ),
    (
        {"backbones": [{"name": "a", "source": "torchvision:vgg16", "weights": "weights/vgg.pth.tar"}]},
        r"backbones: a: weights is 'weights/vgg.pth.tar'; it must be a file whose name ends with .pt, .pth, .safe",
    ),
    (
        {"backbones": [{"name": "a", "source": "random:vgg16", "weights": "DEFAULT"}]},
        r"backbones: a: weights is 'DEFAULT'; it must be left out",
    ),
    (
        {"backbones": [{"name": "a", "source": "torchvision:vgg16", "sha256": "0" * 64}]},
        r"backbones: a: sha256 is '0+'; it must be left out",
    ),
    (
        {
            "backbones": [
                {"name": "a", "source": "torchvision:vgg16", "control": "b"},
                {"name": "b", "source": "random:vgg11"},
            ]
        },
        r"backbones: a: control is 'b'; it must be a backbone with the architecture of a and its layers \(all\)",
    ),
    (
        {
            "backbones": [
                {"name": "a", "source": "torchvision:vgg16", "layers": ["relu2_1"], "control": "b"},
                {"name": "b", "source": "random:vgg16", "layers": ["relu2_1"]},
            ]
        },
        r"figures.layer is 'relu1_2'; it must be a layer of a \(relu2_1\)",
    ),
    (
        {
            "backbones": [
                {"name": "a", "source": "random", "layers": {"relu1_1": 4}, "control": "b", "figure_layer": "relu1_2"},
                {"name": "b", "source": "random", "layers": {"relu1_1": 4}},
            ]
        },
        r"backbones: a: figure_layer is 'relu1_2'; it must be a layer of a \(relu1_1\)",
    ),
    (
        {"backbones": [{"name": "a", "source": "random", "layers": {"relu1_1": 4, "conv1": 4}}]},
        "backbones.a.layers has no key 'conv1'",
    ),
    (
        {"backbones": [{"name": "a", "source": "random", "layers": {1: 4}}]},
        "the key 1 was not read as text. Quote it.",
    ),
    (
        {"inversion": {"learning_rate": "1e-4"}},
        "inversion.learning_rate is '1e-4'; it must be a number, .*YAML reads 1e-4 as text: write 0.0001.$",
    ),
    ({"backbones": ["vgg16"]}, r"backbones.0 is 'vgg16'; it must be a mapping[^:]*\.$"),
    (
        {"datasets": [{"name": "tid", "layout": "tid2013", "source": "folder", "path": "gone"}]},
        r"datasets: tid: path is 'gone'; it must be an existing folder",
    ),
    (
        {"datasets": [{"name": "tid", "layout": "tid2013", "source": "download", "path": "gone"}]},
        r"datasets: tid: path is 'gone'; it must be left out",
    ),
    (
        {"datasets": [{"name": "modelfest", "layout": "tid2013", "source": "ladder"}]},
        r"datasets: name is 'modelfest'; it must be another",
    ),
    (
        {"datasets": [{"name": "tid", "layout": "tid2013", "source": "ladder", "checksum": f"md5:{'0' * 32}"}]},
        r"datasets: tid: checksum is 'md5:0+'; it must be left out",
    ),
    (
        {"datasets": [{"name": "own", "layout": "opinions", "source": "folder", "path": "gone.csv"}]},
        r"datasets: own: path is 'gone.csv'; it must be an existing file; there is no /.*gone.csv",
    ),
    (
        {"datasets": [{"name": "own", "layout": "kadid10k", "source": "ladder"}]},
        r"datasets: own: source is 'ladder'; it must be download or folder, as there is no ladder in",
    ),
    (
        {"datasets": [{"name": "own", "layout": "choices", "source": "download"}]},
        r"datasets: own: source is 'download'; it must be folder, as choices is a table of your own",
    ),
    (
        {"datasets": [{"name": "tid", "layout": "tid2013", "source": "ladder", "range": [5, 1]}]},
        r"datasets: tid: range is \[5, 1\]; it must be left out",
    ),
    ({"datasets": [{"name": "tid", "layout": "tid2008", "source": "ladder"}]}, r"datasets.tid.layout is 'tid2008'"),
    (
        {
            "backbones": [
                {"name": "a", "source": "kmeans", "layers": {"relu1_1": 4}, "control": "b"},
                {"name": "b", "source": "kmeans", "layers": {"relu1_1": 4}},
            ]
        },
        r"backbones: a: control is 'b'; it must be a backbone with random weights",
    ),
    ({"superres": {"scales": [5]}}, r"superres.scales.0 is 5; it must be one of 2, 3, 4"),
    ({"superres": {"scales": [3], "patch": 16}}, r"superres.patch is 16; it must be a multiple of the scale 3"),
    ({"superres": {"patch": 50, "scales": [4]}}, r"superres.patch is 50; it must be a multiple of the scale 4"),
    ({"superres": {"start": "gone.pth"}}, r"superres.start is 'gone.pth'; it must be an existing file"),
    (
        {"superres": {"images": [{"name": "a", "use": "train", "source": "photographs"}]}},
        r"superres.images: use is \['train'\]; it must be test for at least one set",
    ),
    (
        {"superres": {"images": [{"name": "a", "use": "test", "source": "folder", "path": "gone"}]}},
        r"superres.images: use is \['test'\]; it must be train for at least one set",
    ),
    (
        {"superres": {"images": [{"name": "a", "use": use, "source": "folder"} for use in ("train", "test")]}},
        r"superres.images: name is 'a'; it must be used once",
    ),
    (
        {
            "superres": {
                "images": [
                    {"name": "a", "use": "train", "source": "photographs"},
                    {"name": "b", "use": "test", "source": "archive", "archive": "c", "folder": "d"},
                ]
            }
        },
        r"superres.images: b: archive is 'c'; it must be one of superres.archives \(none\)",
    ),
    (
        {"superres": {"images": [{"name": "all", "use": use, "source": "photographs"} for use in ("train", "test")]}},
        r"superres.images: name is 'all'; it must be used once",
    ),
    (
        {
            "superres": {
                "images": [
                    {"name": "a", "use": "train", "source": "photographs"},
                    {"name": "all", "use": "test", "source": "photographs"},
                ]
            }
        },
        r"superres.images: name is 'all'; it must be another; all stands for all test images together",
    ),
    ({"superres": {"losses": [{"name": "start", "selection": "all"}]}}, r"superres.losses: name is 'start'"),
    (
        {"superres": {"losses": [{"name": "a", "selection": "random"}]}},
        r"superres.losses: a: draw is None; it must be given for a random half",
    ),
    (
        {"superres": {"losses": [{"name": "a", "selection": "high", "backbone": "chance"}]}},
        r"superres.losses: a: backbone is 'chance'; it must be a network of this study with a control \(tiny\)",
    ),
    (
        {"superres": {"losses": [{"name": "a", "selection": "high", "layers": ["relu9_9"]}]}},
        r"superres.losses: a: layers is 'relu9_9'; it must be a layer of tiny",
    ),
    (
        {"superres": {"losses": [{"name": name, "selection": "high"} for name in "ab"]}},
        r"superres.losses: a: selection is 'high'; it must be used once for tiny",
    ),
    ({"superres": {"lpips": "tiny"}}, r"superres.lpips is 'tiny'; it must be a backbone .* that no loss uses"),
    (
        {"inversion": {"networks": [{"backbone": "tiny", "layers": ["relu5_1"]}]}},
        r"inversion.networks: tiny: layers is 'relu5_1'; it must be a layer of tiny",
    ),
    (
        {"inversion": {"photographs": ["gone"]}},
        r"inversion.photographs is 'gone'; it must be a photograph of this study \(astronaut, chelsea\)",
    ),
    # names that become parts of paths, and of what is handed to Slurm
    *(
        (
            {"backbones": [{"name": "a", "source": "torchvision:vgg16", "layers": [layer]}]},
            rf"backbones.a.layers.0 is {shown}",
        )
        for layer, shown in (
            ("../../x", r"'\.\./\.\./x'"),
            ("a/b", "'a/b'"),
            ("; rm -rf", "'; rm -rf'"),
            ("..", r"'\.\.'"),
            ("-rf", "'-rf'"),
            ("$(id)", r"'\$\(id\)'"),
            ("", "''"),
        )
    ),
    ({"backbones": [{"name": "a", "source": "random", "figure_layer": "a/b"}]}, r"backbones.a.figure_layer is 'a/b'"),
    ({"figures": {"layer": "../x"}}, r"figures.layer is '\.\./x'"),
    (
        {"inversion": {"networks": [{"backbone": "tiny", "layers": ["../../../x"]}]}},
        r"inversion.networks.0.layers.0 is '\.\./\.\./\.\./x'",
    ),
    (
        {"superres": {"losses": [{"name": "a", "selection": "high", "layers": ["; rm"]}]}},
        r"superres.losses.a.layers.0 is '; rm'",
    ),
    (
        {"backbones": [{"name": "a\n", "source": "random", "layers": {"relu1_1": 4}}]},
        r"backbones.a\?.name is 'a\\n'; it must be with",
    ),
    (
        {"backbones": [{"name": "a", "source": "random", "layers": {"relu1_1\n": 4}}]},
        r"backbones.a.layers is 'relu1_1\\n'; it must be without control characters",
    ),
    (
        {"data_root": "a\x1b[2J", "photographs": [{"name": "own", "split": "test", "path": "a.png"}]},
        r"photographs.own.path is 'a\\x1b\[2J/a.png'; it must be without control characters",
    ),
    (
        {"photographs": [{"name": "own", "split": "test", "path": "a.png", "credit": "me\nyou"}]},
        r"photographs.own.credit is 'me\\nyou'; it must be without control characters",
    ),
    (
        {"photographs": [{"name": "own", "split": "test", "path": "{backbone}.png"}]},
        r"photographs.own.path is '\{backbone\}.png'; it must be without \{ and \}",
    ),
    *(
        (
            {"backbones": [{"name": "a", "source": "torchvision:vgg16", "weights": f"w/{file}.pth"}]},
            f"backbones: a: weights is {shown}",
        )
        for file, shown in (
            ("`x <javascript:alert(1)>`_", r"'w/`x <javascript:alert\(1\)>`_.pth'; it must be a file whose name has"),
            ("javascript:alert(1)", r"'w/javascript:alert\(1\).pth'; it must be a file whose name has none of"),
        )
    ),
    (
        {"backbones": [{"name": "a", "source": "torchvision:vgg16", "weights": "lightning/last.ckpt"}]},
        r"backbones: a: weights is 'lightning/last.ckpt'; it must be a file whose name ends with",
    ),
    (
        {"superres": {"start": "last.ckpt"}},
        r"superres.start is 'last.ckpt'; it must be an existing file whose name ends",
    ),
    (
        {
            "superres": {
                "images": [
                    {"name": "a", "use": "train", "source": "photographs"},
                    {"name": "b", "use": "test", "source": "archive", "archive": "c", "folder": "d/../../e"},
                ]
            }
        },
        r"superres.images.b.folder is 'd/\.\./\.\./e'",
    ),
    (
        {"datasets": [{"name": "many", "layout": "castlecsf", "source": "ladder"}]},
        "datasets: many: source is 'ladder'; it must be download or folder",
    ),
    (
        {"datasets": [{"name": "many", "layout": "castlecsf", "source": "folder", "path": "many.parquet"}]},
        r"datasets: many: path is 'many.parquet'; it must be a table, a .csv file",
    ),
    (
        {"datasets": [{"name": "many", "layout": "castlecsf", "source": "download"}], "castlecsf": {"field": 17}},
        r"castlecsf.field is 17; it must be at most 16: many would be 544 pixels wide",
    ),
    (
        {"datasets": [{"name": "many", "layout": "castlecsf", "source": "download"}], "castlecsf": {"field": 0.5}},
        r"castlecsf.field is 0.5; it must be wider: many would be 16 pixels wide, and 32 are least",
    ),
    ({"datasets": [{"name": "a;b", "layout": "tid2013", "source": "ladder"}]}, r"datasets.a;b.name is 'a;b'"),
    (
        {"datasets": [{"name": "a", "layout": "tid2013", "source": "download", "url": "file:///etc/passwd"}]},
        r"datasets.a.url is 'file:///etc/passwd'",
    ),
]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty folder to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def miniature(**changes):
    """The configuration of the miniature study without data sets, with changes."""
    return {**yaml.safe_load(STUDY.read_text()), "datasets": [], **changes}


def told(config):
    """What is said of the first mistake."""
    with pytest.raises(ConfigurationError) as raised:
        read_study(config)
    return str(raised.value)


@pytest.mark.parametrize(("changes", "message"), MISTAKES)
def test_a_mistake_in_the_configuration_is_told_in_one_line(elsewhere, changes, message):
    found = told(miniature(**changes))
    assert re.search(f"^Configuration: {message}", found), found
    assert "\n" not in found


def test_a_mistake_in_the_configuration_stops_before_any_job(tmp_path):
    finished = snakemake(tmp_path, study=study_with(tmp_path, stimuli={"phasess": 2}))
    assert finished.returncode != 0
    assert "Configuration: stimuli has no key 'phasess'. Did you mean 'phases'?" in finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("value", "found"), [("007", "7"), ("no", "False"), ("1.5", "1.5"), ("2024-11-01", repr(date(2024, 11, 1)))]
)
def test_a_name_that_yaml_takes_for_something_else_keeps_its_place_and_is_to_be_quoted(elsewhere, value, found):
    backbones = yaml.safe_load(f"[{{name: a, source: random}}, {{name: {value}, source: random}}]")
    message = told(miniature(backbones=backbones))
    assert message.startswith(f"Configuration: backbones.1.name is {found}; it must be text, "), message
    assert message.endswith('It was not read as text: quote it, name: "...".')


def test_a_folder_that_the_command_line_takes_for_a_number_is_refused_with_a_way_to_write_it(elsewhere):
    message = told(miniature(**parse_config(["data_root=2024_11"])))
    assert message.startswith("Configuration: data_root is 202411; it must be text or null ")
    assert message.endswith("or on the command line begin it with ./, --config data_root=./....")
    written = parse_config(["data_root=./2024_11"])
    photograph = {"name": "own", "split": "test", "path": "own.png"}
    assert "path is '2024_11/own.png'; it must be an existing" in told(miniature(**written, photographs=[photograph]))


def test_nested_keys_of_the_command_line_are_said_to_need_a_file(elsewhere):
    message = told(miniature(**parse_config(["stimuli={frequencies: 47}"])))
    assert message.startswith("Configuration: stimuli.frequencies is '47'; it must be a whole number, at least 3")
    assert "set nested keys in a file (--configfile), not by --config" in message


def test_a_home_folder_is_found_in_every_path(elsewhere, monkeypatch):
    monkeypatch.setenv("HOME", str(elsewhere))
    for name in ("own.png", "vgg.pth", "start.pth"):
        (elsewhere / name).touch()
    (elsewhere / "images").mkdir()
    images = [{"name": use, "use": use, "source": "folder", "path": "~/images"} for use in ("train", "test")]
    study = read_study(
        miniature(
            data_root="data",  # which paths from home do not start from
            photographs=[{"name": "own", "split": "test", "path": "~/own.png"}],
            backbones=[
                {"name": "a", "source": "torchvision:alexnet", "weights": "~/vgg.pth", "control": "b"},
                {"name": "b", "source": "random:alexnet"},
            ],
            datasets=[{"name": "c", "layout": "tid2013", "source": "folder", "path": "~/images"}],
            superres={"start": "~/start.pth", "images": images, "losses": [{"name": "l1", "selection": "none"}]},
        )
    )
    assert study.value("photographs")[0]["path"] == str(elsewhere / "own.png")
    assert study.networks["a"].files == [str(elsewhere / "vgg.pth")]
    assert study.datasets["c"].folder == study.images[0].place == str(elsewhere / "images")
    assert study.superres["start"] == str(elsewhere / "start.pth")


def test_the_configuration_that_is_read_stays_as_it_is(elsewhere):
    config = miniature()
    before = copy.deepcopy(config)
    read_study(config)
    assert config == before


# What follows from a configuration
@pytest.fixture
def paper():
    return read_study(yaml.safe_load((ROOT / "config/paper.yaml").read_text()))


def test_a_network_with_a_control_is_a_subject(paper):
    assert list(paper.subjects) == [
        "vgg16",
        "alexnet",
        "squeezenet",
        "resnet50",
        "shufflenet",
        "convnext",
        "efficientnet",
    ]
    assert paper.networks["vgg16"].control == "vgg16_random"
    assert paper.networks["vgg16_random"].is_random
    assert not paper.networks["vgg16"].is_random
    assert paper.networks["alexnet"].figure_layer == "relu2"
    assert paper.networks["vgg16"].figure_layer == "relu2_2"


def test_lpips_learnt_weights_for_three_networks_only(paper):
    assert list(paper.learned) == ["vgg16", "alexnet", "squeezenet"]
    assert set(LPIPS_NETWORKS) == set(lpips.FILES)


def test_lpips_weights_are_compared_given_distances_of_images_that_people_judged_if_there_are_any(paper):
    assert paper.typical == "bapps_2afc"
    ladder = {"name": "ladder_tid", "layout": "tid2013", "source": "ladder"}
    networks = [
        {"name": "alexnet", "source": "torchvision:alexnet", "control": "chance"},
        {"name": "chance", "source": "random:alexnet"},
    ]
    own = {**yaml.safe_load((ROOT / "config.yaml").read_text()), "backbones": networks}
    of_ladder = read_study({**own, "datasets": [ladder]})
    assert (of_ladder.typical, list(of_ladder.learned)) == ("ladder_tid", ["alexnet"])
    without = read_study({**own, "datasets": []})
    assert (without.typical, without.learned) == (None, {})


def test_claims_are_about_the_papers_layer_of_its_network_and_the_mean_of_others(paper):
    layers = paper.claim_layers
    assert layers.pop("vgg16") == layers.pop("vgg16_random") == "relu2_2"
    assert set(layers.values()) == {MEAN_OF_LAYERS} == {vocabulary.MEAN_OF_LAYERS}


@pytest.mark.parametrize(
    ("entry", "release", "files"),
    [
        ({}, "DEFAULT", []),
        ({"weights": "IMAGENET1K_V1"}, "IMAGENET1K_V1", []),
        ({"weights": None}, None, []),
        ({"weights": "own.pth"}, None, ["own.pth"]),
    ],
)
def test_weights_are_a_release_a_file_or_random(elsewhere, entry, release, files):
    (elsewhere / "own.pth").touch()
    own = {"name": "a", "source": "torchvision:vgg16", "control": "b", "figure_layer": "relu2_2", **entry}
    study = read_study(miniature(backbones=[own, {"name": "b", "source": "random:vgg16"}]))
    assert (study.networks["a"].release, study.networks["a"].files) == (release, files)
    assert study.networks["b"].release is None


def test_every_layer_that_a_key_names_is_asked_of_the_network(paper):
    """Names of a published network's layers are known only when it is loaded."""
    named = paper.networks["vgg16"].named_layers
    assert named["figure_layer"] == ["relu2_2"]
    assert set(named["inversion.networks"]) == set(paper.networks["vgg16"].inverted) != set()
    assert set(named["superres.losses"]) == {layer for loss in paper.losses.values() for layer in loss.layers or ()}
    assert not any(paper.networks["vgg16_random"].named_layers.values())


def test_data_sets_of_people_are_told_from_ladders_and_whole_ones_from_parts(paper):
    assert paper.people == ["bapps_2afc", "bapps_jnd", "tid2013", "kadid10k", "csiq", "castlecsf"]
    assert paper.ladders == ["ladder_2afc", "ladder_jnd", "ladder_tid"]
    assert paper.graded == "ladder_tid"
    assert paper.whole["tid2013"] == "tid2013"
    assert paper.evidence == {name: name for name in ("bapps_2afc", "tid2013", "kadid10k", "csiq", "castlecsf")}
    assert paper.drawn == ["castlecsf"]
    assert paper.typical == "bapps_2afc"
    assert paper.datasets["tid2013"].folder == "results/data/tid2013/files"
    assert paper.datasets["ladder_tid"].folder == "results/data/ladder/tid2013"
    assert list(paper.downloads) == [*paper.people, "DIV2K_train", "DIV2K_valid", "benchmark"]


def test_thresholds_tell_nothing_of_images(elsewhere):
    """Where they come first, the images of another data set tell how large a channel's distances are."""
    (elsewhere / "thresholds.csv").touch()
    drawn = {"name": "many", "layout": "castlecsf", "source": "folder", "path": "thresholds.csv", "subset": True}
    ladder = {"name": "ladder_tid", "layout": "tid2013", "source": "ladder"}
    study = read_study(miniature(datasets=[drawn, ladder]))
    assert (study.people, study.pictured, study.drawn) == (["many"], ["ladder_tid"], ["many"])
    assert study.typical == "ladder_tid"
    assert read_study(miniature(datasets=[drawn])).typical is None
    assert study.datasets["many"].stated == {"judged_by": "people", "subset": True, "table": "thresholds.csv"}


def test_losses_of_a_network_are_compared_with_l1_alone_and_with_what_no_loss_has_tuned(paper):
    assert list(paper.teachers) == ["vgg16"]
    assert paper.networks["vgg16"].compared == ["bicubic", "start", *paper.losses]
    assert paper.methods["bicubic"].runs == []
    assert paper.methods["start"].runs == ["start"]
    assert paper.methods["high"].runs == [f"high/seed{seed}" for seed in (1, 2, 3, 4, 5)]
    assert paper.methods["l1"].channels == {"selection": "none", "layers": None, "draw": None}


def test_without_losses_there_is_no_super_resolution(elsewhere):
    study = read_study(miniature(superres={"losses": []}))
    assert [*study.scales, *study.images, *study.archives, *study.losses, *study.teachers] == []


def test_inversion_takes_the_figure_layers_and_test_photographs_unless_told_otherwise(elsewhere):
    study = read_study(miniature(inversion={}))
    assert {name: network.inverted for name, network in study.inverted.items()} == {"tiny": ("relu1_2",)}
    assert study.value("inversion.photographs") == ["chelsea"]


def test_params_are_named_by_the_last_part_of_their_keys(paper):
    assert paper.params("statistics.splits", "seed") == {"splits": 10000, "seed": 0}


def test_the_entry_that_a_wildcard_names_is_looked_up(paper):
    network = Lookup("backbone", paper.networks)
    assert network.figure_layer(SimpleNamespace(backbone="alexnet")) == "relu2"
    assert network("results/probing/{0.control}/tuning.nc")(SimpleNamespace(backbone="alexnet")) == (
        "results/probing/alexnet_random/tuning.nc"
    )


def test_a_pattern_of_no_names_matches_nothing():
    assert re.fullmatch(any_of(["a", "b"]), "b")
    assert not re.fullmatch(any_of([]), "")


def test_words_that_the_study_shares_with_the_library_are_the_same():
    """The study does not import the library, so it writes them itself."""
    assert checks.EVERYTHING == vocabulary.EVERYTHING
    assert (configuration.BICUBIC, configuration.START) == (vocabulary.BICUBIC, vocabulary.START)
    assert files.LEFT_BY_SYSTEMS == provenance.LEFT_BY_SYSTEMS


# Folders of users
@pytest.fixture
def folder(tmp_path):
    (tmp_path / "own/val/judge").mkdir(parents=True)
    (tmp_path / "own/val/judge/0.npy").write_bytes(b"0.25")
    (tmp_path / "own/val/0.bmp").write_bytes(bytes(100_000))
    (tmp_path / "own/mos.txt").write_text("5.5 i01.bmp\n" * 10_000)
    return tmp_path / "own"


def test_a_copy_of_a_folder_has_its_fingerprint(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    assert fingerprint(tmp_path / "copy") == fingerprint(folder)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "val/.hidden/file", "val/Thumbs.db"])
def test_what_systems_leave_behind_does_not_belong_to_a_fingerprint(folder, name):
    before = fingerprint(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"anything")
    assert fingerprint(folder) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("val/judge/0.npy", b"0.75"),
        ("val/judge/1.npy", b"0.25"),
        ("val/0.bmp", b"1" * 100_000),
        ("val/0.bmp", bytes(99_999)),
        ("mos.txt", b"5.5 i01.bmp\n" * 9_999 + b"6.5 i01.bmp\n"),
    ],
)
def test_a_change_in_a_folder_changes_its_fingerprint(folder, name, content):
    before = fingerprint(folder)
    (folder / name).write_bytes(content)
    assert fingerprint(folder) != before


def test_links_to_folders_are_followed_but_not_in_a_circle(folder, tmp_path):
    before = fingerprint(folder)
    for name in ("again", "and_again"):
        (folder / "val" / name).symlink_to(folder, target_is_directory=True)
    assert fingerprint(folder) == before
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch/1.bmp").touch()
    (folder / "train").symlink_to(tmp_path / "scratch", target_is_directory=True)
    assert fingerprint(folder) != before


def test_a_renamed_file_changes_the_fingerprint(folder):
    before = fingerprint(folder)
    (folder / "mos.txt").rename(folder / "renamed.txt")
    assert fingerprint(folder) != before


def test_hidden_files_in_folders_of_users_run_nothing_again(copy):
    """Folders of users change their time with every file in them; what is in them counts."""
    shutil.copytree(copy / "results/data/photographs", copy / "photos")
    images = [
        {"name": use, "use": use, "source": "folder", "path": f"photos/{split}", "size": 64}
        for use, split in (("train", "train"), ("test", "test"), ("validation", "test"))
    ]
    superres = {**yaml.safe_load(STUDY.read_text())["superres"], "images": images}
    study = study_with(copy, superres=superres)
    wanted = ["results/superres/x2/start/weights.safetensors", "results/agreement/tiny/choices.parquet"]
    assert snakemake(copy, *wanted, study=study).returncode == 0
    for folder in ("photos/train", "photos/test", "data/bapps", "data/bapps/2afc/val"):
        (copy / folder / ".DS_Store").touch()
        (copy / folder / "Thumbs.db").touch()
    assert "Nothing to be done" in snakemake(copy, *wanted, "--dry-run", study=study).stdout


# The schema and its page
def test_the_default_study_is_the_schemas_defaults():
    schema = read_schema()

    def defaults(node):
        return {
            key: entry["default"] if "default" in entry and entry["default"] != {} else defaults(entry)
            for key, entry in node["properties"].items()
            if key not in node.get("required", [])
        }

    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert {key: value for key, value in study.items() if key not in schema["required"]} == defaults(schema)


def test_the_schema_knows_the_bundled_photographs():
    schema = read_schema()
    known = schema["properties"]["photographs"]["items"]["then"]["properties"]["name"]["enum"]
    assert set(known) == set(photographs.PACKAGED)


def test_every_key_is_explained_and_no_other_is_allowed():
    def walk(prefix, node):
        for key, entry in node["properties"].items():
            assert entry["description"], f"{prefix}{key}"
            children = entry.get("items", entry)
            if "properties" in children:
                assert children["additionalProperties"] is False, f"{prefix}{key}"
                walk(f"{prefix}{key}.", children)

    walk("", read_schema())


def test_the_page_about_the_configuration_has_the_table_of_the_schema():
    text = (ROOT / "config/README.md").read_text()
    assert page(text) == text, "run `make docs`, or PYTHONPATH=workflow python -m study.page"


# Code
def test_a_digest_covers_what_a_script_imports_in_every_form_and_its_data(tmp_path):
    library, scripts = tmp_path / "src/perceptual_efficacy", tmp_path / "workflow/scripts"
    for folder in (library / "claims", library / "tables", scripts / "job"):
        folder.mkdir(parents=True)
    files = {
        scripts / "rule.py": "from job import job\nfrom _shared import f\nimport perceptual_efficacy.io\n"
        "from perceptual_efficacy import scores\nfrom perceptual_efficacy.claims.evaluation import judge\n",
        scripts / "_shared.py": "from perceptual_efficacy.csf import sensitivity",
        scripts / "job" / "__init__.py": "from perceptual_efficacy import provenance",
        library / "__init__.py": "",
        library / "io.py": "",
        library / "scores.py": "def f():\n    from perceptual_efficacy import statistics",
        library / "statistics.py": "",
        library / "csf.py": "",
        library / "provenance.py": "",
        library / "claims" / "__init__.py": "",
        library / "claims" / "evaluation.py": "",
        library / "claims" / "claims.yaml": "",
        library / "tables" / "groups.py": "",
    }
    for path, text in files.items():
        path.write_text(text)
    before, changed = Code(tmp_path).digest("rule"), set()
    for path, text in files.items():
        path.write_text(f"{text}\nADDED = 1\n" if path.suffix == ".py" else "added: 1\n")
        changed |= {path.name} if Code(tmp_path).digest("rule") != before else set()
        path.write_text(text)
    covered = {"_shared.py", "io.py", "scores.py", "statistics.py", "csf.py", "evaluation.py", "claims.yaml"}
    assert changed == covered | {"__init__.py"}
    assert Code(tmp_path).digest("rule", "tables/groups") != before


def test_a_digest_of_a_rule_without_a_script_is_refused():
    with pytest.raises(ValueError, match="The rule plot_typo has no script"):
        Code().digest("plot_typo")


def test_the_study_needs_what_snakemakes_environment_has_and_imports_one_way():
    order = ["files", "code", "schema", "archive", "configuration", "checks", "__init__", "page"]
    for path in (ROOT / "workflow/study").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                first, *module = name.split(".")
                assert first in {*sys.stdlib_module_names, "yaml", "jsonschema", "study"}, (path, name)
                if first == "study":
                    assert order.index(module[0] if module else "__init__") < order.index(path.stem), (path, name)


def test_table_of_ones_own_lies_in_its_folder(tmp_path):
    table = tmp_path / "mine" / "opinions.csv"
    table.parent.mkdir()
    table.write_text("reference,image,judgement\n")
    stated = {"layout": "opinions", "source": "folder", "higher_is": "worse", "range": [0, 100]}
    entry = {"name": "own", "path": str(table), **stated}
    data = read_study(miniature(datasets=[entry])).datasets["own"]
    assert data.folder == str(table.parent)
    expected = {
        "judged_by": "people",
        "subset": False,
        "table": "opinions.csv",
        "higher_is": "worse",
        "scale": [0, 100],
    }
    assert data.stated == expected
    before = data.fingerprint
    table.write_text("reference,image,judgement\na.png,b.png,1\n")
    assert data.fingerprint != before
    del entry["higher_is"]
    assert "datasets: own: higher_is is None; it must be given: better or worse" in told(miniature(datasets=[entry]))
    entry |= {"higher_is": "worse", "range": [5, 1]}
    expected = "datasets: own: range is [5, 1]; it must be the lowest opinion, then the highest"
    assert expected in told(miniature(datasets=[entry]))
