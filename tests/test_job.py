"""What every script starts with: its log, its errors, the check of its inputs and the record of its outputs."""

import json
import subprocess
import sys

import pytest
from miniature import ROOT, environment

SCRIPT = """
from types import SimpleNamespace
from job import job

class Named(dict):
    def __getattr__(self, name):
        return self[name]
    def __iter__(self):
        return iter(self.values())

snakemake = SimpleNamespace(
    rule="measure", input=Named(a="results/a.txt", b="results/b.txt"), output=["results/c.txt"],
    params=Named(size=3, folders="/home/me", entries=[{"name": "own", "path": "/home/me/a.png"}]),
    wildcards=Named(name="x"), threads=2, log=["results/logs/measure/x.log"],
)
with job(snakemake) as run:
"""


@pytest.fixture
def run(tmp_path):
    """Return what runs the body of a script with two inputs, in a folder."""
    (tmp_path / "results/logs/measure").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / f"results/{name}.txt").write_text(name)

    def script(body):
        return subprocess.run(
            [sys.executable, "-c", f"{SCRIPT}    {body}"],
            cwd=tmp_path,
            env=environment(tmp_path, PYTHONPATH=str(ROOT / "workflow/scripts")),
            text=True,
            capture_output=True,
            check=False,
        )

    return script


def test_a_job_that_ends_well_records_what_it_read_and_wrote(run, tmp_path):
    finished = run("open(run.output[0], 'w').write(f'{run.threads} {run.params.size}')")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    record = json.loads((tmp_path / "results/provenance/c.txt.json").read_text())
    known = {"size": 3, "entries": [{"name": "own"}]}
    assert (record["rule"], record["wildcards"], record["params"]) == ("measure", {"name": "x"}, known)
    assert [name for name, _ in record["inputs"]] == ["results/a.txt", "results/b.txt"]
    assert "finished" in (tmp_path / "results/logs/measure/x.log").read_text()


@pytest.mark.parametrize("error", ["ValueError", "OSError", "FloatingPointError"])
def test_an_expected_error_is_one_line_and_its_details_are_in_the_log(run, tmp_path, error):
    finished = run(f"raise {error}('sizes differ: make them equal.')")
    assert finished.returncode == 1
    assert finished.stderr == "measure: sizes differ: make them equal.\n"
    log = (tmp_path / "results/logs/measure/x.log").read_text()
    assert "Traceback" in log
    assert log.endswith(f"{error}: sizes differ: make them equal.\n")
    assert not (tmp_path / "results/provenance").exists()


def test_any_other_error_has_its_traceback_on_standard_error_and_in_the_log(run, tmp_path):
    finished = run("{}['size']")
    assert finished.returncode == 1
    for text in (finished.stderr, (tmp_path / "results/logs/measure/x.log").read_text()):
        assert "Traceback" in text
        assert "KeyError: 'size'" in text


def test_a_job_does_not_begin_with_an_input_that_is_not_as_it_was_written(run, tmp_path):
    assert run("open(run.output[0], 'w').write('c')").returncode == 0
    (tmp_path / "results/c.txt").rename(tmp_path / "results/a.txt")
    (tmp_path / "results/provenance/c.txt.json").rename(tmp_path / "results/provenance/a.txt.json")
    assert run("print('began')").stdout == "began\n"
    (tmp_path / "results/a.txt").write_text("d")
    finished = run("print('began')")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.startswith("measure: results/a.txt: is not what its record says")
    assert len(finished.stderr.splitlines()) == 1
