"""The study's page: what it says, and what it does in a real browser."""

import base64
import json
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from perceptual_efficacy import csf, io, provenance, scores
from perceptual_efficacy.report import explorer, figures, origins, page, verdicts

HOSTILE = """</script><img src=x onerror="window.taken=1"> & 'quoted'"""
RECORD = {
    "kind": "paper",
    "statement": "High-PE channels predict thresholds better.",
    "network": "tiny",
    "verdict": "supported",
    "reason": "the interval lies above 0",
    "estimate": 0.2,
    "ci_low": 0.1,
    "ci_high": 0.3,
    "unit": "difference of r",
    "smallest_effect": 0.05,
    "detectable": 0.14,
    "n_clusters": 33,
    "resampled_unit": "stimuli",
    "controls": ["random splits", "splits with the same share of distance"],
    "p_split": 0.01,
    "p_matched": None,
    "comparisons": [{"label": "random weights", "estimate": 0.01, "ci_low": None, "ci_high": None}],
}


def content(*records, **changes):
    """What the template asks for, with claims, and without figures or channels unless they are given."""
    return {
        "subjects": ["tiny"],
        "several": False,
        "people": [],
        "thresholds": {},
        "claims": records,
        "summary": verdicts.summary(records),
        "answers": records,
        "groups": verdicts.grouped(records),
        "signs": verdicts.SIGNS,
        "sections": [],
        "analyses": [],
        "channels": [],
        "tables": {},
        "cards": [{"name": "tiny", "architecture": "vgg", "origin": "random weights", "seed": 0}],
        "data": {},
        "configuration": "seed: 0",
        "seeds": {"seed": "0"},
        "versions": {"numpy": ["2.2.6"]},
        "times": origins.times(Path("a folder that is not there")),
    } | changes


@pytest.fixture(scope="module")
def probed(study):
    """Scores and curves of the network of the miniature study."""
    channels = io.read_table(study / "results/selectivity/tiny/channels.parquet")
    return channels, scores.tuning_curves(io.read_dataset(study / "results/probing/tiny/tuning.nc"))


def decoded(text, *shape):
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(*shape) / 255


def test_the_explorer_has_the_curves_scores_and_halves_of_every_channel(probed):
    channels, curves = probed
    found = json.loads(json.dumps(explorer.network(channels, curves, csf.flat(curves["frequency"]), None, None)))
    shown = decoded(found["radial"], len(channels), curves.sizes["frequency"])
    np.testing.assert_allclose(shown, np.abs(curves["normalised"]), atol=0.5 / 255)
    turned = decoded(found["oriented"], len(channels), curves.sizes["orientation"])
    answering = channels["steepest_frequency"].notna().to_numpy()
    assert set(turned[answering].max(axis=1)) <= {0.0, 1.0}
    for half in ("high", "low"):
        chosen = scores.select_channels(channels, half).index
        assert list(chosen) == [unit for unit, name in enumerate(found["half"]) if found["halves"][name] == half]
    scored = channels["status"] == "scored"
    np.testing.assert_allclose(np.array(found["pe"], dtype=float)[scored], channels.loc[scored, "pe"], atol=5e-4)
    assert [found["layers"][layer] for layer in found["layer"]] == list(channels["layer"])


def test_orientation_is_shown_at_the_frequency_nearest_to_the_steepest_and_says_which():
    response = np.array([[[9.0, 9, 9], [1, 2, 4]], [[0, 0, 0], [3, 3, 3]], [[5, 0, 5], [1, 1, 1]]])
    curves = xr.Dataset(
        {"oriented": (("unit", "oriented_frequency", "orientation"), response)},
        coords={"oriented_frequency": [1.0, 4.0]},
    )
    shares, at = explorer._at_the_steepest(pd.DataFrame({"steepest_frequency": [3.5, 1.2, np.nan]}), curves)
    np.testing.assert_array_equal(shares[:2], [[0.25, 0.5, 1], [0, 0, 0]])
    np.testing.assert_array_equal(at, [4, 1, np.nan])


