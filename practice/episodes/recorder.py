"""Shards: many recorded episodes in one parquet file, from which one episode can be read without the others.

An episode of T steps takes T + 1 rows; the last one holds the final observation and no action. A shard is complete by itself:
`read_shard` gives the very episodes back that were written. Pictures are bytes in a column that zstd packs: it sees that a frame is almost
the one before it, which no picture format does.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from practice.episodes.atomic import file_renamed_last
from practice.episodes.errors import ShardError
from practice.episodes.types import Episode

_GROUP_BYTES = 1 << 20
_GROUP_ROWS = 1 << 12
_SHAPE = b"shape"
_FACTS = {
    "uid": pa.string(),
    "robot": pa.int32(),
    "iteration": pa.int32(),
    "instruction": pa.string(),
    "seed": pa.int64(),
    "ended_by": pa.string(),
    "detector_success": pa.bool_(),
    "true_success": pa.bool_(),
    "success_step": pa.int32(),
}
"""Facts about an episode, the same in each of its rows; run lengths make the repetition almost free. A fact that an older shard lacks
is None.
"""
_CURVES = ("distance", "spread")


@dataclass(frozen=True, slots=True)
class EpisodeSlice:
    """Where an episode lies in its shard."""

    uid: str
    first_row: int
    rows: int
    """T + 1."""


def write_shard(path: Path, episodes: Sequence[Episode]) -> list[EpisodeSlice]:
    """Write `episodes`, which share names and shapes, to `path`: durable and whole, or not there at all.

    Raises ShardError naming the episode that does not fit.
    """
    if not episodes:
        raise ShardError(path.name, "has no episodes to write")
    for episode in episodes:
        _check(episode, episodes[0], path.name)
    rows = np.array([episode.length + 1 for episode in episodes])
    table = _table(episodes, rows)
    per_group = max(1, min(_GROUP_ROWS, _GROUP_BYTES * table.num_rows // (table.nbytes or 1)))
    with file_renamed_last(path) as partial:
        pq.write_table(
            table,
            partial,
            row_group_size=per_group,
            compression="zstd",
            use_dictionary=[*_FACTS],  # measured numbers hardly repeat
            write_statistics=False,  # rows are found by place, not by value
        )
    firsts = (np.cumsum(rows) - rows).tolist()
    return [
        EpisodeSlice(episode.uid, first, count)
        for episode, first, count in zip(episodes, firsts, rows.tolist(), strict=True)
    ]


def read_episode(
    source: Path | BinaryIO,
    first_row: int,
    rows: int,
    *,
    observations: Collection[str] | None = None,
) -> Episode:
    """Read one episode, touching only the row groups it lies in, and of its observations only those named. Raises ShardError."""
    name = source.name if isinstance(source, Path) else "the shard"
    episodes = _read(source, name, first_row, first_row + rows, observations)
    if len(episodes) != 1:
        raise ShardError(
            name, f"rows {first_row} to {first_row + rows} are several episodes, not one"
        )
    return episodes[0]


def read_shard(
    source: Path | BinaryIO, *, observations: Collection[str] | None = None
) -> list[Episode]:
    """Read every episode of a shard, in order, with the observations named or with all. Raises ShardError."""
    name = source.name if isinstance(source, Path) else "the shard"
    return _read(source, name, 0, None, observations)


def observations_of(path: Path) -> set[str]:
    """The names of the observations that a shard holds. Raises ShardError."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise ShardError(path.name, f"is missing or damaged: {error}") from error
    return {f.name for f in schema if f.name != "action" and _SHAPE in (f.metadata or {})}


def _check(episode: Episode, pattern: Episode, file: str) -> None:
    if episode.observation.keys() != pattern.observation.keys():
        names = ", ".join(sorted(episode.observation))
        raise ShardError(file, f"episode {episode.uid} has other observations: {names}")
    arrays = {**episode.observation, "distance": episode.distance, "spread": episode.spread}
    for name, values in arrays.items():
        if values is not None and len(values) != episode.length + 1:
            reason = f"{name} has {len(values)} rows; {episode.length} steps need one more"
            raise ShardError(file, f"episode {episode.uid}: {reason}")
    for name, values in {**episode.observation, "action": episode.action}.items():
        due = pattern.action if name == "action" else pattern.observation[name]
        if values.shape[1:] != due.shape[1:] or values.dtype != due.dtype:
            reason = f"{name} is {values.shape[1:]} {values.dtype}, not {due.shape[1:]} {due.dtype}"
            raise ShardError(file, f"episode {episode.uid}: {reason}")


