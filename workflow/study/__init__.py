"""The study as the rules see it: the configuration checked and typed, and what follows from it.

Plain Python that Snakemake's own environment runs: the standard library, PyYAML and jsonschema.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from study.checks import check
from study.code import Code
from study.configuration import CLAIMS, Study, any_of, resolved
from study.lookup import Lookup
from study.schema import ConfigurationError, completed

__all__ = ["Code", "ConfigurationError", "Lookup", "Study", "any_of", "read_study"]


def read_study(config: Mapping[str, Any]) -> Study:
    """Check a configuration and return the study that it describes; the configuration itself stays as it is.

    Parameters
    ----------
    config
        As Snakemake merged it. Relative paths start from its `data_root`, else from the working directory.

    Raises
    ------
    ConfigurationError
        In one line: the key, its value, and what is allowed.
    """
    study = Study(resolved(completed(config)), yaml.safe_load(CLAIMS.read_text(encoding="utf-8")))
    check(study)
    return study
