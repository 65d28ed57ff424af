"""Static files that installed Python packages carry, served without a copy in the repository."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.files.storage import FileSystemStorage

from efmweb.package_files import find_package_file


class PackageFileFinder(BaseFinder):
    """Finds the single files named in STATICFILES_FROM_PACKAGES, and nothing else of a package."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self._files = {
            name: find_package_file(package, inside)
            for name, (package, inside) in settings.STATICFILES_FROM_PACKAGES.items()
        }

    def check(self, **_kwargs: Any) -> list[CheckMessage]:
        """One error per file that its package does not carry."""
        return [
            Error(f"The static file {name} is not where its package should carry it: {path}.")
            for name, path in self._files.items()
            if not path.is_file()
        ]

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        """The file's place on disk; an empty list when it is not one of ours."""
        found = self._files.get(path)
        if found is None:
            return []
        return [str(found)] if find_all else str(found)

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        """(name, storage) of each file, for collectstatic."""
        del ignore_patterns
        for name, path in self._files.items():
            storage = FileSystemStorage(location=path.parent)
            # collectstatic joins the prefix and the name it is given.
            storage.prefix = str(Path(name).parent)  # type: ignore[attr-defined]
            yield path.name, storage
