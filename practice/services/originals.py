"""The videos that an import came with, kept for people: browsers play them beside what the model saw."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from practice import storage
from practice.episodes.clips import clips_of
from practice.episodes.errors import EpisodesError
from practice.episodes.lerobot_meta import open_dataset
from practice.episodes.report import Finding
from practice.episodes.transcode import transcode
from practice.episodes.video_read import playable, probe
from practice.models import Episode


def keep_originals(
    folder: Path, rows: Sequence[Episode], told: Callable[[float], None]
) -> list[Finding]:
    """Store every mp4 that one of the unsaved `rows` of the dataset in `folder` stands in, and say in the rows where.

    What browsers cannot play is stored as h264. A video that cannot be is a finding, never a reason to refuse an episode whose frames were
    read. `told` gets the share done, and may raise to stop.
    """
    dataset = open_dataset(folder)
    clips = {row.uid: clips_of(dataset, int(row.uid.removeprefix("e"))) for row in rows}
    files = list(dict.fromkeys(clip.file for named in clips.values() for clip in named.values()))
    kept: dict[Path, str] = {}
    findings = []
    for number, path in enumerate(files):
        file = path.relative_to(dataset.root).as_posix()
        try:
            kept[path] = _keep(path, file, partial(_part, told, number, len(files)))
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


def _part(told: Callable[[float], None], number: int, count: int, share: float) -> None:
    """Tell the share of the whole, from that of one of `count` files."""
    told((number + share) / count)


def _keep(path: Path, file: str, told: Callable[[float], None]) -> str:
    """Key of the video in the blob store, by its content. Raises EpisodesError."""
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    why = playable(probe(path, file=file))
    key = storage.video_key(sha256, recoded=why is not None)
    if storage.blobs().exists(key):
        return key
    told(0.0)
    if why is None:
        storage.blobs().put(key, path)
        return key
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / "video.mp4"
        transcode(path, target, file=file, progress=lambda done, total: told(done / max(total, 1)))
        storage.blobs().adopt(key, target)
    return key
