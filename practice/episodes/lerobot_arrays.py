"""The kept episodes of a LeRobot dataset as flat arrays, for whoever learns from the whole at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_decode import Films
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import Feature
from practice.episodes.lerobot_meta import open_dataset
from practice.episodes.lerobot_rows import Arrays, all_rows
from practice.episodes.report import DatasetReport, Progress


@dataclass(frozen=True, slots=True)
class DemonstrationArrays:
    """Kept episodes end to end: N rows of E episodes."""

    observation: Arrays
    """Name -> (N, ...)."""
    action: NDArray[Any]
    """(N, A)."""
    episode: NDArray[np.int64]
    """(N,) which of the E episodes."""
    episode_index: NDArray[np.int64]
    """(E,) index in the dataset."""
    instruction: NDArray[np.int64]
    """(N,) index into `instructions`."""
    instructions: tuple[str, ...]
    lengths: NDArray[np.int64]
    """(E,) rows, which are also control steps."""

    @property
    def steps_to_go(self) -> NDArray[np.float32]:
        """(N,) control steps until the episode's end: T - t."""
        ends = np.repeat(np.cumsum(self.lengths), self.lengths)
        return (ends - np.arange(len(self.episode))).astype(np.float32)


def read_arrays(
    folder: Path, report: DatasetReport, *, progress: Progress | None = None
) -> DemonstrationArrays:
    """The episodes that `report` keeps, as flat arrays. Raises DatasetError.

    `progress` gets (rows read, rows).
    """
    dataset = open_dataset(folder)
    kept = report.kept()
    lengths = np.array([episode.length for episode in kept], np.int64)
    start = np.full(len(dataset.episodes), -1, np.int64)
    start[[episode.index for episode in kept]] = np.cumsum(lengths) - lengths
    names = [*dataset.info.observations, fmt.ACTION]
    flat = {name: _empty(int(lengths.sum()), dataset.info.features[name]) for name in names}
    in_rows = [name for name in names if not dataset.info.features[name].is_film]
    filled = 0
    for rows in all_rows(dataset, in_rows, progress, {e.index for e in kept}):
        mine = start[rows.episode] >= 0
        place = start[rows.episode[mine]] + rows.position[mine]
        for name in in_rows:
            flat[name][place] = rows.values[name][mine]
        filled += len(place)
    if filled != lengths.sum():
        raise DatasetError("data", f"has {filled} rows to read, but {lengths.sum()} were validated")
    with Films(dataset, Expectations().sizes(dataset.info)) as films:
        for name in flat.keys() - {*in_rows}:
            for e in kept:
                films.fill(name, e.index, flat[name][start[e.index] :][: e.length])
    instructions = tuple(dict.fromkeys(str(episode.instruction) for episode in kept))
    number = {text: i for i, text in enumerate(instructions)}
    instruction = np.array([number[str(episode.instruction)] for episode in kept], np.int64)
    return DemonstrationArrays(
        observation={name: flat[name] for name in dataset.info.observations},
        action=flat[fmt.ACTION],
        episode=np.repeat(np.arange(len(kept)), lengths),
        episode_index=np.array([episode.index for episode in kept], np.int64),
        instruction=np.repeat(instruction, lengths),
        instructions=instructions,
        lengths=lengths,
    )


def _empty(rows: int, feature: Feature) -> NDArray[Any]:
    shape, dtype = feature.array
    return np.empty((rows, *shape), dtype)
