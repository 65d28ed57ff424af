"""Unpacking an uploaded .zip that nobody should trust.

Everything a zip says about itself may be a lie, so names, kinds and sizes are judged before the first byte is written, and the bytes
that really come out are counted while they are written, in constant memory. The folder appears whole or not at all.
"""

import io
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from practice.episodes.atomic import folder_renamed_last
from practice.episodes.errors import ArchiveError
from practice.episodes.report import Finding, Progress

ALLOWED = frozenset({".parquet", ".json", ".jsonl", ".mp4", ".md", ".txt"})
"""Only files with these endings are unpacked."""
PICKLES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".npz", ".joblib"})
"""Files that can run code when they are opened. We never open them, and say so."""

_CHUNK = 1 << 20
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, zlib.error, struct.error)
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # general purpose bits 0, 6 and 13 (APPNOTE.TXT 4.4.4)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an upload may hold."""

    total_bytes: int = 8 << 30
    """All unpacked files together, bytes."""
    file_bytes: int = 4 << 30
    """One unpacked file, bytes."""
    members: int = 100_000
    """Files and folders in the archive."""
    directory_bytes: int = 16 << 20
    """The archive's table of contents, bytes; it is held in memory."""
    ratio: int = 200
    """Unpacked bytes per packed byte of one file, for files above `ratio_from`."""
    ratio_from: int = 1 << 20
    """Files up to this size may pack as well as they like, bytes."""
    name_bytes: int = 1024
    """Length of one path, bytes."""


