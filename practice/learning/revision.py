"""Which version of the code made a checkpoint."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache(maxsize=1)
def code_revision() -> str:
    """Name and version of the installed package."""
    try:
        return f"efmweb {version('efmweb')}"
    except PackageNotFoundError:  # used from a source tree that is not installed
        return "efmweb"
