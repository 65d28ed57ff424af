"""A checkpoint folder as a .zip that is written while it is sent."""

import zipfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from models_store.store import BlobStore

PIECE = 1 << 20


def zipped(
    folder: str, names: list[str], store: BlobStore, texts: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """The files `folder`/`names`, then `texts` by name, as an uncompressed .zip, in pieces of about a mebibyte."""
    out = _Pieces()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # write-only is enough
        for name in names:
            with (
                store.open(f"{folder}/{name}") as source,
                archive.open(_entry(name), "w", force_zip64=True) as target,
            ):
                for piece in _read(source):
                    target.write(piece)
                    yield out.take()
        for name, text in (texts or {}).items():
            archive.writestr(_entry(name), text)
    yield out.take()


def _entry(name: str) -> zipfile.ZipInfo:
    """A fixed time: the same checkpoint gives the same bytes."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    return entry


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
