"""The workflow, run as a user runs it, on a miniature study."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
from functools import partial
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import yaml
from miniature import ROOT, STUDY, command, results, snakemake, study_with
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from perceptual_efficacy import io, storage
from perceptual_efficacy.backbones.loading import load_backbone
from perceptual_efficacy.datasets import photographs


def planned(output):
    """Rules that a dry run would run, with the number of jobs."""
    stats = output.split("Job stats:")[-1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", stats, re.MULTILINE)}


def altered(output):
    """Rules of a dry run whose parameters have changed, which code counts among."""
    return set(re.findall(r"params have changed since last execution:\s*\n\s+(.*)", output)[0].split(", "))


def test_every_claim_has_a_verdict_for_the_network_that_has_a_control(study):
    records = storage.read_record(study / "results/claims.json")["claims"]
    claims = yaml.safe_load((ROOT / "config/claims.yaml").read_text())["claims"]
    assert [(record["id"], record["network"]) for record in records] == [(claim["id"], "tiny") for claim in claims]
    assert {record["verdict"] for record in records if record["about"] == "pre-trained networks"} == {"not tested"}


def test_every_figure_comes_with_what_it_plots(study):
    figures = {path.with_suffix("") for path in (study / "results/figures").rglob("*.*")}
    assert len(figures) == 25
    for figure in figures:
        assert len(pd.read_csv(figure.with_suffix(".csv"))) > 0
        assert figure.with_suffix(".png").stat().st_size > 0
        assert figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_every_table_is_written_in_four_formats(study):
    names = {path.stem for path in (study / "results/tables").glob("*.md")}
    assert names >= {"baselines", "channels", "claims", "groups", "layers", "networks", "selections"}
    found = {path.name for path in (study / "results/tables").iterdir()}
    written = {f"{name}.{kind}" for name in names for kind in ("csv", "md", "tex", "html")}
    assert found == written | {"agreement.csv"}  # every single score: for programs


def test_the_configuration_used_is_written_down_with_its_defaults(study):
    used = yaml.safe_load((study / "results/configuration.yaml").read_text())
    assert used["stimuli"]["contrast"] == 0.5
    assert used["modelfest"]["also_at"] == [40]
    assert [entry["name"] for entry in used["backbones"]] == ["tiny", "chance"]


def test_no_path_of_the_machine_is_in_the_results(study):
    words = [str(study).encode(), str(ROOT).encode(), str(Path.home()).encode()]
    for path in (study / "results").rglob("*"):
        if path.is_file() and not {"logs", "benchmarks"} & set(path.parts):
            assert not [word for word in words if word in path.read_bytes()], path


def test_every_job_writes_a_log_and_a_benchmark(study):
    logs, benchmarks = (
        {
            str(path.relative_to(study / "results" / kind).with_suffix(""))
            for path in (study / "results" / kind).rglob("*.*")
        }
        for kind in ("logs", "benchmarks")
    )
    assert logs == benchmarks
    assert len(logs) > 25


def test_a_second_run_has_nothing_to_do(study):
    assert "Nothing to be done" in snakemake(study).stdout


def test_the_report_is_written(copy):
    finished = snakemake(copy, "--report", "results/report.html")
    assert finished.returncode == 0, finished.stdout
    assert "Perceptual efficacy" in (copy / "results/report.html").read_text(encoding="utf-8")


@pytest.fixture
def clone(tmp_path):
    """A copy of the sources, to be edited."""
    root = tmp_path / "clone"
    for name in ("rules", "workflow", "src", "config", "envs"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, root / name)
    return root


def digests(root):
    """Digest of the code behind every rule, as the workflow in a folder computes it."""
    names = {"workflow": SimpleNamespace(basedir=root)}
    exec((root / "rules/code.smk").read_text(), names)  # noqa: S102 - it is Python, without rules
    return {path.stem: names["code_digest"](path.stem) for path in names["SCRIPTS"].glob("[!_]*.py")}


USING_CSF = {"score_channels", "compare_layers", "assess_thresholds", "assess_agreement", "plot_frequency_curves"} | {
    "plot_ladder",
    "compare_with_lpips",
    "fine_tune",
    "invert_features",
    "judge_images",
}


USING_IMAGES = {"list_images", "pack_images", "train_start", "fine_tune", "judge_images", "plot_superres_crops"}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("csf", USING_CSF),
        ("agreement", {"assess_agreement"}),
        ("baselines", {"measure_baselines", "train_start", "fine_tune", "judge_images", "invert_features"}),
        ("runs", {"compare_losses", "compare_inversions"}),
        ("inversion", {"invert_features"}),
        ("superres/training", {"train_start", "fine_tune"}),
        ("superres/judging", {"judge_images"}),
        ("superres/resize", USING_IMAGES),
        ("datasets/ladder", {"generate_ladder", "read_judgements"}),
        ("probing", {"probe_channels", "fine_tune", "invert_features", "judge_images"}),
        ("backbones/kmeans", {"learn_kmeans", "load_network"}),
        ("backbones/weights", {"load_network", "train_start", "fine_tune", "judge_images"}),
        ("learned", {"compare_with_lpips", "assess_agreement", "judge_images"}),
        ("thresholds", {"assess_thresholds"}),
        ("claims", {"judge_claims"}),
        ("plots/selections", {"plot_selections"}),
    ],
)
def test_editing_a_module_changes_the_digest_of_exactly_the_rules_that_use_it(clone, module, expected):
    before = digests(clone)
    assert len(before) > 20
    path = clone / f"src/perceptual_efficacy/{module}.py"
    code = path.read_text()
    path.write_text(code.replace('"""', '"""Differently said: ', 1) + "\n# a comment\n")
    assert digests(clone) == before
    path.write_text(code + "\nADDED = 1\n")
    after = digests(clone)
    assert {rule for rule in before if before[rule] != after[rule]} == expected


def test_editing_a_module_runs_the_rules_that_use_it_and_what_follows_from_them(copy, clone):
    path = clone / "src/perceptual_efficacy/csf.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert "Nothing to be done" in snakemake(copy, "--dry-run", root=clone).stdout
    path.write_text(path.read_text() + "\nADDED = 1\n")
    using = dict.fromkeys(USING_CSF - {"compare_with_lpips"}, 1) | {
        "fine_tune": 4,
        "judge_images": 6,
        "score_channels": 2,
        "assess_thresholds": 4,
        "assess_agreement": 8,
    }
    of_scores = {"channel_scores", "orientation_curves", "efficacy_by_layer", "first_layer_filters"}
    following = {f"plot_{figure}": 1 for figure in (*of_scores, "thresholds", "selections", "depth", "networks")}
    following |= {f"plot_superres_{figure}": 1 for figure in ("plane", "curves", "crops", "differences")}
    following |= {"compare_losses": 1, "compare_inversions": 1, "plot_inversions": 1}
    following |= {f"plot_{figure}": 3 for figure in ("groups", "image_selections", "single_channels")}
    expected = {**using, **following, "judge_claims": 1, "write_tables": 1, "all": 1}
    assert planned(snakemake(copy, "--dry-run", root=clone).stdout) == expected


def test_changing_a_key_runs_the_rules_that_depend_on_it(copy, tmp_path):
    changed = yaml.safe_load(STUDY.read_text())
    changed["statistics"]["splits"] = 300
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(changed, sort_keys=False))
    found = altered(snakemake(copy, "--dry-run", study=other).stdout)
    assert found == {"assess_thresholds", "assess_agreement", "record_configuration"}


@pytest.mark.parametrize(
    "path",
    [
        "results/probing/tiny/tuning.nc",
        "results/selectivity/tiny/variants.parquet",
        "results/backbones/tiny/weights.safetensors",
        "results/backbones/tiny/card.json",
        "results/data/photographs/train/astronaut.png",
    ],
)
def test_a_truncated_intermediate_is_named_and_not_used(copy, path):
    damaged = copy / path
    damaged.write_bytes(damaged.read_bytes()[:-20])
    finished = snakemake(copy)
    assert finished.returncode != 0
    assert re.search(rf"\w+: {path}: .*Delete it and run again", finished.stdout)
    assert "Traceback" not in finished.stdout


def test_a_damaged_intermediate_is_rebuilt_once_it_is_deleted(study, copy):
    damaged = copy / "results/selectivity/tiny/variants.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    assert snakemake(copy).returncode != 0
    damaged.unlink()
    assert snakemake(copy).returncode == 0
    assert results(copy) == results(study)


def test_what_a_failed_job_took_away_is_missed_by_the_next_run(copy, tmp_path):
    """The weights of a failed job are gone while the results behind them are there: those are not current."""
    changed = study_with(tmp_path, kmeans={"patches": 2000, "iterations": 4})
    photograph = copy / "results/data/photographs/train/astronaut.png"
    content = photograph.read_bytes()
    photograph.write_bytes(content[:-20])
    assert snakemake(copy, "results/backbones/tiny/card.json", study=changed).returncode != 0
    assert not (copy / "results/backbones/tiny/card.json").exists()
    photograph.write_bytes(content)
    planned_jobs = planned(snakemake(copy, "--dry-run", study=changed).stdout)
    assert {"learn_kmeans", "probe_channels", "score_channels", "judge_claims"} <= set(planned_jobs)


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A folder in which a published network with weights from a file was studied as far as the claims."""
    folder = tmp_path_factory.mktemp("published")
    network = load_backbone("random:squeezenet1_1", layers=["relu1", "fire2"], seed=8).network
    (folder / "models").mkdir()
    safetensors.torch.save_file(dict(network.state_dict()), folder / "models/squeezed.safetensors")
    changes = {
        "data_root": "models",
        "photographs": [{"name": "astronaut", "split": "test"}],
        "backbones": [
            {
                "name": "squeezed",
                "source": "torchvision:squeezenet1_1",
                "layers": ["relu1", "fire2"],
                "weights": "squeezed.safetensors",
                "control": "chance",
            },
            {"name": "chance", "source": "random:squeezenet1_1", "layers": ["relu1", "fire2"]},
        ],
        "modelfest": {"also_at": [], "contrasts": 4},
        "datasets": [],
        "superres": {"losses": []},
        "figures": {"layer": "fire2"},
    }
    study = study_with(folder, **changes)
    figures = ("first_layer_filters", "lpips_weights", "channel_scores")
    targets = ["results/claims.json", *(f"results/figures/squeezed/{figure}.png" for figure in figures)]
    finished = snakemake(folder, *targets, study=study)
    assert finished.returncode == 0, finished.stdout
    return folder


