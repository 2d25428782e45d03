"""What every script starts with: the library on the import path, a log, checked inputs, and a record at the end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "src"))

from job.log import logged
from job.run import Run
from job.watch import watch_snakemake

__all__ = ["Run", "job"]

watch_snakemake()


@contextmanager
def job(snakemake) -> Iterator[Run]:
    """Run a script's body: its inputs are what their jobs wrote, and what it wrote is recorded if it ends well."""
    with logged(snakemake):
        run = Run(snakemake)
        yield run
        run.record()