def unpack(
    archive: Path,
    into: Path,
    *,
    limits: ArchiveLimits | None = None,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """Unpack the allowed files of `archive` into the new folder `into`; gives a finding per file left out.

    Raises ArchiveError, naming the file and the reason, when the archive is damaged or hostile; then `into` does not exist.
    `progress` gets (bytes written, bytes declared).
    """
    limits = limits or ArchiveLimits()
    with _opened(archive, limits) as zipped:
        members = zipped.infolist()
        _check_members(members, archive.name, limits)
        wanted = [m for m in members if not m.is_dir() and _ending(m) in ALLOWED]
        with folder_renamed_last(into) as folder:
            _write_all(zipped, wanted, folder, limits, progress)
    return tuple(_left_out(members))


@contextmanager
def _opened(archive: Path, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
    with archive.open("rb", buffering=0) as raw:
        bounded = _BoundedReader(raw, archive.name, limits.directory_bytes)
        with _damage_named(archive.name, "is not a readable .zip (cut short or damaged)"):
            zipped = zipfile.ZipFile(bounded)
        with zipped:
            yield zipped


class _BoundedReader(io.BufferedReader):
    """A file that refuses single reads above a limit: zipfile takes a table of contents into memory in one read."""

    def __init__(self, raw: io.RawIOBase | BinaryIO, name: str, limit: int) -> None:
        super().__init__(raw)  # type: ignore[arg-type]  # FileIO is a RawIOBase
        self._archive = name
        self._limit = limit
        self._size = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        rest = max(self._size - self.tell(), 0)
        asked = rest if size is None or size < 0 else min(size, rest)
        if asked > self._limit:
            reason = (
                f"declares a table of contents of {asked} bytes; at most {self._limit} are read"
            )
            raise ArchiveError(self._archive, reason)
        return super().read(asked)


@contextmanager
def _damage_named(file: str, reason: str) -> Iterator[None]:
    """Turn whatever zipfile raises over damaged bytes into an ArchiveError. A full disk stays an OSError."""
    try:
        yield
    except _DAMAGE as error:
        raise ArchiveError(file, f"{reason}: {error}") from error
    except OSError as error:
        if error.filename is not None or error.errno not in {None, 22}:
            raise
        raise ArchiveError(file, reason) from error  # zipfile sought to an impossible place


def _check_members(members: list[zipfile.ZipInfo], archive: str, limits: ArchiveLimits) -> None:
    if len(members) > limits.members:
        reason = f"holds {len(members)} members; at most {limits.members} are accepted"
        raise ArchiveError(archive, reason)
    total = 0
    for member in members:
        wrong = _bad_name(member, limits) or _bad_kind(member) or _bad_size(member, limits)
        if wrong:
            raise ArchiveError(_shown(member), wrong)
        total += member.file_size
    if total > limits.total_bytes:
        reason = f"unpacks to {total} bytes; at most {limits.total_bytes} are accepted"
        raise ArchiveError(archive, reason)
    _check_collisions(members)


def _bad_name(member: zipfile.ZipInfo, limits: ArchiveLimits) -> str | None:
    name = member.orig_filename  # `filename` has been cut at a NUL
    path = name.removesuffix("/")
    if not name.isprintable():
        return "has unprintable characters in its name"
    if len(name.encode()) > limits.name_bytes:
        return f"has a name longer than {limits.name_bytes} bytes"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute path; paths must be relative"
    if "\\" in name:
        return "has a backslash in its name; paths are separated by /"
    if any(part in {"", ".", ".."} or len(part.encode()) > 255 for part in path.split("/")):
        return "has a path that leaves the archive or is not plain (empty, '.', '..' or too long parts)"
    return None


def _bad_kind(member: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link; only plain files are accepted"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is neither a file nor a folder"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted; upload the archive without a password"
    if member.compress_type not in _METHODS:
        return f"is packed with method {member.compress_type}; use stored or deflate"
    return None


def _bad_size(member: zipfile.ZipInfo, limits: ArchiveLimits) -> str | None:
    if member.file_size > limits.file_bytes:
        return f"declares {member.file_size} bytes; at most {limits.file_bytes} are accepted"
    small = member.file_size <= limits.ratio_from
    if not small and member.file_size > limits.ratio * member.compress_size:
        return (
            f"declares {member.file_size} bytes packed into {member.compress_size}, more than"
            f" {limits.ratio} to 1"
        )
    return None


def _check_collisions(members: list[zipfile.ZipInfo]) -> None:
    """Refuse two members for one place, also on file systems that fold case or accents, and files used as folders."""
    seen: dict[str, bool] = {}
    for member in members:
        place = _folded(member.filename)
        if place in seen and not (seen[place] and member.is_dir()):
            raise ArchiveError(_shown(member), "appears twice in the archive")
        seen[place] = member.is_dir()
    for member in members:
        for parent in PurePosixPath(_folded(member.filename)).parents:
            if seen.get(str(parent)) is False:
                raise ArchiveError(_shown(member), f"lies inside {parent}, which is a file")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.removesuffix("/")).casefold()


def _write_all(
    zipped: zipfile.ZipFile,
    members: Iterable[zipfile.ZipInfo],
    folder: Path,
    limits: ArchiveLimits,
    progress: Progress | None,
) -> None:
    members = list(members)
    declared = sum(member.file_size for member in members)
    written = 0
    for member in members:
        place = folder / member.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as out:
            for chunk in _chunks(zipped, member):
                written += len(chunk)
                if written > limits.total_bytes:
                    reason = f"unpacks past the limit of {limits.total_bytes} bytes"
                    raise ArchiveError(_shown(member), reason)
                out.write(chunk)
                if progress:
                    progress(written, declared)
            out.flush()
            os.fsync(out.fileno())


def _chunks(zipped: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes, as they really come out; never more than it declares."""
    name = _shown(member)
    with _damage_named(
        name, "cannot be unpacked (cut short, damaged, or not of its declared size)"
    ):
        left = member.file_size
        with zipped.open(member) as packed:
            while chunk := packed.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile("more bytes than declared")
                yield chunk
        if left:
            raise zipfile.BadZipFile(f"{left} bytes fewer than declared")


def _left_out(members: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    for member in members:
        ending = _ending(member)
        if member.is_dir() or ending in ALLOWED or "__MACOSX/" in member.filename:
            continue
        if ending in PICKLES:
            reason = f"was left out and never opened: a {ending} file can run code when it is read"
            yield Finding("warning", _shown(member), reason)
        else:
            yield Finding("info", _shown(member), "was left out: a dataset needs no such file")


def _ending(member: zipfile.ZipInfo) -> str:
    name = PurePosixPath(member.filename)
    # A Mac's archive carries a shadow "._x.parquet" for each x.parquet, which is no parquet.
    hidden = name.name.startswith("._") or "__MACOSX" in name.parts
    return "" if hidden else name.suffix.lower()


def _shown(member: zipfile.ZipInfo) -> str:
    name = member.orig_filename
    return name if name.isprintable() and len(name) <= 200 else ascii(name[:200])
