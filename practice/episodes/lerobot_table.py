"""An opened LeRobot dataset, whichever layout it came in: all but its rows."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from practice.episodes import columns
from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_format import Info
from practice.episodes.pictures import decode_picture


@dataclass(frozen=True, slots=True)
class VideoTable:
    """Where one camera's frames lie, one entry per episode."""

    file: list[str]
    """The mp4, relative to the root."""
    start: NDArray[np.float64]
    """(E,) time of the first frame in the file, seconds."""
    end: NDArray[np.float64]
    """(E,) time after the last frame, seconds."""
    faults: Mapping[int, str] = field(default_factory=dict)
    """Episode -> why the metadata cannot be right about where its frames lie; its place is meaningless."""


@dataclass(frozen=True, slots=True)
class EpisodeTable:
    """One entry per episode, in order; every array is (E,) int64."""

    length: NDArray[np.int64]
    file: list[str]
    """The data file that should hold each episode, relative to the root."""
    first: NDArray[np.int64]
    """Place of the first row in the whole dataset."""
    end: NDArray[np.int64]
    """Place after the last row."""
    tasks: list[list[str]]
    """Instructions that the metadata names for each episode."""
    seed: list[int | None]
    final: Mapping[str, NDArray[Any]]
    """Observation -> (E, ...) after the last action, where our own writer kept it."""
    final_pictures: Mapping[str, pa.ChunkedArray]
    """The same of cameras, (E,) as the files that they came in."""
    shapes: Mapping[str, tuple[int, int, int]]
    """Camera -> (H, W, 3)."""
    videos: Mapping[str, VideoTable] = field(default_factory=dict)
    """Camera stored as video -> where each episode's frames lie."""

    def __len__(self) -> int:
        return len(self.tasks)

    def last(self, name: str, episode: int, rows: NDArray[Any]) -> NDArray[Any]:
        """The observation after the last action, (1, ...); the last of the episode's `rows` stands in for it.

        Raises PictureError when it is kept but cannot be read.
        """
        if name in self.final:
            return self.final[name][episode, None]
        if name in self.final_pictures:
            [data] = columns.picture_files(self.final_pictures[name].slice(episode, 1).chunk(0))
            return decode_picture(data or b"", self.shapes[name])[None]
        return rows[-1:]


@dataclass(frozen=True, slots=True)
class Dataset:
    """An opened dataset: everything but its rows."""

    root: Path
    version: str
    info: Info
    tasks: list[str]
    """Instruction of each task_index."""
    episodes: EpisodeTable

    tasks_file: str = fmt.TASKS
    """Where the instructions stand."""
    one_file_each: bool = False
    """Whether each episode has a file to itself: then a bad file refuses that episode alone."""

    def data_files(self, only: Container[int] | None = None) -> list[str]:
        """Every data file that an episode (of `only`) names, in order."""
        named = enumerate(self.episodes.file)
        return list(dict.fromkeys(f for episode, f in named if only is None or episode in only))

    def file_of(self, episode: int) -> str:
        """The data file that should hold an episode."""
        return self.episodes.file[episode]


def check_frames(info: Info, episodes: EpisodeTable) -> None:
    """The episodes' lengths add up. Raises DatasetError."""
    frames = int(episodes.length.sum())
    if frames != info.total_frames:
        declared = f"total_frames is {info.total_frames}"
        raise DatasetError(fmt.INFO, f"{declared}, but the episodes' lengths add up to {frames}")
