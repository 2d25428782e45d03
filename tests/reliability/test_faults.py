"""Faults that a long study meets, each caused on purpose: what is told, what is left behind, and the bytes in the end.

Random moments and bits come from seeds, which the table names; the moments are printed.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import safetensors.torch
import yaml
from asked import RULES
from miniature import ROOT, STUDY, command, environment, results, snakemake, study_with

from perceptual_efficacy import io, provenance, storage
from perceptual_efficacy.backbones.loading import load_backbone

pytestmark = pytest.mark.faults

SEED = 7
MOMENTS = 6  # at which Snakemake is killed
LOCKED = r"Directory cannot be locked[\s\S]*It can be removed with the --unlock argument"
TOLD_FULL = re.compile(r"^\w+: .*: cannot be written \(No space left on device\)\. Make space and run again\.", re.M)


def start(folder, *arguments, **where):
    """Start Snakemake in a folder, in a process group of its own, its output into a file there."""
    with (folder / "output.txt").open("a") as output:
        return subprocess.Popen(
            command(folder, *arguments, **where),
            start_new_session=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(folder),
        )


def jobs_of(run):
    """Return the processes of the jobs of a run, with their rules: each runs a copy of its rule's script."""
    found = []
    with suppress(psutil.Error):
        for process in psutil.Process(run.pid).children(recursive=True):
            with suppress(psutil.Error):
                *_, last = process.cmdline() or [""]
                if "/.snakemake/scripts/" in last and last.endswith(".py") and process.ppid() == run.pid:
                    found.append((process, Path(last).name.split(".")[-2]))
    return found


def only_line(output, pattern):
    """Assert that one line of the output is the message, and that there is no traceback."""
    assert re.search(pattern, output, re.MULTILINE), output
    assert "Traceback" not in output, output


def leftovers(folder):
    """Files and folders that a writer makes first and moves or removes at its end."""
    return [path for path in (folder / "results").rglob(".*") if path.name != ".snakemake_timestamp"]


def records_of(folder):
    """Read the records of all results, and of none that is just being written."""
    return [storage.read_record(path) for path in sorted((folder / "results/provenance").rglob("[!.]*.json"))]


def finished_jobs(folder):
    """Count the jobs that have ended well."""
    return len({(record["rule"], str(record["wildcards"])) for record in records_of(folder)})


def outputs_of(folder, rule):
    """Outputs of one job of a rule, as their records have them."""
    jobs = {}
    for record in records_of(folder):
        if record["rule"] == rule:
            jobs.setdefault(str(record["wildcards"]), []).append(record["output"])
    return next(iter(jobs.values()))


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


# Kills
def kill_every_rule_once(whole, folder, *targets, **where):
    """Run a study as in a folder in which it is finished, kill a process of each rule once; return the rules."""
    shortest = {}
    for path in (whole / "results/benchmarks").rglob("*.tsv"):
        rule = path.relative_to(whole / "results/benchmarks").with_suffix("").parts[0]
        shortest[rule] = min(shortest.get(rule, np.inf), pd.read_csv(path, sep="\t")["s"][0])
    random = np.random.default_rng(SEED)
    moments = {rule: random.uniform(0, 0.9 * shortest[rule]) for rule in sorted(shortest)}
    killed, wanted = {}, targets
    for attempt in range(8):
        run = start(folder, *wanted, "--retries", "3", **where)
        while run.poll() is None:
            for process, rule in jobs_of(run):
                with suppress(psutil.NoSuchProcess):
                    if rule not in killed and time.time() - process.create_time() >= moments[rule] / 2**attempt:
                        process.kill()
                        killed[rule] = moments[rule] / 2**attempt
                        print(f"{rule}: killed {killed[rule]:.2f} s after its start")
            time.sleep(0.02)
        assert run.returncode == 0, (folder / "output.txt").read_text()
        late = [rule for rule in moments if rule not in killed]
        if not late:
            break
        # faster than in the uninterrupted run: its first job is run again, and killed earlier
        wanted = [output for rule in late for output in outputs_of(folder, rule)]
        for output in wanted:
            remove(folder / output)
    assert not late
    assert (folder / "output.txt").read_text().count("died with <Signals.SIGKILL: 9>") >= len(moments)
    assert results(folder) == results(whole)
    assert not leftovers(folder)
    return set(killed)


