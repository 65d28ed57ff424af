"""What a LeRobot dataset says of itself: info, instructions, and where each episode's rows lie."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from practice.episodes import columns
from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_film import VIDEO_PATH
from practice.episodes.lerobot_format import DatasetLimits, Info
from practice.episodes.lerobot_json import load_json
from practice.episodes.lerobot_places import place_columns, video_tables
from practice.episodes.lerobot_table import Dataset, EpisodeTable, VideoTable, check_frames
from practice.episodes.lerobot_v2 import open_v2
from practice.episodes.pictures import largest_file

__all__ = [
    "FINAL",
    "LAYOUTS",
    "Dataset",
    "EpisodeTable",
    "VideoTable",
    "dataset_root",
    "open_dataset",
]

FINAL = "final/"
"""Prefix of our own per-episode columns with the observation after the last action."""
_FINAL_PICTURE_BYTES = 1 << 29
"""Pictures after the last action are held in memory as files; a dataset with more does without."""

_PLACES = (
    "length",
    "data/chunk_index",
    "data/file_index",
    "dataset_from_index",
    "dataset_to_index",
)


def dataset_root(folder: Path) -> Path:
    """Where the dataset begins: `folder`, or the one folder in it, for people zip either. Raises DatasetError."""
    if (folder / fmt.INFO).is_file():
        return folder
    roots = sorted(path.parent.parent for path in folder.glob(f"*/{fmt.INFO}"))
    if len(roots) > 1:
        names = ", ".join(root.name for root in roots[:5])
        raise DatasetError(fmt.INFO, f"is there {len(roots)} times ({names}); upload one dataset")
    if not roots:
        reason = "is missing, at the top and in each folder at the top: this is no LeRobotDataset"
        raise DatasetError(fmt.INFO, reason)
    return roots[0]


def open_dataset(folder: Path, limits: DatasetLimits | None = None) -> Dataset:
    """Read and check everything under meta/. Raises DatasetError naming the file and the reason."""
    limits = limits or DatasetLimits()
    root = dataset_root(folder)
    info = load_json(root, fmt.INFO, limits.json_bytes)
    return LAYOUTS[fmt.version_of(info, sorted(LAYOUTS))](root, info, limits)


def _open_v30(root: Path, data: Mapping[str, Any], limits: DatasetLimits) -> Dataset:
    info = fmt.parse_info(data, limits, data_path=fmt.DATA_PATH)
    if info.films:
        fmt.check_template(data, "video_path", VIDEO_PATH)
    tasks = _read_tasks(root, limits)
    if len(tasks) != info.total_tasks:
        reason = f"total_tasks is {info.total_tasks}, but {fmt.TASKS} has {len(tasks)} rows"
        raise DatasetError(fmt.INFO, reason)
    episodes = _read_episodes(root, info, limits)
    check_frames(info, episodes)
    return Dataset(root, fmt.VERSION, info, tasks, episodes)


LAYOUTS: Mapping[str, Callable[[Path, Mapping[str, Any], DatasetLimits], Dataset]] = {
    fmt.VERSION: _open_v30,
    "v2.1": open_v2,
    "v2.0": open_v2,
}
"""How each version is opened."""


def _read_tasks(root: Path, limits: DatasetLimits) -> list[str]:
    file = fmt.TASKS
    with columns.opened(root, file, rows=limits.tasks, unpacked=limits.meta_bytes) as parquet:
        name = _pandas_index(parquet)
        _expect(parquet, file, "task_index", pa.types.is_integer, "whole numbers")
        _expect(parquet, file, name, _is_text, "text")
        table = _whole_table(parquet, file, ["task_index", name])
    places = table["task_index"].to_pylist()
    if places != list(range(len(places))):
        row = next(i for i, place in enumerate(places) if place != i)
        reason = f"row {row} has task_index {places[row]}; LeRobot looks tasks up by row"
        raise DatasetError(file, reason)
    return [text or "" for text in table[name].to_pylist()]


def _pandas_index(parquet: pq.ParquetFile) -> str:
    """The column with the instructions: LeRobot finds it only through the pandas metadata."""
    lost = "LeRobot would read every instruction as a number; write the instructions as the index"
    stored = (parquet.schema_arrow.metadata or {}).get(b"pandas")
    if stored is None:
        raise DatasetError(fmt.TASKS, f"has no pandas metadata, so {lost}")
    try:
        index = json.loads(stored)["index_columns"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(fmt.TASKS, f"has damaged pandas metadata, so {lost}") from error
    if not (isinstance(index, list) and len(index) == 1 and isinstance(index[0], str)):
        shown = repr(index)[:80]
        raise DatasetError(fmt.TASKS, f"has the pandas index {shown}, not one column, so {lost}")
    return index[0]


def _read_episodes(root: Path, info: Info, limits: DatasetLimits) -> EpisodeTable:
    files = sorted(root.glob("meta/episodes/chunk-*/file-*.parquet"))
    if not files:
        raise DatasetError(fmt.EPISODES.format(chunk=0, file=0), "is missing")
    tables: list[pa.Table] = []
    for path in files:
        file = path.relative_to(root).as_posix()
        left = info.total_episodes - sum(table.num_rows for table in tables)
        with columns.opened(root, file, rows=left, unpacked=limits.meta_bytes) as parquet:
            tables.append(_episode_rows(parquet, file, info))
        if sum(table.nbytes for table in tables) > _FINAL_PICTURE_BYTES:
            tables = [_without_pictures(table, info) for table in tables]
    _check_indices(files, root, tables, info)
    return _episode_table(pa.concat_tables(tables, promote_options="default"), info)


def _episode_rows(parquet: pq.ParquetFile, file: str, info: Info) -> pa.Table:
    for name in ("episode_index", *_PLACES):
        _expect(parquet, file, name, pa.types.is_integer, "whole numbers")
    _expect(parquet, file, "tasks", _is_text_list, "lists of text")
    wanted = ["episode_index", *_PLACES, "tasks"]
    schema = parquet.schema_arrow
    if "seed" in schema.names and pa.types.is_signed_integer(schema.field("seed").type):
        wanted.append("seed")
    wanted += place_columns(schema, info.films)
    wanted += [FINAL + name for name in _seen(info) if _keeps_final(schema, name, info)]
    pictures = {FINAL + n: f.picture for n, f in info.pictures.items() if f.picture}
    columns.check_size(parquet, file, {n: largest_file(p) // 8 for n, p in pictures.items()})
    table = _whole_table(parquet, file, wanted)
    for name in ("episode_index", *_PLACES):
        if table[name].null_count:
            raise DatasetError(file, f"has an empty cell in column {name!r}")
    return table


def _seen(info: Info) -> list[str]:
    """Whatever may be an observation, under this dataset's names."""
    return [*info.numeric, *info.pictures]


