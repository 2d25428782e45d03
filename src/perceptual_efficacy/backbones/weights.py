"""Weight files: found in a hub or on disk, read without running code, and loaded into a network strictly."""

import logging
import os
import pickle
import re
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn

from perceptual_efficacy import storage
from perceptual_efficacy.backbones.network import quiet

DEFAULT = "DEFAULT"

# old names of weights in files that torchvision still offers (DenseNets, vision transformers)
FORMER_NAMES = (
    (re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)


class Weights(NamedTuple):
    """The content of a weight file, and where it comes from."""

    state: dict[str, Tensor]
    file: str
    sha256: str
    release: str | None  # its name in the hub
    licence: str | None = None  # of packaged weights


class UnavailableError(OSError):
    """Weights are neither cached nor downloadable."""


def read(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a state dict from a `.safetensors` file or one that `torch.save` wrote.

    A file that is damaged, would run code when read, or is not a flat mapping of names to tensors is a ValueError.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such weight file.")
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # decoders of arbitrary bytes raise all kinds of errors
        if isinstance(error, pickle.UnpicklingError) and re.search("unsupported global", str(error), re.I):
            raise ValueError(
                f"{file} holds more than tensors and would run code when read: refused. If you trust it, load it "
                f"yourself and save its state dict as .safetensors."
            ) from error
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise ValueError(
            f"{file} cannot be read, it is damaged or not a weight file ({reason}). Get it again."
        ) from error
    wrong = [] if isinstance(state, Mapping) else [type(state).__name__]
    if not wrong:
        wrong = [f"{key} ({type(value).__name__})" for key, value in state.items() if not isinstance(value, Tensor)]
    if wrong or not state:
        raise ValueError(
            f"{file} is not a state dict, a mapping of names to tensors: it holds {', '.join(wrong[:3]) or 'nothing'}. "
            f"Save the state dict alone."
        )
    return {key: value.detach() for key, value in state.items()}


def fit(network: nn.Module, whole: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load the weights of a cut network from a state dict of the whole one, which errors call by `source`.

    A weight of the kept part that is missing, has another shape or is not finite is a ValueError, as is an unknown one
    of a kept module. Those of the part that was cut off may be missing; those outside its modules are ignored.
    """
    own, paths = whole.state_dict(), {path for path, _ in whole.named_modules()}
    state = {_present_name(key): value for key, value in state.items()}
    held = network.state_dict()
    needed = {key: value for key, value in held.items() if key in own}  # others are constants of the graph
    given = {key: state[key] for key in needed if key in state}
    kept = {path for path, _ in network.named_modules() if path}
    problems = {
        # the number of batches that a normalisation has seen matters in training only; old files lack it
        "missing": [key for key in needed if key not in state and not key.endswith("num_batches_tracked")],
        "of another shape": [
            f"{key} {(*value.shape,)} for {(*needed[key].shape,)}"
            for key, value in given.items()
            if value.shape != needed[key].shape
        ],
        "unknown": [key for key in state if key not in own and _nearest(key, paths) in kept],
        "not finite numbers": [
            key
            for key, value in given.items()
            if needed[key].is_floating_point() and not (value.is_floating_point() and bool(value.isfinite().all()))
        ],
    }
    if listed := "; ".join(f"{what}: {_few(keys)}" for what, keys in problems.items() if keys):
        raise ValueError(
            f"{source} does not fit the network. {listed}. The file has {_few(list(state))}. It may be of another "
            f"network, or its names have a prefix."
        )
    network.load_state_dict(held | given, strict=True)


def _present_name(key: str) -> str:
    for former, present in FORMER_NAMES:
        key = former.sub(present, key)
    return key


def _nearest(key: str, paths: set[str]) -> str:
    """Path of the innermost module of the network that a name lies under."""
    parts = key.split(".")[:-1]
    while parts and ".".join(parts) not in paths:
        parts.pop()
    return ".".join(parts)


def _few(keys: list[str], most: int = 3) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")


def from_file(path: str | os.PathLike[str], release: str | None = None) -> Weights:
    """Read a weight file from disk; see `read` for errors."""
    return Weights(read(path), Path(path).name, storage.file_sha256(path), release)


def from_url(url: str, release: str) -> Weights:
    """Read weights from torch's cache, after a download if necessary, and check them against the hash in their name.

    Weights that are neither cached nor downloadable are an UnavailableError, a file of another hash is a ValueError.
    """
    name = url.rsplit("/", 1)[-1]
    prefix = hash_in(url)
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix or None)
        except (urllib.error.URLError, OSError) as error:
            raise UnavailableError(
                f"{name} is not in the cache and could not be downloaded from {url} ({_reason(error)}). Get the file "
                f"elsewhere (its sha256 begins with {prefix or 'what its publisher says'}) and put it at {path}, or "
                f"give its path as the weights."
            ) from error
        except RuntimeError as error:
            raise ValueError(
                f"{url} does not match the hash in its name: {error}. Try again, or get the file elsewhere."
            ) from error
    return _checked(path, release, prefix)


def from_hugging_face(repository: str, release: str) -> Weights:
    """Read `model.safetensors` of a repository, cached or downloaded, and check its hash; raises as `from_url` does."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    name = "model.safetensors"
    try:
        path = Path(_cached_or_downloaded(repository, name))
    except (LocalEntryNotFoundError, HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise UnavailableError(
            f"{name} of {repository} is not in the cache and could not be downloaded from "
            f"{huggingface_hub.hf_hub_url(repository, name)} ({_reason(error)}). Get the file elsewhere (its page "
            f"there gives its sha256) and give its path as the weights."
        ) from error
    published = path.resolve().name
    return _checked(path, release, published if re.fullmatch("[0-9a-f]{64}", published) else "")


def _checked(path: Path, release: str, begin: str) -> Weights:
    """Read a cached file and check how its SHA-256 begins."""
    weights = from_file(path, release)
    if not weights.sha256.startswith(begin):
        raise ValueError(
            f"{path} has sha256 {weights.sha256[:16]}…, its name says {begin[:16]}. It is damaged: delete it and try "
            f"again."
        )
    return weights


def _cached_or_downloaded(repository: str, name: str) -> str:
    """Return the path of a cached file without asking the hub, else download it and log one failure, not each retry."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return huggingface_hub.hf_hub_download(repository, name, local_files_only=True)
    except LocalEntryNotFoundError:
        with quiet("huggingface_hub", logging.ERROR):
            return huggingface_hub.hf_hub_download(repository, name)


def hash_in(url: str) -> str:
    """Return the first digits of a SHA-256 at the end of a file's name, as in torch's hub; an empty text without."""
    return "".join(re.findall(r"-([0-9a-f]{8,})\.\w+$", url))


def _reason(error: Exception) -> Any:
    return str(getattr(error, "reason", None) or error).splitlines()[0]
