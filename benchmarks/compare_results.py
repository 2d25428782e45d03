"""How far two runs of one study differ: in float32 and bfloat16, on CPU and GPU, with other numbers of threads.

    snakemake --cores 2 --directory one
    snakemake --cores 2 --directory other --config precision=bfloat16
    python benchmarks/compare_results.py one/results other/results

Prints Markdown: how far the files of each kind are apart, the scores of channels by network, the agreement with
judgements by data set and measure, and how long the network's own jobs took.

To compare the results of two versions of the code, `--renamed FILE` names a YAML file with what has another name in the
second run: columns, arrays, dimensions and words in tables (null leaves out a column), and patterns of paths:

    names: {cycles: frequency, one observer: leave-one-observer-out, note: null}
    paths: {comparison.parquet: differences.parquet}
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
import yaml
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file
from scipy import stats

from perceptual_efficacy.report.origins import without_times
from perceptual_efficacy.scores import select_channels
from perceptual_efficacy.vocabulary import IDENTITY, SCORED

KEYS = ["group", "cube", "layer", "ranking", "selection", "measure"]
RULES = ("probe_channels", "measure_contrast_distances", "measure_image_distances")
APART = {"logs", "benchmarks", "provenance"}  # never the same: times, and the number of threads


class Difference(NamedTuple):
    """How far two files are apart."""

    values: int  # compared
    absolute: float  # largest difference; of text, the share that differs
    relative: float  # largest difference, relative to the largest magnitude in its column or array
    where: str  # column or array with the largest relative difference
    rows_one: int  # rows of a table, or entries along a dimension, that the other file lacks
    rows_other: int
    unmatched: str  # columns and arrays of one file alone (-), of the other alone (+), of another size (!)


def compare(
    one: Path, other: Path, names: Mapping[str, str | None] | None = None, paths: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Compare two folders with results, a row per file.

    Columns: file, its stage and kind, in_one and in_other, identical (its bytes are), and those of `Difference`, which
    are missing where a file is in one folder alone or holds no numbers. Of figures only the bytes are compared.
    """
    first, second = ({path.relative_to(folder).as_posix(): path for path in results(folder)} for folder in (one, other))
    for pattern, replacement in (paths or {}).items():
        first = {re.sub(pattern, replacement, name): path for name, path in first.items()}
    rows = []
    for name in sorted(first.keys() | second.keys()):
        stage, suffix = name.split("/")[0] if "/" in name else "claims", Path(name).suffix
        kind = f"{stage}/*/{Path(name).name if suffix in {'.nc', *TABLES} else '*' + suffix}"
        row = {"file": name, "stage": stage, "kind": kind, "in_one": name in first, "in_other": name in second}
        row["identical"] = name in first and name in second and content(first[name]) == content(second[name])
        if name in first and name in second and suffix in READERS and (stage, suffix) != ("figures", ".png"):
            row |= difference(read(first[name], names or {}), read(second[name], {}))._asdict()
        rows.append(row)
    return pd.DataFrame(rows, columns=["file", "stage", "kind", "in_one", "in_other", "identical", *Difference._fields])


def results(folder: Path) -> list[Path]:
    """Return all files that are to be the same in two runs; hidden ones are not finished."""
    found = ((path, path.relative_to(folder).parts) for path in folder.rglob("*") if path.is_file())
    return [path for path, parts in found if parts[0] not in APART and not any(part[0] == "." for part in parts)]


def content(path: Path) -> bytes:
    """Read a file, the study's page without the time that each rule took."""
    if path.name == "report.html":
        return without_times(path.read_text(encoding="utf-8")).encode()
    return path.read_bytes()