def _without_pictures(table: pa.Table, info: Info) -> pa.Table:
    pictures = {FINAL + name for name in info.pictures}
    return table.select([name for name in table.column_names if name not in pictures])


def _keeps_final(schema: pa.Schema, name: str, info: Info) -> bool:
    if FINAL + name not in schema.names:
        return False
    kind, feature = schema.field(FINAL + name).type, info.features[name]
    if feature.picture is not None:
        return columns.is_picture(kind)
    return columns.column_shape(kind) == feature.shape


def _check_indices(files: list[Path], root: Path, tables: list[pa.Table], info: Info) -> None:
    """LeRobot finds an episode by its row: a gap would show one episode's data under another's name."""
    expected = 0
    for path, table in zip(files, tables, strict=True):
        for index in table["episode_index"].to_pylist():
            if index != expected:
                reason = f"episode {expected} is missing or out of order: its row holds {index}"
                raise DatasetError(path.relative_to(root).as_posix(), reason)
            expected += 1
    if expected != info.total_episodes:
        reason = f"total_episodes is {info.total_episodes}, but meta/episodes has {expected} rows"
        raise DatasetError(fmt.INFO, reason)


def _episode_table(table: pa.Table, info: Info) -> EpisodeTable:
    length, chunk, file, first, end = (
        table[name].to_numpy().astype(np.int64, copy=False) for name in _PLACES
    )
    wrong = (length < 1) | (length > info.total_frames) | (first < 0) | (end < first)
    wrong |= (chunk < 0) | (chunk > 10**6) | (file < 0) | (file > 10**6)
    if wrong.any():
        row = int(np.argmax(wrong))
        values = ", ".join(f"{name} {table[name][row].as_py()}" for name in _PLACES)
        reason = f"episode {row} cannot lie where its row says: {values}"
        raise DatasetError("meta/episodes", reason)
    kept = [name for name in _seen(info) if FINAL + name in table.column_names]
    pictures = {n: table[FINAL + n] for n in kept if n in info.pictures}
    final = {}
    for name in (name for name in kept if name not in info.pictures):
        feature = info.features[name]
        cells = table[FINAL + name].combine_chunks()
        final[name], _ = columns.dense(cells, feature.shape, feature.dtype)
    seeds = table["seed"].to_pylist() if "seed" in table.column_names else [None] * table.num_rows
    tasks = [[text or "" for text in row or []] for row in table["tasks"].to_pylist()]
    shapes = {name: f.picture for name, f in info.pictures.items() if f.picture}
    places = zip(chunk.tolist(), file.tolist(), strict=True)
    files = [fmt.DATA.format(chunk=chunk, file=file) for chunk, file in places]
    videos = video_tables(table, info.films)
    return EpisodeTable(length, files, first, end, tasks, seeds, final, pictures, shapes, videos)


def _whole_table(parquet: pq.ParquetFile, file: str, names: list[str]) -> pa.Table:
    with columns.damage_named(file):
        table: pa.Table = parquet.read(names, use_threads=False).select(names)
        table.validate(full=True)  # text that is no UTF-8 would surface much later
    if table.num_rows != parquet.metadata.num_rows:
        reason = f"declares {parquet.metadata.num_rows} rows but holds {table.num_rows}"
        raise DatasetError(file, reason)
    return table


def _expect(
    parquet: pq.ParquetFile, file: str, name: str, test: Callable[[pa.DataType], bool], what: str
) -> None:
    kind = columns.field(parquet, file, name).type
    if not test(kind):
        raise DatasetError(file, f"column {name!r} holds {kind}; it must hold {what}")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_text_list(kind: pa.DataType) -> bool:
    return columns.is_list(kind) and _is_text(kind.value_type)
