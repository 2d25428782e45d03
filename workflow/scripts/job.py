"""What every script starts with: the library on the import path, the log file, progress, plainly told user errors."""

import hashlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from perceptual_efficacy import __version__, provenance, storage

LIBRARY = str(Path(storage.__file__).parent)
WATCH = 0.5  # seconds between two looks at whether Snakemake is still there

_used = "cpu"  # what the networks of this job run on

# a log that cannot be written, on a full disk, is no reason for more than the one line on standard error
logging.raiseExceptions = False


def _end_with(parent: int, snakemake: int) -> None:
    """End this process when Snakemake has: it must not write among the results of the next run.

    The parent, a shell perhaps, is seen to be gone at once; Snakemake itself if it was gone before this process began,
    or if its shell is still there.
    """
    while os.getppid() == parent and _is_there(snakemake):
        time.sleep(WATCH)
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


if os.name == "posix":
    # set by rules/common.smk
    watched = os.getppid(), int(os.environ.get("PERCEPTUAL_EFFICACY_SNAKEMAKE", os.getppid()))
    threading.Thread(target=_end_with, args=watched, daemon=True).start()


class UserError(ValueError):
    """What a script itself refuses, told in one line."""


@contextmanager
def job(snakemake) -> Iterator[SimpleNamespace]:
    """Run a script's body with logging to its rule's log file.

    Yields the job's `input`, `output`, `params`, `wildcards` and `log`; `provenance`, for the files it writes;
    `depends_on`, the same one by one, for what a job may go on from; `surroundings`, which says what else may change a
    number; and `progress`, to wrap an iteration with (silent unless standard error is a terminal).
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
        yield SimpleNamespace(
            input=snakemake.input,
            output=snakemake.output,
            params=snakemake.params,
            wildcards=snakemake.wildcards,
            log=log,
            progress=partial(_progress, description=snakemake.rule),
            provenance=_provenance(snakemake),
            depends_on=_depends_on(snakemake),
            surroundings=partial(_surroundings, snakemake),
        )
        _record(snakemake)
    except (ValueError, OSError, ArithmeticError) as error:
        if not _is_told_plainly(error):
            log.exception("failed")
            raise
        log.error("%s", error)
        sys.exit(f"{snakemake.rule}: {error}")
    except BaseException:
        log.exception("failed")
        raise
    log.info("finished")


def _is_told_plainly(error: ValueError | OSError | ArithmeticError) -> bool:
    """Whether one line says it: what the library itself refuses, a file or a disk; not what breaks further down."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return isinstance(error, OSError | UserError) or trace.tb_frame.f_code.co_filename.startswith(LIBRARY)


def _progress(iterable, *, description: str):
    from tqdm import tqdm

    return tqdm(iterable, desc=description, disable=None, leave=False)


def _depends_on(snakemake) -> dict[str, str]:
    """Name every input with its digest and every parameter with its value: what tells two jobs apart."""
    inputs = {f"input {name}": json.dumps(digests) for name, digests in _inputs_sha256(snakemake).items()}
    params = {f"parameter {name}": json.dumps(value, default=str) for name, value in _known(snakemake).items()}
    return {**inputs, **params, "threads": str(snakemake.threads)}


def _surroundings(snakemake) -> dict[str, object]:
    """Say what may change a last digit: threads, versions of packages, and where networks run."""
    return {"threads": snakemake.threads, "device": _used, "versions": provenance.versions()}


def _provenance(snakemake) -> dict[str, object]:
    """Say what the outputs depend on, and nothing of where and when: equal inputs give equal bytes."""
    params = json.dumps(_known(snakemake), sort_keys=True, default=str)
    return {
        "rule": snakemake.rule,
        "wildcards": dict(snakemake.wildcards.items()),
        "inputs_sha256": _inputs_sha256(snakemake),
        "params_sha256": hashlib.sha256(params.encode()).hexdigest(),
        "version": __version__,
    }


def _record(snakemake) -> None:
    """Write down, beside the results, what they were computed from; the record has the name of the log."""
    parts = [provenance.FOLDER if part == "logs" else part for part in Path(snakemake.log[0]).parts]
    inputs = [path for path in snakemake.input if Path(path).is_file()]
    provenance.write(
        Path(*parts).with_suffix(".json"),
        rule=snakemake.rule,
        wildcards=dict(snakemake.wildcards.items()),
        # a file from elsewhere by its name only: where it lies says nothing of the result
        inputs=[(Path(path).name if Path(path).is_absolute() else path, storage.file_sha256(path)) for path in inputs],
        params=_known(snakemake),
        threads=snakemake.threads,
        device=_used,
        outputs=list(snakemake.output),
        version=__version__,
    )


def _inputs_sha256(snakemake) -> dict[str, list[str]]:
    lists = {name: [files] if isinstance(files, str) else files for name, files in snakemake.input.items()}
    return {
        name: [storage.file_sha256(file) for file in files if Path(file).is_file()] for name, files in lists.items()
    }


def _known(snakemake) -> dict[str, object]:
    """Return the parameters that say what is computed: times of files, and where they lie, say nothing of that."""
    return {name: value for name, value in snakemake.params.items() if name not in {"fingerprint", "folders"}}


def device():
    """Return where the job's networks run, and note it for the job's record."""
    from perceptual_efficacy.backbones.network import best_device

    place = best_device()
    runs_on(place.type)
    return place


def runs_on(kind: str) -> str:
    """Note, for the job's record, what its networks run on."""
    global _used
    _used = kind
    return kind
