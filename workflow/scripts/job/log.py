"""The log of a job, and how its errors are shown."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# One line says what is wrong: input that the library refuses, a file or a disk, a training that diverged. Anything else
# is a fault of the program.
EXPECTED = (ValueError, OSError, FloatingPointError)

# a log that cannot be written, on a full disk, is no reason for more than the one line on standard error
logging.raiseExceptions = False


@contextmanager
def logged(snakemake) -> Iterator[None]:
    """Write the log of a rule, with the traceback of any error; of an expected one only the message is printed."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8")],
    )
    logging.captureWarnings(True)
    log = logging.getLogger(snakemake.rule)
    log.info("started, %s threads", snakemake.threads)
    try:
        yield
    except BaseException as error:
        log.exception("failed")
        if isinstance(error, EXPECTED):
            sys.exit(f"{snakemake.rule}: {error}")
        raise
    log.info("finished")