def test_filters_are_grey_where_their_weights_are_zero():
    filters = np.zeros((2, 3, 1, 2))
    filters[0, :, 0, 1] = (-2, 0, 1)
    shown = explorer._filters(filters, "conv1")
    pixels = decoded(shown["pixels"], 2, 1, 2, 3)
    np.testing.assert_allclose(pixels[0, 0, 1], (0, 0.5, 0.75), atol=0.5 / 255)
    np.testing.assert_allclose(pixels[1], 0.5, atol=0.5 / 255)


def test_curves_of_other_channels_are_refused(probed):
    channels, curves = probed
    with pytest.raises(ValueError, match="different channels"):
        explorer.network(channels, curves.isel(unit=slice(None, None, -1)), curves["frequency"], None, None)


def test_verdicts_are_counted_in_words():
    records = [RECORD, RECORD, {**RECORD, "verdict": "not tested"}]
    assert verdicts.summary(records) == "2 supported, 1 not tested"
    assert verdicts.summary([]) == "no claim was examined"


def test_the_papers_claims_come_first_and_what_is_untested_apart():
    records = [{**RECORD, "kind": "extension"}, RECORD, {**RECORD, "verdict": "not tested", "estimate": None}]
    paper, extensions = verdicts.grouped(records)
    assert (paper["heading"], len(paper["judged"]), len(paper["untested"])) == ("The paper's claims", 1, 1)
    assert (extensions["heading"], len(extensions["judged"]), len(extensions["untested"])) == (
        "Our own claims",
        1,
        0,
    )
    assert paper["judged"][0]["among"] == {"random splits": 0.01}


def test_thresholds_are_told_beside_random_weights_and_a_model_without_a_network():
    row = {"measure": "r", "cube": "raw", "ranking": "pe", "layer": "mean of layers"}
    rows = [
        {**row, "network": network, "selection": selection, "estimate": estimate, "ci_low": 0.3, "ci_high": 0.8}
        for network, estimates in (("tiny", (0.5, 0.6, 0.4)), ("chance", (0.7, 0.1, 0.2)))
        for selection, estimate in zip(("all", "high", "low"), estimates, strict=True)
    ]
    without = {**row, "network": "tiny", "layer": "none", "ranking": "none", "cube": "none"}
    rows += [
        {**without, "selection": "CSF-weighted energy", "estimate": 0.9, "ci_low": 0.75, "ci_high": 0.96},
        {**without, "selection": "human ceiling", "estimate": 0.995, "ci_low": 0.990, "ci_high": 0.998},
    ]
    other = [{**row, "estimate": -1, "cube": "standardised"} for row in rows]
    shown = verdicts.thresholds(pd.DataFrame(rows + other), {"tiny": "chance"})
    assert shown == {
        "tiny, all channels": "0.500 [0.300, 0.800]",
        "tiny, the halves of high PE": "0.600 [0.300, 0.800]",
        "tiny, the halves of low PE": "0.400 [0.300, 0.800]",
        "chance, all channels with random weights": "0.700 [0.300, 0.800]",
        "contrast energy weighted by the human contrast sensitivity function (CSF), no network": "0.900 [0.750, 0.960]",
        "a perfect model (human ceiling)": "0.995 [0.990, 0.998]",
    }
    assert verdicts.thresholds(pd.DataFrame(rows + other), {}) == {}


def test_the_page_begins_with_the_tested_claims_about_people():
    tested = {**RECORD, "id": "efficacy-predicts-thresholds"}
    records = [{**RECORD, "id": "channels-differ"}, tested, {**tested, "verdict": "not tested"}]
    assert verdicts.answers(records) == [tested]