def _table(episodes: Sequence[Episode], rows: NDArray[np.int64]) -> pa.Table:
    ends = np.cumsum(rows)
    total = int(ends[-1])
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    fields: list[pa.Field] = []

    def put(
        name: str, column: pa.Array | pa.ChunkedArray, shape: tuple[int, ...] | None = None
    ) -> None:
        metadata = None if shape is None else {_SHAPE: json.dumps(shape).encode()}
        columns[name] = column
        fields.append(pa.field(name, column.type, metadata=metadata))

    of_row = pa.array(np.repeat(np.arange(len(episodes), dtype=np.int32), rows))
    for name, kind in _FACTS.items():
        facts = pa.array([getattr(episode, name) for episode in episodes], kind)
        put(name, facts.take(of_row))
    put("frame_index", pa.array(np.arange(total) - np.repeat(ends - rows, rows), pa.int32()))
    for name, first in episodes[0].observation.items():
        parts = [episode.observation[name] for episode in episodes]
        # Pictures are written from where they lie; numbers of many short episodes go faster in one piece.
        pieces = parts if _are_pictures(first) else [np.concatenate(parts)]
        put(name, pa.chunked_array([_cells(piece) for piece in pieces]), first.shape[1:])
    final = np.zeros(total, np.bool_)
    final[ends - 1] = True
    action = np.zeros((total, *episodes[0].action.shape[1:]), episodes[0].action.dtype)
    action[~final] = np.concatenate([episode.action for episode in episodes])
    put("action", _cells(action, final), action.shape[1:])
    for name in _CURVES:
        put(name, _curve([getattr(episode, name) for episode in episodes], rows))
    return pa.table(columns, pa.schema(fields))


def _cells(values: NDArray[Any], empty: NDArray[np.bool_] | None = None) -> pa.Array:
    """(rows, ...) as lists of fixed size, pictures as bytes of fixed size; the shape travels as metadata."""
    if _are_pictures(values):
        # Ten times as fast as a list: parquet counts a list's items one by one.
        bytes_ = pa.py_buffer(np.ascontiguousarray(values))
        kind = pa.binary(values[0].nbytes)
        return pa.FixedSizeBinaryArray.from_buffers(kind, len(values), [None, bytes_])
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    mask = None if empty is None else pa.array(empty)
    return pa.FixedSizeListArray.from_arrays(flat, values[0].size, mask=mask)


def _are_pictures(values: NDArray[Any]) -> bool:
    return values.dtype == np.uint8 and values.ndim > 2


def _curve(curves: list[NDArray[Any] | None], rows: NDArray[np.int64]) -> pa.Array:
    """One number per row, null through the episodes that have none."""
    pairs = zip(curves, rows.tolist(), strict=True)
    filled = [np.zeros(count) if curve is None else curve for curve, count in pairs]
    missing = np.repeat([curve is None for curve in curves], rows)
    return pa.array(np.concatenate(filled).astype(np.float32), mask=missing)


def _read(
    source: Path | BinaryIO,
    file: str,
    first: int,
    end: int | None,
    observations: Collection[str] | None,
) -> list[Episode]:
    try:
        with pq.ParquetFile(source) as parquet:
            table = _rows(parquet, file, first, end, observations)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise ShardError(file, "is missing") from error
        raise ShardError(file, f"is damaged: {error}") from error
    starts = np.flatnonzero(table["frame_index"].to_numpy() == 0).tolist()
    ends = (np.flatnonzero(table["action"].is_null()) + 1).tolist()
    if [*starts, table.num_rows] != [0, *ends]:
        raise ShardError(file, f"rows {first} to {first + table.num_rows} are not whole episodes")
    return [_episode(table.slice(a, b - a)) for a, b in zip(starts, ends, strict=True)]


def _rows(
    parquet: pq.ParquetFile,
    file: str,
    first: int,
    end: int | None,
    observations: Collection[str] | None,
) -> pa.Table:
    footer = parquet.metadata
    end = footer.num_rows if end is None else end
    if not 0 <= first < end <= footer.num_rows:
        raise ShardError(file, f"has {footer.num_rows} rows; {first} to {end} were asked for")
    sizes = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
    ends = np.cumsum(sizes)
    groups = np.flatnonzero((ends > first) & (ends - sizes < end))
    skipped = int(ends[groups[0]] - sizes[groups[0]])
    always = {*_FACTS, *_CURVES, "frame_index", "action"}
    wanted = [
        name
        for name in parquet.schema_arrow.names
        if observations is None or name in always or name in observations
    ]
    table = parquet.read_row_groups(groups.tolist(), columns=wanted, use_threads=False)
    return table.slice(first - skipped, end - first)


def _episode(table: pa.Table) -> Episode:
    names = (name for name in _FACTS if name in table.column_names)
    facts: dict[str, Any] = {name: table[name][0].as_py() for name in names}
    observation = {
        name: _array(table, name)
        for name in table.column_names
        if name != "action" and _SHAPE in (table.field(name).metadata or {})
    }
    curves: dict[str, Any] = {name: _curve_of(table[name]) for name in _CURVES}
    action = _array(table, "action")[:-1]
    return Episode(observation=observation, action=action, **facts, **curves)


def _curve_of(column: pa.ChunkedArray) -> NDArray[np.float32] | None:
    return None if column.null_count else column.to_numpy().copy()


def _array(table: pa.Table, name: str) -> NDArray[Any]:
    cells = table[name].combine_chunks()
    shape = json.loads(table.field(name).metadata[_SHAPE])
    if pa.types.is_fixed_size_binary(cells.type):
        pixels = np.frombuffer(cells.buffers()[1], np.uint8).reshape(-1, *shape)
        return pixels[cells.offset : cells.offset + len(cells)].copy()
    # `values` keeps the slots of null cells and knows nothing of slices.
    size = cells.type.list_size
    values = cells.values.slice(cells.offset * size, len(cells) * size)
    numbers = values.fill_null(0) if values.null_count else values
    array: NDArray[Any] = numbers.to_numpy(zero_copy_only=False).reshape(len(cells), *shape)
    return array.copy()
