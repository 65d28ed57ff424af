"""Where a v3.0 dataset says that each episode's frames lie in the videos of its cameras."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from practice.episodes.lerobot_film import VIDEO_PATH
from practice.episodes.lerobot_table import VideoTable

_NUMBERS = ("chunk_index", "file_index")
_TIMES = ("from_timestamp", "to_timestamp")
_LARGEST = 10**6
"""Of a chunk's or a file's number."""
_LONGEST = 1e6
"""Seconds of one video."""


def place_columns(schema: pa.Schema, cameras: Iterable[str]) -> list[str]:
    """The columns of meta/episodes that place each of `cameras`; a camera that lacks one has none."""
    found = []
    for camera in cameras:
        numbers = [f"videos/{camera}/{name}" for name in _NUMBERS]
        times = [f"videos/{camera}/{name}" for name in _TIMES]
        whole = all(_holds(schema, name, pa.types.is_integer) for name in numbers)
        if whole and all(_holds(schema, name, _is_number) for name in times):
            found += [*numbers, *times]
    return found


def video_tables(table: pa.Table, cameras: Sequence[str]) -> dict[str, VideoTable]:
    """Camera -> where its frames lie, for those that `place_columns` found."""
    placed = [n for n in cameras if f"videos/{n}/{_NUMBERS[0]}" in table.column_names]
    return {name: _video_table(table, name) for name in placed}


def _video_table(table: pa.Table, camera: str) -> VideoTable:
    chunk, file = (_filled(table, f"videos/{camera}/{name}", -1, pa.int64()) for name in _NUMBERS)
    start, end = (_filled(table, f"videos/{camera}/{n}", np.nan, pa.float64()) for n in _TIMES)
    wrong = (chunk < 0) | (chunk > _LARGEST) | (file < 0) | (file > _LARGEST)
    # Not a number compares false, so what is wanted is asked for.
    wrong |= ~((start >= 0) & (end > start) & (end <= _LONGEST))
    faults = {
        row: f"camera {camera!r} cannot lie where meta/episodes says: chunk {chunk[row]}, file"
        f" {file[row]}, from {start[row]:g} s to {end[row]:g} s"
        for row in np.flatnonzero(wrong).tolist()
    }
    places = zip(chunk.tolist(), file.tolist(), strict=True)
    files = [
        VIDEO_PATH.format(video_key=camera, chunk_index=c, file_index=f) if c >= 0 <= f else ""
        for c, f in places
    ]
    return VideoTable(files, start, end, faults)


def _filled(table: pa.Table, name: str, empty: float, kind: pa.DataType) -> NDArray[Any]:
    # What does not fit becomes some number that is judged like any other.
    column = table[name].combine_chunks().cast(kind, safe=False)
    filled: NDArray[Any] = column.fill_null(pa.scalar(empty, kind)).to_numpy(zero_copy_only=False)
    return filled


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _holds(schema: pa.Schema, name: str, test: Any) -> bool:
    places = schema.get_all_field_indices(name)
    return len(places) == 1 and bool(test(schema.field(places[0]).type))