def numbers(content: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of a JSON record with their places; its texts are digests of files, compared themselves."""
    if isinstance(content, dict | list):
        for key, part in content.items() if isinstance(content, dict) else enumerate(content):
            yield from numbers(part, f"{place}/{key}")
    elif isinstance(content, int | float):
        yield place, float(content)


def read_record(path: Path) -> pd.DataFrame:
    return pd.DataFrame(numbers(json.loads(path.read_text(encoding="utf-8"))), columns=["place", "number"])


def read_dataset(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf", mask_and_scale=False, decode_times=False) as file:
        return file.load()


TABLES = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".json": read_record}
READERS = {
    **TABLES,
    ".nc": read_dataset,
    ".safetensors": load_file,
    ".npy": lambda path: {"values": np.load(path)},
    ".png": lambda path: {"pixels": np.asarray(Image.open(path))},
}


def read(path: Path, names: Mapping[str, str | None]) -> xr.Dataset:
    """Read a file, whatever its own digest says, and give its columns, arrays and dimensions their new names."""
    content, renamed = READERS[path.suffix](path), {old: new for old, new in names.items() if new is not None}
    if isinstance(content, pd.DataFrame):
        content = xr.Dataset(
            coords={name: ("row", values.to_numpy()) for name, values in content.replace(renamed).items()}
        )
    elif isinstance(content, dict):
        shapes = {name: [f"axis {axis} of {name}" for axis in range(values.ndim)] for name, values in content.items()}
        content = xr.Dataset({name: (shapes[name], values) for name, values in content.items()})
    content = content.drop_vars(names.keys() - renamed.keys(), errors="ignore")
    return content.rename({old: new for old, new in renamed.items() if old in {*content.variables, *content.dims}})


def difference(one: xr.Dataset, other: xr.Dataset) -> Difference:
    """Compare what is in two files.

    Rows of tables, and entries along the dimensions of arrays, are joined on what they are about: `IDENTITY`, and all
    columns and coordinates without fractions. Those that are alike in these are joined in order.
    """
    unmatched = [f"-{name}" for name in one.variables if name not in other.variables]
    unmatched += [f"+{name}" for name in other.variables if name not in one.variables]
    rows_one = rows_other = 0
    joined = set()
    for dimension in [name for name in one.sizes if name in other.sizes]:
        labels = [
            name
            for name in one.coords
            if name in other.coords
            and one[name].dims == other[name].dims == (dimension,)
            and (name in IDENTITY or not {one[name].dtype.kind, other[name].dtype.kind} & {"f"})
        ]
        if labels:
            places = join(*({name: file[name].to_numpy() for name in labels} for file in (one, other)))
            rows_one += one.sizes[dimension] - len(places)
            rows_other += other.sizes[dimension] - len(places)
            one, other = one.isel({dimension: places["one"]}), other.isel({dimension: places["other"]})
            joined.update(labels)
    found = []
    for name in [name for name in one.variables if name in other.variables and name not in joined]:
        a, b = one[name], other[name]
        b = b.transpose(*a.dims) if {*a.dims} == {*b.dims} else b
        if a.size == b.size:
            found.append((*apart(a.to_numpy().ravel(), b.to_numpy().ravel()), a.size, str(name)))
        else:
            unmatched.append(f"!{name}")
    absolute, relative, values, _ = zip(*found, strict=True) if found else ([0.0], [0.0], [0], [""])
    where = max(found, key=lambda entry: entry[1])[-1] if max(relative) > 0 else ""
    return Difference(sum(values), max(absolute), max(relative), where, rows_one, rows_other, " ".join(unmatched))


def join(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Return the places, `one` and `other`, of entries that have the same labels."""
    tables = [pd.DataFrame({name: map(text, values) for name, values in labels.items()}) for labels in (one, other)]
    first, second = (table.assign(alike=table.groupby([*one]).cumcount()) for table in tables)
    return first.reset_index(names="one").merge(second.reset_index(names="other"), on=[*one, "alike"])


def text(value: Any) -> str:
    """Write a label; a whole number is the same where its column holds fractions."""
    if pd.isna(value):
        return ""
    return f"{value:.10g}" if isinstance(value, int | float | np.number) else str(value)


def apart(a: NDArray[Any], b: NDArray[Any]) -> tuple[float, float]:
    """Return the largest difference, and relative to the largest number of the first; of text, the share that differs.

    What is missing in one of them alone is infinitely far apart.
    """
    if not all(values.dtype.kind in "biuf" for values in (a, b)):
        share = float(np.mean([text(x) != text(y) for x, y in zip(a, b, strict=True)])) if a.size else 0.0
        return share, share
    a, b = a.astype(float), b.astype(float)
    known = np.isfinite(a)
    if (known != np.isfinite(b)).any():
        return np.inf, np.inf
    largest = float(np.abs(a - b)[known].max(initial=0))
    return largest, largest / (float(np.abs(a[known]).max(initial=0)) or 1)


def by_kind(compared: pd.DataFrame) -> pd.DataFrame:
    """Summarise by kind the files that do not have the same bytes, the largest relative difference first."""
    rows = []
    for kind, files in compared[~compared["identical"]].groupby("kind", sort=False):
        both = files[files["in_one"] & files["in_other"]]
        row = {"kind": kind, "files": len(both)}
        row |= {"only in one": int((~files["in_other"]).sum()), "only in other": int((~files["in_one"]).sum())}
        if both["values"].notna().any():
            worst = both.loc[both["relative"].idxmax()]
            row |= {"largest difference": both["absolute"].max(), "relative": worst["relative"], "in": worst["where"]}
            row |= {"rows only in one": both["rows_one"].sum(), "rows only in other": both["rows_other"].sum()}
            row["columns and arrays"] = " ".join(dict.fromkeys(" ".join(both["unmatched"].dropna()).split()))
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.sort_values("relative", ascending=False, ignore_index=True) if "relative" in table else table


def channels(one: Path, other: Path) -> pd.DataFrame:
    """Differences of scores by network, over the channels that both runs score; ranks are those within a layer."""
    rows = []
    for path in sorted((one / "selectivity").glob("*/channels.parquet")):
        first, second = pd.read_parquet(path), pd.read_parquet(other / path.relative_to(one))
        high = [set(select_channels(table, "high").index) for table in (first, second)]
        both = (first["status"] == SCORED) & (second["status"] == SCORED)
        layers = [first.index[both & (first["layer"] == layer)] for layer in first["layer"].unique()]
        change = {score: (first[score] - second[score])[both].abs() for score in ("mu1", "mu2")}
        rows.append(
            {
                "network": path.parent.name,
                "channels": len(first),
                "scored in one run only": int((first["status"] != second["status"]).sum()),
                **{f"{score}, median": values.median() for score, values in change.items()},
                **{f"{score}, largest": values.max() for score, values in change.items()},
                "least rank correlation of PE": min(
                    stats.spearmanr(first.loc[layer, "pe"], second.loc[layer, "pe"]).statistic for layer in layers
                ),
                "share in the other half": len(high[0] ^ high[1]) / len(first),
            }
        )
    return pd.DataFrame(rows)


def agreement(one: Path, other: Path) -> pd.DataFrame:
    """Differences of agreement with judgements, over all layers and selections of the raw cube."""
    rows = []
    for path in sorted((one / "agreement").glob("*/*.parquet")):
        table = pd.read_parquet(path)
        if "selection" not in table or "measure" not in table:
            continue
        second = pd.read_parquet(other / path.relative_to(one))
        keys = [key for key in KEYS if key in table]
        both = table.merge(second, on=keys, suffixes=("", "_other"), validate="one_to_one")
        both = both[(both["cube"] == "raw") & both["selection"].isin(["all", "high", "low", "high - low"])]
        for measure, part in both.groupby("measure", sort=False):
            change = (part["estimate"] - part["estimate_other"]).abs()
            of_all = change[part["selection"] == "all"]
            rows.append(
                {
                    "network": path.parent.name,
                    "data set": path.stem,
                    "measure": measure,
                    "largest difference, all channels": of_all.max(),
                    "halves and their difference": change.max(),
                    "median": change.median(),
                }
            )
    return pd.DataFrame(rows)


def seconds(one: Path, other: Path) -> pd.DataFrame:
    """Seconds of the jobs that run a network, startup included."""
    rows = []
    for rule in RULES:
        taken = [
            sum(pd.read_csv(path, sep="\t")["s"].sum() for path in (folder / "benchmarks" / rule).rglob("*.tsv"))
            for folder in (one, other)
        ]
        rows.append({"rule": rule, "one": taken[0], "other": taken[1], "ratio": taken[0] / taken[1]})
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """Write a table with ranks to four digits and all else to two that count."""
    digits = [".4f" if "rank" in str(name) else ".2g" for name in table.columns]
    return table.to_markdown(index=False, floatfmt=tuple(digits))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Say how far two folders with results are apart.")
    parser.add_argument("one", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument(
        "--renamed", type=Path, help="YAML file: names, and patterns of paths, that `other` has renamed"
    )
    arguments = parser.parse_args()
    renamed = yaml.safe_load(arguments.renamed.read_text(encoding="utf-8")) if arguments.renamed else {}
    compared = compare(arguments.one, arguments.other, renamed.get("names"), renamed.get("paths"))
    print(f"## Files\n\n{compared['identical'].sum()} of {len(compared)} have the same bytes.")
    print(f"\n{markdown(by_kind(compared))}")
    for heading, summarise in (("Scores", channels), ("Agreement", agreement), ("Seconds", seconds)):
        print(f"\n## {heading}\n\n{markdown(summarise(arguments.one, arguments.other))}")
