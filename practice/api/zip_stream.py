"""A checkpoint folder as a .zip that is written while it is sent."""

import json
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from models_store.store import BlobStore
from practice.errors import MissingError
from practice.learning.errors import LearningError
from practice.models import Checkpoint

MANIFEST = "manifest.json"
PIECE = 1 << 20
LARGEST_MANIFEST = 16 << 20
"""Bytes; a manifest is a few thousand."""


def checkpoint_files(checkpoint: Checkpoint, store: BlobStore) -> list[str]:
    """The names of a checkpoint's files, the manifest first; all of them are there.

    Raises:
        MissingError: a file is gone, or the manifest is damaged.
    """
    try:
        with store.open(f"{checkpoint.blob_key}/{MANIFEST}") as file:
            manifest = json.loads(file.read(LARGEST_MANIFEST))
        names = [MANIFEST, *manifest["sha256"]]
        for name in names:
            store.path(f"{checkpoint.blob_key}/{name}")
    except (LearningError, ValueError, KeyError, TypeError) as error:
        raise MissingError(
            f"The weights of checkpoint {checkpoint.pk} cannot be read: {error}"
        ) from error
    return names


def zipped(folder: str, names: list[str], store: BlobStore) -> Iterator[bytes]:
    """The files `folder`/`names` as an uncompressed .zip, in pieces of about a mebibyte."""
    out = _Pieces()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # write-only is enough
        for name in names:
            # A fixed time: the same checkpoint gives the same bytes.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            with (
                store.open(f"{folder}/{name}") as source,
                archive.open(entry, "w", force_zip64=True) as target,
            ):
                for piece in _read(source):
                    target.write(piece)
                    yield out.take()
    yield out.take()


def _read(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        yield piece


class _Pieces:
    """A file that can only be written; what was written is taken out again."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep until taken."""
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: nothing is held back."""

    def take(self) -> bytes:
        """All that was written since the last time."""
        taken, self._waiting = b"".join(self._waiting), []
        return taken
