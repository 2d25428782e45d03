"""The archive of a study: what its figures, tables and claims are made from, to make them again elsewhere."""

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from study.schema import ConfigurationError

CONTENTS = "contents.json"
CONFIGURATION = "results/configuration.yaml"


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
        If there is no such file, or it is not such an archive.
    """
    wanted = f"Configuration: archive is {path!r}; it must be an archive that the rule pack_archive wrote."
    try:
        with zipfile.ZipFile(Path(path).expanduser()) as members:
            contents = json.loads(members.read(CONTENTS))
            configuration = yaml.safe_load(members.read(CONFIGURATION))
        return Archive(configuration, sorted(contents["files"]), sorted(contents["folders"]))
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError, zipfile.BadZipFile) as error:
        raise ConfigurationError(wanted) from error