def test_a_file_of_weights_is_found_from_the_data_root_and_named_in_the_card(published):
    card = storage.read_record(published / "results/backbones/squeezed/card.json")
    content = (published / "models/squeezed.safetensors").read_bytes()
    assert (card["file"], card["file_sha256"]) == ("squeezed.safetensors", hashlib.sha256(content).hexdigest())
    assert (card["architecture"], card["pretrained"]) == ("torchvision:squeezenet1_1", True)


def test_lpips_says_nothing_of_weights_that_it_was_not_trained_on(published):
    records = storage.read_record(published / "results/claims.json")["claims"]
    (record,) = (record for record in records if record["id"] == "efficacy-agrees-with-learned-weights")
    assert (record["verdict"], record["reason"]) == ("not tested", "LPIPS learnt no weights for this network")


def test_a_published_network_with_weights_is_judged(published):
    records = storage.read_record(published / "results/claims.json")["claims"]
    (record,) = (record for record in records if record["id"] == "efficacy-predicts-thresholds")
    assert record["endpoint"].startswith("layer mean of layers")
    assert record["verdict"] != "not tested"


def test_a_layer_for_figures_that_a_network_lacks_stops_when_it_is_loaded(published, tmp_path):
    networks = [
        {"name": "a", "source": "torchvision:alexnet", "weights": None, "control": "b", "figure_layer": "relu9"},
        {"name": "b", "source": "random:alexnet"},
    ]
    study = study_with(tmp_path, backbones=networks, datasets=[])
    finished = snakemake(tmp_path, "results/backbones/a/card.json", study=study)
    assert "load_network: figure_layer of a is 'relu9', no layer of it (relu1, relu2, relu3," in finished.stdout
    assert "Traceback" not in finished.stdout


