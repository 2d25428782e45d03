"""The pages of documentation that say what the study makes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from jinja2 import Template

from perceptual_efficacy.backbones import loading

ROOT = Path(__file__).parents[1]
ITEMS = yaml.safe_load((ROOT / "docs/paper-figures.yaml").read_text())
STATES = {"reproduced", "stand-in", "needs data"}
STUDIES = ("default", "pretrained", "paper")

sys.path.insert(0, str(ROOT / "tools"))
import refresh  # noqa: E402
import reliability  # noqa: E402

RULES = {
    name: body
    for path in (ROOT / "rules").glob("*.smk")
    for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), re.MULTILINE | re.DOTALL)
}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["item"])
def test_every_item_of_the_paper_has_a_state_in_every_study(item):
    assert {item[study] for study in STUDIES} <= STATES


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["item"])
def test_every_item_that_is_made_has_a_rule_with_its_figure_and_csv(item):
    outputs = RULES[item["rule"]].split("output:")[1].split("log:")[0]
    if item["rule"] == "write_table":
        assert f'    "{Path(item["output"]).stem}": (' in (ROOT / "rules/report.smk").read_text()
        return
    assert "figure_files(" in outputs  # PNG, PDF and CSV
    assert f'"{Path(item["output"]).relative_to("results/figures").with_suffix("")}"' in outputs


def reproduces(study, item):
    """Whether a study has the network and the data that an item of the paper is of."""
    needed = {"plot_groups": "bapps_2afc", "plot_image_selections": "tid2013"}.get(item["rule"])
    if item["rule"] == "plot_stimuli":
        return True
    if needed is not None and not any(
        entry["layout"] == needed and entry["source"] != "ladder" and not entry.get("subset")
        for entry in study.get("datasets", [])
    ):
        return False
    if item["item"].startswith("Super-resolution"):  # EDSR-baseline on DIV2K
        superres = study.get("superres", {})
        learnt = [entry["name"] for entry in superres.get("images", []) if entry["use"] == "train"]
        if superres.get("network") != {"blocks": 16, "width": 64} or learnt != ["DIV2K"]:
            return False
    layer = study.get("figures", {}).get("layer", "relu2_2")
    return any(
        entry["source"] == "torchvision:vgg16"
        and entry.get("weights", "DEFAULT") is not None
        and entry.get("figure_layer", layer) == "relu2_2"
        and (entry["layers"] == "lpips" or "relu2_2" in entry["layers"])
        for entry in study["backbones"]
    )


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["item"])
def test_reproduced_is_what_has_the_papers_network_and_data(item, name):
    path = ROOT / ("config.yaml" if name == "default" else f"config/{name}.yaml")
    assert (item[name] == "reproduced") == reproduces(yaml.safe_load(path.read_text()), item)


@pytest.mark.parametrize("name", STUDIES)
def test_the_front_page_of_the_report_names_every_network_and_its_weights(name):
    path = ROOT / ("config.yaml" if name == "default" else f"config/{name}.yaml")
    defaults = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = {**defaults, **yaml.safe_load(path.read_text())}
    study["stimuli"] = {**defaults["stimuli"], **study["stimuli"]}
    for entry in study["backbones"]:
        entry.setdefault("layers", "all")
    template = Template((ROOT / "workflow/report/workflow.rst").read_text())
    page = template.render(snakemake=SimpleNamespace(config=study))
    for entry in study["backbones"]:
        (line,) = re.findall(rf"^- \*\*{entry['name']}\*\*: (.*)$", page, re.MULTILINE)
        layers = entry["layers"] if isinstance(entry["layers"], str) else ", ".join(entry["layers"])
        assert line.endswith(f"; layers {layers}")
        random = entry["source"].startswith("random") or entry.get("weights", "") is None
        assert ("random weights" in line) == random
        assert ("stand-in" in line) == (entry["source"] == "kmeans")
    people = [entry["name"] for entry in study["datasets"] if entry["source"] != "ladder"]
    assert all(f"; {name}, " in page for name in people)


def test_the_page_of_the_papers_figures_is_what_its_list_gives():
    assert (ROOT / "docs/paper-figures.md").read_text() == refresh.paper_figures(ITEMS)


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "config").glob("*.md")])
)
def test_links_between_pages_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_kmeans_by_name_learns_from_the_default_studys_training_photographs():
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert [photo["name"] for photo in study["photographs"] if photo["split"] == "train"] == list(loading.TRAINED_ON)


TRIALS = """
import pytest

def test_one(tried):
    tried("a kill", "by hand").survived("a | b")

def test_two(tried):
    tried("a flood", "with water")
    pytest.skip("no water here")

def test_three(tried):
    tried("a kill", "by accident")
    raise ValueError("it fell")

def test_of_something_else():
    pass
"""


@pytest.fixture
def suite(tmp_path):
    """What a target says whose tests passed, failed and were skipped."""
    (tmp_path / "test_trials.py").write_text(TRIALS)
    shutil.copy(ROOT / "tests/reliability/conftest.py", tmp_path)
    told = tmp_path / "told.xml"
    words = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1", f"--junitxml={told}", str(tmp_path)]
    subprocess.run(words, capture_output=True, check=False, cwd=tmp_path)
    return reliability.read("make test-faults", told)


def cells_of(table):
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


def test_the_table_of_faults_says_what_the_tests_said(suite):
    assert cells_of(reliability.faults([suite])) == [
        ["a kill", "by hand", r"yes: a \| b", "`make test-faults`"],
        ["a kill", "by accident", "**no**: `test_three` fails, ValueError: it fell", "`make test-faults`"],
        ["a flood", "with water", "not tried here: no water here", "`make test-faults`"],
    ]


def test_the_summary_counts_what_the_tests_said(suite):
    ((_, passed, failed, skipped, _, machine, _),) = cells_of(reliability.summary([suite]))
    assert (passed, failed, skipped) == ("2", "1", "1")
    assert "cores" in machine


def test_a_target_that_has_not_run_is_told(tmp_path):
    ((_, *counts, day),) = cells_of(reliability.summary([reliability.read("make test-slurm", tmp_path / "slurm.xml")]))
    assert counts == ["0", "0", "0", "0", "–"]
    assert day == "not run"


def test_the_page_of_reliability_has_what_every_target_said_and_nothing_failed():
    page = (ROOT / "docs/reliability.md").read_text()
    for target in reliability.TARGETS.values():
        assert len(re.findall(rf"^\| `{target}` ", page, re.MULTILINE)) == 1
    for lacking in ("**no**", "not tried here", "| not run", "Not compared yet"):
        assert lacking not in page
    assert "Not computed yet" not in (ROOT / "docs/cluster.md").read_text()


COMMANDS = [
    (path.name, line.strip())
    for path in (ROOT / "README.md", *ROOT.glob("config/*"), *ROOT.glob("docs/**/*.md"))
    if path.is_file()
    for line in path.read_text(encoding="utf-8").splitlines()
    if "snakemake" in line and "--configfile " in line
]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_targets_come_before_the_configuration_file(page, command):
    """Snakemake takes every word after --configfile for another file, up to the next option."""
    after = command.split("--configfile ", 1)[1].split("`")[0].split("#")[0].split()
    assert len(after) == 1 or after[1].startswith("-"), f"{page}: {command}"
