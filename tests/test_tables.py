"""Tables for people: rounding, missing values, escaping; and which numbers stand where."""

import html
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from perceptual_efficacy import tables


@pytest.fixture
def written(tmp_path):
    table = pd.DataFrame(
        {"name": ["a_b", "c|d"], "value": [0.123456789, float("nan")], "count": [10000.0, 3.0], "p": [1.5e-7, 1.0]}
    )
    paths = [tmp_path / f"table.{kind}" for kind in ("csv", "md", "tex", "html")]
    tables.write(table, *paths)
    return [path.read_text() for path in paths]


def test_csv_keeps_six_digits_and_leaves_missing_values_empty(written):
    assert written[0] == "name,value,count,p\na_b,0.123457,10000,1.5e-07\nc|d,,3,1\n"


def test_markdown_rounds_to_three_digits_and_marks_missing_values(written):
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in written[1].splitlines()]
    assert rows[2] == ["a_b", "0.123", "10000", "1.5e-07"]
    assert rows[3] == ["c\\|d", "–", "3", "1"]


def test_latex_is_escaped(written):
    assert r"a\_b & 0.123 & 10000 & 1.5e-07 \\" in written[2]


def test_latex_needs_no_package_beyond_booktabs(written):
    assert written[2].startswith(r"\begin{tabular}{llll}")
    assert written[2].count(r"\toprule") == written[2].count(r"\bottomrule") == 1


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
    tables.write(pd.DataFrame({HOSTILE[0]: HOSTILE, "count": 7}), *paths.values())
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
    assert page.elements <= {"html", "meta", "title", "style", "table", "thead", "tbody", "tr", "th", "td"}
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


def complete(rows, dataset, judged_by="people", measure="2afc", unit="reference patches"):
    """A table as a study has it: a second measure, whose numbers are others, and single channels."""
    table = pd.DataFrame(rows).assign(measure=measure)
    second = table.assign(measure="second", estimate=table["estimate"] + 9)
    single = table[table["selection"] == "high - low"].assign(selection="single channels", measure="rho", estimate=-1)
    whole = pd.concat([table, second, single], ignore_index=True)
    sizes = whole["group"].map({"all": 40, "cnn": 30, "color": 10})
    return whole.assign(dataset=dataset, judged_by=judged_by, n=sizes, n_clusters=12, resampled_unit=unit)


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
def modelfest():
    rows = scores("all", "mean of layers", 0.2) + without_network("all", RMS_contrast=numbers(0.4))
    return complete(rows, "modelfest", measure="r").assign(pixels_per_degree=60.0)


def test_groups_are_shown_by_the_mean_of_layers_of_the_raw_cube_by_pe(bapps):
    table = tables.groups({"net": [bapps]})
    assert list(table["group"]) == ["all", "cnn", "color"]
    assert table.iloc[1].to_dict() == {
        "network": "net",
        "data": "bapps",
        "judged by": "people",
        "group": "cnn",
        "measure": "2afc",
        "n": 30,
        "resampled": "12 reference patches",
        "all": "1.150 [1.050, 1.250]",
        "high": "1.100 [1.000, 1.200]",
        "low": "1.110 [1.010, 1.210]",
        "random halves": "1.160 [1.060, 1.260]",
        "high - low": "1.120 [1.020, 1.220]",
        "p, splits": pytest.approx(1.3),
        "human ceiling": "1.800 [1.700, 1.900]",
    }


def test_group_without_interval_or_ceiling_is_shown_without(made):
    (row,) = tables.groups({"net": [made]}).to_dict("records")
    assert (row["judged by"], row["high"], row["human ceiling"]) == ("construction", "0.200", "–")


def test_groups_leave_out_patterns_that_were_detected_not_compared(bapps, modelfest):
    assert set(tables.groups({"net": [modelfest, bapps]})["data"]) == {"bapps"}


def test_groups_are_listed_for_every_network(bapps, made):
    table = tables.groups({"net": [bapps, made], "other": [bapps]})
    assert list(table["network"]) == ["net"] * 4 + ["other"] * 3


def test_selections_of_images_are_one_row_per_layer_of_all_comparisons(bapps):
    table = tables.selections({"net": [bapps[bapps["layer"] != "relu1_1"]]})
    assert table.iloc[0].to_dict() == {
        "network": "net",
        "data": "bapps",
        "judged by": "people",
        "layer": "mean of layers",
        "measure": "2afc",
        "n": 40,
        "all": "0.150 [0.050, 0.250]",
        "high": "0.100 [0.000, 0.200]",
        "low": "0.110 [0.010, 0.210]",
        "random halves": "0.160 [0.060, 0.260]",
        "high - low": "0.120 [0.020, 0.220]",
        "p, splits": pytest.approx(0.3),
        "p, Holm": pytest.approx(0.4),
        "p, matched splits": pytest.approx(0.5),
        "high - low, standardised": "0.720 [0.620, 0.820]",
    }
    assert len(table) == 1


