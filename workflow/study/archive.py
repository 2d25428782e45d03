"""The archive of a study: what its figures, tables and claims are made from, to make them again elsewhere."""

import json
import re
import zipfile
from typing import Any, NamedTuple

import yaml

from study.schema import ConfigurationError

CONTENTS = "contents.json"
CONFIGURATION = "results/configuration.yaml"
PLACE = re.compile(r"results/[\w./-]+")  # of a result: below the results, and no wildcard to Snakemake


class Archive(NamedTuple):
    """What an archive says of itself."""

    configuration: dict[str, Any]
    files: list[str]
    folders: list[str]


def read_archive(path: str) -> Archive:
    """Read the configuration and the list of files in an archive that the rule pack_archive wrote.

    Raises
    ------
    ConfigurationError
        If there is no such file, it is not such an archive, or it names a file that it lacks or that is no result.
    """
    wanted = f"Configuration: archive is {path!r}; it must be an archive that the rule pack_archive wrote."
    try:
        with zipfile.ZipFile(path) as archive:
            contents = json.loads(archive.read(CONTENTS))
            configuration = yaml.safe_load(archive.read(CONFIGURATION))
            members = set(archive.namelist())
        files, folders = sorted(contents["files"]), sorted(contents["folders"])
        for name in [*files, *folders]:
            there = name in members or any(member.startswith(f"{name}/") for member in members)
            if not (PLACE.fullmatch(name) and ".." not in name.split("/") and there):
                raise ValueError(name)
        return Archive(dict(configuration), files, folders)
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError, zipfile.BadZipFile) as error:
        raise ConfigurationError(wanted) from error
