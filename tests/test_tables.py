"""Tables for people: rounding, missing values, escaping; and which numbers stand where."""

import html
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from perceptual_efficacy.tables import (
    agreement,
    baselines,
    groups,
    inversions,
    modelfest,
    networks,
    rendering,
    scores_by_layer,
    superres,
    superres_differences,
)
from perceptual_efficacy.tables import (
    thresholds as studies_of_thresholds,
)


@pytest.fixture
def written(tmp_path):
    table = pd.DataFrame(
        {"name": ["a_b", "c|d"], "value": [0.123456789, float("nan")], "count": [10000.0, 3.0], "p": [1.5e-7, 1.0]}
    )
    paths = {kind: tmp_path / f"table.{kind}" for kind in ("csv", "md", "tex", "html")}
    rendering.save(rendering.readable(table), table, **paths)
    return {kind: path.read_text() for kind, path in paths.items()}


def test_csv_keeps_six_digits_and_leaves_missing_values_empty(written):
    assert written["csv"] == "name,value,count,p\na_b,0.123457,10000,1.5e-07\nc|d,,3,1\n"


def test_markdown_rounds_to_three_digits_and_marks_missing_values(written):
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in written["md"].splitlines()]
    assert rows[2] == ["a_b", "0.123", "10000", "1.5e-07"]
    assert rows[3] == ["c\\|d", "–", "3", "1"]


def test_page_explains_the_headings_that_it_has(tmp_path, written):
    paths = {kind: tmp_path / f"other.{kind}" for kind in ("csv", "md", "tex", "html")}
    table = pd.DataFrame({"measure": ["srcc"], "p_split": [0.5], "something": [1]})
    rendering.save(rendering.readable(table), table, **paths)
    explained = re.findall(r"<dt>(.*?):</dt> <dd>(.+?)</dd>", paths["html"].read_text())
    assert [name for name, _ in explained] == ["measure", "p, splits"]
    assert "Spearman" in explained[0][1]
    assert "<dl>" not in written["html"]


def test_stimuli_of_thresholds_are_counted_by_study():
    shown = ["shown", "shown", "darker than the display's black"]
    found = studies_of_thresholds.table(
        pd.DataFrame({"dataset": "many", "study": ["b", "a", "a"], "shown": shown, "observers": [3, 2, 5]})
    )
    assert found.to_dict("records") == [
        {
            "dataset": "many",
            "study": "a",
            "stimuli": 2,
            "observers": "2 to 5",
            "shown": 1,
            "darker than the display's black": 1,
        },
        {
            "dataset": "many",
            "study": "b",
            "stimuli": 1,
            "observers": "3",
            "shown": 1,
            "darker than the display's black": 0,
        },
    ]
    assert studies_of_thresholds.render(found)["left out"].tolist() == ["darker than the display's black: 1", ""]


def test_latex_is_escaped(written):
    assert r"a\_b & 0.123 & 10000 & 1.5e-07 \\" in written["tex"]


def test_latex_needs_no_package_beyond_booktabs(written):
    assert written["tex"].startswith(r"\begin{tabular}{llll}")
    assert written["tex"].count(r"\toprule") == written["tex"].count(r"\bottomrule") == 1


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    r"$\frac{",
    "a_b & c | d",
    r"\| \input{/etc/passwd} %",
    "=cmd()",
    "&lt;b&gt;",
]


@pytest.fixture
def hostile(tmp_path):
    """The files of a table that has such names in cells and as the name of a column."""
    paths = {kind: tmp_path / f"table.{kind}" for kind in ("csv", "md", "tex", "html")}
    table = pd.DataFrame({HOSTILE[0]: HOSTILE, "count": 7})
    rendering.save(rendering.readable(table), table, **paths)
    return paths


