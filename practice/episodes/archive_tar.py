"""Unpacking a .tar or .tar.gz in one pass and constant memory.

A tar has no table of contents: each member is judged when its header comes by, before its bytes are written. Headers are read here,
block by block, because `tarfile` takes a header of any declared length into memory; it only decodes single blocks for us.
"""

import gzip
import tarfile
from collections.abc import Iterator
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

_BLOCK = tarfile.BLOCKSIZE
_HEADER_BYTES = 1 << 16
"""Longest extended header that is read; it holds one path and some times."""
_HEADERS = 4
"""Extended headers before one member."""
_PLAIN = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_LINKS = frozenset({tarfile.LNKTYPE, tarfile.SYMTYPE})
_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_EXTENDED = _PAX | {tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}


def unpack_tar(
    archive: Path, folder: Path, limits: ArchiveLimits, progress: Progress | None
) -> list[Finding]:
    """Unpack into the existing, empty `folder`; `progress` gets (bytes read, bytes of the archive)."""
    census = Census(archive.name, limits)
    size = archive.stat().st_size
    with archive.open("rb") as raw:
        stream = _Stream(raw, archive.name, limits)
        while (member := stream.next_member()) is not None:
            if member.name in {".", "./"}:
                continue
            census.admit(member)
            chunks = _heard(stream.content(member), raw, size, progress)
            if member.wanted:
                write_member(member, chunks, folder)
            else:
                for _ in chunks:
                    pass
        stream.finish()
    return census.left_out


def _heard(
    chunks: Iterator[bytes], raw: BinaryIO, size: int, progress: Progress | None
) -> Iterator[bytes]:
    """`chunks`; `progress` hears of each, for a single member may take minutes."""
    for chunk in chunks:
        yield chunk
        if progress:
            progress(min(raw.tell(), size), size)


class _Stream:
    """The unpacked bytes of an archive in order, counted."""

    def __init__(self, raw: BinaryIO, archive: str, limits: ArchiveLimits) -> None:
        self._raw = raw
        self._zipped = not archive.lower().endswith(".tar")
        self._source: BinaryIO = gzip.GzipFile(fileobj=raw) if self._zipped else raw  # type: ignore[assignment]
        self._archive = archive
        self._limits = limits
        self._taken = 0

    def next_member(self) -> Member | None:
        """The next header with what its extended headers say, or None at the end."""
        path, size = "", None
        for _ in range(_HEADERS + 1):
            info = self._header()
            if info is None:
                return None
            if info.type not in _EXTENDED:
                return self._member(info, path or info.name, info.size if size is None else size)
            body = self._extended(info)
            if info.type == tarfile.GNUTYPE_LONGNAME:
                path = body.rstrip(b"\0").decode(errors="surrogateescape")
            elif info.type in _PAX:
                said = self._records(body)
                path = said.get("path", path)
                size = self._number(said["size"]) if "size" in said else size
            # Links and what a global header says concern nothing that we unpack.
        raise ArchiveError(self._archive, f"has more than {_HEADERS} extended headers in a row")

    def content(self, member: Member) -> Iterator[bytes]:
        """The member's bytes; all must be taken before the next header."""
        left = member.size
        while left:
            chunk = self._read(min(left, CHUNK), member.shown)
            left -= len(chunk)
            yield chunk
        self._read(-member.size % _BLOCK, member.shown)

    def finish(self) -> None:
        """Read to the end, where gzip keeps its checksum."""
        left = CHUNK  # tar fills up its last record with zeros, 10 kB as a rule
        while piece := self._some(CHUNK, self._archive):
            left -= len(piece)
            if left < 0:
                raise ArchiveError(
                    self._archive, f"goes on for more than {CHUNK} bytes after its end"
                )

    def _header(self) -> tarfile.TarInfo | None:
        block = self._read(_BLOCK, self._archive)
        reason = "is not a readable tar (damaged)"
        if not any(block):
            return None
        with damage_named(self._archive, reason, tarfile.HeaderError):
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")

    def _member(self, info: tarfile.TarInfo, path: str, size: int) -> Member:
        is_folder = info.type == tarfile.DIRTYPE
        # `tar -C folder .` begins each name with "./"; a folder's last slash is no part of its name.
        name = path.removeprefix("./") if path != "./" else path
        member = Member(name.removesuffix("/") if is_folder else name, size, is_folder)
        if info.type in _LINKS:
            raise ArchiveError(member.shown, "is a link; only plain files are accepted")
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise ArchiveError(member.shown, "is a sparse file; pack it without --sparse")
        if not is_folder and info.type not in _PLAIN:
            raise ArchiveError(member.shown, "is neither a file nor a folder")
        if size < 0:
            raise ArchiveError(member.shown, f"declares {size} bytes")
        return Member(member.name, 0, True) if is_folder else member

    def _extended(self, info: tarfile.TarInfo) -> bytes:
        if not 0 <= info.size <= _HEADER_BYTES:
            reason = (
                f"has an extended header of {info.size} bytes; at most {_HEADER_BYTES} are read"
            )
            raise ArchiveError(self._archive, reason)
        body = self._read(info.size, self._archive)
        self._read(-info.size % _BLOCK, self._archive)
        return body

    def _records(self, body: bytes) -> dict[str, str]:
        """The pax records `length keyword=value\\n` of one extended header (POSIX.1-2017, pax)."""
        said: dict[str, str] = {}
        while body.rstrip(b"\0"):
            digits, _, _ = body.partition(b" ")
            length = self._number(digits.decode(errors="replace"))
            record = body[len(digits) + 1 : length]
            key, equals, value = record.removesuffix(b"\n").partition(b"=")
            if not equals or not record.endswith(b"\n"):
                raise ArchiveError(self._archive, "has a damaged extended header")
            said[key.decode(errors="replace")] = value.decode(errors="surrogateescape")
            body = body[length:]
        if any(key.startswith("GNU.sparse.") for key in said):
            raise ArchiveError(self._archive, "holds a sparse file; pack it without --sparse")
        return said

    def _number(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 19):
            raise ArchiveError(self._archive, "has a damaged extended header")
        return int(text)

    def _read(self, size: int, named: str) -> bytes:
        """Exactly `size` bytes."""
        pieces = []
        while size:
            piece = self._some(size, named)
            if not piece:
                raise ArchiveError(
                    named, "cannot be unpacked (cut short): the archive ends too early"
                )
            size -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _some(self, size: int, named: str) -> bytes:
        """At most `size` bytes, counted against the ratio; empty at the end."""
        with damage_named(named, "cannot be unpacked (cut short or damaged)"):
            piece = self._source.read(size)
        self._taken += len(piece)
        limit = self._limits.ratio
        packed = self._raw.tell() if self._zipped else self._taken
        if self._taken > max(self._limits.ratio_from, limit * packed):
            reason = f"unpacks to more than {limit} bytes per packed byte"
            raise ArchiveError(self._archive, reason)
        return piece
