"""The rows of a LeRobot dataset, batch by batch: numbers, and cameras that are stored as images."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from practice.episodes import columns
from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_format import DatasetLimits, Feature
from practice.episodes.lerobot_table import Dataset
from practice.episodes.pictures import PictureError, decode_picture, largest_file
from practice.episodes.report import Progress
from practice.episodes.resize import Resizer

Arrays = dict[str, NDArray[Any]]

_Cells = tuple[NDArray[Any], NDArray[np.bool_], dict[int, str]]
"""Values (n, ...), which of them are whole, and what is wrong with pictures."""

_BATCH_ROWS = 1 << 16
_BATCH_BYTES = 16 << 20
"""Pictures of one batch, as files and as pixels together; unpacking takes a multiple of it."""


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
    faults: dict[str, dict[int, str]]
    """Camera -> row -> what is wrong with its picture, which is black here."""

    def runs(self) -> list[tuple[int, int]]:
        """Begin and end of each run of rows of one episode."""
        starts = np.flatnonzero(self.position == 0)
        if not len(starts) or starts[0]:
            starts = np.concatenate([[0], starts])
        return list(zip(starts.tolist(), [*starts[1:].tolist(), len(self.episode)], strict=True))


def scan(
    dataset: Dataset,
    file: str,
    names: Sequence[str],
    limits: DatasetLimits | None = None,
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> Iterator[Rows]:
    """The rows of one data file with the features `names`, none of them stored as video. Raises DatasetError.

    Pictures are resized to the (H, W) in `sizes`.
    """
    limits, sizes = limits or DatasetLimits(), sizes or {}
    resizer = Resizer()
    features = {name: dataset.info.features[name] for name in names}
    read = [*fmt.BOOKKEEPING, *names]
    # A picture is held twice, as the file that it came in and as pixels.
    row_bytes = sum((2 if f.picture else 8) * f.size for f in features.values()) or 1
    batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // row_bytes))
    most = dataset.info.total_frames
    with columns.opened(dataset.root, file, rows=most, unpacked=limits.data_bytes) as parquet:
        _check_columns(parquet, file, {**fmt.BOOKKEEPING, **features})
        counts = {n: _numbers_in(features[n]) if n in features else 1 for n in read}
        columns.check_size(parquet, file, counts)
        last, after = -1, 0  # the run that the previous batch ended in
        for batch in columns.batches(parquet, file, read, batch_rows):
            if not batch.num_rows:
                continue
            numbers = _bookkeeping(batch, file, len(dataset.episodes))
            _check_owner(dataset, file, numbers["episode_index"])
            position = _positions(numbers["episode_index"], last, after)
            last, after = int(numbers["episode_index"][-1]), int(position[-1]) + 1
            cells = {
                n: _numbers(batch[n], feature)
                if feature.picture is None
                else _pictures(batch[n], feature.picture, sizes.get(n), resizer)
                for n, feature in features.items()
            }
            yield _rows(file, numbers, position, cells)


def _rows(
    file: str, numbers: Arrays, position: NDArray[np.int64], cells: Mapping[str, _Cells]
) -> Rows:
    return Rows(
        file=file,
        episode=numbers["episode_index"],
        frame=numbers["frame_index"],
        index=numbers["index"],
        task=numbers["task_index"],
        timestamp=numbers["timestamp"],
        position=position,
        values={name: values for name, (values, _, _) in cells.items()},
        whole={name: whole for name, (_, whole, _) in cells.items()},
        faults={name: faults for name, (_, _, faults) in cells.items() if faults},
    )


def _numbers_in(feature: Feature) -> int:
    """Numbers per cell that a column may hold; for pictures, so many that 16 bytes for each are enough."""
    return feature.size if feature.picture is None else largest_file(feature.picture) // 8


def _numbers(column: pa.Array, feature: Feature) -> _Cells:
    return *columns.dense(column, feature.shape, feature.dtype), {}


def _pictures(
    column: pa.Array,
    shape: tuple[int, int, int],
    size: tuple[int, int] | None,
    resizer: Resizer,
) -> _Cells:
    files = columns.picture_files(column)
    size = size or shape[:2]
    pixels = np.zeros((len(files), *size, 3), np.uint8)
    faults = {}
    for row, data in enumerate(files):
        try:
            if data is None:
                raise PictureError("is not embedded")
            pixels[row] = resizer.resized(decode_picture(data, shape), size)
        except PictureError as error:
            faults[row] = str(error)
    return pixels, np.ones(len(files), np.bool_), faults


def all_rows(
    dataset: Dataset,
    names: Sequence[str],
    progress: Progress | None = None,
    only: Container[int] | None = None,
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> Iterator[Rows]:
    """`scan` of every data file that an episode (of `only`) names; `progress` gets (rows read, rows)."""
    done = 0
    for file in dataset.data_files(only):
        for rows in scan(dataset, file, names, sizes=sizes):
            yield rows
            done += len(rows.episode)
            if progress:
                progress(done, dataset.info.total_frames)


def _check_columns(parquet: pq.ParquetFile, file: str, features: dict[str, Feature]) -> None:
    for name, feature in features.items():
        kind = columns.field(parquet, file, name).type
        if feature.picture is not None:
            if not columns.is_picture(kind):
                reason = f"column {name!r} holds {kind}; images are structs of bytes and path"
                raise DatasetError(file, reason)
            continue
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


def _check_owner(dataset: Dataset, file: str, episodes: NDArray[np.int64]) -> None:
    """A file for one episode holds no row of another. Raises DatasetError."""
    if not dataset.one_file_each:
        return
    for episode in np.unique(episodes).tolist():
        if dataset.file_of(episode) != file:
            reason = f"has a row of episode {episode}, whose file is {dataset.file_of(episode)}"
            raise DatasetError(file, reason)


def _positions(episode: NDArray[np.int64], last: int, after: int) -> NDArray[np.int64]:
    """Place of each row in its run; a first run of episode `last` goes on from `after`."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(episode)) + 1])
    lengths = np.diff(np.append(starts, len(episode)))
    position: NDArray[np.int64] = np.arange(len(episode)) - np.repeat(starts, lengths)
    if episode[0] == last:
        position[: lengths[0]] += after
    return position
