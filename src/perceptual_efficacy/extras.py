"""Packages beyond the core: each comes with an extra of this one, and who lacks it is told which."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what the extra of that name brings; a missing package is an ImportError that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise ImportError(
            f"The package {package} is needed for this. Install it: pip install 'perceptual-efficacy[{name}]'",
            name=error.name,
        ) from error
