"""The profiles, and the study through `--profile profiles/slurm` on a real one-node Slurm for tests."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest
import yaml
from asked import ASKED, RULES, check_benchmarks
from miniature import ROOT, command, environment, results, snakemake
from snakemake.cli import parse_args

pytestmark = pytest.mark.slurm

PROFILES = {name: ROOT / "profiles" / name for name in ("default", "local", "slurm")}
FOR_SLURM = yaml.safe_load((PROFILES["slurm"] / "config.yaml").read_text())


# What the profiles say. None of this needs a cluster.


def settings(*flags):
    """Return what Snakemake's command line comes to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SNAKEMAKE_PROFILE", raising=False)
        patch.chdir(ROOT)
        return vars(parse_args(["--snakefile", str(ROOT / "Snakefile"), *flags])[1])


def plain(effective):
    """Return a setting as plain values, as a profile states it."""
    if isinstance(effective, dict):
        return {name: plain(part) for name, part in effective.items()}
    if isinstance(effective, set):
        return sorted(part.name.lower() for part in effective)
    return getattr(effective, "value", effective)


@pytest.mark.parametrize("flag", ["--profile", "--workflow-profile"])
@pytest.mark.parametrize("name", PROFILES)
def test_every_entry_of_a_profile_takes_effect(name, flag):
    """Snakemake would ignore a misspelt key without a word."""
    found = settings(flag, str(PROFILES[name]))
    for key, stated in yaml.safe_load((PROFILES[name] / "config.yaml").read_text()).items():
        effective = plain(found[key.replace("-", "_")])
        if key == "default-resources":
            effective = {part: effective[part] for part in stated}  # Snakemake has more of its own
        wanted = {"all": len(os.sched_getaffinity(0))}.get(stated, stated) if isinstance(stated, str) else stated
        assert effective == (sorted(wanted) if isinstance(wanted, list) else wanted), key


def test_the_profile_that_is_taken_unasked_says_only_that_killed_jobs_are_done_again():
    found = settings()
    assert found["rerun_incomplete"]
    assert (found["executor"], found["cores"], found["retries"]) == (None, None, 0)
    assert yaml.safe_load((PROFILES["default"] / "config.yaml").read_text()) == {"rerun-incomplete": True}
    assert not [name for name in ("default", "workflow/profiles/default") if (ROOT / name).exists()]


@pytest.mark.parametrize("name", PROFILES)
def test_every_entry_of_a_profile_has_a_comment(name):
    """One that has the value of the entry above it shares that one's."""
    explained, above = False, None
    for line in (PROFILES[name] / "config.yaml").read_text().splitlines():
        entry = re.fullmatch(r"( *)([\w-]+):(.*?)( # .*)?", line)
        if entry is None:
            assert not line or re.match(" *# ", line), line
            explained, above = bool(line), None
            continue
        indent, _, value, comment = entry.groups()
        assert not value or comment or explained or above == (indent, value), line
        explained, above = False, (indent, value)


def test_every_rule_says_what_it_needs():
    assert len(RULES) > 40
    for name, body in RULES.items():
        assert re.search(ASKED, body), f"{name}: mem_mb and runtime"
        if "gpu=" in body:
            assert re.search("^    threads: ", body, re.MULTILINE), f"{name}: threads"


def test_every_job_of_a_study_took_less_than_its_rule_asks_for(study):
    """Of the miniature study here; of the default study in `make reproduce`."""
    check_benchmarks(study)


def test_no_rule_asks_slurm_for_an_accelerator_unless_the_profile_or_the_configuration_says_so():
    asking = {name for name, body in RULES.items() if re.search(r"^        gpu=\d", body, re.MULTILINE)}
    assert {name for name, parts in FOR_SLURM["set-resources"].items() if parts == {"gpu": 0}} == asking


def test_every_rule_that_the_profile_names_is_there():
    """Snakemake would ignore a misspelt rule without a word."""
    assert not (set(FOR_SLURM["groups"]) | set(FOR_SLURM["set-resources"])) - set(RULES)
    assert not set(FOR_SLURM["group-components"]) - set(FOR_SLURM["groups"].values())
    assert {name for name in RULES if name.startswith("plot_")} < set(FOR_SLURM["groups"])