def test_weights_that_do_not_fit_stop_their_job_with_one_line(published, tmp_path):
    changes = {
        "data_root": str(published / "models"),
        "backbones": [
            {
                "name": "squeezed",
                "source": "torchvision:squeezenet1_1",
                "layers": ["relu1", "fire3"],
                "weights": "squeezed.safetensors",
            },
        ],
        "datasets": [],
    }
    changes["backbones"][0]["control"] = "chance"
    changes["backbones"].append({"name": "chance", "source": "random:squeezenet1_1", "layers": ["relu1", "fire3"]})
    changes["figures"] = {"layer": "fire3"}
    changes["inversion"] = {"networks": []}
    finished = snakemake(tmp_path, "results/backbones/squeezed/card.json", study=study_with(tmp_path, **changes))
    assert "load_network: squeezed.safetensors does not fit the network. missing: features.4.squeeze" in finished.stdout
    assert "Traceback" not in finished.stdout


MISTAKES = [
    ({"stimuli": {"phasess": 2}}, r"stimuli has no key 'phasess'. Did you mean 'phases'\? Its keys are contrast, "),
    ({"stimulus": {}}, r"the study has no key 'stimulus'. Did you mean 'stimuli'\?"),
    ({"stimuli": {"phases": 0}}, r"stimuli.phases is 0; .* minimum 1"),
    ({"stimuli": {"encoding": "linear"}}, r"stimuli.encoding is 'linear'; .*display"),
    (
        {"stimuli": {"highest_frequency": 17}},
        r"stimuli.highest_frequency is 17; it must be at most 16, the Nyquist frequency",
    ),
    ({"stimuli": {"lowest_frequency": 15}}, r"stimuli.lowest_frequency is 15; it must be below"),
    ({"photographs": []}, r"photographs is \[\]; .* minItems 1"),
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
    ({"stimuli": {"size": 1024, "frequencies": 24, "orientations": 16}}, r"stimuli.size is 1024; .* exceed 2 GiB"),
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
        r"backbones.a.source is 'torchvison:vgg16'; .*A VGG-shaped network",
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
        r"backbones: a: layers is 'lpips'; it must be all or a list; LPIPS is defined on vgg16, alexnet, squeeze",
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
    ({"superres": {"scales": [5]}}, r"superres.scales.0 is 5; .*\[2, 3, 4\]"),
    ({"superres": {"scales": [3], "patch": 16}}, r"superres.patch is 16; it must be a multiple of the scale 3"),
    ({"superres": {"patch": 50, "scales": [4]}}, r"superres.patch is 50; it must be a multiple of the scale 4"),
    ({"superres": {"start": "gone.pth"}}, r"superres.start is 'gone.pth'; it must be an existing file"),
    (
        {"superres": {"images": [{"name": "a", "use": "train", "source": "photographs"}]}},
        r"superres.images is \[\]; it must be one set of use test at least",
    ),
    (
        {"superres": {"images": [{"name": "a", "use": "test", "source": "folder", "path": "gone"}]}},
        r"superres.images is \[\]; it must be one set of use train at least",
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
        r"superres.losses: a: selection is 'high'; it must be there once for tiny",
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
            rf"backbones.a.layers.0 is {told}",
        )
        for layer, told in (
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
            f"backbones: a: weights is {told}",
        )
        for file, told in (
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
    ({"datasets": [{"name": "a;b", "layout": "tid2013", "source": "ladder"}]}, r"datasets.a;b.name is 'a;b'"),
    (
        {"datasets": [{"name": "a", "layout": "tid2013", "source": "download", "url": "file:///etc/passwd"}]},
        r"datasets.a.url is 'file:///etc/passwd'",
    ),
]


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """What the workflow says of each mistake: all of them in one run, as starting Snakemake takes seconds."""
    root = tmp_path_factory.mktemp("mistakes")
    for name in ("rules", "workflow", "config"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "config.yaml", root)
    for number, (changes, _) in enumerate(MISTAKES):
        (root / f"{number:03}").mkdir()
        study_with(root / f"{number:03}", **{"datasets": [], **changes})
    (root / "Mistakes").write_text(
        'configfile: "config.yaml"\ninclude: "rules/study.smk"\ninclude: "rules/mistakes.smk"\n'
    )
    (root / "rules/mistakes.smk").write_text(
        "import json\n"
        "from snakemake.utils import update_config\n"
        "for path in sorted(Path(workflow.basedir).glob('*/changed.yaml')):\n"
        "    config.clear()\n"
        "    config.update(yaml.safe_load(Path(workflow.basedir, 'config.yaml').read_text()))\n"
        "    update_config(config, yaml.safe_load(path.read_text()))\n"
        "    try:\n"
        "        check()\n"
        "    except WorkflowError as error:\n"
        "        print('told', json.dumps([path.parent.name, str(error)]))\n"
    )
    finished = snakemake(root, "--dry-run", root=root, study=root / "config.yaml", snakefile="Mistakes")
    found = re.findall(r"^told (.*)$", finished.stdout, re.MULTILINE)
    assert found, finished.stdout
    return {int(number): message for number, message in map(json.loads, found)}


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_in_the_configuration_is_told_in_one_line(told, number):
    assert re.search(f"^Configuration: {MISTAKES[number][1]}", told[number])
    assert "\n" not in told[number]


@pytest.mark.parametrize("number", [0, len(MISTAKES) - 1])
def test_a_mistake_in_the_configuration_stops_before_any_job(tmp_path, number):
    changes, message = MISTAKES[number]
    finished = snakemake(tmp_path, study=study_with(tmp_path, **{"datasets": [], **changes}))
    assert finished.returncode != 0
    assert re.search(f"Configuration: {message}", finished.stdout), finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (tmp_path / "results").exists()


def test_a_photograph_that_cannot_be_read_is_named(tmp_path):
    broken = tmp_path / "garden.png"
    broken.write_bytes(b"no image")
    listed = [{"name": "astronaut", "split": "train"}, {"name": "garden", "split": "test", "path": str(broken)}]
    finished = snakemake(
        tmp_path,
        "export_photographs",
        study=study_with(tmp_path, photographs=listed, datasets=[]),
    )
    assert finished.returncode != 0
    assert f"{broken}: cannot be read as an image" in finished.stdout
    assert not list((tmp_path / "results/data").rglob("*.png"))


def test_scripts_take_values_from_params_only():
    for script in (ROOT / "workflow/scripts").glob("*.py"):
        assert "snakemake.config" not in script.read_text(), script


def test_every_rule_has_a_script_of_its_name():
    rules = re.findall(r"^rule (\w+):", "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk")), re.M)
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("[!_]*.py")}
    assert set(rules) == scripts