def test_captions_say_what_the_job_was_given_and_take_nothing_for_html():
    job = {"wildcards": {"backbone": "tiny"}, "params": {"layer": "<b>relu</b>"}, "config": {"seed": 3}}
    text = "*{{ snakemake.params.layer }}* of {{ snakemake.wildcards.backbone }}, seed {{ snakemake.config['seed'] }}."
    shown = figures.caption(text, job)
    assert "<em>&lt;b&gt;relu&lt;/b&gt;</em> of tiny, seed 3." in shown
    assert "root:" not in figures.caption(".. include:: /etc/passwd", job)
    assert "<script>" not in figures.caption(".. raw:: html\n\n   <script>1</script>", job)


def test_a_figure_without_a_record_or_a_section_is_refused(tmp_path):
    png = tmp_path / "results/figures/depth.png"
    png.parent.mkdir(parents=True)
    png.write_bytes(b"png")
    with pytest.raises(ValueError, match=r"depth\.png has no record"):
        figures.read([str(png)], tmp_path / "results", [], {}, {})
    job = {"rule": "plot_depth", "wildcards": {}, "params": {}, "inputs": []}
    provenance.write([str(png)], tmp_path / "results", job)
    with pytest.raises(ValueError, match=r"no section or no caption for figures of the kind 'depth'"):
        figures.read([str(png)], tmp_path / "results", [], {"depth": "Scores."}, {})


def test_pictures_on_the_page_are_the_figures_to_the_pixel(study):
    figures_of = {path.name: path for path in (study / "results/figures").rglob("*.png")}
    figure = figures.Figure(title="", rule="", network=None, png=figures_of["depth.png"], file="", csv="", caption="")
    kind, _, text = figure.data.partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(BytesIO(base64.b64decode(text))) as shown, Image.open(figure.png) as drawn:
        np.testing.assert_array_equal(np.asarray(shown.convert("RGB")), np.asarray(drawn.convert("RGB")))


def test_seeds_are_listed_by_their_keys():
    study = {"seed": 1, "superres": {"seeds": [1, 2]}, "backbones": [{"name": "chance", "seed": 3}, {"name": "a"}]}
    assert origins.seeds(study) == {"seed": "1", "superres.seeds": "[1, 2]", "backbones.chance.seed": "3"}


def test_time_is_summed_up_by_rule(tmp_path):
    for name, seconds, memory in (("probe/a", 2, 300), ("probe/b", 3, "-"), ("draw", 7, 50)):
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"s\tmax_rss\n{seconds}\t{memory}\n")
    expected = {"rule": ["draw", "probe"], "jobs": [1, 2], "seconds": [7, 5], "longest": [7, 3], "memory": [50, 300]}
    pd.testing.assert_frame_equal(origins.times(tmp_path), pd.DataFrame(expected), check_dtype=False)


def test_a_study_without_claims_figures_or_peoples_judgements_says_so():
    text = page.render(**content())
    assert "no claim was examined" in text
    assert "It has no human ratings of images" in text


def test_names_are_text_whatever_they_contain():
    text = page.render(
        **content({**RECORD, "statement": HOSTILE, "network": HOSTILE}, several=True, subjects=[HOSTILE])
    )
    assert "<img src=x" not in text
    assert text.count("&lt;img src=x") >= 3


def test_the_page_tells_what_the_study_found(study):
    text = (study / "results/report.html").read_text(encoding="utf-8")
    for path in sorted((study / "results/figures").rglob("*.csv")):
        assert f'href="{path.relative_to(study / "results")}"' in text
    card = json.loads((study / "results/backbones/tiny/card.json").read_text())
    for words in (card["origin"], "not tested", "plot_stimuli", "<code>seed</code> 3", 'href="tables/networks.html"'):
        assert words in text
    assert "<td>probe_channels</td>" in text
    assert "<td>probe_channels</td>" not in origins.without_times(text)
    assert len(text) < 15e6


