"""Pictures of demonstrations that do not fit in memory: laid end to end in files, which training maps.

Shards are packed for the disk, and a picture out of one costs the unpacking of its whole row group. Here
every picture is found by its number. An entry is a copy of what shards hold, named by a digest of what it
was made from: it is never changed, appears whole or not at all, is shared by all processes of a machine,
and can be removed at any time, for it can be made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from practice.episodes.atomic import folder_renamed_last
from practice.episodes.types import Episode
from practice.learning.errors import LearningError

Cameras = Mapping[str, tuple[int, ...]]
"""Name -> (H, W, 3), pixels."""

Frames = dict[str, NDArray[np.uint8]]
"""Name -> (N, H, W, 3), read-only."""

_FORMAT = 1
"""Part of every key: a change of the files makes new entries."""

_FACTS = "entry.json"


def entry_key(facts: Any) -> str:
    """The name of the entry made from `facts`, JSON values that say all it follows from."""
    text = json.dumps([_FORMAT, facts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def picture_bytes(cameras: Cameras, rows: int) -> int:
    """What `rows` rows of all cameras take, bytes."""
    return rows * sum(math.prod(shape) for shape in cameras.values())


@dataclass(frozen=True, slots=True)
class FrameCache:
    """Entries in one folder, the least recently opened removed first."""

    folder: Path
    limit: int
    """Bytes that all entries may take together. The newest stays, however large it is."""

    reserve: int
    """Bytes of the disk that are left free."""

    def frames(
        self, key: str, cameras: Cameras, rows: int, episodes: Callable[[], Iterable[Episode]]
    ) -> Frames:
        """The pictures of `rows` rows: those of entry `key`, which is made from `episodes` where there is none.

        Raises:
            LearningError: the disk has no room, or an episode lacks a camera or has another shape.
        """
        cameras = dict(sorted(cameras.items()))
        found = self._opened(key, cameras, rows)
        if found is not None:
            return found
        # One at a time: who waits for another's entry finds it, and room is counted once.
        with self._building():
            found = self._opened(key, cameras, rows)
            if found is None:
                self._build(key, cameras, rows, episodes())
                found = self._opened(key, cameras, rows)
        assert found is not None
        return found

    def prune(self, room: int = 0) -> int:
        """Remove entries nobody uses, the least recently opened first, until the rest and `room` bytes more
        keep to the limit and to the disk; gives how many.
        """
        if not self.folder.exists():
            return 0
        entries = sorted(self._entries())
        used, removed = sum(size for _, size, _ in entries), 0
        for _, size, entry in entries:
            if used + room <= self.limit and room <= self._free():
                break
            if _removed(entry):
                used, removed = used - size, removed + 1
        return removed

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """When each was last opened, its bytes, and where it is."""
        for entry in self.folder.iterdir():
            if entry.name.startswith(".") or not entry.is_dir():
                continue
            with suppress(FileNotFoundError):  # another process has just removed it
                size = sum(file.stat().st_size for file in entry.iterdir())
                yield entry.stat().st_mtime_ns, size, entry

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free - self.reserve

    @contextmanager
    def _building(self) -> Iterator[None]:
        """Held by the one process that makes an entry; what others left unfinished goes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.folder.glob(".*"):
                if left.is_dir():
                    shutil.rmtree(left)
            yield

    def _opened(self, key: str, cameras: Cameras, rows: int) -> Frames | None:
        entry = self.folder / key
        try:
            found = {
                name: _mapped(_file(entry, number), (rows, *shape))
                for number, (name, shape) in enumerate(cameras.items())
            }
            os.utime(entry)
        except FileNotFoundError:
            return None
        return found

    def _build(self, key: str, cameras: Cameras, rows: int, episodes: Iterable[Episode]) -> None:
        need = picture_bytes(cameras, rows)
        self.prune(room=need)
        free = self._free()
        if need > free:
            raise LearningError(
                f"The pictures to learn from take {need >> 20} MB, and the disk of {self.folder} has "
                f"{max(free, 0) >> 20} MB for them; make room, or learn from fewer episodes."
            )
        shutil.rmtree(
            self.folder / key, ignore_errors=True
        )  # damaged, or it would have been opened
        with folder_renamed_last(self.folder / key) as entry:
            with ExitStack() as stack:
                files = [
                    stack.enter_context(_file(entry, number).open("wb"))
                    for number in range(len(cameras))
                ]
                written = _write(files, cameras, episodes)
                for file in files:
                    file.flush()
                    os.fsync(file.fileno())
            if written != rows:
                raise LearningError(
                    f"The demonstrations have {rows} rows of numbers and {written} of pictures."
                )
            facts = {"rows": rows, "cameras": cameras, "dtype": "uint8"}
            (entry / _FACTS).write_text(json.dumps(facts) + "\n")


def _write(files: Sequence[BinaryIO], cameras: Cameras, episodes: Iterable[Episode]) -> int:
    """Append what each camera saw to its file; gives the rows."""
    rows = 0
    for episode in episodes:
        if not episode.length:
            continue  # as in Demonstrations
        for file, (name, shape) in zip(files, cameras.items(), strict=True):
            pictures = episode.observation.get(name)
            if pictures is None or pictures.shape[1:] != shape or pictures.dtype != np.uint8:
                there = "none" if pictures is None else f"{pictures.shape[1:]} {pictures.dtype}"
                raise LearningError(
                    f"Episode {episode.uid} has no pictures of {name} to learn from: it needs "
                    f"{shape} uint8 and has {there}. Leave the episode out."
                )
            assert len(pictures) == episode.length + 1
            file.write(np.ascontiguousarray(pictures).data)
        rows += episode.length + 1
    return rows


def _file(entry: Path, number: int) -> Path:
    # Cameras have names of other people's making, files do not.
    return entry / f"camera-{number}.rgb"


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Raises FileNotFoundError where the file is missing or cut short."""
    with path.open("rb") as file:
        # The map duplicates the handle, and the lock lasts as long as either.
        fcntl.flock(file, fcntl.LOCK_SH)
        if os.fstat(file.fileno()).st_size != math.prod(shape):
            raise FileNotFoundError(path)
        return np.memmap(file, np.uint8, "r", shape=shape)


def _removed(entry: Path) -> bool:
    """Whether the entry could be removed: nobody maps it."""
    with ExitStack() as stack:
        try:
            for path in entry.glob("*.rgb"):
                file = stack.enter_context(path.open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            return False
        shutil.rmtree(entry, ignore_errors=True)
    return True
