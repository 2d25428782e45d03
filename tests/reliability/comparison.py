"""How far the results of two runs of one study are apart, file by file."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.numpy
from miniature import results

from perceptual_efficacy import io

# Neither is to be the same: one tells the time, the other the number of threads.
APART = {"logs", "benchmarks", "provenance"}


def numbers_of(content):
    """Yield all numbers of a JSON record, in order; its texts are digests of files that are compared themselves."""
    if isinstance(content, dict | list):
        for part in content.values() if isinstance(content, dict) else content:
            yield from numbers_of(part)
    elif isinstance(content, int | float):
        yield float(content)


# What is compared number by number; of other files, whether their bytes are the same.
READERS = {
    ".parquet": lambda path: {name: column.to_numpy() for name, column in io.read_table(path).items()},
    ".nc": lambda path: {name: variable.to_numpy() for name, variable in io.read_dataset(path).variables.items()},
    ".safetensors": safetensors.numpy.load_file,
    ".csv": lambda path: {name: column.to_numpy() for name, column in pd.read_csv(path).items()},
    ".json": lambda path: {"numbers": np.array(list(numbers_of(json.loads(path.read_text()))))},
    ".npy": lambda path: {"values": np.load(path, allow_pickle=False)},
    ".png": lambda path: {"pixels": io.read_image(path)},
}


def compare(one, other):
    """Compare two folders with results, a row per file.

    Columns: file, stage (its folder), identical (whether its bytes are), and difference: the largest over its columns,
    variables or weights of |a - b| relative to the largest |a|; of labels, the share that differs; infinite where the
    shape differs, and missing of files that hold no numbers. Of a figure only the bytes are compared.
    """
    first, second = (
        {name: sha256 for name, sha256 in results(folder).items() if Path(name).parts[1] not in APART}
        for folder in (one, other)
    )
    if first.keys() != second.keys():
        raise ValueError(f"The runs do not have the same files: {sorted(first.keys() ^ second.keys())}")
    rows = []
    for name, sha256 in first.items():
        identical, stage = sha256 == second[name], Path(name).parts[1] if len(Path(name).parts) > 2 else "claims"
        read = READERS.get(Path(name).suffix) if (stage, Path(name).suffix) != ("figures", ".png") else None
        difference = np.nan if read is None else 0.0
        if read is not None and not identical:
            difference = difference_of(read(one / name), read(other / name))
        rows.append({"file": name, "stage": stage, "identical": identical, "difference": difference})
    return pd.DataFrame(rows)


def difference_of(first, second):
    """Return the largest difference between the arrays of two files."""
    if first.keys() != second.keys():
        return np.inf
    return max((difference_between(first[name], second[name]) for name in first), default=0.0)


def difference_between(a, b):
    """Return the largest difference of two arrays, relative to the largest number of the first; of labels, a share."""
    if a.shape != b.shape:
        return np.inf
    if a.size == 0:
        return 0.0
    if a.dtype.kind not in "biuf":
        return float(np.mean([str(x) != str(y) for x, y in zip(a.ravel(), b.ravel(), strict=True)]))
    a, b = a.astype(float), b.astype(float)
    if (np.isfinite(a) != np.isfinite(b)).any():
        return np.inf
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    scale = np.abs(a).max(initial=0)
    return float(np.abs(a - b).max(initial=0) / (scale or 1))
