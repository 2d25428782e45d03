"""What the reliability tests share: rows of the table in docs/reliability.md, and the helpers they need.

`make test-conda`, `test-slurm`, `test-faults` and `reproduce` run them and keep what they say as JUnit XML, which
tools/reliability.py turns into the page.
"""

import os
import platform
from pathlib import Path

import pytest


class Row:
    """One fault: what it is, what was tried and, once that was seen, how it was survived."""

    def __init__(self, record, fault, trial):
        self._record = record
        record("fault", fault)
        record("tried", trial)

    def survived(self, how):
        self._record("survived", how)


@pytest.fixture(scope="session", autouse=True)
def machine(record_testsuite_property):
    """Say where the tests ran."""
    system = platform.freedesktop_os_release()["PRETTY_NAME"] if platform.system() == "Linux" else platform.platform()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    record_testsuite_property("machine", f"{cores} cores, {system}, Python {platform.python_version()}")


@pytest.fixture
def tried(record_property):
    """Begin a row: `row = tried(fault, what_is_tried)`, and at the end `row.survived(how)`."""
    return lambda fault, trial: Row(record_property, fault, trial)


@pytest.fixture(scope="session")
def tools():
    """Return the folder of helpers: a one-node Slurm, a conda command."""
    folder = os.environ.get("PERCEPTUAL_EFFICACY_TOOLS")
    if not folder:
        pytest.skip("PERCEPTUAL_EFFICACY_TOOLS, the folder of helpers, is not set")
    return Path(folder)
