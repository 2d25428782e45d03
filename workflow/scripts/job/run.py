"""What a script works with, and the record of what it read and wrote."""

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from perceptual_efficacy import __version__, provenance


class Run:
    """The job that a script does.

    Attributes
    ----------
    input, output, params, wildcards, threads
        Snakemake's. Every input has been compared with the record of the job that wrote it.
    log
        The job's log.
    results
        The folder that the study's results are in.
    provenance
        What the outputs depend on, without paths or times, for the files that the job writes: equal inputs give
        equal bytes.
    depends_on
        The same item by item as text, and the threads: a job's identity.
    """

    def __init__(self, snakemake: Any) -> None:
        self.rule, self.input, self.output = snakemake.rule, snakemake.input, snakemake.output
        self.params, self.wildcards, self.threads = snakemake.params, snakemake.wildcards, snakemake.threads
        self.log = logging.getLogger(snakemake.rule)
        self._used = "cpu"  # what its networks run on
        place = Path(snakemake.log[0]).parts
        self.results = Path(*place[: place.index("logs")])
        self._read = provenance.read_inputs(snakemake.input, self.results)
        # what lies in users' folders is among the inputs; where they lie says nothing of what is computed
        known = {name: value for name, value in self.params.items() if name not in {"fingerprint", "folders"}}
        self._known = json.loads(json.dumps(known, default=str), object_hook=without_path)
        lists = {name: [files] if isinstance(files, str) else files for name, files in self.input.items()}
        inputs = {name: [self._read[file] for file in files if file in self._read] for name, files in lists.items()}
        self.provenance = {
            "rule": self.rule,
            "wildcards": dict(self.wildcards.items()),
            "inputs_sha256": inputs,
            "params_sha256": hashlib.sha256(json.dumps(self._known, sort_keys=True).encode()).hexdigest(),
            "version": __version__,
        }
        self.depends_on = {
            **{f"input {name}": json.dumps(digests) for name, digests in inputs.items()},
            **{f"parameter {name}": json.dumps(value) for name, value in self._known.items()},
            "threads": str(self.threads),
        }

    @property
    def device(self) -> Any:
        """Where its networks run; noted for its record."""
        from perceptual_efficacy.backbones.network import best_device

        place = best_device()
        self._used = place.type
        return place

    def accelerators(self, count: int) -> list[str]:
        """Return `count` accelerators, or the CPU for 0; noted for its record."""
        import torch

        from perceptual_efficacy.backbones.network import use_exact_kernels

        if count > (there := torch.cuda.device_count()):
            raise ValueError(f"superres.devices is {count}; this machine has {there} accelerators. Use 0 for the CPU.")
        self._used = "cuda" if count else "cpu"
        use_exact_kernels()
        return [f"cuda:{number}" for number in range(count)] or ["cpu"]

    def surroundings(self) -> dict[str, object]:
        """Say what may change a last digit: threads, versions of packages, and where networks run."""
        versions = {"perceptual-efficacy": __version__, **provenance.versions()}
        return {"threads": self.threads, "device": self._used, "versions": versions}

    def progress(self, iterable: Iterable[Any]) -> Iterable[Any]:
        """Wrap an iteration in a progress bar, which is silent unless standard error is a terminal."""
        from tqdm import tqdm

        return tqdm(iterable, desc=self.rule, disable=None, leave=False)

    def record(self) -> None:
        """Write a record of every output beside the results."""
        # a file from elsewhere by its name only: where it lies says nothing of the result
        names = {path: Path(path).name if Path(path).is_absolute() else path for path in self._read}
        inputs = [[names[path], sha256] for path, sha256 in self._read.items()]
        wildcards = self.provenance["wildcards"]
        job = {"rule": self.rule, "wildcards": wildcards, "params": self._known, "inputs": inputs}
        provenance.write(self.output, self.results, {**job, **self.surroundings()})


def without_path(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "path"}
