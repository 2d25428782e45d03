"""The pages of documentation that say what the study makes."""

import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ITEMS = yaml.safe_load((ROOT / "docs/paper-figures.yaml").read_text())
STATES = {"reproduced", "stand-in", "needs data", "not yet"}
STUDIES = ("default", "pretrained", "paper")

sys.path.insert(0, str(ROOT / "docs"))
import refresh  # noqa: E402

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
    if {item[study] for study in STUDIES} == {"not yet"}:
        assert "rule" not in item
        return
    outputs = RULES[item["rule"]].split("output:")[1].split("log:")[0]
    assert f'"{item["output"]}"' in outputs
    assert f'"{Path(item["output"]).with_suffix(".csv")}"' in outputs


def test_the_page_of_the_papers_figures_is_what_its_list_gives():
    assert (ROOT / "docs/paper-figures.md").read_text() == refresh.paper_figures(ITEMS)


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "config").glob("*.md")])
)
def test_links_between_pages_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link
