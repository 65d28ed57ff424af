"""The checks of cameras stored as video: each mp4's packets are read once, and no picture is unpacked.

What only decoding can tell, `read_episodes` finds, and drops that episode alone.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_checks import Ledger
from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_table import Dataset, VideoTable
from practice.episodes.report import Finding
from practice.episodes.video_read import VideoFacts, playable, probe, tolerance

_RATE = 0.01
"""How far the rate of a video may be from the dataset's, as a share; each frame's place is checked besides."""


def unplaced(dataset: Dataset, cameras: Sequence[str]) -> Iterator[Finding]:
    """One error for each of `cameras` of which the metadata does not say where its frames lie."""
    for camera in cameras:
        if camera not in dataset.episodes.videos:
            columns = f"videos/{camera}/chunk_index, file_index, from_timestamp and to_timestamp"
            reason = f"has no columns {columns} of numbers: nobody can tell where its frames lie"
            yield Finding("error", "meta/episodes", reason)


def check_films(
    dataset: Dataset,
    cameras: Sequence[str],
    ledger: Ledger,
    limits: DatasetLimits,
    told: Callable[[int], None],
) -> Iterator[Finding]:
    """Check where every episode's frames of `cameras` lie; gives notes that concern no single episode.

    `told` gets the frames of episodes that are checked meanwhile.
    """
    for camera in cameras:
        table, remarks = dataset.episodes.videos[camera], dict[str, list[str]]()
        for episode, reason in table.faults.items():
            ledger.add(episode, f"video {camera}", reason)
        for file, episodes in _by_file(table).items():
            try:
                facts = _probed(dataset, camera, file, limits)
            except DatasetError as error:
                for episode in episodes:
                    reason = f"camera {camera!r}: its video {error.reason}"
                    ledger.add(episode, f"video {camera}", reason, file=file)
            else:
                for episode in episodes:
                    _check_span(dataset, camera, episode, facts.times, ledger)
                remark = playable(facts)
                if remark:
                    remarks.setdefault(remark, []).append(file)
            told(int(dataset.episodes.length[episodes].sum()))
        for remark, files in remarks.items():
            more = f" (so are {len(files) - 1} more)" if len(files) > 1 else ""
            reason = f"camera {camera!r} {remark}{more}; it is read as it is, and converted to be watched"
            yield Finding("info", files[0], reason)


def _by_file(table: VideoTable) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for episode, file in enumerate(table.file):
        if episode not in table.faults:
            found.setdefault(file, []).append(episode)
    return found


def _probed(dataset: Dataset, camera: str, file: str, limits: DatasetLimits) -> VideoFacts:
    facts = probe(dataset.root / file, file=file, frames=limits.video_frames)
    picture = dataset.info.pictures[camera].picture
    assert picture is not None
    if (facts.height, facts.width) != picture[:2]:
        is_of = f"is {facts.height} x {facts.width} pixels"
        raise DatasetError(file, f"{is_of}; its feature says {picture[0]} x {picture[1]}")
    fps = dataset.info.fps
    if facts.constant and facts.rate and abs(facts.rate / fps - 1) > _RATE:
        reason = f"runs at {float(facts.rate):.4g} frames per second; {fmt.INFO} says {fps}"
        raise DatasetError(file, reason)
    return facts


def _check_span(
    dataset: Dataset, camera: str, episode: int, times: NDArray[np.float64], ledger: Ledger
) -> None:
    """As many frames between its two times as the episode has, each where its number puts it."""
    table, fps = dataset.episodes.videos[camera], dataset.info.fps
    file, length = table.file[episode], int(dataset.episodes.length[episode])
    start, end = float(table.start[episode]), float(table.end[episode])
    first, after = np.searchsorted(times, np.array([start, end]) - 0.5 / fps)
    frames = times[first:after]
    problem: tuple[str, int | None] | None = _misplaced(frames, start, fps)
    if abs((end - start) * fps - length) > 1.5:
        problem = f"lies from {start:.3f} s to {end:.3f} s, which is not {length} frames", None
    elif problem is None and abs(len(frames) - length) > 1:
        frame = min(len(frames), length)
        problem = f"has {len(frames)} of {length} frames from {start:.3f} s to {end:.3f} s", frame
    if problem is not None:
        reason, at = problem
        ledger.add(episode, f"video {camera}", f"camera {camera!r} {reason}", at, file=file)
    elif len(frames) != length:
        more = "the last is not read" if len(frames) > length else "the last is shown twice"
        reason = f"camera {camera!r} has {len(frames)} frames for {length} rows; {more}"
        ledger.warn(Finding("warning", file, reason, episode, min(len(frames), length)))


def _misplaced(frames: NDArray[np.float64], start: float, fps: int) -> tuple[str, int] | None:
    """What is wrong with when the frames of an episode are shown, and the first such frame."""
    due = start + np.arange(len(frames)) / fps
    late = np.abs(frames - due) > tolerance(fps)
    if not late.any():
        return None
    frame = int(np.argmax(late))
    reason = f"shows this frame at {frames[frame]:.4f} s of its video, not at {due[frame]:.4f} s"
    return f"{reason}: its rate is not constant", frame
