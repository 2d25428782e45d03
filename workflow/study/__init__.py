"""The study as the rules see it: the configuration checked and typed, and what follows from it.

Plain Python that Snakemake's own environment runs: the standard library, PyYAML and jsonschema.
"""

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from study.archive import read_archive
from study.checks import check
from study.code import Code
from study.configuration import CLAIMS, Study, any_of, resolved
from study.schema import ConfigurationError, completed

__all__ = ["Code", "ConfigurationError", "Lookup", "Study", "any_of", "read_archive", "read_study"]


class Lookup:
    """Look up entries of the study by a wildcard: functions for inputs and params of rules.

    Of `network = Lookup("backbone", study.networks)`, `network.seed` gives the seed of the network {backbone}, and
    `network("results/probing/{0.control}/tuning.nc")` a path with what the network says of its control.
    """

    def __init__(self, wildcard: str, entries: Mapping[str, object]) -> None:
        self._wildcard = wildcard
        self._entries = entries

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return lambda wildcards: getattr(self._entries[getattr(wildcards, self._wildcard)], name)

    def __call__(self, pattern: str) -> Callable[[Any], str]:
        return lambda wildcards: pattern.format(self._entries[getattr(wildcards, self._wildcard)])


def read_study(config: Mapping[str, Any], *, finished: bool = False) -> Study:
    """Check a configuration and return the study that it describes; the configuration itself stays as it is.

    Parameters
    ----------
    config
        As Snakemake merged it. Relative paths start from its `data_root`, else from the working directory.
    finished
        Whether it is that of a study that has run, perhaps elsewhere: the files that it names need not be here.

    Raises
    ------
    ConfigurationError
        In one line: the key, its value, and what is allowed.
    """
    study = Study(resolved(completed(config)), yaml.safe_load(CLAIMS.read_text(encoding="utf-8")))
    if not finished:
        check(study)
    return study