def pins_of(environment):
    return yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())["dependencies"][-1]["pip"]


def test_the_conda_environments_have_the_pins_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pipeline = [pin for pin in project["optional-dependencies"]["pipeline"] if not pin.startswith("snakemake")]
    assert pins_of("perception") == sorted(project["dependencies"] + pipeline)
    assert set(pins_of("download")) < set(project["dependencies"])


def test_downloads_import_only_what_their_small_environment_has():
    code = (
        "import sys; before = {*sys.modules}\nimport _entry, perceptual_efficacy.datasets.archives\n"
        "print(*{name.partition('.')[0] for name in {*sys.modules} - before})"
    )
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "workflow/scripts")])
    run = partial(subprocess.run, text=True, capture_output=True, check=True)
    imported = run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}).stdout.split()
    packages = metadata.packages_distributions()
    found = {canonicalize_name(name) for module in imported for name in packages.get(module, [])}
    allowed, todo = set(), [pin.partition("==")[0] for pin in pins_of("download")]
    while todo:
        allowed.add(name := todo.pop())
        needed = map(Requirement, metadata.requires(name) or [])
        todo += {other.name for other in needed if not other.marker or other.marker.evaluate({"extra": ""})} - allowed
    assert "requests" in found
    assert found - {"perceptual-efficacy"} <= set(map(canonicalize_name, allowed))


