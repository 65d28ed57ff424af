"""The rows of a LeRobot dataset, batch by batch; and its kept episodes, one by one or as flat arrays.

A dataset holds T rows (o_t, a_t), t = 0..T-1, for an episode of T steps, so the steps-to-go of row t is T - t. The observation
after the last action is not part of the format: our writer keeps it beside the rows; for other datasets `Episode` repeats the last one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from practice.episodes import columns
from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_format import DatasetLimits, Feature
from practice.episodes.lerobot_meta import Dataset, open_dataset
from practice.episodes.report import DatasetReport, Progress
from practice.episodes.types import Episode

Arrays = dict[str, NDArray[Any]]

_BATCH_ROWS = 1 << 16
_BATCH_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of one data file; a cell that was empty reads -1 or NaN here."""

    file: str
    episode: NDArray[np.int64]
    """(n,) each in [0, E)."""
    frame: NDArray[np.int64]
    index: NDArray[np.int64]
    task: NDArray[np.int64]
    timestamp: NDArray[np.float64]
    """(n,) seconds."""
    position: NDArray[np.int64]
    """(n,) place within the run of rows of the same episode: what `frame` should be."""
    values: Arrays
    """Feature -> (n, ...)."""
    whole: dict[str, NDArray[np.bool_]]
    """Feature -> (n,) whether the cell had the declared shape and no null."""

    def runs(self) -> list[tuple[int, int]]:
        """Begin and end of each run of rows of one episode."""
        starts = np.flatnonzero(self.position == 0)
        if not len(starts) or starts[0]:
            starts = np.concatenate([[0], starts])
        return list(zip(starts.tolist(), [*starts[1:].tolist(), len(self.episode)], strict=True))


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


def scan(
    dataset: Dataset, file: str, names: Sequence[str], limits: DatasetLimits | None = None
) -> Iterator[Rows]:
    """The rows of one data file with the features `names`. Raises DatasetError."""
    limits = limits or DatasetLimits()
    features = {name: dataset.info.features[name] for name in names}
    read = [*fmt.BOOKKEEPING, *names]
    row_bytes = 8 * sum(feature.size for feature in features.values()) or 1
    batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // row_bytes))
    most = dataset.info.total_frames
    with columns.opened(dataset.root, file, rows=most, unpacked=limits.data_bytes) as parquet:
        _check_columns(parquet, file, {**fmt.BOOKKEEPING, **features})
        columns.check_size(
            parquet, file, {n: features[n].size if n in features else 1 for n in read}
        )
        last, after = -1, 0  # the run that the previous batch ended in
        for batch in columns.batches(parquet, file, read, batch_rows):
            if not batch.num_rows:
                continue
            numbers = _bookkeeping(batch, file, len(dataset.episodes))
            position = _positions(numbers["episode_index"], last, after)
            last, after = int(numbers["episode_index"][-1]), int(position[-1]) + 1
            cells = {n: columns.dense(batch[n], f.shape, f.dtype) for n, f in features.items()}
            yield Rows(
                file=file,
                episode=numbers["episode_index"],
                frame=numbers["frame_index"],
                index=numbers["index"],
                task=numbers["task_index"],
                timestamp=numbers["timestamp"],
                position=position,
                values={name: values for name, (values, _) in cells.items()},
                whole={name: whole for name, (_, whole) in cells.items()},
            )


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
    filled = 0
    for rows in _all_rows(dataset, names, progress):
        mine = start[rows.episode] >= 0
        place = start[rows.episode[mine]] + rows.position[mine]
        for name in names:
            flat[name][place] = rows.values[name][mine]
        filled += len(place)
    if filled != lengths.sum():
        raise DatasetError("data", f"has {filled} rows to read, but {lengths.sum()} were validated")
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