class Cells(HTMLParser):
    """Reads a page as a browser does: its elements, and the text of its cells."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.cells = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data):
        if self.cells and data.strip():
            self.cells[-1] += data


def test_html_shows_names_as_they_are_and_runs_nothing(hostile):
    page = Cells(hostile["html"].read_text())
    expected = {"html", "meta", "title", "style", "p", "a", "h1", "div", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.elements <= expected
    assert [cell.strip() for cell in page.cells] == [
        HOSTILE[0],
        "count",
        *(text for name in HOSTILE for text in (name, "7")),
    ]


def test_markdown_shows_names_as_they_are_and_runs_nothing(hostile):
    lines = hostile["md"].read_text().splitlines()
    ends = [re.findall(r"(?<!\\)(?:\\\\)*\|", line) for line in lines]  # of cells: bars that no backslash escapes
    assert set(map(len, ends)) == {3}
    assert not re.search("<|&(?!lt;|amp;)", "".join(lines))
    shown = [re.sub(r"\\([|\\])", r"\1", line[1:].rsplit(" |", 2)[0].strip()) for line in lines[2:]]
    assert list(map(html.unescape, shown)) == HOSTILE


def test_latex_escapes_every_special_character(hostile):
    body = hostile["tex"].read_text().split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert set(re.findall(r"\\([a-z]+)", body)) == {"textbackslash"}
    assert not re.search(r"(?<!\\)[$%#_{}]", body)
    assert len(re.findall(r"(?<!\\)&", body)) == len(HOSTILE)


def test_csv_keeps_names_as_they_are(hostile):
    assert pd.read_csv(hostile["csv"])[HOSTILE[0]].tolist() == HOSTILE


# Scores of image data sets
NONE = {"ranking": "none", "channels": None}
NUMBERS = ("estimate", "ci_low", "ci_high")


def numbers(start):
    """An estimate and its interval that tell where they came from."""
    return dict(zip(NUMBERS, (start, start - 0.1, start + 0.1), strict=True))


def scores(group, layer, start, cube="raw"):
    """Rows of one layer by PE and, further off, by mu1: all, high, low, high - low and random halves."""
    rows = []
    for offset, ranking in ((0, "pe"), (0.5, "mu1")):
        for number, selection in enumerate(("high", "low", "high - low")):
            row = {"ranking": ranking, "selection": selection, **numbers(start + offset + number / 100)}
            if selection == "high - low":
                row |= {"p_split": start + offset + 0.2, "p_holm": start + offset + 0.3, "p_matched": start + 0.4}
            rows.append(row)
    rows += [
        {**NONE, "selection": "all", **numbers(start + 0.05)},
        {**NONE, "selection": "random halves", **numbers(start + 0.06)},
    ]
    return [{"group": group, "cube": cube, "layer": layer, **row} for row in rows]


def without_network(group, **estimates):
    return [
        {"group": group, "cube": "none", "layer": "none", **NONE, "selection": name.replace("_", " "), **found}
        for name, found in estimates.items()
    ]


def of(network, *parts, weights="trained"):
    """Tables of one network, as a study has them."""
    about = {"network": network, "architecture": "a shape", "weights": weights, "origin": f"weights of {network}"}
    about["release"] = "none"
    return pd.concat(parts, ignore_index=True).assign(**about)


def complete(rows, dataset, judged_by="people", measure="2afc", unit="reference patches"):
    """A table as a study has it: a second measure, whose numbers are others, and single channels."""
    table = pd.DataFrame(rows).assign(measure=measure)
    second = table.assign(measure="second", estimate=table["estimate"] + 9)
    single = table[table["selection"] == "high - low"].assign(selection="single channels", measure="rho", estimate=-1)
    whole = pd.concat([table, second, single], ignore_index=True)
    sizes = whole["group"].map({"all": 40, "cnn": 30, "color": 10})
    about = {"dataset": dataset, "judged_by": judged_by, "pixels_per_degree": float("nan")}
    return whole.assign(**about, n=sizes, n_clusters=12, resampled_unit=unit)


@pytest.fixture
def bapps():
    """Two categories and all together, of one layer, the mean of layers and baselines."""
    rows = []
    for start, group in enumerate(["all", "cnn", "color"]):
        rows += scores(group, "relu1_1", start + 0.3)
        rows += scores(group, "mean of layers", start + 0.1)
        rows += scores(group, "mean of layers", start + 0.7, cube="standardised")
        found = {"human_ceiling": numbers(start + 0.8), "L2": numbers(start + 0.5), "SSIM": dict.fromkeys(NUMBERS)}
        rows += without_network(group, **found)
    return complete(rows, "bapps")


@pytest.fixture
def made():
    """A data set whose judgements are known by construction, with too few patches for intervals."""
    rows = scores("all", "mean of layers", 0.2) + without_network("all", L2=numbers(0.4))
    table = complete(rows, "ladder", judged_by="construction").assign(n_clusters=8)
    table[["ci_low", "ci_high"]] = float("nan")
    return table


@pytest.fixture
def thresholds():
    rows = scores("all", "mean of layers", 0.2) + without_network("all", RMS_contrast=numbers(0.4))
    return complete(rows, "modelfest", measure="r").assign(pixels_per_degree=60.0)


def test_groups_are_shown_by_the_mean_of_layers_of_the_raw_cube_by_pe(bapps):
    table = groups.render(groups.table(of("net", bapps)))
    assert list(table["group"]) == ["all", "cnn", "color"]
    assert table.iloc[1].to_dict() == {
        "network": "net",
        "data": "bapps",
        "judged by": "people",
        "group": "cnn",
        "measure": "2afc",
        "n": "30",
        "resampled": "12 reference patches",
        "all": "1.150 [1.050, 1.250]",
        "high": "1.100 [1.000, 1.200]",
        "low": "1.110 [1.010, 1.210]",
        "random halves": "1.160 [1.060, 1.260]",
        "high - low": "1.120 [1.020, 1.220]",
        "p, splits": "1.3",
        "human ceiling": "1.800 [1.700, 1.900]",
    }


def test_group_without_interval_or_ceiling_is_shown_without(made):
    (row,) = groups.render(groups.table(of("net", made))).to_dict("records")
    assert (row["judged by"], row["high"], row["human ceiling"]) == ("construction", "0.200", "–")


def test_groups_leave_out_patterns_that_were_detected_not_compared(bapps, thresholds):
    assert set(groups.table(of("net", thresholds, bapps))["dataset"]) == {"bapps"}


def test_groups_are_listed_for_every_network(bapps, made):
    table = groups.render(groups.table(pd.concat([of("net", bapps, made), of("other", bapps)])))
    assert list(table["network"]) == ["net"] * 4 + ["other"] * 3


def test_selections_of_images_are_one_row_per_layer_of_all_comparisons(bapps):
    table = agreement.render(agreement.table(of("net", bapps[bapps["layer"] != "relu1_1"])))
    assert table.iloc[0].to_dict() == {
        "network": "net",
        "data": "bapps",
        "judged by": "people",
        "layer": "mean of layers",
        "measure": "2afc",
        "n": "40",
        "all": "0.150 [0.050, 0.250]",
        "high": "0.100 [0.000, 0.200]",
        "low": "0.110 [0.010, 0.210]",
        "random halves": "0.160 [0.060, 0.260]",
        "high - low": "0.120 [0.020, 0.220]",
        "p, splits": "0.3",
        "p, Holm": "0.4",
        "p, matched splits": "0.5",
        "high - low, standardised": "0.720 [0.620, 0.820]",
    }
    assert len(table) == 1


def test_data_shown_at_several_resolutions_are_named_with_theirs(thresholds):
    standardised = thresholds[thresholds["cube"] == "raw"].assign(cube="standardised")
    table = agreement.render(agreement.table(of("net", thresholds, standardised)))
    assert list(table["data"]) == ["modelfest, 60 px/deg"]


PUBLISHED = {
    "bapps_2afc": {
        "measure": "2afc",
        "groups": ["cnn", "color"],
        "scores": [
            {"metric": "L2", "values": [0.6, 0.9], "source": "Zhang"},
            {"metric": "human ceiling", "values": [0.8, 0.7], "source": "Zhang"},
            {"metric": "human ceiling", "values": [0.81, 0.71], "source": "files", "note": "recomputed"},
            {"metric": "VGG", "values": [0.5, 0.4], "source": "Zhang"},
        ],
    },
    "tid2013": {
        "measure": "srcc",
        "groups": ["all"],
        "scores": [{"metric": "L2", "values": [0.25], "source": "piq"}],
    },
}


@pytest.fixture
def beside_published(bapps):
    return compared(pd.concat([of("net", bapps), of("other", bapps)]))


def compared(agreement, published=PUBLISHED):
    return baselines.table(agreement, {"bapps": "bapps_2afc"}, published)


def pick(table, **where):
    return table.loc[(table[list(where)] == pd.Series(where)).all(axis=1)]


def test_published_score_stands_beside_ours_with_the_gap(beside_published):
    (row,) = pick(beside_published, group="cnn", metric="L2").to_dict("records")
    assert {name: row[name] for name in ("estimate", "ci_low", "ci_high")} == numbers(1.5)
    assert (row["published"], row["gap"], row["source"]) == (0.6, pytest.approx(0.9), "Zhang")
    (shown,) = pick(baselines.render(beside_published), group="cnn", metric="L2").to_dict("records")
    assert shown == {
        "data": "bapps",
        "judged by": "people",
        "measure": "2afc",
        "group": "cnn",
        "metric": "L2",
        "ours": "1.500 [1.400, 1.600]",
        "published": "0.6",
        "gap": "0.9",
        "source": "Zhang",
    }


def test_published_score_of_all_groups_is_their_mean(beside_published):
    (row,) = pick(beside_published, group="all", metric="L2").to_dict("records")
    assert row["published"] == pytest.approx(0.75)
    assert row["gap"] == pytest.approx(0.5 - 0.75)


def test_published_score_of_all_comparisons_that_is_given_is_not_averaged(bapps):
    known = {"metric": "L2", "values": [0.25, 0.6], "source": "piq"}
    published = {"bapps_2afc": {"measure": "2afc", "groups": ["all", "cnn"], "scores": [known]}}
    table = pick(compared(of("net", bapps), published), metric="L2")
    assert dict(zip(table["group"], table["published"], strict=True)) == {"all": 0.25, "cnn": 0.6}


def test_groups_without_published_scores_are_not_listed_with_the_baselines(bapps):
    table = compared(of("net", bapps), {"bapps_2afc": PUBLISHED["tid2013"]})
    assert set(table["group"]) == {"all"}


def test_every_source_of_a_published_score_has_a_row_beside_the_same_of_ours(beside_published):
    rows = pick(beside_published, group="color", metric="human ceiling")
    assert list(rendering.intervals(rows)) == ["2.800 [2.700, 2.900]"] * 2
    assert list(rows["published"]) == [0.7, 0.71]
    assert list(rows["source"]) == ["Zhang", "files; recomputed"]


def test_published_score_of_what_we_did_not_measure_has_a_dash_and_no_gap(beside_published):
    rows = pick(beside_published, metric="VGG")
    assert dict(zip(rows["group"], rows["published"], strict=True)) == pytest.approx(
        {"cnn": 0.5, "color": 0.4, "all": 0.45}
    )
    assert set(rendering.intervals(rows)) == {"–"}
    assert rows["gap"].isna().all()


def test_our_score_that_nobody_published_stands_alone(bapps):
    table = compared(of("net", bapps), {"bapps_2afc": PUBLISHED["tid2013"]})
    (row,) = pick(table, group="all", metric="human ceiling").to_dict("records")
    assert rendering.interval(row) == "0.800 [0.700, 0.900]"
    assert pd.isna([row["published"], row["gap"], row["source"]]).all()


def test_our_score_that_is_missing_is_a_dash_without_gap(bapps):
    known = {"metric": "SSIM", "values": [0.6, 0.9], "source": "Zhang"}
    published = {"bapps_2afc": {**PUBLISHED["bapps_2afc"], "scores": [known]}}
    rows = pick(compared(of("net", bapps), published), metric="SSIM")
    assert set(rendering.intervals(rows)) == {"–"}
    assert rows["published"].tolist() == pytest.approx([0.75, 0.6, 0.9])
    assert rows["gap"].isna().all()


def test_a_baseline_beside_several_networks_is_listed_once(beside_published):
    ours = beside_published[beside_published["estimate"].notna()]
    assert len(ours[(ours["metric"] == "L2") & (ours["group"] == "all")]) == 1


def test_a_baseline_beside_one_network_only_is_listed_too(bapps):
    lpips = bapps[bapps["layer"] == "none"].assign(selection="LPIPS-VGG").drop_duplicates(["group", "measure"])
    other = pd.concat([bapps, lpips], ignore_index=True)
    table = compared(pd.concat([of("net", bapps), of("other", other)]))
    assert "LPIPS-VGG" in set(table["metric"])


def test_judgements_by_construction_are_compared_with_nothing_published(made):
    table = pick(compared(of("net", made)), dataset="ladder")
    assert list(table["metric"]) == ["L2"]
    assert list(rendering.intervals(table)) == ["0.400"]
    assert list(table["judged_by"]) == ["construction"]
    assert table["published"].isna().all()


def test_baselines_are_listed_without_any_published_score(bapps):
    table = baselines.table(of("net", bapps), {}, PUBLISHED)
    assert set(table["metric"]) == {"human ceiling", "L2", "SSIM"}
    assert table[["published", "gap", "source"]].isna().all(axis=None)


def test_only_the_primary_measure_is_compared_with_published_scores(beside_published):
    assert set(beside_published["measure"]) == {"2afc"}


def test_agreement_is_every_row_of_every_network_with_what_it_is_about_in_front(bapps, thresholds):
    table = agreement.table(pd.concat([of("net", bapps, thresholds), of("other", bapps)]))
    assert len(table) == 2 * len(bapps) + len(thresholds)
    assert list(table)[:6] == ["network", "architecture", "weights", "origin", "release", "dataset"]
    assert set(table.loc[table["dataset"] == "modelfest", "pixels_per_degree"]) == {60}
    assert table.loc[table["dataset"] == "bapps", "pixels_per_degree"].isna().all()


@pytest.fixture
def by_network(bapps, made, thresholds):
    """What the table of networks is made from: of two networks, with data that it leaves out."""
    scored = pd.DataFrame(
        {
            "channel": [0, 1, 2, 0, 1],
            "rectified": [True, False, False, False, True],
            "layer": ["relu1_1"] * 3 + ["relu1_2"] * 2,
            "status": ["scored", "scored", "not scored: no response", "scored", "scored"],
            "mu1": [0.1, 0.3, None, 0.5, 0.9],
            "mu2": [0.2, 0.4, None, 0.6, 0.8],
            "pe": [0.02, 0.12, None, 0.3, 0.72],
            "pixels_per_degree": 60.0,
        }
    )
    again = thresholds.assign(pixels_per_degree=120.0, estimate=9.0)
    results = [of(name, again, thresholds, bapps, made) for name in ("net", "other")]
    tuned = [of("net", scored), of("other", scored.assign(status="scored"))]
    return pd.concat(tuned, ignore_index=True), pd.concat(results, ignore_index=True)


def test_networks_are_one_row_each_with_scores_and_agreement_with_people(by_network):
    numbers = networks.table(*by_network, {"net": "mean of layers", "other": "mean of layers"})
    assert numbers.query("network == 'net'")["share_scored"].unique() == pytest.approx(0.8)
    table = networks.render(numbers)
    assert list(table["network"]) == ["net", "other"]
    assert table.iloc[0].to_dict() == {
        "network": "net",
        "origin": "weights of net",
        "layers": "2",
        "channels": "5",
        "share scored": "0.8",
        "layer": "mean of layers",
        "mu1 median": "0.4",
        "mu2 median": "0.5",
        "pe median": "0.21",
        "modelfest, 60 px/deg: high": "0.200 [0.100, 0.300]",
        "modelfest, 60 px/deg: low": "0.210 [0.110, 0.310]",
        "modelfest, 60 px/deg: high - low": "0.220 [0.120, 0.320]",
        "modelfest, 60 px/deg: p, splits": "0.4",
        "modelfest, 60 px/deg: p, matched splits": "0.6",
        "bapps: high": "0.100 [0.000, 0.200]",
        "bapps: low": "0.110 [0.010, 0.210]",
        "bapps: high - low": "0.120 [0.020, 0.220]",
        "bapps: p, splits": "0.3",
        "bapps: p, matched splits": "0.5",
    }


def test_networks_with_a_layer_of_their_own_are_shown_by_it(by_network):
    table = networks.table(*by_network, {"net": "relu1_1", "other": "mean of layers"})
    (net, other) = networks.render(table).to_dict("records")
    assert (net["layer"], net["bapps: high"]) == ("relu1_1", "0.300 [0.200, 0.400]")
    assert (net["mu1 median"], net["channels"], other["mu1 median"]) == ("0.2", "5", "0.4")
    assert net["modelfest, 60 px/deg: high"] == "–"  # which lacks that layer


def test_layers_are_described_by_quartiles_of_their_scored_channels(by_network):
    table = scores_by_layer.table(by_network[0])
    assert list(table["network"] + " " + table["layer"]) == [
        "net relu1_1",
        "net relu1_2",
        "other relu1_1",
        "other relu1_2",
    ]
    first = table.iloc[0]
    assert first[["channels", "scored", "rectified"]].tolist() == [3, 2, 1]
    assert first[["mu1_lower_quartile", "mu1_median", "mu1_upper_quartile"]].tolist() == pytest.approx(
        [0.15, 0.2, 0.25]
    )


def test_stimuli_are_one_row_each_with_what_every_resolution_leaves_of_them():
    comparisons = pd.DataFrame({"first": ["a", "a", "b", "b"], "judgement": [-1.0, -2.0, -2.5, -2.5]})
    kept = pd.DataFrame({"number": [1, 2], "name": ["a", "b"], "energy_kept": [0.5, 1.0], "used": [False, True]})
    patterns = pd.concat([kept.assign(pixels_per_degree=32.0), kept.assign(pixels_per_degree=60.0, used=True)])
    table = modelfest.table(comparisons, patterns)
    assert len(table) == 4
    first, _ = modelfest.render(table).to_dict("records")
    assert (first["log10 threshold contrast"], first["observers"]) == ("-1.5", "2")
    assert (first["used at 32 px/deg"], first["used at 60 px/deg"]) == ("no", "yes")
    assert first["energy kept at 32 px/deg"] == "0.5"


# Super-resolution and inversion
def comparison(**columns):
    """What the comparison of runs says of one measure, with numbers that tell where they came from."""
    rows = [
        ("high", 31.1234, 31.0, 31.2),
        ("bicubic", 30.0, float("nan"), float("nan")),
        ("high - low", 0.01, 0.0, 0.02),
    ]
    table = pd.DataFrame(rows, columns=["selection", *NUMBERS]).assign(
        measure="PSNR-Y", p=[None, None, 0.25], p_holm=0.5
    )
    missing = table.iloc[[2]].assign(selection="high - all", estimate=float("nan"))
    return pd.concat([table, missing]).assign(images=12, seeds=5, **columns)


def test_losses_stand_beside_published_scores_of_the_same_scale_and_set():
    entry = {"selection": "bicubic", "scale": 2, "dataset": "Set5", "psnr_y": 33.66, "source": "somebody"}
    runs = [comparison(network="vgg", scale=scale, group="Set5") for scale in (2, 4)]
    found = superres.render(superres.table(pd.concat(runs, ignore_index=True), [entry]))
    assert list(found["loss"]) == ["high", "bicubic"] * 2
    assert list(found["PSNR-Y"][:2]) == ["31.123 [31.000, 31.200]", "30.000"]
    assert list(found["published PSNR-Y"]) == ["–", "33.66", "–", "–"]
    assert list(found["scale"]) == ["x2", "x2", "x4", "x4"]


def test_losses_are_listed_without_any_published_score():
    found = superres.render(superres.table(comparison(network="vgg", scale=2, group="all"), []))
    assert list(found["published PSNR-Y"]) == ["–", "–"]


def test_differences_of_losses_that_are_not_there_are_left_out():
    found = superres_differences.table(comparison(network="vgg", scale=2, group="all"))
    (row,) = superres_differences.render(found).to_dict("records")
    assert (row["difference"], row["better by"], row["p"], row["p, Holm"]) == (
        "high - low",
        "0.010 [0.000, 0.020]",
        "0.25",
        "0.5",
    )


def test_inversions_show_every_measure_of_a_selection_in_one_row():
    runs = [comparison(network="vgg", layer="relu1_1").assign(measure=name) for name in ("structure", "colour")]
    found = inversions.render(inversions.table(pd.concat(runs, ignore_index=True)))
    assert list(found["channels"]) == ["high", "bicubic", "high - low"]
    assert found["structure"][0] == found["colour"][0] == "31.1234 [31.0000, 31.2000]"


def test_a_small_negative_number_has_no_sign_of_its_own():
    row = {"estimate": -0.0002, "ci_low": -0.25, "ci_high": None}
    assert rendering.interval(row) == "0.000"
    assert rendering.interval({**row, "ci_high": 0.0001}) == "0.000 [-0.250, 0.000]"