def test_the_default_study_is_the_schemas_defaults():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())

    def defaults(node):
        return {
            key: defaults(entry) if "properties" in entry else entry["default"]
            for key, entry in node["properties"].items()
            if key not in node.get("required", [])
        }

    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert {key: value for key, value in study.items() if key not in schema["required"]} == defaults(schema)


def test_the_schema_knows_the_bundled_photographs():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    known = schema["properties"]["photographs"]["items"]["then"]["properties"]["name"]["enum"]
    assert set(known) == set(photographs.PACKAGED)


def test_every_key_is_explained():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    readme = (ROOT / "config/README.md").read_text()

    def walk(prefix, node):
        for key, entry in node["properties"].items():
            assert entry["description"], f"{prefix}{key}"
            children = entry.get("items", entry)
            if "properties" in children:
                assert children["additionalProperties"] is False, f"{prefix}{key}"
                walk(f"{prefix}{key}{'[]' if 'items' in entry else ''}.", children)
                continue
            line = next(row for row in readme.splitlines() if row.startswith(f"| `{prefix}{key}` "))
            assert entry["description"] in line
            if "default" in entry and key not in node.get("required", []):
                default = entry["default"]
                assert f"`{default if isinstance(default, str) else json.dumps(default)}`" in line

    walk("", schema)


