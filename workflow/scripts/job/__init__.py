"""What every script starts with: the library on the import path, a log, checked inputs, and a record at the end."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "src"))
# Threads that wait do not spin: beside anything else that runs, spinning makes networks several times slower. No number
# depends on it. PyTorch reads it when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Large tensors lie in pages of 2 MB where Linux has them: fewer page faults, about a tenth less time in a forward pass.
# PyTorch reads it when it makes its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

from job.run import Run
from job.watch import watch_snakemake

# One line says what is wrong: input that the library refuses, a file or a disk, a training that diverged. Anything else
# is a fault of the program.
EXPECTED = (ValueError, OSError, FloatingPointError)

# a log that cannot be written, on a full disk, costs no more than the one line on standard error
logging.raiseExceptions = False
watch_snakemake()


@contextmanager
def job(snakemake: Any) -> Iterator[Run]:
    """Run a script's body: check its inputs against their records first, and record its outputs if it succeeds.

    The rule's log has the traceback of any error; of an expected one only the message is printed.
    """
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8")],
    )
    logging.captureWarnings(True)
    log = logging.getLogger(snakemake.rule)
    log.info("started, %s threads", snakemake.threads)
    try:
        run = Run(snakemake)
        yield run
        run.record()
    except BaseException as error:
        log.exception("failed")
        if isinstance(error, EXPECTED):
            sys.exit(f"{snakemake.rule}: {error}")
        raise
    log.info("finished")
