"""The rule of verdicts, case by case, and its evidence."""

from importlib import resources

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from perceptual_efficacy import storage
from perceptual_efficacy.claims import evaluation
from perceptual_efficacy.tables import claims


def places(p, mean=0.0):
    return [] if p is None else [evaluation.Place("random splits", p, mean)]


@pytest.mark.parametrize(
    ("estimate", "interval", "p", "n_clusters", "expected"),
    [
        (0.1, (0.02, 0.2), 0.01, 24, "supported"),
        (0.1, (0.02, 0.2), None, 24, "supported"),
        (-0.1, (-0.2, -0.02), 0.01, 24, "contradicted"),
        (0.1, (0.02, 0.2), 0.06, 24, "inconclusive"),  # random splits differ as much
        (0.1, (-0.01, 0.2), 0.001, 24, "inconclusive"),  # people's variation allows 0
        (0.01, (-0.04, 0.04), 0.9, 24, "no effect"),
        (0.01, (-0.04, 0.06), 0.9, 24, "inconclusive"),
        (0.1, (0.02, 0.2), 0.01, 9, "inconclusive"),
        (0.1, (0.02, 0.2), 0.01, 10, "supported"),
        (0.02, (0.01, 0.04), 0.001, 24, "no effect"),  # above 0, but too small to be of interest
        (np.nan, (np.nan, np.nan), 0.01, 24, "not tested"),
        (0.1, (np.nan, np.nan), 0.01, 24, "not tested"),
        (0.1, (0.02, 0.2), np.nan, 24, "not tested"),  # no random split could be scored
    ],
)
def test_verdict(estimate, interval, p, n_clusters, expected):
    found = evaluation.judge(estimate, *interval, smallest_effect=0.05, n_clusters=n_clusters, places=places(p))
    assert found.verdict == expected


def test_a_positive_difference_below_what_splits_give_on_average_is_not_supported():
    found = evaluation.judge(0.1, 0.02, 0.2, smallest_effect=0.05, n_clusters=24, places=places(0.01, mean=0.3))
    assert found.verdict == "inconclusive"


@pytest.mark.parametrize("p", [None, 0.001])
@pytest.mark.parametrize(("n_clusters", "expected"), [(9, "inconclusive"), (10, "not tested")])
def test_a_missing_interval_is_put_down_to_few_clusters_only_where_they_are_few(n_clusters, expected, p):
    found = evaluation.judge(0.1, np.nan, np.nan, smallest_effect=0.05, n_clusters=n_clusters, places=places(p))
    assert found.verdict == expected


def test_few_clusters_are_named_as_the_reason():
    found = evaluation.judge(0.1, np.nan, np.nan, smallest_effect=0.05, n_clusters=8, places=places(0.001))
    assert found.reason == "n: 8 clusters, at least 10 are needed"


@pytest.mark.parametrize(("sign", "expected"), [(1, "supported"), (-1, "contradicted")])
def test_a_verdict_needs_every_control(sign, expected):
    def judged(p_split, p_matched):
        interval = sorted([sign * 0.1, sign * 0.3])
        found = [evaluation.Place("random splits", p_split, 0.0), evaluation.Place("matched splits", p_matched, 0.0)]
        return evaluation.judge(sign * 0.2, *interval, smallest_effect=0.05, n_clusters=24, places=found)

    assert judged(0.01, 0.04).verdict == expected
    assert judged(0.01, 0.06).verdict == judged(0.06, 0.01).verdict == "inconclusive"
    assert judged(0.01, 0.06).reason.endswith("does not stand out among matched splits")
    assert judged(0.06, 0.06).reason.endswith("does not stand out among random splits and matched splits")


def test_the_detectable_difference_is_found_in_four_of_five_samples():
    """Estimates are normal around it; the interval of each has the same width."""
    width = 0.2
    effect = evaluation.detectable(0.1, 0.1 + width)
    estimates = effect + width / (2 * stats.norm.ppf(0.975)) * np.random.default_rng(0).normal(size=100_000)
    assert (estimates - width / 2 > 0).mean() == pytest.approx(0.8, abs=0.01)


LAYERS = {"subject": "mean of layers"}


@pytest.fixture
def claim():
    return {
        "id": "example",
        "kind": "paper",
        "statement": "High is better.",
        "about": "pre-trained networks",
        "evidence": "agreement",
        "lacking": "nobody looked",
        "where": {"ranking": "pe"},
        "controls": ["random splits"],
        "smallest_effect": 0.05,
        "unit": "r",
    }