def downloaded(address, **more):
    """Entry of a data set that is downloaded."""
    entry = {"name": "bapps", "layout": "bapps_2afc", "source": "download", "subset": True}
    return {**entry, "url": f"{address}/2afc.tar.gz", **more}


def test_a_data_set_is_downloaded_verified_unpacked_and_read(served, study, tmp_path):
    folder, address = served
    with tarfile.open(folder / "2afc.tar.gz", "w:gz") as archive:
        archive.add(study / "data/bapps/2afc/val", "val")
    checksum = f"sha256:{storage.file_sha256(folder / '2afc.tar.gz')}"
    config = study_with(tmp_path, datasets=[downloaded(address, checksum=checksum)])
    comparisons = "results/data/bapps/comparisons.parquet"
    finished = snakemake(tmp_path, comparisons, study=config)
    assert finished.returncode == 0, finished.stdout
    columns = ["group", "cluster", "judgement", "reference_sha256", "first_sha256", "second_sha256"]
    pd.testing.assert_frame_equal(
        io.read_table(tmp_path / comparisons)[columns],
        io.read_table(study / "results/data/choices/comparisons.parquet")[columns],
    )
    card = storage.read_record(tmp_path / "results/data/bapps/card.json")
    assert (card["sha256"], card["verified_by"]) == (checksum, checksum)


def test_an_archive_outlives_a_change_of_its_entry(served, study, tmp_path):
    folder, address = served
    with tarfile.open(folder / "2afc.tar.gz", "w:gz") as archive:
        archive.add(study / "data/bapps/2afc/val/cnn", "val/cnn")
    card = "results/data/bapps/card.json"
    unverified = study_with(tmp_path, datasets=[downloaded(address, allow_unverified=True)])
    assert snakemake(tmp_path, card, study=unverified).returncode == 0
    found = storage.read_record(tmp_path / card)
    assert found["verified_by"] is None
    (folder / "2afc.tar.gz").unlink()
    verified = study_with(tmp_path, datasets=[downloaded(address, checksum=found["sha256"])])
    assert snakemake(tmp_path, card, study=verified).returncode == 0
    assert storage.read_record(tmp_path / card)["verified_by"] == found["sha256"]


def test_a_judgement_that_was_edited_in_place_is_read_again(copy):
    np.save(copy / "data/bapps/2afc/val/cnn/judge/000003.npy", np.array([0.55]))
    jobs = planned(snakemake(copy, "--dry-run").stdout)
    assert jobs["read_judgements"] == 2  # choices, and same, which lies in the same folder
    assert {"measure_image_distances", "assess_agreement", "write_tables"} <= set(jobs)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"checksum": f"sha256:{'0' * 64}"}, r"has the checksum sha256:[0-9a-f]+; expected sha256:0{64}"),
        ({}, r"there is no checksum to verify it by.*\n.*\n.*checksum: sha256:[0-9a-f]{64}"),
        ({"url": "http://127.0.0.1:1/2afc.tar.gz", "allow_unverified": True}, r"http://127\.0\.0\.1:1/2afc\.tar\.gz: "),
    ],
)
def test_what_cannot_be_verified_or_reached_is_not_unpacked(served, tmp_path, more, message):
    folder, address = served
    (folder / "2afc.tar.gz").write_bytes(b"something else")
    config = study_with(tmp_path, datasets=[{**downloaded(address), **more}])
    finished = snakemake(tmp_path, "results/data/bapps/files", "--retries", "0", study=config)
    assert finished.returncode != 0
    assert re.search(message, finished.stdout), finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (tmp_path / "results/data/bapps/files").exists()


def test_a_judgement_that_is_none_is_named_before_any_network_runs(copy):
    np.save(copy / "data/bapps/2afc/val/cnn/judge/000003.npy", np.array([1.4]))
    finished = snakemake(copy, "results/data/choices/comparisons.parquet")
    assert finished.returncode != 0
    assert re.search(r"judge/000003\.npy holds 1\.4; a judgement is the share of observers", finished.stdout)