@pytest.fixture(scope="module")
def browser():
    """Chromium: Debian's, or the one that Playwright installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: `make test-browser`")
    quiet = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
    with sync_api.sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("there is no Chromium: `make test-browser` installs it")
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Return a function that opens a file; no error was logged and nothing else was asked for when the test ends."""
    complaints, requests = [], []
    context = browser.new_context()

    def show(path, width=1280):
        shown = context.new_page()
        shown.set_viewport_size({"width": width, "height": 900})
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("request", lambda request: requests.append(request.url))
        shown.goto(path.as_uri(), wait_until="load")
        shown.set_default_timeout(60_000)
        return shown

    yield show
    context.close()
    assert complaints == []
    assert len([url for url in requests if url.startswith("file:")]) >= 1
    assert {url.partition(":")[0] for url in requests} <= {"file", "data"}
    assert all(url.endswith(".html") for url in requests if url.startswith("file:"))


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_every_picture_loads_and_nothing_scrolls_sideways(study, opened, width):
    shown = opened(study / "results/report.html", width)
    shown.evaluate("document.querySelectorAll('details').forEach((it) => (it.open = true))")
    assert shown.evaluate("[...document.images].every((it) => it.complete && it.naturalWidth > 0)")
    assert shown.evaluate("document.images.length") == len(list((study / "results/figures").rglob("*.png")))
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('main *')].filter((it) => !it.closest('svg') && it.clientWidth > 0"
    assert shown.evaluate(f"{wide} && it.scrollWidth > it.clientWidth + 1).map((it) => it.outerHTML)") == []


@pytest.mark.browser
def test_the_table_of_claims_sorts(study, opened):
    shown = opened(study / "results/report.html")
    table = shown.locator("table.claims").first
    cells = table.locator("tbody td:nth-child(3)")
    for order in (1, -1):
        table.get_by_role("button", name="Estimate").click()
        found = cells.evaluate_all("(cells) => cells.map((it) => Number(it.dataset.value))")
        assert len(found) > 1
        assert found == sorted(found)[::order]


@pytest.mark.browser
def test_the_explorer_answers_a_click_and_changes_layer_and_network(study, opened):
    shown = opened(study / "results/report.html")
    before = shown.locator("#channel").inner_text()
    assert before.startswith("tiny, ")
    points = shown.locator("#scores .point")
    others = [number for number in range(points.count()) if number != 0][:5]
    said = set()
    ring = shown.locator("#scores .scatterlayer .trace").last.locator(".point")
    for number in [0, *others]:
        points.nth(number).scroll_into_view_if_needed()
        box = points.nth(number).bounding_box()
        shown.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        said.add(shown.locator("#channel").inner_text())
    assert len(said) > 1
    assert ring.count() == 1
    kept = shown.locator("#channel").inner_text()
    shown.mouse.move(1, 1)
    assert shown.locator("#channel").inner_text() == kept
    layers = shown.locator("#layer option").all_inner_texts()
    shown.select_option("#layer", layers[-1])
    assert layers[-1] in shown.locator("#channel").inner_text()
    shown.select_option("#network", label="chance (random weights)")
    assert shown.locator("#channel").inner_text().startswith("chance, ")
    assert shown.locator("#frequency .scatterlayer path.js-line").count() == 2
    assert shown.locator("#orientation .scatterlayer path.js-line").count() == 1


@pytest.mark.browser
def test_a_page_with_hostile_names_runs_nothing_of_them(probed, opened, tmp_path):
    channels, curves = probed
    channels = channels.assign(network=HOSTILE)
    explored = explorer.network(channels, curves, csf.flat(curves["frequency"]), None, None)
    text = page.render(**content({**RECORD, "statement": HOSTILE}, subjects=[HOSTILE], channels=[explored]))
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    shown = opened(tmp_path / "page.html")
    assert shown.evaluate("window.taken === undefined")
    assert HOSTILE in shown.locator("#channel").inner_text()


@pytest.mark.browser
def test_a_page_without_channels_opens(opened, tmp_path):
    (tmp_path / "page.html").write_text(page.render(**content()), encoding="utf-8")
    assert "no claim was examined" in opened(tmp_path / "page.html").locator("main").inner_text()
