"""Where large files live: a small protocol, and a folder on disk that keeps it.

A key looks like `checkpoints/ab12/model.safetensors`: parts of letters, digits, `.`, `_`, `-`,
divided by `/`. Keys come from rows people can influence, so every one is checked.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from models_store.errors import LearningError

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_TEMPORARY = ".partial-"


class BlobStore(Protocol):
    """Whole files by key. A file is there completely or not at all."""

    def put(self, key: str, source: BinaryIO | Path) -> None:
        """Store the content of an open file or of a path; an older one is replaced."""
        ...

    def adopt(self, key: str, source: Path) -> None:
        """Store a finished file, without a copy where that can be; the caller then removes `source`, unchanged."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open for reading; the caller closes it."""
        ...

    def path(self, key: str) -> Path:
        """A local path of an existing blob."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the blob is there."""
        ...

    def delete(self, key: str) -> None:
        """Remove it; removing what is not there is no error."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under a prefix, in order."""
        ...


class DiskBlobStore:
    """Blobs as plain files under one folder."""

    def __init__(self, root: Path | str) -> None:
        """The folder is made when the first blob is stored."""
        self.root = Path(root).resolve()

    def put(self, key: str, source: BinaryIO | Path) -> None:
        """Write under a temporary name, flush to the disk, rename."""
        target = self._checked(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                if isinstance(source, Path):
                    with source.open("rb") as file:
                        shutil.copyfileobj(file, out, 1 << 20)
                else:
                    shutil.copyfileobj(source, out, 1 << 20)
                out.flush()
                os.fsync(out.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def adopt(self, key: str, source: Path) -> None:
        """Give the file a second name in the store; on another disk, copy it."""
        target = self._checked(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
        with source.open("rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(source, partial)
        except OSError:
            self.put(key, source)
        else:
            partial.chmod(0o600)  # as `put` leaves its files
            partial.replace(target)

    def open(self, key: str) -> BinaryIO:
        """Open for reading.

        Raises:
            LearningError: nothing is stored under this key.
        """
        return self.path(key).open("rb")

    def path(self, key: str) -> Path:
        """Where the blob lies.

        Raises:
            LearningError: nothing is stored under this key.
        """
        path = self._checked(key)
        if not path.is_file():
            raise LearningError(f"Nothing is stored under {key!r}.")
        return path

    def exists(self, key: str) -> bool:
        """Whether a blob is stored under this key."""
        return self._checked(key).is_file()

    def delete(self, key: str) -> None:
        """Remove the blob and folders that are empty without it."""
        path = self._checked(key)
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys that begin with the prefix, in order."""
        folder = prefix.rpartition("/")[0]
        place = self._checked(folder) if folder else self.root
        if not place.is_dir():
            return
        for path in sorted(place.rglob("*")):
            key = path.relative_to(self.root).as_posix()
            if key.startswith(prefix) and not path.name.startswith(_TEMPORARY) and path.is_file():
                yield key

    def _checked(self, key: str) -> Path:
        parts = key.split("/")
        if not all(_PART.fullmatch(part) for part in parts):
            raise LearningError(
                f"{key!r} is no valid storage key: parts of letters, digits, '.', '_' and '-', "
                f"not beginning with '.', divided by single '/'."
            )
        return self.root.joinpath(*parts)
