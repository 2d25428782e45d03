"""The workflow, run as a user runs it, on a miniature study."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import yaml
from miniature import ROOT, STUDY, command, environment, planned, snakemake, study_with
from study import Code

from perceptual_efficacy import storage
from perceptual_efficacy.backbones.loading import load_backbone


def altered(output):
    """Rules of a dry run whose parameters have changed, which code counts among."""
    return set(re.findall(r"params have changed since last execution:\s*\n\s+(.*)", output)[0].split(", "))


def test_every_claim_has_a_verdict_for_the_network_that_has_a_control(study):
    records = storage.read_record(study / "results/claims.json")["claims"]
    claims = yaml.safe_load((ROOT / "src/perceptual_efficacy/claims/claims.yaml").read_text())["claims"]
    assert [(record["id"], record["network"]) for record in records] == [(claim["id"], "tiny") for claim in claims]
    assert {record["verdict"] for record in records if record["about"] == "pre-trained networks"} == {"not tested"}


def test_every_figure_comes_with_what_it_plots(study):
    figures = {path.with_suffix("") for path in (study / "results/figures").rglob("*.*")}
    assert len(figures) == 38
    for figure in figures:
        assert len(pd.read_csv(figure.with_suffix(".csv"))) > 0
        assert figure.with_suffix(".png").stat().st_size > 0
        assert figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_every_table_is_written_in_four_formats(study):
    names = {path.stem for path in (study / "results/tables").glob("*.md")}
    assert names >= {"agreement", "baselines", "claims", "groups", "layers", "networks", "scores_by_layer"}
    found = {path.name for path in (study / "results/tables").iterdir()}
    written = {f"{name}.{kind}" for name in names for kind in ("csv", "md", "tex", "html")}
    assert found == written


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


def test_the_stages_that_can_be_named_run_every_rule(study):
    stages = ("scores", "agreement", "inversion", "superres", "figures", "tables", "claims", "report")
    jobs = planned(snakemake(study, "--dry-run", "--forceall", *stages).stdout)
    rules = {path.name.removesuffix(".log") for path in (study / "results/logs").iterdir()}
    assert set(jobs) == {*rules, *stages}


def test_a_second_run_has_nothing_to_do(study):
    assert "Nothing to be done" in snakemake(study).stdout


def test_the_report_is_written(copy):
    finished = snakemake(copy, "--report", "results/report.html")
    assert finished.returncode == 0, finished.stdout
    assert "Perceptual efficacy" in (copy / "results/report.html").read_text(encoding="utf-8")


def digests(root, *tables):
    """Digest of the code behind every rule and every table of the workflow in a folder."""
    code = Code(root)
    of_rules = {path.stem: code.digest(path.stem) for path in (root / "workflow/scripts").glob("[!_]*.py")}
    return of_rules | {table: code.digest("write_table", f"tables/{table}") for table in tables}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of what digests are computed from, to be edited and put back, and those digests."""
    root = tmp_path_factory.mktemp("sources")
    for name in ("rules", "workflow", "src"):
        shutil.copytree(ROOT / name, root / name)
    return root, digests(root)


USING_CSF = {
    "explore_choices",
    "plot_known_answers",
    "score_channels",
    "compare_layers",
    "measure_drawn_baselines",
    "assess_thresholds",
    "assess_agreement",
    "plot_frequency_curves",
} | {
    "compare_with_lpips",
    "plot_orientation_curves",
    "plot_ladder",
    "fine_tune",
    "invert_features",
    "score_images",
    "write_report",
}


USING_IMAGES = {"list_images", "pack_images", "train_start", "fine_tune", "score_images", "plot_superres_crops"}

USING_THRESHOLDS = {
    "assess_agreement",
    "assess_thresholds",
    "explore_choices",
    "plot_known_answers",
    "plot_ladder",
}

