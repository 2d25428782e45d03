"""The configuration: every mistake is told in one line, every key has its default and is explained."""

import json
import re
import shutil

import pytest
import yaml
from miniature import ROOT, snakemake, study_with

from perceptual_efficacy.datasets import photographs

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