# of the rules that the miniature study has no job of
OTHER_RULES = {"load_network", "compare_with_lpips", "plot_lpips_weights", "download_dataset", "unpack_dataset"}
KILLED = "each is tried again; the same bytes as an uninterrupted study, and no half-written file is left"


@pytest.mark.slow
def test_the_process_of_every_rule_is_killed_once(study, tmp_path, judged_images, tried):
    judged_images(tmp_path / "data")
    row = tried("a job is killed", f"kill -9 of the process of every rule, once, at a random moment (seed {SEED})")
    rules = kill_every_rule_once(study, tmp_path)
    assert set(RULES) - rules == OTHER_RULES
    row.survived(f"{len(rules)} rules: {KILLED}")


@pytest.mark.slow
def test_the_processes_of_the_other_rules_are_killed_once(served, study, tmp_path, tried):
    row = tried(
        "a job is killed",
        f"the same of the rules that download, unpack, load a published network and compare it with LPIPS: "
        f"{len(OTHER_RULES)} rules",
    )
    folder, address = served
    with tarfile.open(folder / "2afc.tar.gz", "w:gz") as archive:
        archive.add(study / "data/bapps/2afc/val", "val")
    layers = ["relu1", "fire2"]
    network = load_backbone("random:squeezenet1_1", layers=layers, seed=SEED).network
    safetensors.torch.save_file(dict(network.state_dict()), tmp_path / "drawn.safetensors")
    entries = [
        {"name": "a", "source": "torchvision:squeezenet1_1", "layers": layers, "control": "b", "figure_layer": "fire2"},
        {"name": "b", "source": "random:squeezenet1_1", "layers": layers},
    ]
    entries[0]["weights"] = str(tmp_path / "drawn.safetensors")
    dataset = {**BAPPS, "url": f"{address}/2afc.tar.gz"}
    config = study_with(tmp_path, backbones=entries, datasets=[dataset], superres={"losses": []})
    targets = ["results/figures/a/lpips_weights.png", "results/data/bapps/files"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    finished = snakemake(whole, *targets, study=config)
    assert finished.returncode == 0, finished.stdout
    rules = kill_every_rule_once(whole, killed, *targets, study=config)
    assert rules >= OTHER_RULES
    row.survived(KILLED)


@pytest.mark.slow
def test_snakemake_itself_is_killed(study, tmp_path, judged_images, tried):
    random, orphans = np.random.default_rng(SEED), 0
    targets = ["results/superres/x2/tiny.parquet", "results/distances/tiny/ladder_tid.nc"]
    targets += ["results/inversion/tiny/comparison.parquet", "results/figures/stimuli.png"]
    row = tried(
        "Snakemake is killed",
        f"kill -9 at {MOMENTS} random moments of one study (seed {SEED}): of Snakemake with all its jobs, and in turn "
        f"of Snakemake alone, so that its jobs are orphans",
    )
    judged_images(tmp_path / "data")
    for number in range(MOMENTS):
        ended, alone = finished_jobs(tmp_path) + int(random.integers(1, 5)), number % 2 == 1
        run = start(tmp_path, *targets, "--rerun-incomplete")
        while finished_jobs(tmp_path) < ended or not jobs_of(run):
            assert run.poll() is None, (tmp_path / "output.txt").read_text()
            time.sleep(0.05)
        time.sleep(random.uniform(0, 2))
        jobs = jobs_of(run)
        assert run.poll() is None
        (os.kill if alone else os.killpg)(run.pid, signal.SIGKILL)
        run.wait()
        print(f"{'alone' if alone else 'with its jobs'} after {ended} jobs, during {[rule for _, rule in jobs]}")
        finished = snakemake(tmp_path, *targets, "--rerun-incomplete")
        assert finished.returncode != 0
        only_line(finished.stdout, LOCKED)
        # the next run starts at once: an orphan must not write among its results
        assert not psutil.wait_procs([process for process, _ in jobs], timeout=5)[1]
        orphans += len(jobs) if alone else 0
        assert snakemake(tmp_path, *targets, "--unlock").returncode == 0
    assert orphans > 0
    finished = snakemake(tmp_path, *targets, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stdout
    expected, found = results(study), results(tmp_path)
    assert {name: expected.get(name) for name in found} == found
    assert all((tmp_path / target).exists() for target in targets)
    row.survived(
        "the next run says that the folder is locked, and that `--unlock` (`make unlock`) clears it; orphans end by "
        "themselves at once; the same bytes as an uninterrupted study, and no half-written file is left"
    )


@pytest.mark.parametrize("is_there", [True, False])
def test_a_job_that_begins_when_snakemake_is_gone_ends(tmp_path, is_there):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    watched = str(os.getpid() if is_there else ended.pid)
    finished = subprocess.run(
        [sys.executable, "-c", "import job, time; time.sleep(3); print('wrote')"],
        env=environment(tmp_path, PYTHONPATH=str(ROOT / "workflow/scripts"), PERCEPTUAL_EFFICACY_SNAKEMAKE=watched),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == ((0, "wrote\n") if is_there else (1, ""))


@pytest.mark.slow
def test_training_that_is_killed_three_times_ends_with_the_same_bytes(clone, tmp_path, tried):
    row = tried(
        "a training is killed", "kill -9 of Snakemake with its jobs, three times, each after a state was written"
    )
    module = clone / "src/perceptual_efficacy/superres/training.py"
    module.write_text(module.read_text().replace("STATE_SECONDS = 30.0", "STATE_SECONDS = 1.0"))
    superres = yaml.safe_load(STUDY.read_text())["superres"]
    superres |= {"network": {"blocks": 4, "width": 32}, "training": {"steps": 900, "log_every": 100}, "patch": 48}
    changed = study_with(tmp_path, superres=superres, datasets=[])
    target = "results/superres/x2/start/weights.safetensors"
    ended = []
    for name in ("whole", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        state, random = folder / "results/superres/x2/start/.state", np.random.default_rng(1)
        for _ in range(3 if name == "killed" else 0):
            running = subprocess.Popen(
                command(folder, target, "--rerun-incomplete", root=clone, study=changed),
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            before = state.read_bytes() if state.exists() else b""
            while not state.exists() or state.read_bytes() == before:  # the start, and then what was trained since
                assert running.poll() is None
                time.sleep(0.2)
            time.sleep(random.uniform(0, 3))
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            snakemake(folder, "--unlock", study=changed, root=clone)
        finished = snakemake(folder, target, "--rerun-incomplete", study=changed, root=clone)
        assert finished.returncode == 0, finished.stdout
        assert not state.exists()
        ended.append([(folder / target).with_name(file).read_bytes() for file in ("weights.safetensors", "log.csv")])
    assert ended[0] == ended[1]
    row.survived("it goes on from its last state each time; the same bytes as an uninterrupted one")


def test_a_second_run_in_the_same_folder_is_refused(copy, study, tried):
    row = tried("two runs at once", "a second run in the same folder while the first is working")
    target = "results/figures/stimuli.png"
    first = start(copy, target, "--force")
    while not jobs_of(first):
        assert first.poll() is None, (copy / "output.txt").read_text()
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGSTOP)  # the first is there as long as the second tries
    try:
        second = snakemake(copy, target, "--force")
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert second.returncode != 0
    only_line(second.stdout, LOCKED)
    assert first.wait() == 0, (copy / "output.txt").read_text()
    assert results(copy) == results(study)
    row.survived("the second says that the folder is locked, and stops; the first ends well")


# Space and rights
WRITERS = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd, torch, xarray as xr
from perceptual_efficacy import image_files, io, provenance, storage
from perceptual_efficacy.plots import style
from perceptual_efficacy.superres import images, state

random = np.random.default_rng(0)
dataset = xr.Dataset({"a": ("x", random.random(100_000))})
table = pd.DataFrame({"a": random.random(100_000)})
image = random.integers(0, 256, (500, 500, 3)).astype(np.uint8)
parts = {str(number): lambda: dataset[{"x": slice(number * 10_000, (number + 1) * 10_000)}] for number in range(10)}

def figure(path):
    figure = style.figure(3.0)
    figure.subplots().imshow(image)
    style.save(figure, table, png=path, pdf=path.with_suffix(".pdf"), csv=path.with_suffix(".csv"))

def pack(path):
    listed = pd.DataFrame({"set": "a", "image": ["one"], "height": 500, "width": 500})
    images.pack(listed, {"a": None}, 2, path, path.with_name("low.npy"))

images.read = lambda *_: image
writers = {
    "a.nc": lambda path: io.write_dataset(dataset, path, {}),
    "resumable.nc": lambda path: io.write_dataset_resumably(parts, "x", path, {}, {}),
    "a.parquet": lambda path: io.write_table(table, path, {}),
    "a.csv": lambda path: io.write_csv(table, path),
    "a.safetensors": lambda path: io.write_weights({"a": random.random(100_000)}, path),
    "a.png": lambda path: image_files.write(image, path),
    "a.json": lambda path: storage.write_record({"a": random.random(10_000)}, path),
    "high.npy": pack,
    "a.md": lambda path: storage.write_text("a" * 200_000, path),
    "figure.png": figure,
    ".state": lambda path: state.write({"a": torch.rand(100_000)}, path, {}),
}
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
for name, write in writers.items():
    try:
        write(Path(name))
    except OSError as error:
        print(error)
    else:
        print(name, "was written")
print(len(writers), "writers")
"""


def test_a_full_disk_ends_no_writer_but_with_one_line(tmp_path, tried):
    row = tried("a full disk", "every format written where a file may hold 100 kB and no more")
    finished = subprocess.run(
        [sys.executable, "-c", WRITERS],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr  # HDF5 is known to end the process
    assert "Traceback" not in finished.stderr
    *lines, last = finished.stdout.splitlines()
    assert last == f"{len(lines)} writers"
    for line in lines:
        assert "low.npy" not in line  # of two files that are written together, the one that is full
        assert re.fullmatch(r"\S+: cannot be written \(File too large\)\. Make space and run again\.", line)
    kept = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in kept if not name.startswith("fontlist")} <= {".resumable-parts"}  # Matplotlib's own cache
    for part in tmp_path.glob(".resumable-parts/*.nc"):
        io.read_dataset(part)
    row.survived(f"{len(lines)} writers: one line says which file, and nothing half-written is left")


@pytest.fixture
def small_disk(tmp_path):
    """Return what makes `results` of the test's folder a disk of so many bytes, again and again a larger one."""
    place = tmp_path / "results"
    place.mkdir()

    def resize(size):
        options = f"{'remount,' if place.is_mount() else ''}size={size}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("only root mounts a small disk")

    yield resize
    subprocess.run(["umount", place], check=False)


@pytest.mark.slow
def test_a_study_on_a_full_disk_goes_on_when_there_is_space(study, tmp_path, small_disk, judged_images, tried):
    row = tried("a full disk", "a study on a disk of 256 kB that is doubled whenever it is full")
    judged_images(tmp_path / "data")
    targets = ["results/figures/stimuli.png", "results/baselines/ladder_tid.nc"]
    targets += ["results/superres/x2/start/weights.safetensors", "results/probing/chance/tuning.nc"]
    expected, told, size = results(study), [], 2**18
    while True:
        small_disk(size)
        finished = snakemake(tmp_path, *targets, "--keep-going", "--rerun-incomplete")
        if finished.returncode == 0:
            break
        only_line(finished.stdout, "No space left on device")
        told += TOLD_FULL.findall(finished.stdout)
        found = {name: sha256 for name, sha256 in results(tmp_path).items() if "-parts/" not in name}
        assert {name: expected.get(name) for name in found} == found
        size *= 2
        assert size < 2**28, finished.stdout
    assert len(told) > 3
    found = results(tmp_path)
    assert {name: expected.get(name) for name in found} == found
    assert all((tmp_path / target).exists() for target in targets)
    row.survived(
        f"{len(told)} jobs failed, each with one line that names the file; nothing half-written was left; the same "
        f"bytes in the end"
    )


@pytest.fixture
def bound():
    """Return what is put before a command so that the superuser, too, is bound by the rights of files."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("the superuser is bound by no rights, and there is no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def run_by(before, folder, *arguments, env=(), **where):
    """Run Snakemake through another command."""
    return subprocess.run(
        [*before, *command(folder, *arguments, **where)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=environment(folder, **dict(env)),
    )


@pytest.mark.slow
def test_what_may_not_be_written_is_told(copy, study, bound, tried):
    row = tried("an output made read-only", "a figure that is to be made again; then its folder")
    target = copy / "results/figures/stimuli.png"
    for closed, message in (
        (target, r"Write-protected output files for rule plot_stimuli:\n.*\n.*\n +results/figures/stimuli\.png"),
        (target.parent, "^PermissionError: .*Permission denied: 'results/figures/stimuli.png'"),
    ):
        rights = closed.stat().st_mode
        closed.chmod(rights & 0o555)
        finished = run_by(bound, copy, "results/figures/stimuli.png", "--force")
        closed.chmod(rights)
        assert finished.returncode != 0
        # of a folder Snakemake says it at the end of a traceback of its own
        assert re.search(message, finished.stdout, re.MULTILINE), finished.stdout
        finished = run_by(bound, copy, "results/figures/stimuli.png", "--rerun-incomplete")
        assert finished.returncode == 0, finished.stdout
        assert results(copy) == results(study)
    row.survived(
        "Snakemake names the file before it runs the job, of a folder in the last line of a traceback; the same bytes "
        "once it may be written"
    )


# Damage
KINDS = ("truncated", "emptied", "a bit flipped")


def damage(path, kind, random):
    """Damage a file, and leave its time as it was."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    if kind == "truncated":
        del content[len(content) // 2 :]
    elif kind == "emptied":
        content.clear()
    else:
        content[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


FORMATS = {
    "NetCDF": "results/probing/tiny/tuning.nc",
    "Parquet": "results/selectivity/tiny/channels.parquet",
    "JSON": "results/claims.json",
    "safetensors": "results/backbones/tiny/weights.safetensors",
    "CSV": "results/figures/stimuli.csv",
    "photograph, PNG": "results/data/photographs/test/chelsea.png",
    "training patches, npy": "results/superres/x2/training/low.npy",
    "image of a folder, PNG": "results/superres/x2/l1/images/seed1/photographs/chelsea.png",
    "image of a folder, BMP": "results/data/ladder/tid2013/reference_images/I01.BMP",
}
FOLDERS = (  # outputs that are folders
    *("results/inversion/tiny/relu1_2/images", "results/data/ladder/tid2013"),
    *("results/superres/x2/l1/images", "results/data/ladder/bapps_2afc"),
)


def output_with(path):
    """Return the output that a file is, or lies in."""
    return next((folder for folder in FOLDERS if path.startswith(f"{folder}/")), path)


@pytest.mark.parametrize("name", FORMATS)
def test_damage_is_named(copy, tried, monkeypatch, name):
    row = tried("a damaged intermediate", f"{name}: cut, emptied, and with one bit flipped 200 times (seed {SEED})")
    monkeypatch.chdir(copy)
    random, file, output = np.random.default_rng(SEED), copy / FORMATS[name], output_with(FORMATS[name])
    content = file.read_bytes()
    for kind in (*KINDS, *KINDS[-1:] * 199):
        damage(file, kind, random)
        with pytest.raises(storage.DamagedFileError, match=f"^{re.escape(output)}: .*Delete it and run again"):
            provenance.read_inputs([output], "results")
        file.write_bytes(content)
    assert provenance.read_inputs([output], "results")
    row.survived("all 202 times the file, or the folder that it lies in, is named and refused before it is read")


def test_verify_names_what_is_damaged(copy, tried):
    random = np.random.default_rng(SEED)
    files = {}
    for file in sorted((copy / "results").rglob("*.*")):
        kept = {"logs", "benchmarks", "provenance"}.isdisjoint(file.parts) and file.is_file()
        if kept and file.suffix not in files and file.name != ".snakemake_timestamp":
            files[file.suffix] = file
    row = tried("a damaged result", f"one bit flipped in a file of each kind ({', '.join(files)}; seed {SEED})")
    for file in files.values():
        damage(file, "a bit flipped", random)
    code = "from perceptual_efficacy.cli import app; app()"
    verify = [sys.executable, "-c", code, "verify", str(copy / "results")]
    told = subprocess.run(
        verify, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, text=True, capture_output=True, check=False
    )
    assert told.returncode == 1
    named = re.findall(r"^(\S+) is not what its job wrote", told.stdout, re.MULTILINE)
    for file in files.values():
        # of a folder of images the folder is named
        assert [name for name in named if str(file).startswith(name)], file
    assert len(named) <= len(files)
    row.survived(f"`perceptual-efficacy verify` names all {len(files)}")


# what is damaged, and an output of a job that reads it first; within one part no job needs what another has damaged
READ_BY = (
    {
        "results/data/modelfest/comparisons.parquet": "results/agreement/chance/modelfest-32.parquet",
        "results/backbones/chance/weights.safetensors": "results/distances/chance/choices.nc",
        "results/superres/x2/low/seed1/weights.safetensors": "results/superres/x2/low/scores.parquet",
        "results/superres/x2/training/high.npy": "results/superres/x2/l1/seed1/weights.safetensors",
        "results/inversion/tiny/relu1_2/images/original/chelsea.png": "results/figures/tiny/inversions.png",
        "results/data/ladder/tid2013/reference_images/I01.BMP": "results/baselines/ladder_tid.nc",
    },
    {
        "results/probing/chance/tuning.nc": "results/selectivity/chance/channels.parquet",
        "results/data/photographs/test/chelsea.png": "results/inversion/tiny/relu1_2/scores.parquet",
    },
    {"results/superres/x2/training/low.npy": "results/superres/x2/l1/seed1/weights.safetensors"},
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_names_the_damaged_file_that_it_reads(copy, study, tried, kind):
    count = sum(map(len, READ_BY))
    row = tried("a damaged intermediate", f"{count} files of all formats, {kind}; then the jobs that read them")
    random = np.random.default_rng(SEED)
    for part in READ_BY:
        for path, target in part.items():
            damage(copy / path, kind, random)
            remove(copy / target)
        finished = snakemake(copy, *part.values(), "--keep-going")
        assert finished.returncode != 0
        assert "Traceback" not in finished.stdout, finished.stdout
        whole = [output_with(path) for path in part]
        for path in whole:
            assert re.search(rf"^\w+: {re.escape(path)}: .*Delete", finished.stdout, re.MULTILINE), finished.stdout
        for path in whole:
            remove(copy / path)
        finished = snakemake(copy, *part.values(), *whole)
        assert finished.returncode == 0, finished.stdout
        assert results(copy) == results(study)
    row.survived(
        "each job names its file or folder, in one line; after deleting it the next run makes it again, the same bytes"
    )


@pytest.mark.slow
def test_damaged_states_of_unfinished_work_are_put_aside(copy, study, tried):
    row = tried("a damaged state", "of a training, and of measurements that are kept part by part: cut and edited")
    state = copy / "results/superres/x2/l1/seed1/.state"
    state.write_bytes(b"damaged")
    part = copy / "results/distances/chance/.choices-parts/0000000.nc"
    part.parent.mkdir()
    part.write_bytes((copy / "results/distances/chance/choices.nc").read_bytes()[:-20])
    part.with_suffix(".sha256").write_text("0" * 64)
    targets = ["results/superres/x2/l1/seed1/weights.safetensors", "results/distances/chance/choices.nc"]
    for target in targets:
        (copy / target).unlink()
    finished = snakemake(copy, *targets)
    assert finished.returncode == 0, finished.stdout
    log = (copy / "results/logs/fine_tune/x2/l1/1.log").read_text()
    assert "not from its last state: it is damaged" in log
    state.with_name(".state.stale").unlink()  # what it was
    assert results(copy) == results(study)
    row.survived("the training's log says so and it begins anew, the part is measured again; the same bytes")


# The clock
# one time for all, as in docs/reliability.md: with one of its own each, an input might be newer than its output
TOUCH = 'find results -newermt now -exec touch -d "@$(date +%s)" {} +'


def test_the_page_has_the_command_that_mends_the_clock():
    assert TOUCH in (ROOT / "docs/reliability.md").read_text()


@pytest.mark.slow
def test_the_clock_goes_back_by_a_day(copy, study, tried):
    row = tried("the clock goes back", "by a day, when part of the study is done; then the rest is run")
    targets = ["results/figures/stimuli.png", "results/figures/tiny/frequency_curves.png", "results/claims.json"]
    for target in targets:
        (copy / target).unlink()
    day = 24 * 3600 * 10**9
    for path in (copy / "results").rglob("*"):
        times = path.stat()
        os.utime(path, ns=(times.st_atime_ns + day, times.st_mtime_ns + day))
    finished = snakemake(copy, *targets)
    assert finished.returncode != 0
    only_line(finished.stdout, "older modification time .* This could indicate a clock skew")
    subprocess.run(["sh", "-c", TOUCH], cwd=copy, check=True)
    finished = snakemake(copy, *targets)
    assert finished.returncode == 0, finished.stdout
    assert results(copy) == results(study)
    row.survived(
        "Snakemake refuses results that are older than what they are made from, and says so; once the files from the "
        "future are touched (as docs/reliability.md says), the same bytes"
    )


# Places and surroundings
@pytest.fixture(scope="module")
def offline():
    """Return what is put before a command so that it finds no network."""
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root takes the network away")
    return ["unshare", "-n"]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, judged_images, offline):
    """Return the folder of a whole study in adverse surroundings, that of its sources, and what it printed."""
    folder = tmp_path_factory.mktemp("a study – für µ") / "with spaces"
    root = folder.parent / "sources"
    for name in ("rules", "workflow", "src", "config", "envs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, root / name)
    judged_images(folder / "data")
    (home := folder.parent / "home").mkdir()
    closed = [root, home, *root.rglob("*")]
    for path in closed:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = [*offline]
    if not os.geteuid() and shutil.which("setpriv"):
        before += ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    plain = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": None, "PYTHONIOENCODING": None}
    nowhere = {"HOME": str(home / "none"), "MPLCONFIGDIR": None, "TMPDIR": None}
    nowhere["XDG_CACHE_HOME"] = str(folder.parent / "cache")  # Snakemake itself does not start without any
    finished = run_by(before, folder, root=root, env={**plain, **nowhere})
    yield folder, root, finished
    for path in closed:
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "trial"),
    [
        ("an unusual place", "a whole study in a folder whose name has spaces and letters beyond ASCII"),
        ("a plain locale", "the same study with LC_ALL=C"),
        ("a read-only source tree", "the same study, its sources read-only and --directory elsewhere"),
        ("no home", "the same study, with a HOME that cannot be made, and XDG_CACHE_HOME elsewhere"),
        ("no network", "the same study, without any network"),
    ],
)
def test_adverse_surroundings_change_nothing(study, elsewhere, tried, fault, trial):
    row = tried(fault, trial)
    folder, root, finished = elsewhere
    assert finished.returncode == 0, finished.stdout
    assert results(folder) == results(study)
    assert not list(root.rglob("__pycache__"))
    row.survived("the same bytes")


@pytest.mark.slow
def test_without_home_a_study_runs(copy, study, tried):
    row = tried("no home", "jobs without the variable HOME")
    targets = ["results/figures/stimuli.png", "results/probing/tiny/tuning.nc"]
    finished = snakemake(copy, *targets, "--force", env={"HOME": None, "MPLCONFIGDIR": None})
    assert finished.returncode == 0, finished.stdout
    assert results(copy) == results(study)
    row.survived("the same bytes")


# Downloads
BAPPS = {"name": "bapps", "layout": "bapps_2afc", "source": "download", "subset": True, "allow_unverified": True}


def test_without_a_network_a_download_is_told_in_one_line(tmp_path, offline, tried):
    row = tried("no network", "download_dataset, where no name is found")
    config = study_with(tmp_path, datasets=[BAPPS])
    finished = run_by(offline, tmp_path, "results/data/bapps/card.json", study=config)
    assert finished.returncode != 0
    only_line(finished.stdout, r"^download_dataset: https://\S+: the download failed .*Try again")
    assert set(results(tmp_path)) == set()
    row.survived("one line with the address; nothing half-written is left")


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["gone", "damaged"])
def test_without_a_network_an_archive_is_missed_by_name(served, study, tmp_path, offline, tried, loss):
    row = tried("no network", f"unpack_dataset, whose archive is {loss}")
    folder, address = served
    with tarfile.open(folder / "2afc.tar.gz", "w:gz") as archive:
        archive.add(study / "data/bapps/2afc/val/cnn", "val/cnn")
    config = study_with(tmp_path, datasets=[{**BAPPS, "url": f"{address}/2afc.tar.gz"}])
    assert snakemake(tmp_path, "results/data/bapps/files", study=config).returncode == 0
    archive, before = tmp_path / "results/data/bapps/archive", results(tmp_path)
    remove(tmp_path / "results/data/bapps/files")
    archive.unlink() if loss == "gone" else damage(archive, "a bit flipped", np.random.default_rng(SEED))
    finished = run_by(offline, tmp_path, "results/data/bapps/files", study=config)
    assert finished.returncode != 0
    only_line(finished.stdout, rf"^unpack_dataset: {address}/2afc\.tar\.gz: the download failed .*Try again")
    assert not (tmp_path / "results/data/bapps/files").exists()
    assert not leftovers(tmp_path)
    finished = snakemake(tmp_path, "results/data/bapps/files", study=config)
    assert finished.returncode == 0, finished.stdout
    assert results(tmp_path) == before
    row.survived("one line with the address; with a network it is downloaded again: the same bytes")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "layer"), [("torchvision:squeezenet1_1", "fire2"), ("timm:resnet10t.c3_in1k", "stage1")]
)
def test_without_a_network_weights_are_missed_by_name(tmp_path, offline, tried, network, layer):
    row = tried("no network", f"load_network, weights of {network}")
    backbones = [
        {"name": "a", "source": network, "control": "b", "figure_layer": layer},
        {"name": "b", "source": network, "weights": None},
    ]
    config = study_with(tmp_path, backbones=backbones, datasets=[])
    caches = {"TORCH_HOME": str(tmp_path / "torch"), "HF_HOME": str(tmp_path / "huggingface")}
    finished = run_by(offline, tmp_path, "results/backbones/a/card.json", study=config, env=caches)
    assert finished.returncode != 0
    only_line(finished.stdout, "^load_network: .* is not in the cache and could not be downloaded from https://")
    assert set(results(tmp_path)) == set()
    row.survived("one line: what was looked for where, and where to put it")
