"""Boxes of hostile mp4 files: judged by hand-made headers, before FFmpeg sees them."""

import struct
from pathlib import Path

import pytest

from practice.episodes.errors import DatasetError
from practice.episodes.mp4 import read_index
from practice.episodes.video_read import probe
from tests.episodes.golden_video import TOP, pictures, write_video


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def whole(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


HANDLER = box(b"hdlr", whole(0, 0), b"vide", whole(0, 0, 0), b"\0")
FTYP = box(b"ftyp", b"isom", whole(512), b"isom")
MDAT = box(b"mdat", bytes(100))


def track(*tables: bytes) -> bytes:
    return box(b"trak", box(b"mdia", HANDLER, box(b"minf", box(b"stbl", *tables))))


def sizes(count: int) -> bytes:
    return box(b"stsz", whole(0, 1, count))


def runs(name: bytes, *counts: int) -> bytes:
    return box(name, whole(0, len(counts)), *(whole(count, 1) for count in counts))


def moov(*parts: bytes) -> bytes:
    return FTYP + box(b"moov", *parts) + MDAT


def judged(tmp_path: Path, data: bytes, frames: int = 1000) -> str:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(DatasetError) as raised:
        read_index(path, "videos/a.mp4", frames=frames)
    assert raised.value.file == "videos/a.mp4"
    return raised.value.reason


def test_a_plain_index(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(moov(track(sizes(50), runs(b"stts", 50), runs(b"ctts", 20, 30))))
    index = read_index(path, "a.mp4", frames=50)
    assert (index.in_front, index.tracks, index.video, index.samples) == (True, 1, 1, 50)
    path.write_bytes(FTYP + MDAT + box(b"moov", track(sizes(50))))
    assert not read_index(path, "a.mp4", frames=50).in_front


BILLION = 1_000_000_000
HOSTILE = {
    "a billion frames of one size": (moov(track(sizes(BILLION))), "counts 1000000000 frames, but"),
    "a billion in one run": (moov(track(sizes(9), runs(b"stts", BILLION))), "counts 1000000000"),
    "runs that add up": (moov(track(runs(b"ctts", *[2**32 - 1] * 9))), "counts 38654705655"),
    "more frames than bytes": (moov(track(sizes(900))), "counts 900 frames, but it has"),
    "a table that is cut": (
        moov(track(box(b"stts", whole(0, 500), whole(1, 1)))),
        "damaged table 'stts'",
    ),
    "two indices": (moov(track(sizes(9))) + box(b"moov", track(sizes(9))), "has two indices"),
    "no index": (FTYP + MDAT, "has no index (moov): its recording was cut short"),
    "in pieces": (moov(track(sizes(9))) + box(b"moof", bytes(8)), "only mp4 in one piece is read"),
    "prepared for pieces": (moov(track(sizes(9)), box(b"mvex", bytes(8))), "a box 'mvex' out of"),
    "a packed index": (moov(track(sizes(9)), box(b"cmov", bytes(8))), "a box 'cmov' out of place"),
    "a hidden track": (
        moov(track(sizes(9)), box(b"udta", track(sizes(BILLION)))),
        "a box 'trak' out of place, in 'udta'",
    ),
    "a hidden table": (
        moov(track(sizes(9), box(b"stsd", whole(0, 1), sizes(BILLION)))),
        "a box 'stsz' out of place, in 'stsd'",
    ),
    "a table at the top": (moov(track(sizes(9))) + sizes(BILLION), "has a box 'stsz'; only"),
    "many edits": (moov(track(sizes(9), box(b"elst", whole(0, 17)))), "more than 16 pieces"),
    "two videos": (moov(track(sizes(9)), track(sizes(9))), "has 2 tracks of pictures among 2"),
    "many tracks": (
        moov(track(sizes(9)), *[box(b"trak", sizes(9))] * 8),
        "has 1 tracks of pictures among 9",
    ),
    "no pictures": (moov(box(b"trak", sizes(9))), "has 0 tracks of pictures among 1"),
    "a box beyond its owner": (
        FTYP + box(b"moov", whole(900), b"trak") + MDAT,
        "a damaged box 'trak'",
    ),
    "a box of no size": (FTYP + box(b"moov", whole(3), b"free"), "a damaged box 'free'"),
    "boxes without end": (moov(track(sizes(9)), box(b"free") * 10_001), "more than 10000 boxes"),
    "a well of boxes": (moov(*[struct.pack(">I4s", 900, b"minf")] * 20), "a damaged box 'minf'"),
    "an index beyond the file": (FTYP + whole(2**31) + b"moov", "reaches beyond the file"),
    "text": (b"this is plain text", "is no mp4"),
    "nothing": (b"", "has no index"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_boxes_are_refused(tmp_path: Path, name: str) -> None:
    data, reason = HOSTILE[name]
    assert reason in judged(tmp_path, data)


def test_an_index_of_gigabytes_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with path.open("wb") as sparse:
        sparse.write(FTYP + struct.pack(">I4s", 3 << 30, b"moov"))
        sparse.truncate((3 << 30) + len(FTYP))
    with pytest.raises(DatasetError, match=r"an index of 3221225464 bytes; at most 67108864"):
        read_index(path, "a.mp4", frames=1000)


def test_frames_above_what_fits_are_refused_before_decoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(TOP))
    with pytest.raises(DatasetError, match="counts 20 frames, but at most 19 fit here"):
        probe(path, frames=19)
    assert probe(path, frames=20).frames == 20
