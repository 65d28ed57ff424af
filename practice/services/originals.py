"""The videos that an import came with, kept for people: browsers play them beside what the model saw."""

import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from practice import storage
from practice.episodes.clips import clips_of
from practice.episodes.errors import EpisodesError
from practice.episodes.lerobot_meta import open_dataset
from practice.episodes.report import Finding
from practice.episodes.transcode import transcode
from practice.episodes.video_read import playable, probe
from practice.models import Episode

PIECE = 4 << 20
"""Bytes hashed or copied between two reports."""

Told = Callable[[float], None]


def keep_originals(
    folder: Path, rows: Sequence[Episode], told: Told, *, ours: bool
) -> list[Finding]:
    """Store every mp4 that one of the unsaved `rows` of the dataset in `folder` stands in, and say in the rows where.

    What browsers cannot play is stored as h264. A video that cannot be is a finding, never a reason to refuse an episode whose frames were
    read. `ours`: the folder is removed afterwards and written by nobody else, so a video needs no copy. `told` gets the share done, and
    may raise to stop; it is called every few megabytes, for a silent worker loses the dataset.
    """
    dataset = open_dataset(folder)
    clips = {row.uid: clips_of(dataset, int(row.uid.removeprefix("e"))) for row in rows}
    files = list(dict.fromkeys(clip.file for named in clips.values() for clip in named.values()))
    kept: dict[Path, str] = {}
    findings = []
    for number, path in enumerate(files):
        file = path.relative_to(dataset.root).as_posix()
        try:
            kept[path] = _keep(path, file, partial(_part, told, number, len(files)), ours=ours)
        except EpisodesError as error:
            reason = f"is not kept for people to watch: {error.reason}"
            findings.append(Finding("warning", file, reason))
    for row in rows:
        row.videos = {
            camera: {"key": kept[clip.file], "start": clip.start, "fps": dataset.info.fps}
            for camera, clip in clips[row.uid].items()
            if clip.file in kept
        }
    return findings


def _part(told: Told, number: int, count: int, share: float) -> None:
    """Tell the share of the whole, from that of one of `count` files."""
    told((number + share) / count)


def _keep(path: Path, file: str, told: Told, *, ours: bool) -> str:
    """Key of the video in the blob store, by its content. Raises EpisodesError."""
    sha256 = _hashed(path, told)
    why = playable(probe(path, file=file))
    key = storage.video_key(sha256, recoded=why is not None)
    if storage.blobs().exists(key):
        return key
    if why is not None:
        with tempfile.TemporaryDirectory(dir=storage.work_folder()) as temporary:
            target = Path(temporary) / "video.mp4"
            transcode(path, target, file=file, progress=partial(_share, told))
            storage.blobs().adopt(key, target)
    elif ours:
        storage.blobs().adopt(key, path)
    else:
        with path.open("rb") as content:
            heard = _Heard(content, path.stat().st_size, told)
            storage.blobs().put(key, cast(BinaryIO, heard))
    return key


def _share(told: Told, done: int, total: int) -> None:
    told(done / max(total, 1))


def _hashed(path: Path, told: Told) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        heard = _Heard(file, path.stat().st_size, told)
        while piece := heard.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


class _Heard(io.RawIOBase):
    """A file of `size` bytes that tells how much of it has been read."""

    def __init__(self, file: BinaryIO, size: int, told: Told) -> None:
        self._file, self._size, self._told = file, size, told

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        self._told(self._file.tell() / max(self._size, 1))
        return self._file.read(size)
