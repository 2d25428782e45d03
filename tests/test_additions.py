"""Every figure, table and claim is complete: what docs/extending.md asks of a new one."""

import re
from pathlib import Path

import pytest
import yaml

from perceptual_efficacy.claims.evaluation import ANY, CONTROLS, EXTENSION, PAPER, PRETRAINED
from perceptual_efficacy.datasets.registry import LAYOUTS

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "src/perceptual_efficacy"
RULES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk")}
SECTIONS = yaml.safe_load((ROOT / "workflow/report/sections.yaml").read_text(encoding="utf-8"))
CLAIMS = yaml.safe_load((LIBRARY / "claims/claims.yaml").read_text(encoding="utf-8"))["claims"]


def modules(package, *others):
    """Modules of a package that are items: not private, and not those that items share."""
    return sorted(path.stem for path in (LIBRARY / package).glob("[!_]*.py") if path.stem not in others)


def evidence():
    """Kinds of evidence that the rule of the claims has inputs for; those of data sets are layouts."""
    block = re.search(r"^EVIDENCE = {\n(.*?)^}", RULES["report"], re.MULTILINE | re.DOTALL)[1]
    return {*re.findall(r'^    "(\w+)":', block, re.MULTILINE), *LAYOUTS, *(f"analyses_of_{name}" for name in LAYOUTS)}


@pytest.mark.parametrize("name", modules("plots", "style"))
def test_a_figure_has_a_script_a_rule_a_place_in_the_target_a_caption_a_title_and_a_test(name):
    target = RULES["figures"].partition("\nrule figures:")[2]
    drawn = "".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("tests/test_plots_*.py")))
    assert (ROOT / f"workflow/scripts/plot_{name}.py").is_file()
    assert re.search(rf"^rule plot_{name}:", RULES["figures"], re.MULTILINE)
    assert f'"{name}"' in target, "rule figures in rules/figures.smk does not ask for it"
    assert (ROOT / f"workflow/report/{name}.rst").is_file()
    assert sum(name in section["figures"] for section in SECTIONS) == 1, "one section of the report has its title"
    assert f"{name}.draw" in drawn, "no tests/test_plots_*.py draws it"


@pytest.mark.parametrize("name", modules("tables", "rendering", "claims"))
def test_a_table_is_written(name):
    assert re.search(rf'^    "{name}": \("', RULES["report"], re.MULTILINE), "MADE_FROM in rules/report.smk lacks it"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_explained(layout):
    assert f"| `{layout}` |" in (ROOT / "config/README.md").read_text(encoding="utf-8")


def test_no_two_claims_have_the_same_id():
    ids = [claim["id"] for claim in CLAIMS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_a_claim_has_what_its_verdict_needs(claim):
    needed = {"id", "kind", "statement", "about", "evidence", "where", "controls", "smallest_effect", "unit"}
    assert needed <= set(claim) <= needed | {"lacking", "comparisons", "at_least"}
    assert claim["kind"] in (PAPER, EXTENSION)
    assert claim["about"] in (PRETRAINED, ANY)
    assert claim["evidence"] in evidence()
    assert set(claim["controls"]) <= set(CONTROLS)
    assert claim["smallest_effect"] > 0
    assert set(claim.get("at_least", {})) <= {"images", "seeds", "halves", "training_steps", "datasets"}