def test_data_shown_at_several_resolutions_are_named_with_theirs(modelfest):
    standardised = modelfest[modelfest["cube"] == "raw"].assign(cube="standardised")
    table = tables.selections({"net": [pd.concat([modelfest, standardised], ignore_index=True)]})
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
    return tables.baselines({"net": [bapps], "other": [bapps]}, {"bapps": "bapps_2afc"}, PUBLISHED)


def pick(table, **where):
    return table.loc[(table[list(where)] == pd.Series(where)).all(axis=1)].drop(
        columns=["data", "judged by", "measure"]
    )


def test_published_score_stands_beside_ours_with_the_gap(beside_published):
    (row,) = pick(beside_published, group="cnn", metric="L2").to_dict("records")
    assert row == {
        "group": "cnn",
        "metric": "L2",
        "ours": "1.500 [1.400, 1.600]",
        "published": 0.6,
        "gap": pytest.approx(0.9),
        "source": "Zhang",
    }


def test_published_score_of_all_groups_is_their_mean(beside_published):
    (row,) = pick(beside_published, group="all", metric="L2").to_dict("records")
    assert row["published"] == pytest.approx(0.75)
    assert row["gap"] == pytest.approx(0.5 - 0.75)


def test_published_score_of_all_comparisons_that_is_given_is_not_averaged(bapps):
    known = {"metric": "L2", "values": [0.25, 0.6], "source": "piq"}
    published = {"bapps_2afc": {"measure": "2afc", "groups": ["all", "cnn"], "scores": [known]}}
    table = pick(tables.baselines({"net": [bapps]}, {"bapps": "bapps_2afc"}, published), metric="L2")
    assert dict(zip(table["group"], table["published"], strict=True)) == {"all": 0.25, "cnn": 0.6}


def test_groups_without_published_scores_are_not_listed_with_the_baselines(bapps):
    table = tables.baselines({"net": [bapps]}, {"bapps": "bapps_2afc"}, {"bapps_2afc": PUBLISHED["tid2013"]})
    assert set(table["group"]) == {"all"}


def test_every_source_of_a_published_score_has_a_row_beside_the_same_of_ours(beside_published):
    rows = pick(beside_published, group="color", metric="human ceiling")
    assert list(rows["ours"]) == ["2.800 [2.700, 2.900]"] * 2
    assert list(rows["published"]) == [0.7, 0.71]
    assert list(rows["source"]) == ["Zhang", "files; recomputed"]


def test_published_score_of_what_we_did_not_measure_has_a_dash_and_no_gap(beside_published):
    rows = pick(beside_published, metric="VGG")
    assert dict(zip(rows["group"], rows["published"], strict=True)) == pytest.approx(
        {"cnn": 0.5, "color": 0.4, "all": 0.45}
    )
    assert set(rows["ours"]) == {"–"}
    assert rows["gap"].isna().all()


def test_our_score_that_nobody_published_stands_alone(bapps):
    table = tables.baselines({"net": [bapps]}, {"bapps": "bapps_2afc"}, {"bapps_2afc": PUBLISHED["tid2013"]})
    (row,) = pick(table, group="all", metric="human ceiling").to_dict("records")
    assert row["ours"] == "0.800 [0.700, 0.900]"
    assert pd.isna([row["published"], row["gap"], row["source"]]).all()


def test_our_score_that_is_missing_is_a_dash_without_gap(bapps):
    known = {"metric": "SSIM", "values": [0.6, 0.9], "source": "Zhang"}
    published = {"bapps_2afc": {**PUBLISHED["bapps_2afc"], "scores": [known]}}
    rows = pick(tables.baselines({"net": [bapps]}, {"bapps": "bapps_2afc"}, published), metric="SSIM")
    assert set(rows["ours"]) == {"–"}
    assert rows["published"].tolist() == pytest.approx([0.75, 0.6, 0.9])
    assert rows["gap"].isna().all()


def test_a_baseline_beside_several_networks_is_listed_once(beside_published):
    ours = beside_published[beside_published["ours"] != "–"]
    assert len(ours[(ours["metric"] == "L2") & (ours["group"] == "all")]) == 1


def test_a_baseline_beside_one_network_only_is_listed_too(bapps):
    lpips = bapps[bapps["layer"] == "none"].assign(selection="LPIPS-VGG").drop_duplicates(["group", "measure"])
    other = pd.concat([bapps, lpips], ignore_index=True)
    table = tables.baselines({"net": [bapps], "other": [other]}, {"bapps": "bapps_2afc"}, PUBLISHED)
    assert "LPIPS-VGG" in set(table["metric"])


def test_judgements_by_construction_are_compared_with_nothing_published(made):
    table = tables.baselines({"net": [made]}, {"bapps": "bapps_2afc"}, PUBLISHED)
    assert list(table["metric"]) == ["L2"]
    assert list(table["ours"]) == ["0.400"]
    assert list(table["judged by"]) == ["construction"]
    assert table["published"].isna().all()