def test_the_groups_of_the_profile_fit_the_study_at_the_papers_scale(tmp_path):
    """A group that waits for itself is refused when the jobs are planned."""
    study = ROOT / "config/paper.yaml"
    planned = snakemake(tmp_path, "--profile", str(PROFILES["slurm"]), "--dry-run", study=study)
    assert planned.returncode == 0, planned.stdout
    assert set(re.findall(r"Group job (\w+) ", planned.stdout)) == set(FOR_SLURM["groups"].values())


# Runs through Slurm: `make test-slurm`.


def run(*words, check=True):
    return subprocess.run(words, text=True, capture_output=True, check=check).stdout


@pytest.fixture(scope="module")
def cluster(tools, tmp_path_factory):
    """A real Slurm of one node, started and stopped here, that ends jobs that take more memory than they asked for."""
    if os.geteuid() != 0:
        pytest.skip("a Slurm for tests is started as root")
    program = str(tools / "slurm-one-node")
    # declared, not real: Slurm only counts with it
    offered = {"CPUS": "4", "MEM_MB": "32000", "GPUS": "1", "PARTITIONS": "cpu gpu", "KILL_OVER_MEMORY": "1"}
    offered["DIR"] = str(tmp_path_factory.mktemp("slurm"))
    env = {**os.environ, **{f"SLURM_ONE_NODE_{name}": value for name, value in offered.items()}}
    if subprocess.run([program, "status"], env=env, capture_output=True, check=False).returncode == 0:
        pytest.skip("another Slurm for tests is running")
    try:
        started = subprocess.run([program, "start"], env=env, text=True, capture_output=True, check=False)
        assert started.returncode == 0, started.stderr
        yield socket.gethostname().split(".")[0]
    finally:
        subprocess.run([program, "stop"], env=env, capture_output=True, check=False)


def take_interrupts():
    """Let SIGINT end the program: what a shell starts in the background ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(cluster):
    """Return a function that starts Snakemake, its output in a file; what still goes on after a test is ended."""
    started = []

    def run_in(folder, *more, profile=PROFILES["slurm"]):
        # two threads per job as in the local run: bytes depend on them
        with (folder / "run.log").open("w") as log:
            process = subprocess.Popen(
                command(folder, "--profile", str(profile), "--max-threads", "2", *more),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(folder),
                preexec_fn=take_interrupts,
            )
        started.append(process)
        return process

    yield run_in
    for process in started:
        process.kill()
        process.wait()
    run("scancel", "--user", "root")


def wait_until(found, what, running, seconds=240):
    """Wait until something is found and return it."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        assert running.poll() is None, f"Snakemake ended before there was {what}"
        time.sleep(0.3)
    return value


def in_queue(rule, state):
    """Return the Slurm jobs of a rule or group that are in a state; the plugin names both in a job's comment."""
    lines = run("squeue", "--noheader", f"--states={state}", "--format=%i|%k").splitlines()
    return [job for job, comment in (line.split("|") for line in lines) if comment.startswith(f"rule_{rule}")]


def attempts(folder, *fields):
    """Return what Slurm's accounting says of the jobs of a folder's last run, in the order of submission."""
    ids = re.findall(r"submitted with SLURM jobid (\d+)", (folder / "run.log").read_text())
    query = ["sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={','.join(ids)}"]
    end = time.monotonic() + 60
    while {"RUNNING", "PENDING", "COMPLETING"} & set(run(*query, "--format=state").split()):
        assert time.monotonic() < end, "a job of a run that ended goes on"
        time.sleep(1)
    return [tuple(row.split("|")) for row in run(*query, f"--format={','.join(fields)}").splitlines()]


def ended(folder):
    """Return how these jobs ended; Slurm adds by whom one was cancelled."""
    return [state.split()[0] for (state,) in attempts(folder, "state")]


def finish(running, folder, seconds=900):
    assert running.wait(timeout=seconds) == 0, (folder / "run.log").read_text()