@pytest.fixture
def evidence():
    table = pd.DataFrame(
        {
            "layer": ["mean of layers", "mean of layers", "relu1_1"],
            "ranking": ["pe", "mu1", "pe"],
            "estimate": [0.2, -0.2, 0.0],
            "ci_low": [0.1, -0.3, -0.1],
            "ci_high": [0.3, -0.1, 0.1],
            "p_split": [0.001, 0.001, 0.5],
            "split_mean": 0.0,
            "n_clusters": 24,
            "resampled_unit": "stimuli and observers",
        }
    )
    subject = {"network": "subject", "weights": "trained", "origin": "somewhere"}
    control = {"network": "control", "weights": "random", "origin": "random weights", "estimate": 0.01}
    return {"agreement": pd.concat([table.assign(**subject), table.assign(**control)], ignore_index=True)}


def of_stand_in(evidence):
    return {kind: table.replace({"weights": {"trained": "learnt"}}) for kind, table in evidence.items()}


def test_a_pretrained_network_is_judged(claim, evidence):
    (record,) = evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS)
    assert record["verdict"] == "supported"
    assert record["comparisons"] == [
        {"label": "the same with random weights", "estimate": 0.01, "ci_low": 0.1, "ci_high": 0.3}
    ]


@pytest.mark.parametrize(
    ("layer", "reason"), [("relu1_1", "relu1_1 has not converged"), ("mean of layers", "no layer has converged")]
)
def test_a_layer_that_has_not_converged_is_not_judged(claim, evidence, layer, reason):
    """Whatever the kind of evidence: the order of its channels is that of the stimuli."""
    state = (
        evidence["agreement"][["network", "layer"]].drop_duplicates().assign(converged=lambda it: it["layer"] != layer)
    )
    (record,) = evaluation.evaluate([claim], evidence | {"layers": state}, {"subject": "control"}, {"subject": layer})
    assert (record["verdict"], record["reason"]) == ("not tested", reason)


def test_the_page_keeps_the_papers_claims_and_extensions_apart(claim, evidence):
    other = claim | {"id": "other", "kind": "extension", "statement": "Higher is better."}
    page = claims.page(evaluation.evaluate([other, claim], evidence, {"subject": "control"}, LAYERS))
    headings = [
        "## The paper's claims",
        "### High is better.",
        "## Our own claims",
        "### Higher is better.",
    ]
    assert [line for line in page.splitlines() if line.startswith("##")] == headings


def test_a_network_is_judged_at_its_own_layer(claim, evidence):
    (record,) = evaluation.evaluate([claim], evidence, {"subject": "control"}, {"subject": "relu1_1"})
    assert (record["estimate"], record["endpoint"]) == (0.0, "layer relu1_1, ranking pe")


def test_a_claim_with_empty_evidence_is_not_tested(claim, evidence):
    empty = {"agreement": evidence["agreement"].iloc[:0], "another kind": evidence["agreement"]}
    (record,) = evaluation.evaluate([claim], empty, {"subject": "control"}, LAYERS)
    assert (record["verdict"], record["reason"]) == ("not tested", "nobody looked")


def test_a_stand_in_is_shown_but_not_judged(claim, evidence):
    (record,) = evaluation.evaluate([claim], of_stand_in(evidence), {"subject": "control"}, LAYERS)
    assert record["verdict"] == "not tested"
    assert record["reason"] == "subject is a stand-in, not a pre-trained network"
    assert record["rule_outcome"].startswith("supported")
    assert record["estimate"] == 0.2


def test_a_study_that_is_too_small_for_a_claim_is_shown_but_not_judged(claim, evidence):
    sized = {key: table.assign(seeds=4, training_steps=50_000) for key, table in evidence.items()}
    wanted = {**claim, "at_least": {"seeds": 5, "training_steps": 50_000}}
    (record,) = evaluation.evaluate([wanted], sized, {"subject": "control"}, LAYERS)
    assert (record["verdict"], record["reason"]) == ("not tested", "too small: 4 of at least 5 seeds")
    assert record["estimate"] == 0.2
    assert record["rule_outcome"].startswith("supported")


def test_a_sample_size_that_the_evidence_does_not_give_is_too_small(claim, evidence):
    (record,) = evaluation.evaluate([{**claim, "at_least": {"seeds": 5}}], evidence, {"subject": "control"}, LAYERS)
    reason = "too small: an unknown number of at least 5 seeds"
    assert (record["verdict"], record["reason"]) == ("not tested", reason)


