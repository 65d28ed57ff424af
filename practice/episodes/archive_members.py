"""What an archive may hold, whatever kind it is: limits, names, places, and what is left out."""

import os
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from practice.episodes.errors import ArchiveError
from practice.episodes.report import Finding

ALLOWED = frozenset({".parquet", ".json", ".jsonl", ".mp4", ".md", ".txt"})
"""Only files with these endings are unpacked of a dataset."""
PICKLES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".npz", ".joblib"})
"""Files that can run code when they are opened. We never open them, and say so."""
CHUNK = 1 << 20
"""Bytes held in memory at once."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an upload may hold."""

    total_bytes: int = 64 << 30
    """All unpacked files together, bytes."""
    file_bytes: int = 16 << 30
    """One unpacked file, bytes."""
    members: int = 100_000
    """Files and folders in the archive."""
    directory_bytes: int = 16 << 20
    """A .zip's table of contents, bytes; it is held in memory."""
    ratio: int = 200
    """Unpacked bytes per packed byte: of one file in a .zip, of what was read so far in a .tar.gz."""
    ratio_from: int = 1 << 20
    """Up to this many unpacked bytes may pack as well as they like."""
    name_bytes: int = 1024
    """Length of one path, bytes."""
    endings: frozenset[str] = ALLOWED
    """Only files with these are unpacked."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry, as the archive declares it."""

    name: str
    size: int
    """Unpacked, bytes."""
    is_folder: bool
    allowed: frozenset[str] = ALLOWED

    @property
    def shown(self) -> str:
        """The name, fit to be printed."""
        return (
            self.name
            if self.name.isprintable() and len(self.name) <= 200
            else ascii(self.name[:200])
        )

    @property
    def ending(self) -> str:
        """Its suffix in small letters; empty for what a Mac adds."""
        name = PurePosixPath(self.name)
        # A Mac's archive carries a shadow "._x.parquet" for each x.parquet, which is no parquet.
        hidden = name.name.startswith("._") or "__MACOSX" in name.parts
        return "" if hidden else name.suffix.lower()

    @property
    def wanted(self) -> bool:
        """Whether it is unpacked."""
        return not self.is_folder and self.ending in self.allowed


class Census:
    """The members seen so far: none outside, none twice, not too many, not too large."""

    def __init__(self, archive: str, limits: ArchiveLimits) -> None:
        self._archive = archive
        self._limits = limits
        self._places: dict[str, bool] = {}
        self._members = 0
        self.total = 0
        """Declared bytes of all members."""
        self.left_out: list[Finding] = []

    def admit(self, member: Member) -> None:
        """Count `member` in.

        Raises:
            ArchiveError: naming it and the reason.
        """
        limits = self._limits
        self._members += 1
        if self._members > limits.members:
            raise ArchiveError(self._archive, f"holds more than {limits.members} members")
        wrong = _bad_name(member.name, limits)
        if wrong is None and member.size > limits.file_bytes:
            wrong = f"declares {member.size} bytes; at most {limits.file_bytes} are accepted"
        if wrong:
            raise ArchiveError(member.shown, wrong)
        self.total += member.size
        if self.total > limits.total_bytes:
            reason = f"unpacks to {self.total} bytes; at most {limits.total_bytes} are accepted"
            raise ArchiveError(self._archive, reason)
        self._settle(member)
        self.left_out.extend(_left_out(member))

    def _settle(self, member: Member) -> None:
        """Refuse two members for one place, also on file systems that fold case or accents, and files used as folders."""
        place = unicodedata.normalize("NFC", member.name.removesuffix("/")).casefold()
        if place in self._places and not (self._places[place] and member.is_folder):
            raise ArchiveError(member.shown, "appears twice in the archive")
        for parent in PurePosixPath(place).parents:
            if self._places.setdefault(str(parent), True) is False:
                raise ArchiveError(member.shown, f"lies inside {parent}, which is a file")
        self._places[place] = member.is_folder


def _bad_name(name: str, limits: ArchiveLimits) -> str | None:
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


def _left_out(member: Member) -> Iterator[Finding]:
    if member.is_folder or member.ending in member.allowed or "__MACOSX/" in member.name:
        return
    if member.ending in PICKLES:
        reason = (
            f"was left out and never opened: a {member.ending} file can run code when it is read"
        )
        yield Finding("warning", member.shown, reason)
    else:
        yield Finding("info", member.shown, "was left out: a dataset needs no such file")


def write_member(member: Member, chunks: Iterable[bytes], folder: Path) -> None:
    """Write `chunks` to the member's place under `folder`, flushed to the disk."""
    place = folder / member.name
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as out:
        for chunk in chunks:
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def damage_named(file: str, reason: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn what a reader raises over damaged bytes (`kinds` and kin) into an ArchiveError. A full disk stays an OSError."""
    damage: tuple[type[Exception], ...] = (*kinds, ValueError, EOFError, zlib.error)
    try:
        yield
    except damage as error:
        raise ArchiveError(file, f"{reason}: {error}") from error
    except OSError as error:
        if error.filename is not None or error.errno not in {None, 22}:
            raise
        raise ArchiveError(file, reason) from error  # no gzip, or an impossible place was sought
