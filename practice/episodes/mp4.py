"""The boxes of an mp4 of strangers, judged before FFmpeg opens it.

FFmpeg makes its tables as large as a few bytes of header ask it to, wherever in the file they stand. So the index (moov) is
walked here first: how many frames it counts, that it is small, and that it is one plain index and no other.
Source of the layout: ISO/IEC 14496-12.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from practice.episodes.errors import DatasetError

INDEX_BYTES = 64 << 20
"""Most bytes of an index; a frame takes about 20 of them."""
_BOXES = 10_000
_DEPTH = 8
_EDITS = 16
_TRACKS = 8

_TOP = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"udta", b"pdin"})
_WITHIN = frozenset({b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf"})
"""Boxes that hold boxes."""
_COUNTED = frozenset({b"stts", b"ctts"})
_PLAIN = frozenset({b"stco", b"co64", b"stss", b"stsc", b"stps", b"sdtp"})
"""Tables whose every entry stands in the file, so that they are no larger than they look."""
_HIDDEN = re.compile(rb"trak|stbl|stsd|stsz|stz2|stts|ctts|elst|cmov|mvex|trex|moof|trun|tfra")
"""Names of tables and their owners; elsewhere than at their place FFmpeg would read them all the same."""


@dataclass(slots=True)
class Index:
    """What the index of an mp4 says."""

    in_front: bool = False
    """Whether it stands before the frames, so that playing can start before the whole is loaded."""
    tracks: int = 0
    video: int = 0
    """Tracks of pictures."""
    samples: int = 0
    """The most frames that any table counts, those of sound included."""


def read_index(path: Path, file: str, *, frames: int) -> Index:
    """Judge the boxes of `path`, called `file` in what is said, which may count at most `frames` frames.

    Raises:
        DatasetError: it is missing, no mp4, cut short before its index, larger than allowed, or not plainly laid out.
    """
    if not path.is_file():
        raise DatasetError(file, "is missing")
    length = path.stat().st_size
    with path.open("rb") as opened:
        place, size, in_front = _find_index(opened, length, file)
        opened.seek(place)
        data = memoryview(opened.read(size))
    index = Index(in_front)
    for boxes, (name, body) in enumerate(_walk(data, file, 0)):
        if boxes > _BOXES:
            raise DatasetError(file, f"has more than {_BOXES} boxes in its index")
        _note(name, body, index, file)
        if index.samples > min(frames, length):
            most = f"at most {frames} fit here" if frames < length else f"it has {length} bytes"
            raise DatasetError(file, f"counts {index.samples} frames, but {most}")
    if not 0 < index.tracks <= _TRACKS or index.video != 1:
        reason = f"has {index.video} tracks of pictures among {index.tracks}; one is read"
        raise DatasetError(file, reason)
    return index


def _find_index(opened: BinaryIO, length: int, file: str) -> tuple[int, int, bool]:
    """Place and size of the inside of the one moov, and whether it stands before the frames."""
    found: list[tuple[int, int, bool]] = []
    place, boxes, frames_seen = 0, 0, False
    while place + 8 <= length and boxes < _BOXES:
        opened.seek(place)
        name, head, size = _header(opened.read(16), length - place)
        if name not in _TOP:
            if not place:
                raise DatasetError(file, "is no mp4")
            reason = f"has a box {name.decode('latin-1')!r}; only mp4 in one piece is read"
            raise DatasetError(file, reason)
        if size < head or (place + size > length and name != b"mdat"):
            raise DatasetError(file, "is cut short or damaged: a box reaches beyond the file")
        if name == b"moov":
            found.append((place + head, size - head, not frames_seen))
        frames_seen |= name == b"mdat"
        place, boxes = place + size, boxes + 1
    if len(found) != 1:
        what = (
            "has no index (moov): its recording was cut short" if not found else "has two indices"
        )
        raise DatasetError(file, what)
    if found[0][1] > INDEX_BYTES:
        reason = f"has an index of {found[0][1]} bytes; at most {INDEX_BYTES} are read"
        raise DatasetError(file, reason)
    return found[0]


def _header(data: bytes | memoryview, left: int) -> tuple[bytes, int, int]:
    """Name, bytes of the header, and bytes in all of the box that begins with `data`."""
    size, name = int.from_bytes(data[:4]), bytes(data[4:8])
    if size == 1:
        return name, 16, int.from_bytes(data[8:16])
    return name, 8, size or left


def _walk(data: memoryview, file: str, depth: int) -> Iterator[tuple[bytes, memoryview]]:
    """Name and inside of each box that holds no boxes, and of each track."""
    place = 0
    while place + 8 <= len(data):
        name, head, size = _header(data[place : place + 16], len(data) - place)
        if size < head or place + size > len(data) or depth > _DEPTH:
            raise DatasetError(file, f"has a damaged box {name.decode('latin-1')!r} in its index")
        body = data[place + head : place + size]
        if name in _WITHIN:
            if name == b"trak":
                yield name, body[:0]
            yield from _walk(body, file, depth + 1)
        else:
            yield name, body
        place += size


def _note(name: bytes, body: memoryview, index: Index, file: str) -> None:
    """Take what one box says; refuse what would make more of itself than it is."""
    if name == b"trak":
        index.tracks += 1
    elif name == b"hdlr":
        index.video += bytes(body[8:12]) == b"vide"
    elif name in {b"stsz", b"stz2"}:
        index.samples = max(index.samples, int.from_bytes(body[8:12]))
    elif name in _COUNTED:
        _check_counts(name, body, index, file)
    elif name == b"elst":
        if int.from_bytes(body[4:8]) > _EDITS:
            raise DatasetError(file, f"is cut together of more than {_EDITS} pieces")
    elif name not in _PLAIN:
        hidden = _HIDDEN.search(body if name == b"stsd" else name + body)
        if hidden:
            where = name.decode("latin-1")
            raise DatasetError(file, f"has a box {hidden[0].decode()!r} out of place, in {where!r}")


def _check_counts(name: bytes, body: memoryview, index: Index, file: str) -> None:
    """Note how many frames the runs (count, value) of a table add up to."""
    entries = int.from_bytes(body[4:8])
    if len(body) < 8 + 8 * entries:
        raise DatasetError(file, f"has a damaged table {name.decode()!r}")
    counted = np.frombuffer(body[8 : 8 + 8 * entries], ">u4")[::2].sum(dtype=np.uint64)
    index.samples = max(index.samples, int(counted))
