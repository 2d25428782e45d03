"""A job ends with Snakemake: it must not write among the results of the next run."""

import logging
import os
import threading
import time

SECONDS = 0.5  # between two looks at whether Snakemake is still there


def watch_snakemake() -> None:
    """End this process when Snakemake has ended; it is named by rules/common.smk."""
    if os.name == "posix":
        snakemake = int(os.environ.get("PERCEPTUAL_EFFICACY_SNAKEMAKE", os.getppid()))
        threading.Thread(target=_end_with, args=(os.getppid(), snakemake), daemon=True).start()


def _end_with(parent: int, snakemake: int) -> None:
    # the parent, perhaps a shell, is seen to be gone at once; Snakemake itself if it was gone before this process
    # began, or if its shell is still there
    while os.getppid() == parent and _is_there(snakemake):
        time.sleep(SECONDS)
    logging.getLogger().error("ended, because Snakemake was")
    os._exit(1)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and another user's
        pass
    return True
