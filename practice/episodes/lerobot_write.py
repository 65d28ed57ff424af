"""Write episodes as a LeRobotDataset v3.0, as a folder or a .zip that appears whole or not at all.

Episodes stream through: memory holds one row group. T steps become the T rows (o_t, a_t); the observation after the last action
goes into a column of our own in meta/episodes, beside seed and notes, which LeRobot's reader passes over. Cameras are exact
pictures in data/, or video, which is smaller and not exact.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from practice.episodes import lerobot_format as fmt
from practice.episodes.atomic import file_renamed_last, folder_renamed_last
from practice.episodes.columns import is_picture, list_column, picture_column
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_card import card, tasks_table
from practice.episodes.lerobot_film import Film, Span
from practice.episodes.lerobot_format import FeatureLike
from practice.episodes.lerobot_layout import Layout, Place, checked_features
from practice.episodes.lerobot_stats import DatasetStats
from practice.episodes.notes import Notes
from practice.episodes.pictures import encode_png
from practice.episodes.types import Episode

_GROUP_ROWS = 1 << 16
_GROUP_BYTES = 32 << 20
"""Pixels that wait for their row group; packing copies them a few times."""
_META_ROWS, _META_BYTES = 256, 4 << 20
"""A row group of meta/episodes has one or the other: a few at a time, its many columns would make a long footer."""
_META_UNPACKED = 128 << 20
"""A new file is started above this, too: statistics may pack well, and readers bound what they unpack (`meta_bytes`)."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a finished dataset holds."""

    episodes: int
    frames: int
    tasks: int