@pytest.fixture
def lacking(copy):
    """Return a function that takes results out of the copy of the finished study, and names them."""

    def take(*names):
        for name in names:
            (copy / name).unlink()
        return names

    return take


@pytest.mark.slow
def test_the_whole_study_through_slurm_has_the_same_bytes(start, study, tried, tmp_path, judged_images):
    row = tried("a cluster", "the whole miniature study, `--profile profiles/slurm`")
    judged_images(tmp_path / "data")
    began = time.monotonic()
    finish(start(tmp_path), tmp_path, seconds=7200)
    minutes = (time.monotonic() - began) / 60
    assert set(ended(tmp_path)) == {"COMPLETED"}
    assert results(tmp_path) == results(study)
    asked = attempts(tmp_path, "comment", "reqmem", "alloccpus")
    # the figures of a group run one after the other, so together they need what one does
    assert {tuple(parts) for name, *parts in asked if "_figures_" in name} == {("1000M", "1")}
    row.survived(f"{len(asked)} Slurm jobs in {minutes:.0f} minutes, the same bytes as without Slurm")


@pytest.mark.slow
def test_what_the_profile_shows_as_an_example_reaches_slurm(start, study, copy, lacking, tmp_path):
    text = (PROFILES["slurm"] / "config.yaml").read_text()
    for example, entry in (
        ("# slurm_account: lab", "slurm_account: lab"),
        ("# slurm_partition: cpu", "slurm_partition: cpu"),
        ("probe_channels: {gpu: 0}", "probe_channels: {gpu: 1, slurm_partition: gpu}"),
    ):
        assert text.count(example) == 1
        text = text.replace(example, entry)
    (tmp_path / "edited").mkdir()
    (tmp_path / "edited/config.yaml").write_text(text)
    wanted = lacking("results/stimuli/gratings.nc", "results/probing/tiny/tuning.nc")
    finish(start(copy, *wanted, profile=tmp_path / "edited"), copy)
    # the two need nothing of each other: they start in any order
    found = {row[0]: row[1:] for row in attempts(copy, "partition", "account", "state", "alloctres")}
    assert {partition: row[:2] for partition, row in found.items()} == dict.fromkeys(
        ("cpu", "gpu"), ("lab", "COMPLETED")
    )
    assert "gres/gpu=1" in found["gpu"][2]
    assert results(copy) == results(study)


@pytest.mark.slow
def test_a_cancelled_job_is_tried_again(start, study, copy, tried, lacking):
    row = tried("a running job is cancelled", "`scancel`")
    running = start(copy, *lacking("results/probing/tiny/tuning.nc"))
    (job,) = wait_until(lambda: in_queue("probe_channels", "RUNNING"), "running job", running)
    run("scancel", job)
    finish(running, copy)
    assert ended(copy) == ["CANCELLED", "COMPLETED"]
    assert results(copy) == results(study)
    row.survived("Snakemake submits it again; the same bytes")


@pytest.mark.slow
def test_a_cancelled_group_is_done_again(start, study, copy, tried, lacking):
    row = tried("a group of jobs is cancelled", "`scancel` when one of its figures is there")
    figures = [f"results/figures/tiny/{name}.png" for name in ("frequency_curves", "channel_scores")]
    running = start(copy, *lacking(*figures))
    (job,) = wait_until(lambda: in_queue("channel_figures", "RUNNING"), "running job", running)
    wait_until(lambda: any((copy / figure).exists() for figure in figures), "figure", running)
    run("scancel", job)
    finish(running, copy)
    assert ended(copy) == ["CANCELLED", "COMPLETED"]
    assert results(copy) == results(study)
    row.survived("Snakemake submits the whole group again; the same bytes")


