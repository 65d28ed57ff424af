"""Unpacking a .zip: its table of contents is judged as a whole before the first byte is written."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from practice.episodes.archive_members import (
    CHUNK,
    ArchiveLimits,
    Census,
    Member,
    damage_named,
    write_member,
)
from practice.episodes.errors import ArchiveError
from practice.episodes.report import Finding, Progress

_DAMAGE = (zipfile.BadZipFile, NotImplementedError, struct.error)
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # general purpose bits 0, 6 and 13 (APPNOTE.TXT 4.4.4)


def unpack_zip(
    archive: Path, folder: Path, limits: ArchiveLimits, progress: Progress | None
) -> list[Finding]:
    """Unpack into the existing, empty `folder`; `progress` gets (bytes written, bytes declared)."""
    with _opened(archive, limits) as zipped:
        census = Census(archive.name, limits)
        if len(zipped.infolist()) > limits.members:
            reason = (
                f"holds {len(zipped.infolist())} members; at most {limits.members} are accepted"
            )
            raise ArchiveError(archive.name, reason)
        members = list(_judged(zipped.infolist(), census, limits))
        declared = sum(member.size for _, member in members)
        written = 0

        def counted(info: zipfile.ZipInfo, member: Member) -> Iterator[bytes]:
            nonlocal written
            for chunk in _chunks(zipped, info, member):
                yield chunk
                written += len(chunk)
                if progress:
                    progress(written, declared)

        for info, member in members:
            write_member(member, counted(info, member), folder)
    return census.left_out


@contextmanager
def _opened(archive: Path, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
    with archive.open("rb", buffering=0) as raw:
        bounded = _BoundedReader(raw, archive.name, limits.directory_bytes)
        with damage_named(archive.name, "is not a readable .zip (cut short or damaged)", *_DAMAGE):
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


def _judged(
    infos: list[zipfile.ZipInfo], census: Census, limits: ArchiveLimits
) -> Iterator[tuple[zipfile.ZipInfo, Member]]:
    """Those to unpack, once all are known to be good."""
    for info in infos:
        # `filename` has been cut at a NUL; `orig_filename` is what stands in the archive.
        name = info.orig_filename
        member = Member(name, info.file_size, name.endswith("/"), limits.endings)
        census.admit(member)
        wrong = _bad_kind(info) or _bad_ratio(info, limits)
        if wrong:
            raise ArchiveError(member.shown, wrong)
        if member.wanted:
            yield info, member


def _bad_kind(info: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link; only plain files are accepted"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is neither a file nor a folder"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted; upload the archive without a password"
    if info.compress_type not in _METHODS:
        return f"is packed with method {info.compress_type}; use stored or deflate"
    return None


def _bad_ratio(info: zipfile.ZipInfo, limits: ArchiveLimits) -> str | None:
    small = info.file_size <= limits.ratio_from
    if not small and info.file_size > limits.ratio * info.compress_size:
        return (
            f"declares {info.file_size} bytes packed into {info.compress_size}, more than"
            f" {limits.ratio} to 1"
        )
    return None


def _chunks(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, member: Member) -> Iterator[bytes]:
    """The member's bytes, as they really come out; never more than it declares."""
    reason = "cannot be unpacked (cut short, damaged, or not of its declared size)"
    with damage_named(member.shown, reason, *_DAMAGE):
        left = member.size
        with zipped.open(info) as packed:
            while chunk := packed.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile("more bytes than declared")
                yield chunk
        if left:
            raise zipfile.BadZipFile(f"{left} bytes fewer than declared")