def test_an_image_that_changed_after_its_judgements_were_read_is_named(copy):
    distorted = copy / "results/data/ladder/tid2013/distorted_images"
    shutil.copy(distorted / "i01_08_1.bmp", distorted / "i01_08_2.bmp")
    finished = snakemake(copy, "results/distances/tiny/ladder_tid.nc", "--force")
    assert finished.returncode != 0
    assert re.search(r"i01_08_2\.bmp: its SHA-256 is .*the data set has changed", " ".join(finished.stdout.split()))


def test_distances_go_on_from_the_part_where_they_were_stopped(study, copy):
    """A later part's image is missing at first: the parts before it stay, and the bytes are those of one run."""
    image = copy / "results/data/ladder/tid2013/distorted_images/i02_25_5.bmp"
    content = image.read_bytes()
    image.unlink()
    wanted = "results/distances/tiny/ladder_tid.nc"
    assert snakemake(copy, wanted, "--force").returncode != 0
    parts = copy / "results/distances/tiny/.ladder_tid-parts"
    assert sorted(path.name for path in parts.glob("*.nc")) == ["0000000.nc", "0000040.nc"]
    image.write_bytes(content)
    assert snakemake(copy, wanted).returncode == 0
    assert not parts.exists()
    assert (copy / wanted).read_bytes() == (study / wanted).read_bytes()


def test_an_image_to_train_and_to_test_with_is_refused_before_any_training(study, tmp_path):
    photograph = study / "results/data/photographs/train/astronaut.png"
    io.write_image(io.read_image(photograph), tmp_path / "photos/renamed.png")
    images = [
        {"name": "training", "use": "train", "source": "photographs"},
        {"name": "own", "use": "test", "source": "folder", "path": "photos"},
    ]
    superres = {**yaml.safe_load(STUDY.read_text())["superres"], "images": images}
    changed = study_with(tmp_path, superres=superres, datasets=[])
    finished = snakemake(tmp_path, "results/superres/x2/l1/scores.parquet", study=changed)
    told = r"list_images: renamed.png \(own, test\) and astronaut.png \(training, train\) are the same image"
    assert re.search(told, finished.stdout), finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (tmp_path / "results/superres").exists()


@pytest.mark.slow
def test_training_that_is_killed_three_times_ends_with_the_same_bytes(tmp_path, clone):
    module = clone / "src/perceptual_efficacy/superres/training.py"
    module.write_text(module.read_text().replace("STATE_SECONDS = 30.0", "STATE_SECONDS = 1.0"))
    superres = yaml.safe_load(STUDY.read_text())["superres"]
    superres |= {"network": {"blocks": 4, "width": 32}, "training": {"steps": 900, "log_every": 100}, "patch": 48}
    changed = study_with(tmp_path, superres=superres, datasets=[])
    target = "results/superres/x2/start/weights.safetensors"
    ended = []
    for name in ("whole", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        state, random = folder / "results/superres/x2/start/.state", np.random.default_rng(1)
        for _ in range(3 if name == "killed" else 0):
            running = subprocess.Popen(
                command(folder, target, "--rerun-incomplete", root=clone, study=changed),
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            before = state.read_bytes() if state.exists() else b""
            while not state.exists() or state.read_bytes() == before:  # the start, and then what was trained since
                assert running.poll() is None
                time.sleep(0.2)
            time.sleep(random.uniform(0, 3))
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            snakemake(folder, "--unlock", study=changed, root=clone)
        finished = snakemake(folder, target, "--rerun-incomplete", study=changed, root=clone)
        assert finished.returncode == 0, finished.stdout
        assert not state.exists()
        ended.append([(folder / target).with_name(file).read_bytes() for file in ("weights.safetensors", "log.csv")])
    assert ended[0] == ended[1]


def test_the_study_at_the_papers_scale_is_planned(tmp_path):
    jobs = planned(snakemake(tmp_path, "--dry-run", study=ROOT / "config/paper.yaml").stdout)
    assert jobs["download_dataset"] == jobs["unpack_dataset"] == 6  # three data sets, three archives of images
    assert jobs["train_start"] == 1
    assert jobs["fine_tune"] == 9 * 5
    assert jobs["judge_images"] == 9 + 2
    assert jobs["load_network"] == 14
    assert jobs["measure_image_distances"] == jobs["assess_agreement"] == 14 * 6
    assert jobs["compare_with_lpips"] == jobs["plot_lpips_weights"] == 3
