"""The state of a training between its steps: written whole or not at all, and only continued by the same training."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from perceptual_efficacy import storage

STATE_VERSION = 1  # of what is in a state, and of what a training does with it
RECORD = "record"
DIGEST_SIZE = 32

log = logging.getLogger(__name__)


class State(NamedTuple):
    """Where a training stands: tensors by name, and whatever else it goes on from, as JSON holds it."""

    tensors: Mapping[str, Tensor]
    record: Mapping[str, Any]


def write(state: State, path: str | os.PathLike[str], key: Mapping[str, str]) -> None:
    """Write a state to disk, for good.

    Parameters
    ----------
    state, path
        What to write, and where.
    key
        What the training depends on: the value, or its digest, of each input and parameter.

    Raises
    ------
    OSError
        If it cannot be written; the last one stays.
    """
    record = json.dumps({"key": _versioned(key), **state.record}, sort_keys=True, allow_nan=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}
    content = safetensors.torch.save(tensors, {RECORD: record})
    with storage.written_atomically(path) as temporary:
        temporary.write_bytes(content + hashlib.sha256(content).digest())


def resume(path: str | os.PathLike[str], key: Mapping[str, str]) -> State | None:
    """Read the state of the same training, if there is one.

    A damaged state, or one of a training from other inputs or with other parameters, is moved to `{path}.stale` with a
    warning that says what changed, and training starts from the beginning.
    """
    path = Path(path)
    if not path.is_file():
        return None
    found = _read(path)
    wanted = _versioned(key)
    if found is None:
        changed = "it is damaged"
    else:
        former = found.record["key"]
        names = [name for name in {**wanted, **former} if wanted.get(name) != former.get(name)]
        if not names:
            return found
        changed = f"these have changed: {', '.join(names)}"
    stale = path.with_name(f"{path.name}.stale")
    path.replace(stale)
    log.warning("Training starts from the beginning, not from its last state: %s. It was moved to %s.", changed, stale)
    return None


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a state, and what a kill in the middle of writing one has left beside it."""
    storage.remove_leftovers(path)
    Path(path).unlink(missing_ok=True)


def _versioned(key: Mapping[str, str]) -> dict[str, str]:
    # another version of torch need not compute the same bits
    return {"version of the state": str(STATE_VERSION), "version of torch": torch.__version__, **key}


def _read(path: Path) -> State | None:
    content = path.read_bytes()
    content, digest = content[:-DIGEST_SIZE], content[-DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        tensors = safetensors.torch.load(content)
        length = int.from_bytes(content[:8], "little")  # of the header, in JSON
        record = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][RECORD])
    except (SafetensorError, ValueError, KeyError):
        return None
    return State(tensors, record)