def read_episodes(
    folder: Path, report: DatasetReport, *, progress: Progress | None = None
) -> Iterator[Episode]:
    """The episodes that `report` keeps, one by one in constant memory. Raises DatasetError.

    uid is "e" and the index in the dataset. `progress` gets (rows read, rows).
    """
    dataset = open_dataset(folder)
    kept = {episode.index: episode for episode in report.kept()}
    names = [*dataset.info.observations, fmt.ACTION]
    pieces: list[Arrays] = []
    for rows in _all_rows(dataset, names, progress):
        for begin, end in rows.runs():
            entry = kept.get(int(rows.episode[begin]))
            if entry is None:
                continue
            if rows.position[begin] == 0:
                pieces = []
            pieces.append({name: rows.values[name][begin:end] for name in names})
            if rows.position[end - 1] + 1 == entry.length:
                arrays = {name: np.concatenate([p[name] for p in pieces]) for name in names}
                yield _episode(dataset, entry.index, arrays, str(entry.instruction), entry.success)


def _all_rows(
    dataset: Dataset, names: Sequence[str], progress: Progress | None = None
) -> Iterator[Rows]:
    done = 0
    for file in dataset.data_files():
        for rows in scan(dataset, file, names):
            yield rows
            done += len(rows.episode)
            if progress:
                progress(done, dataset.info.total_frames)


def _episode(
    dataset: Dataset, index: int, arrays: Arrays, instruction: str, success: bool | None
) -> Episode:
    action = arrays.pop(fmt.ACTION)
    final = dataset.episodes.final
    return Episode(
        uid=f"e{index}",
        robot=0,
        instruction=instruction,
        seed=dataset.episodes.seed[index] or 0,
        observation={
            name: np.concatenate([rows, final[name][index, None] if name in final else rows[-1:]])
            for name, rows in arrays.items()
        },
        action=action,
        distance=None,
        spread=None,
        ended_by="horizon" if success is False else "success",
        detector_success=None,
        true_success=success,
        iteration=0,
    )


def _empty(rows: int, feature: Feature) -> NDArray[Any]:
    return np.empty((rows, *feature.shape), feature.dtype)


def _check_columns(parquet: pq.ParquetFile, file: str, features: dict[str, Feature]) -> None:
    for name, feature in features.items():
        kind = columns.field(parquet, file, name).type
        shape = columns.column_shape(kind)
        fits = shape == () and feature.shape == (1,)
        if not fits and shape is not None and len(shape) == len(feature.shape):
            fits = all(a in {None, b} for a, b in zip(shape, feature.shape, strict=True))
        if not fits:
            reason = f"column {name!r} holds {kind}; {fmt.INFO} says {feature.shape}"
            raise DatasetError(file, reason)
        if not columns.converts(kind, feature.dtype):
            reason = f"column {name!r} holds {kind}; {fmt.INFO} says {feature.dtype}"
            raise DatasetError(file, reason)


def _bookkeeping(batch: pa.RecordBatch, file: str, episodes: int) -> Arrays:
    """The five columns that every dataset has, each (n,). Raises DatasetError over an unknown episode."""
    numbers: Arrays = {}
    for name, feature in fmt.BOOKKEEPING.items():
        number, empty = ("float64", np.nan) if feature.dtype == "float32" else ("int64", -1)
        cells, valid = columns.dense(batch[name], (1,), number)
        numbers[name] = np.where(valid, cells[:, 0], empty)
    strangers = (numbers["episode_index"] < 0) | (numbers["episode_index"] >= episodes)
    if strangers.any():
        wrong = int(numbers["episode_index"][np.argmax(strangers)])
        raise DatasetError(file, f"has a row of episode {wrong}; there are {episodes} episodes")
    return numbers


def _positions(episode: NDArray[np.int64], last: int, after: int) -> NDArray[np.int64]:
    """Place of each row in its run; a first run of episode `last` goes on from `after`."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(episode)) + 1])
    lengths = np.diff(np.append(starts, len(episode)))
    position: NDArray[np.int64] = np.arange(len(episode)) - np.repeat(starts, lengths)
    if episode[0] == last:
        position[: lengths[0]] += after
    return position