USING_LAYOUTS = {"generate_ladder", "read_judgements"}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("csf", USING_CSF),
        ("agreement", USING_THRESHOLDS),
        (
            "baselines",
            {"measure_baselines", "train_start", "fine_tune", "score_images", "invert_features"},
        ),
        ("multiverse", {"explore_choices"}),
        ("patches", {"choose_stimuli", "measure_drawn_baselines", "measure_drawn_distances"}),
        ("paired", {"compare_losses", "compare_inversions"}),
        ("inversion", {"invert_features"}),
        ("superres/training", {"train_start", "fine_tune"}),
        ("superres/metrics", {"score_images"}),
        ("superres/resize", USING_IMAGES),
        ("probing", {"probe_channels", "probe_controls", "fine_tune", "invert_features", "score_images"}),
        ("backbones/kmeans", {"learn_kmeans", "load_network", "probe_controls"}),
        ("backbones/weights", {"load_network", "probe_controls", "train_start", "fine_tune", "score_images"}),
        ("lpips", {"compare_with_lpips", "assess_agreement", "score_images"}),
        ("judgements/thresholds", USING_THRESHOLDS),
        ("waveforms", {"measure_known_answers", "plot_known_answers"}),
        ("claims/evaluation", {"judge_claims", "write_report"}),
        ("report/explorer", {"write_report"}),
        ("plots/selections", {"plot_selections", "plot_image_selections"}),
        # what reads or distorts images downloads nothing again
        ("datasets/ladder", USING_LAYOUTS),
        ("datasets/addresses", {"download_dataset"}),
    ],
)
def test_editing_a_module_changes_the_digest_of_exactly_the_rules_that_use_it(sources, module, expected):
    root, before = sources
    path = root / f"src/perceptual_efficacy/{module}.py"
    code = path.read_text()
    path.write_text(code + "\nADDED = 1\n")
    after = digests(root)
    path.write_text(code)
    assert {rule for rule in before if before[rule] != after[rule]} == expected


@pytest.mark.parametrize("name", ["page.html.j2", "exploring.js"])
def test_editing_the_template_or_the_code_of_the_page_changes_the_digest_of_its_rule(sources, name):
    root, before = sources
    path = root / "src/perceptual_efficacy/report" / name
    text = path.read_text()
    path.write_text(text + "\n")
    after = digests(root)
    path.write_text(text)
    assert {rule for rule in before if before[rule] != after[rule]} == {"write_report"}


def test_comments_and_docstrings_of_modules_change_no_digest(sources, tmp_path):
    root, before = sources
    other = Path(shutil.copytree(root, tmp_path / "other"))
    assert len(before) > 20
    for path in (other / "src").rglob("*.py"):
        path.write_text(path.read_text().replace('"""', '"""Differently said: ', 1) + "\n# a comment\n")
    assert digests(other) == before


def test_editing_a_tables_module_changes_the_digest_of_exactly_the_tables_that_use_it(sources):
    root, _ = sources
    tables = [path.stem for path in (root / "src/perceptual_efficacy/tables").glob("[!_]*.py")]
    before = digests(root, *tables)
    path = root / "src/perceptual_efficacy/tables/superres.py"
    code = path.read_text()
    path.write_text(code + "\nADDED = 1\n")
    after = digests(root, *tables)
    path.write_text(code)
    assert {name for name in before if before[name] != after[name]} == {"superres", "superres_differences"}


def test_editing_a_module_runs_the_rules_that_use_it_and_what_follows_from_them(copy, clone):
    path = clone / "src/perceptual_efficacy/csf.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert "Nothing to be done" in snakemake(copy, "--dry-run", root=clone).stdout
    path.write_text(path.read_text() + "\nADDED = 1\n")
    # its networks are no versions of LPIPS, and it has no thresholds beside ModelFest's
    in_the_study = USING_CSF - {"compare_with_lpips", "measure_drawn_baselines"}
    using = dict.fromkeys(in_the_study, 1) | {
        "fine_tune": 4,
        "score_images": 6,
        "score_channels": 2,
        "assess_thresholds": 4,
        "assess_agreement": 8,
        "explore_choices": 8,
        "write_report": 1,
    }
    of_scores = {"channel_scores", "orientation_curves", "efficacy_by_layer", "first_layer_filters"}
    following = {
        f"plot_{figure}": 1 for figure in (*of_scores, "known_answers", "thresholds", "selections", "depth", "networks")
    }
    following |= {f"plot_superres_{figure}": 1 for figure in ("plane", "curves", "crops", "differences")}
    following |= {"compare_losses": 1, "compare_inversions": 1, "plot_inversions": 1}
    following |= {f"plot_{figure}": 3 for figure in ("groups", "image_selections", "single_channels")}
    following |= {f"plot_{figure}": 4 for figure in ("specification_curve", "choices", "share_kept")}
    expected = {**using, **following, "judge_claims": 1, "write_table": 10, "all": 1}
    assert planned(snakemake(copy, "--dry-run", root=clone).stdout) == expected