def write_dataset(
    path: Path,
    episodes: Iterable[Episode],
    *,
    features: Mapping[str, FeatureLike],
    fps: int,
    robot_type: str | None,
    as_zip: bool = False,
    cameras: Literal["image", "video"] = "image",
    title: str = "",
    notes: Callable[[Episode], Notes] | None = None,
    with_reward: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write `episodes` to the new folder `path`, or to the file `path` when `as_zip`.

    `features` describes each observation and the action; `next.done`, `next.success` and, with `with_reward`,
    `next.reward` = d(o_t) - d(o_t+1) are added. `title` heads the card. `progress` gets the episodes written so far.
    Raises DatasetError for an episode that does not fit or a camera that cannot be filmed, and FileExistsError when the folder
    is already there; then nothing is left at `path`.
    """
    layout = Layout(checked_features(features), fps, robot_type, with_reward, cameras == "video")

    def fill(folder: Path) -> Written:
        with closing(_Writer(folder, layout, title)) as writer:
            for done, episode in enumerate(episodes, 1):
                writer.add(episode, notes(episode) if notes else Notes())
                if progress:
                    progress(done)
            return writer.finish()

    if not as_zip:
        with folder_renamed_last(path) as folder:
            return fill(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as scratch:
        written = fill(Path(scratch))
        zip_folder(Path(scratch), path)
    return written


def zip_folder(folder: Path, target: Path) -> None:
    """Pack `folder` as the file `target`, whole or not at all.

    Stored, not deflated: parquet and video are compressed already. Fixed dates make equal datasets equal files.
    """
    with file_renamed_last(target) as partial, zipfile.ZipFile(partial, "w") as zipped:
        for source in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(source.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            member.file_size = source.stat().st_size
            with source.open("rb") as data, zipped.open(member, "w") as out:
                shutil.copyfileobj(data, out)


class _Shards:
    """Parquet files of one kind, a new one above a size, a new folder above a count."""

    def __init__(self, root: Path, template: str, schema: pa.Schema) -> None:
        self._root = root
        self._template = template
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None
        self._number = 0
        self._unpacked = 0

    @property
    def place(self) -> tuple[int, int]:
        """Chunk and file that the next table goes to."""
        return divmod(self._number, fmt.CHUNK_FILES)

    def write(self, columns: Mapping[str, pa.Array]) -> None:
        """Append one row group."""
        self._append(pa.table(dict(columns), self._schema))

    def _append(self, table: pa.Table) -> None:
        writer = self._writer = self._writer or self._open()
        writer.write_table(table)
        self._unpacked += table.nbytes
        if self._is_full():
            self.close()
            self._number += 1

    def _is_full(self) -> bool:
        return self._sink.tell() >= fmt.FILE_MEGABYTES << 20

    def _open(self) -> pq.ParquetWriter:
        chunk, file = self.place
        path = self._root / self._template.format(chunk=chunk, file=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sink = path.open("wb")
        # A dictionary serves the counters; measured numbers hardly repeat.
        counters = [field.name for field in self._schema if pa.types.is_integer(field.type)]
        # Only zstd sees that a frame is almost the one before it.
        pictures = any(is_picture(field.type) for field in self._schema)
        return pq.ParquetWriter(
            self._sink,
            self._schema,
            use_dictionary=counters,
            compression="zstd" if pictures else "snappy",
            write_statistics=counters if pictures else True,
        )

    def close(self) -> None:
        """Finish the open file: without its footer it would be unreadable."""
        if self._writer is not None:
            self._writer.close()
            self._sink.close()
            self._writer, self._unpacked = None, 0


class _Entries(_Shards):
    """The files of meta/episodes; rows wait until they fill a row group, and `place` is theirs meanwhile."""

    def __init__(self, root: Path, schema: pa.Schema) -> None:
        super().__init__(root, fmt.EPISODES, schema)
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0

    def write(self, columns: Mapping[str, pa.Array]) -> None:
        """Append rows, some time before `flush` returns."""
        table = pa.table(dict(columns), self._schema)
        self._waiting.append(table)
        self._waiting_bytes += table.nbytes
        rows = sum(table.num_rows for table in self._waiting)
        if rows >= _META_ROWS or self._waiting_bytes >= _META_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._append(pa.concat_tables(self._waiting).combine_chunks())
            self._waiting, self._waiting_bytes = [], 0

    def _is_full(self) -> bool:
        return super()._is_full() or self._unpacked >= _META_UNPACKED


class _Writer:
    """Collects episodes and writes them a row group at a time."""

    def __init__(self, root: Path, layout: Layout, title: str) -> None:
        self._root = root
        self._layout = layout
        self._title = title
        self._data = _Shards(root, fmt.DATA, layout.data_schema())
        self._meta = _Entries(root, layout.episode_schema())
        self._stats = DatasetStats(layout.features)
        self._films = {
            name: Film(root, name, layout.own[name].array[0], layout.fps)
            for name in layout.cameras
            if layout.filmed
        }
        self._tasks: dict[str, int] = {}
        self._waiting: list[tuple[Episode, Notes]] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._episodes = 0
        self._frames = 0

    def add(self, episode: Episode, notes: Notes) -> None:
        """Take one episode; raises DatasetError when it would not be read back."""
        self._layout.check(episode)
        self._tasks.setdefault(episode.instruction, len(self._tasks))
        self._waiting.append((episode, notes))
        self._waiting_rows += episode.length
        self._waiting_bytes += sum(episode.observation[n].nbytes for n in self._layout.cameras)
        if self._waiting_rows >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Finish the open files."""
        self._data.close()
        self._meta.close()
        for film in self._films.values():
            film.close()

    def finish(self) -> Written:
        """Write what waits, and everything that is known only at the end; `close` comes after."""
        self._flush()
        if not self._episodes:
            raise DatasetError("the dataset", "has no episodes to write")
        self._meta.flush()
        written = Written(self._episodes, self._frames, len(self._tasks))
        pq.write_table(tasks_table(list(self._tasks)), self._root / fmt.TASKS)
        _write_json(self._root / fmt.STATS, self._stats.to_json())
        _write_json(self._root / fmt.INFO, self._layout.info(*astuple(written)))
        robot, fps = self._layout.robot_type, self._layout.fps
        text = card(self._title, **asdict(written), fps=fps, robot=robot)
        (self._root / "README.md").write_text(text, encoding="utf-8")
        return written

    def _flush(self) -> None:
        if not self._waiting:
            return
        episodes = [episode for episode, _ in self._waiting]
        values = self._layout.rows(episodes, self._tasks, self._episodes, self._frames)
        pictures = self._layout.pictures(episodes)
        lengths = np.array([episode.length for episode in episodes])
        stats = self._stats.add(values, pictures, lengths)
        columns = {name: list_column(rows) for name, rows in values.items()}
        spans: dict[str, list[Span]] = {}
        for name, takes in pictures.items():
            if self._layout.filmed:
                spans[name] = [self._films[name].add(frames) for frames in takes]
            else:
                files = [encode_png(picture) for frames in takes for picture in frames]
                columns[name] = picture_column(files)
        place = Place(self._episodes, self._frames, self._data.place, self._meta.place)
        self._data.write(columns)
        self._meta.write(self._layout.episode_columns(self._waiting, place, spans, stats))
        self._episodes += len(episodes)
        self._frames += self._waiting_rows
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0


def _write_json(path: Path, data: Mapping[str, object]) -> None:
    path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
