"""Files and folders that appear whole or not at all: written beside their place under a hidden name, renamed last."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_renamed_last(target: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `target` at the end, and vanishes when anything goes wrong.

    Raises FileExistsError when `target` is already there: a finished folder is never written over.
    """
    if target.exists():
        raise FileExistsError(f"{target} is already there; choose another name or remove it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp makes private folders
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync_folder(target.parent)


@contextmanager
def file_renamed_last(target: Path) -> Iterator[Path]:
    """Give a path to write; it becomes `target` at the end, synced to disk, and vanishes when anything goes wrong."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)  # mkstemp makes private files
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # A rename lives in the folder, so a crash could undo it until the folder itself is on disk.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