def test_all_that_stands_against_a_verdict_is_named(claim, evidence):
    sized = {key: table.assign(seeds=4) for key, table in evidence.items()}
    wanted = {**claim, "at_least": {"seeds": 5}}
    (record,) = evaluation.evaluate([wanted], of_stand_in(sized), {"subject": "control"}, LAYERS)
    assert record["reason"].endswith("not a pre-trained network; too small: 4 of at least 5 seeds")


def test_evidence_without_layers_is_picked_by_the_claim_alone(claim, evidence):
    one = {kind: table[table["layer"] == "mean of layers"].drop(columns="layer") for kind, table in evidence.items()}
    (record,) = evaluation.evaluate([claim], one, {"subject": "control"}, LAYERS)
    assert record["endpoint"] == "ranking pe"


def test_a_claim_about_any_network_judges_the_stand_in(claim, evidence):
    claim["about"] = "any network"
    (record,) = evaluation.evaluate([claim], of_stand_in(evidence), {"subject": "control"}, LAYERS)
    assert record["verdict"] == "supported"


def test_numbers_for_comparison_come_from_the_same_table_if_the_claim_names_them(claim, evidence):
    claim["comparisons"] = {"by mu1": {"ranking": "mu1"}}
    (record,) = evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS)
    assert record["comparisons"][0] == {"label": "by mu1", "estimate": -0.2, "ci_low": -0.3, "ci_high": -0.1}
    assert record["comparisons"][1]["label"] == "the same with random weights"


def test_missing_numbers_reach_the_reader_as_missing(claim, evidence, tmp_path):
    for table in evidence.values():
        table[["estimate", "ci_low", "ci_high", "p_split"]] = np.nan
    records = evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS)
    storage.write_record({"claims": records}, tmp_path / "claims.json")
    (record,) = storage.read_record(tmp_path / "claims.json")["claims"]
    assert record["verdict"] == "not tested"
    assert record["estimate"] is None
    assert "r: –, the 95% interval over 24 stimuli and observers" in claims.page([record])
    assert claims.render(claims.table([record]))["estimate [95% interval]"].item() == "–"


@pytest.fixture
def untested(claim, evidence):
    """The record of a claim about images that nobody judged, beside one whose evidence is there."""
    about_images = {**claim, "id": "images", "evidence": "bapps_2afc"}
    records = evaluation.evaluate([about_images, claim], evidence, {"subject": "control"}, LAYERS)
    assert [record["id"] for record in records] == ["images", "example"]
    return records[0]


def test_a_claim_whose_evidence_the_study_lacks_is_not_tested_and_says_why(untested):
    reason = "nobody looked"
    assert (untested["verdict"], untested["reason"]) == ("not tested", reason)
    assert untested["rule_outcome"] == f"not tested ({reason})"


def test_a_claim_without_evidence_has_no_numbers(untested):
    numbers = ("estimate", "ci_low", "ci_high", "p_split", "n_clusters", "resampled_unit", "detectable")
    assert {untested[name] for name in numbers} == {None}
    assert untested["comparisons"] == []


def test_a_claim_without_evidence_has_the_fields_of_any_other(untested, claim, evidence):
    (other,) = evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS)
    assert untested.keys() == other.keys()


def test_a_claim_without_evidence_can_be_written_and_shown(untested, tmp_path):
    storage.write_record({"claims": [untested]}, tmp_path / "claims.json")
    assert storage.read_record(tmp_path / "claims.json")["claims"] == [untested]
    (row,) = claims.render(claims.table([untested])).to_dict("records")
    assert [row[name] for name in ("verdict", "estimate [95% interval]", "resampled", "for comparison")] == [
        "not tested",
        "–",
        "–",
        "–",
    ]


def test_the_page_of_a_claim_without_evidence_says_why_and_shows_no_numbers(untested):
    page = claims.page([untested])
    assert "**Not tested** for the network `subject` (somewhere): nobody looked" in page
    assert "endpoint: ranking pe; smallest effect of interest 0.05" in page
    assert "interval" not in page
    assert "None" not in page


def test_a_claim_without_evidence_is_recorded_for_every_network(claim, evidence):
    several = {"subject": "control", "other": "control"}
    other = evidence["agreement"].query("network == 'subject'").assign(network="other", origin="elsewhere")
    known = {"another kind": pd.concat([evidence["agreement"], other])}
    records = evaluation.evaluate([claim], known, several, dict.fromkeys(several, "mean of layers"))
    assert [(record["network"], record["origin"]) for record in records] == [
        ("subject", "somewhere"),
        ("other", "elsewhere"),
    ]