def test_changing_a_key_runs_the_rules_that_depend_on_it(copy, tmp_path):
    changed = yaml.safe_load(STUDY.read_text())
    changed["statistics"]["splits"] = 300
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(changed, sort_keys=False))
    found = altered(snakemake(copy, "--dry-run", study=other).stdout)
    assert found == {"assess_thresholds", "assess_agreement", "record_configuration"}


def test_a_truncated_intermediate_is_named_and_not_used(copy):
    """Every format, and other kinds of damage: tests/reliability/test_faults.py."""
    damaged = copy / "results/probing/tiny/tuning.nc"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    finished = snakemake(copy)
    assert finished.returncode != 0
    assert re.search(r"\w+: results/probing/tiny/tuning\.nc: .*Delete it and run again", finished.stdout)
    assert "Traceback" not in finished.stdout


def test_after_a_killed_run_the_next_one_needs_no_flag(tmp_path):
    """A job of two files is killed when it has written the first, the only one that is asked for."""
    changed, target = study_with(tmp_path, datasets=[]), "results/data/modelfest/patterns.nc"
    with subprocess.Popen(
        command(tmp_path, target, study=changed), env=environment(tmp_path), start_new_session=True
    ) as running:
        while not (tmp_path / target).exists():
            assert running.poll() is None
            time.sleep(0.001)
        os.killpg(running.pid, signal.SIGKILL)
    incomplete = tmp_path / ".snakemake/incomplete"
    assert list(incomplete.iterdir())
    assert snakemake(tmp_path, "--unlock", study=changed).returncode == 0
    finished = snakemake(tmp_path, target, study=changed)
    assert finished.returncode == 0, finished.stdout
    assert not list(incomplete.iterdir())
    assert (tmp_path / "results/data/modelfest/comparisons.parquet").exists()


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
        "ladder": {"size": 64},
        # as many frequencies as by default: with half of them its layers do not converge, and are not judged
        "stimuli": {"field": 2, "lowest_frequency": 1, "frequencies": 47, "orientations": 8, "phases": 2},
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
        "datasets": [{"name": "ladder_tid", "layout": "tid2013", "source": "ladder"}],
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
    assert (card["architecture"], card["weights"]) == ("torchvision:squeezenet1_1", "trained")


def test_lpips_says_nothing_of_weights_that_it_was_not_trained_on(published):
    records = storage.read_record(published / "results/claims.json")["claims"]
    (record,) = (record for record in records if record["id"] == "efficacy-agrees-with-learnt-weights")
    assert record["verdict"] == "not tested"
    assert record["reason"].startswith("LPIPS learnt no weights for this network")


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
    assert (
        "load_network: figure_layer of a is 'relu9', which is not one of its layers (relu1, relu2, relu3,"
        in finished.stdout
    )
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


def test_scripts_take_values_from_params_only():
    for script in (ROOT / "workflow/scripts").glob("*.py"):
        assert "snakemake.config" not in script.read_text(), script


def test_every_rule_has_a_script_of_its_name():
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = [rule.split(":")[0] for rule in re.split(r"^rule ", text, flags=re.M)[1:] if "    script:" in rule]
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("[!_]*.py")}
    assert set(rules) == scripts


def test_the_study_at_the_papers_scale_is_planned(tmp_path):
    jobs = planned(snakemake(tmp_path, "--dry-run", study=ROOT / "config/paper.yaml").stdout)
    assert jobs["download_dataset"] == jobs["unpack_dataset"] == 9  # six data sets, three archives of images
    assert jobs["train_start"] == 1
    assert jobs["fine_tune"] == 9 * 5
    assert jobs["score_images"] == 9 + 2
    assert jobs["load_network"] == 14
    assert jobs["measure_image_distances"] == 14 * 8
    assert jobs["measure_drawn_distances"] == 14
    assert jobs["assess_agreement"] == 14 * 9
    assert jobs["compare_with_lpips"] == jobs["plot_lpips_weights"] == 3
