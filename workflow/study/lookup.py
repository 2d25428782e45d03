"""What rules ask the study for by a wildcard."""

from collections.abc import Callable, Mapping
from typing import Any


class Lookup:
    """Functions of wildcards, for inputs and params.

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