@pytest.mark.slow
def test_a_drained_node_is_waited_for(cluster, start, study, copy, tried, lacking):
    row = tried("a node is taken out of service", "`scontrol`: `drain` while a job runs, later `resume`")
    running = start(copy, *lacking("results/probing/tiny/tuning.nc", "results/selectivity/tiny/channels.parquet"))
    wait_until(lambda: in_queue("probe_channels", "RUNNING"), "running job", running)
    run("scontrol", "update", f"nodename={cluster}", "state=drain", "reason=test")
    try:
        wait_until(lambda: in_queue("scores", "PENDING"), "waiting job", running)
        assert (copy / "results/probing/tiny/tuning.nc").exists()
        time.sleep(5)
        assert not in_queue("scores", "RUNNING")
    finally:
        run("scontrol", "update", f"nodename={cluster}", "state=resume")
    finish(running, copy)
    assert ended(copy) == ["COMPLETED", "COMPLETED"]
    assert results(copy) == results(study)
    row.survived("the running job ends, the next waits until the node is back; the same bytes")


def start_and_hold(start, copy, *arguments):
    """Start a run, and stop its job probe_channels once its script has begun: it stays until Slurm ends it."""
    log = copy / "results/logs/probe_channels/tiny.log"
    log.unlink()
    running = start(copy, *arguments)
    (job,) = wait_until(lambda: in_queue("probe_channels", "RUNNING"), "running job", running)
    wait_until(log.exists, "script that has begun", running)
    for line in run("scontrol", "listpids", job).splitlines()[1:]:
        os.kill(int(line.split()[0]), signal.SIGSTOP)
    return running, job


@pytest.mark.slow
def test_a_job_that_hits_its_time_limit_is_tried_again_with_more(start, study, copy, tried, lacking):
    row = tried("a job hits its time limit", "a job of one minute that is made to hang")
    limit = ["--set-resources", "probe_channels:gpu=0", "probe_channels:runtime=attempt"]
    running, _ = start_and_hold(start, copy, *lacking("results/probing/tiny/tuning.nc"), *limit)
    finish(running, copy)
    states = attempts(copy, "state", "timelimit")
    assert states[0] == ("TIMEOUT", "00:01:00")
    assert states[-1] == ("COMPLETED", f"00:{len(states):02}:00")
    assert results(copy) == results(study)
    row.survived("Slurm ends it, Snakemake submits it again with more time; the same bytes")


@pytest.mark.slow
def test_a_job_that_hits_its_memory_limit_is_tried_again_with_more(start, study, copy, tried, lacking):
    row = tried("a job hits its memory limit", "400 MB times the attempt for a job that needs more than twice that")
    limit = ["--set-resources", "probe_channels:gpu=0", "probe_channels:mem_mb=attempt * 400"]
    running = start(copy, *lacking("results/probing/tiny/tuning.nc"), *limit)
    finish(running, copy)
    states = attempts(copy, "state", "reqmem")
    assert [amount for _, amount in states] == ["400M", "800M", "1200M"][: len(states)]
    assert len(states) > 1
    assert states[-1][0] == "COMPLETED"
    assert not [state for state, _ in states[:-1] if state == "COMPLETED"]
    assert results(copy) == results(study)
    row.survived(f"Slurm ends it, Snakemake submits it again with more, {len(states)} times in all; the same bytes")


@pytest.mark.slow
def test_an_interrupted_run_takes_its_jobs_with_it(start, study, copy, tried, lacking):
    row = tried("Snakemake is interrupted while its jobs are in Slurm", "Ctrl-C")
    wanted = lacking("results/probing/tiny/tuning.nc")
    running, _ = start_and_hold(start, copy, *wanted)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=120) != 0
    assert set(ended(copy)) == {"CANCELLED"}
    finish(start(copy, *wanted), copy)
    assert results(copy) == results(study)
    row.survived("it cancels them; the next run does them again, the same bytes")


@pytest.mark.slow
def test_after_a_killed_run_the_next_does_what_is_missing(start, study, copy, tried, lacking):
    row = tried("Snakemake is killed while its jobs are in Slurm", "`kill -9`; the jobs go on")
    wanted = lacking("results/probing/tiny/tuning.nc")
    running, job = start_and_hold(start, copy, *wanted)
    running.kill()
    running.wait()
    run("scancel", job)
    unlocked = snakemake(copy, "--unlock")
    assert unlocked.returncode == 0, unlocked.stdout
    finish(start(copy, *wanted), copy)
    assert results(copy) == results(study)
    row.survived("after `scancel` and `--unlock` the next run does them again, the same bytes")