def test_an_endpoint_that_is_not_one_row_is_refused(claim, evidence):
    claim["where"] = {"layer": "mean of layers"}
    with pytest.raises(ValueError, match=r"'example': its endpoint .* picks 2 rows"):
        evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"rankng": "pe"}, "its evidence has no column 'rankng', only layer, ranking, "),
        ({"ranking": "mu_1"}, "ranking is 'mu_1'; its evidence has pe"),
    ],
)
def test_an_endpoint_that_the_evidence_does_not_have_is_told_with_what_it_has(claim, evidence, where, message):
    with pytest.raises(ValueError, match=f"'example': {message}"):
        evaluation.evaluate([{**claim, "where": where}], evidence, {"subject": "control"}, LAYERS)


def test_a_claim_about_something_unknown_is_refused(claim, evidence):
    claim["about"] = "pretrained networks"
    with pytest.raises(ValueError, match="'example' is about 'pretrained networks'; expected 'pre-trained networks'"):
        evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS)


def test_an_unknown_control_is_refused(claim, evidence):
    claim["controls"] = ["randon splits"]
    with pytest.raises(ValueError, match="'example' has the control 'randon splits'; expected some of random splits, "):
        evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS)


def test_a_network_whose_origin_no_evidence_gives_is_refused(claim, evidence):
    with pytest.raises(ValueError, match="does not give weights and origin of another"):
        evaluation.evaluate([claim], evidence, {"subject": "another"}, LAYERS)


def test_the_table_of_claims_has_numbers_for_the_endpoint_and_for_each_comparison(claim, evidence):
    table = claims.table(evaluation.evaluate([claim], evidence, {"subject": "control"}, LAYERS))
    assert list(table["quantity"]) == ["primary endpoint", "the same with random weights"]
    assert table[["estimate", "ci_low", "ci_high"]].to_numpy().tolist() == [[0.2, 0.1, 0.3], [0.01, 0.1, 0.3]]
    (shown,) = claims.render(table).to_dict("records")
    assert shown["estimate [95% interval]"] == "0.200 [0.100, 0.300]"
    assert shown["for comparison"] == "the same with random weights: 0.010 [0.100, 0.300]"
    assert shown["resampled"] == "24 stimuli and observers"


def test_what_stands_for_random_splits_is_named_in_the_reason(claim, evidence, tmp_path):
    (record,) = evaluation.evaluate(
        [{**claim, "controls": ["shuffles of the weights"]}], evidence, {"subject": "control"}, LAYERS
    )
    assert record["reason"] == "the interval lies above 0, beyond shuffles of the weights"
    assert "p = 0.001 among shuffles of the weights\n" in claims.page([record])


def test_every_key_of_the_claims_is_a_word():
    listed = yaml.safe_load(resources.files("perceptual_efficacy.claims").joinpath("claims.yaml").read_text())["claims"]
    assert all(isinstance(key, str) for one in listed for key in one)


CLAIMS = yaml.safe_load(
    resources.files("perceptual_efficacy.claims").joinpath("claims.yaml").read_text(encoding="utf-8")
)["claims"]
CASES = {"supported": (10, 8, 12), "contradicted": (-10, -12, -8), "inconclusive": (0, -5, 5)}  # smallest effects


@pytest.mark.parametrize("expected", CASES)
@pytest.mark.parametrize("claim", CLAIMS, ids=[claim["id"] for claim in CLAIMS])
def test_every_claim_is_judged_as_made_up_evidence_says(claim, expected):
    """True, false and undecidable by construction: far above 0, far below, and around it, among many controls."""
    numbers = [claim["smallest_effect"] * value for value in CASES[expected]]
    p = 0.5 if expected == "inconclusive" else 0.001
    about = {"network": "subject", "weights": "trained", "origin": "made up", "layer": "relu2_2", "dataset": "made up"}
    about |= {"n_clusters": 40, "resampled_unit": "things", "p_split": p, "p_matched": p, "p": p}
    about |= {"split_mean": 0.0, "matched_mean": 0.0, **claim.get("at_least", {})}
    endpoint = {**about, **claim["where"], **dict(zip(evaluation.INTERVAL, numbers, strict=True))}
    rows = [endpoint, *({**endpoint, **other} for other in claim.get("comparisons", {}).values())]
    table = pd.DataFrame([*rows, *({**row, "network": "control", "weights": "random"} for row in rows)])
    found = evaluation.evaluate([claim], {claim["evidence"]: table}, {"subject": "control"}, {"subject": "relu2_2"})
    assert found[0]["verdict"] == expected, found[0]["reason"]
    assert len(found[0]["comparisons"]) == len(claim.get("comparisons", {})) + 1