def test_only_the_primary_measure_is_compared_with_published_scores(beside_published):
    assert set(beside_published["measure"]) == {"2afc"}


def test_agreement_is_every_row_of_every_network_with_what_it_is_about_in_front(bapps, modelfest):
    table = tables.agreement({"net": [bapps, modelfest], "other": [bapps]})
    assert len(table) == 2 * len(bapps) + len(modelfest)
    assert list(table)[:4] == ["network", "dataset", "judged_by", "pixels_per_degree"]
    assert set(table.loc[table["dataset"] == "modelfest", "pixels_per_degree"]) == {60}
    assert table.loc[table["dataset"] == "bapps", "pixels_per_degree"].isna().all()


@pytest.fixture
def by_network(bapps, made, modelfest):
    """What the table of networks is made from: of two networks, with data that it leaves out."""
    scored = pd.DataFrame(
        {
            "layer": ["relu1_1"] * 3 + ["relu1_2"] * 2,
            "status": ["scored", "scored", "not scored: no response", "scored", "scored"],
            "mu1": [0.1, 0.3, None, 0.5, 0.9],
            "mu2": [0.2, 0.4, None, 0.6, 0.8],
            "pe": [0.02, 0.12, None, 0.3, 0.72],
        }
    )
    again = modelfest.assign(pixels_per_degree=120.0, estimate=9.0)
    results = {"net": [modelfest, again, bapps, made], "other": [modelfest, again, bapps, made]}
    cards = {"net": {"origin": "weights of torchvision"}, "other": {"origin": "random weights"}}
    return {"net": scored, "other": scored.assign(status="scored")}, results, cards


def test_networks_are_one_row_each_with_scores_and_agreement_with_people(by_network):
    table = tables.networks(*by_network, {"net": "mean of layers", "other": "mean of layers"})
    assert list(table["network"]) == ["net", "other"]
    assert table.iloc[0].to_dict() == {
        "network": "net",
        "origin": "weights of torchvision",
        "layers": 2,
        "channels": 5,
        "share scored": pytest.approx(0.8),
        "layer": "mean of layers",
        "mu1 median": pytest.approx(0.4),
        "mu2 median": pytest.approx(0.5),
        "pe median": pytest.approx(0.21),
        "modelfest, 60 px/deg: high": "0.200 [0.100, 0.300]",
        "modelfest, 60 px/deg: low": "0.210 [0.110, 0.310]",
        "modelfest, 60 px/deg: high - low": "0.220 [0.120, 0.320]",
        "modelfest, 60 px/deg: p, Holm": pytest.approx(0.5),
        "bapps: high": "0.100 [0.000, 0.200]",
        "bapps: low": "0.110 [0.010, 0.210]",
        "bapps: high - low": "0.120 [0.020, 0.220]",
        "bapps: p, Holm": pytest.approx(0.4),
    }


def test_networks_with_a_layer_of_their_own_are_shown_by_it(by_network):
    channels, results, cards = by_network
    results = {name: parts[2:] for name, parts in results.items()}  # which have that layer
    (net, other) = tables.networks(channels, results, cards, {"net": "relu1_1", "other": "mean of layers"}).to_dict(
        "records"
    )
    assert (net["layer"], net["bapps: high"]) == ("relu1_1", "0.300 [0.200, 0.400]")
    assert net["mu1 median"] == pytest.approx(0.2)
    assert net["channels"] == 5
    assert other["mu1 median"] == pytest.approx(0.4)


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
    found = tables.superres({("vgg", 2): comparison(group="Set5"), ("vgg", 4): comparison(group="Set5")}, [entry])
    assert list(found["loss"]) == ["high", "bicubic"] * 2
    assert list(found["PSNR-Y"][:2]) == ["31.123 [31.000, 31.200]", "30.000"]
    assert found["published PSNR-Y"].tolist()[1] == 33.66
    assert found["published PSNR-Y"].isna().tolist() == [True, False, True, True]


def test_differences_of_losses_that_are_not_there_are_left_out():
    found = tables.superres_differences({("vgg", 2): comparison(group="all")})
    (row,) = found.to_dict("records")
    assert (row["difference"], row["better by"], row["p"], row["p, Holm"]) == (
        "high - low",
        "0.010 [0.000, 0.020]",
        0.25,
        0.5,
    )


def test_inversions_show_every_measure_of_a_selection_in_one_row():
    colour = comparison(layer="relu1_1").assign(measure="colour")
    found = tables.inversions({"vgg": pd.concat([comparison(layer="relu1_1").assign(measure="structure"), colour])})
    assert list(found["channels"]) == ["high", "bicubic", "high - low"]
    assert found["structure"][0] == found["colour"][0] == "31.1234 [31.0000, 31.2000]"
