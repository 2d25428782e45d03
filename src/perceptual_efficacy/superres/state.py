"""The state of an unfinished training: written whole or not at all, and resumed only by the same training."""

import hashlib
import io
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from perceptual_efficacy import storage

STATE_VERSION = 2  # of what a state holds, and of what a training does with it
DIGEST_SIZE = 32

log = logging.getLogger(__name__)


def write(content: Mapping[str, Any], path: str | os.PathLike[str], key: Mapping[str, str]) -> None:
    """Write a state: tensors, numbers and texts, nested in dictionaries and lists. If it fails, the previous one stays.

    The key is what the training depends on: the value, or the digest, of each input and parameter.
    """
    saved = io.BytesIO()
    torch.save(dict(content), saved)
    body = json.dumps(_versioned(key)).encode() + b"\n" + saved.getvalue()
    with storage.written_atomically(path) as temporary:
        temporary.write_bytes(hashlib.sha256(body).digest() + body)


def resume(path: str | os.PathLike[str], key: Mapping[str, str]) -> dict[str, Any] | None:
    """Read the state of the same training, if there is one.

    A state that is damaged, or was written with other inputs or parameters, is moved to `{path}.stale` with a warning
    that says what has changed; the training then starts from the beginning.
    """
    path = Path(path)
    if not path.is_file():
        return None
    content = path.read_bytes()
    digest, body = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if hashlib.sha256(body).digest() != digest:
        changed = "it is damaged"
    else:
        header, _, saved = body.partition(b"\n")
        former, wanted = json.loads(header), _versioned(key)
        names = [name for name in {**wanted, **former} if wanted.get(name) != former.get(name)]
        if not names:
            return dict(torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True))
        changed = f"these have changed: {', '.join(names)}"
    stale = path.with_name(f"{path.name}.stale")
    path.replace(stale)
    log.warning("Training starts from the beginning, not from its last state: %s. It was moved to %s.", changed, stale)
    return None


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a state, and what an interrupted write has left in its folder."""
    storage.remove_leftovers(path)
    Path(path).unlink(missing_ok=True)


def _versioned(key: Mapping[str, str]) -> dict[str, str]:
    # another version of torch need not compute the same bits
    return {"version of the state": str(STATE_VERSION), "version of torch": torch.__version__, **key}
