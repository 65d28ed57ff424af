"""What the tables of a v3.0 dataset hold: schemas, rows of data, rows of meta/episodes, instructions, info.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from practice.episodes import lerobot_format as fmt
from practice.episodes.columns import PICTURE, list_column, list_type, picture_column
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_film import (
    VIDEO_MEGABYTES,
    VIDEO_PATH,
    Span,
    film_columns,
    film_feature,
    film_fields,
)
from practice.episodes.lerobot_format import DatasetLimits, Feature, FeatureLike
from practice.episodes.lerobot_meta import FINAL
from practice.episodes.lerobot_stats import stat_fields
from practice.episodes.notes import Notes, note_columns, note_fields
from practice.episodes.pictures import encode_png
from practice.episodes.types import Episode

_AXES = ["height", "width", "channels"]
_FINAL_LEVEL = 6
"""Pictures after the last action are few and stand alone, so they are deflated one by one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group of episodes begins."""

    episode: int
    frame: int
    data: tuple[int, int]
    """Chunk and file of the rows."""
    meta: tuple[int, int]
    """Chunk and file of the entry in meta/episodes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One dataset's features and how episodes fill its tables."""

    own: Mapping[str, Feature]
    """Observations and action."""
    fps: int
    robot_type: str | None
    with_reward: bool
    filmed: bool = False
    """Whether cameras are videos beside data/, not pictures in it."""

    @property
    def features(self) -> dict[str, Feature]:
        """Every feature of a frame, in the order of the columns."""
        ends = {fmt.DONE: Feature("bool", (1,)), fmt.SUCCESS: Feature("bool", (1,))}
        if self.with_reward:
            ends[fmt.REWARD] = Feature("float32", (1,))
        return {**self.own, **ends, **fmt.BOOKKEEPING}

    @property
    def observations(self) -> list[str]:
        return [name for name in self.own if name != fmt.ACTION]

    @property
    def cameras(self) -> list[str]:
        return [name for name, feature in self.own.items() if feature.picture]

    def data_schema(self) -> pa.Schema:
        """Columns of data/: a vector is a list of fixed size, one number stands bare, a picture is a file."""
        columns = self.features.items()
        return pa.schema(
            [(name, _column_type(f)) for name, f in columns if not (self.filmed and f.picture)]
        )

    def episode_schema(self) -> pa.Schema:
        """Columns of meta/episodes: LeRobot's own, then ours."""
        whole = (
            *("episode_index", "length", "dataset_from_index", "dataset_to_index"),
            *("data/chunk_index", "data/file_index"),
            *("meta/episodes/chunk_index", "meta/episodes/file_index"),
        )
        return pa.schema(
            [
                *((name, pa.int64()) for name in whole),
                ("tasks", pa.list_(pa.string())),
                *film_fields(self.cameras if self.filmed else []),
                *stat_fields(self.features),
                ("seed", pa.int64()),
                *note_fields(),
                *((FINAL + n, _column_type(self.own[n], bare=False)) for n in self.observations),
            ]
        )

    def check(self, episode: Episode) -> None:
        """Raises DatasetError when the episode does not fit or could not be read back."""
        file, steps = f"episode {episode.uid}", episode.length
        if steps < 1:
            raise DatasetError(file, "has no steps")
        wrong = fmt.instruction_problem(episode.instruction, DatasetLimits())
        if wrong:
            raise DatasetError(file, wrong)
        for name, feature in self.own.items():
            values = episode.action if name == fmt.ACTION else episode.observation.get(name)
            shape, dtype = feature.array
            due = (steps + (name != fmt.ACTION), *shape)
            if values is None or values.shape != due:
                there = None if values is None else values.shape
                raise DatasetError(file, f"{name} has shape {there}; it must be {due}")
            if feature.picture and values.dtype != dtype:
                raise DatasetError(file, f"{name} holds {values.dtype}; pictures are {dtype}")
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                row = int(np.argmin(np.isfinite(values).all(axis=1)))
                raise DatasetError(file, f"{name} is not finite at frame {row}")
        if self.with_reward and (episode.distance is None or len(episode.distance) != steps + 1):
            reason = f"has no distance of {steps + 1} values, from which {fmt.REWARD} is made"
            raise DatasetError(file, reason)

    def rows(
        self, episodes: Sequence[Episode], tasks: Mapping[str, int], first: int, frame: int
    ) -> dict[str, NDArray[Any]]:
        """The rows of consecutive episodes, feature -> (n, size); the first is episode `first`, row `frame`.

        Cameras are left to `pictures`.
        """
        lengths = np.array([episode.length for episode in episodes])
        ends = np.cumsum(lengths)
        total = int(ends[-1])
        index = np.arange(total)
        step = index - np.repeat(ends - lengths, lengths)
        done = np.zeros(total, np.bool_)
        done[ends - 1] = True
        arrival = [_arrival(episode) for episode in episodes]
        task = [tasks[episode.instruction] for episode in episodes]
        columns = {
            name: np.concatenate([episode.observation[name][:-1] for episode in episodes])
            for name in self.observations
            if not self.own[name].picture
        }
        columns |= {
            fmt.ACTION: np.concatenate([episode.action for episode in episodes]),
            fmt.DONE: done,
            fmt.SUCCESS: step >= np.repeat(arrival, lengths),
            "timestamp": step / self.fps,
            "frame_index": step,
            "episode_index": np.repeat(np.arange(first, first + len(episodes)), lengths),
            "index": frame + index,
            "task_index": np.repeat(task, lengths),
        }
        if self.with_reward:
            columns[fmt.REWARD] = np.concatenate([_reward(episode) for episode in episodes])
        return {
            name: columns[name].astype(feature.dtype, copy=False).reshape(total, feature.size)
            for name, feature in self.features.items()
            if not feature.picture
        }

    def pictures(self, episodes: Sequence[Episode]) -> dict[str, list[NDArray[np.uint8]]]:
        """The pictures of the same rows, camera -> (T, H, W, 3) of each episode."""
        return {
            name: [episode.observation[name][:-1] for episode in episodes] for name in self.cameras
        }

    def episode_columns(
        self,
        episodes: Sequence[tuple[Episode, Notes]],
        place: Place,
        spans: Mapping[str, Sequence[Span]],
        stats: Mapping[str, pa.Array],
    ) -> dict[str, pa.Array]:
        """Entries of meta/episodes for consecutive episodes that begin at `place`; `spans` per filmed camera."""
        count = len(episodes)
        lengths = np.array([episode.length for episode, _ in episodes])
        ends = place.frame + np.cumsum(lengths)
        whole = {
            "episode_index": np.arange(place.episode, place.episode + count),
            "length": lengths,
            "dataset_from_index": ends - lengths,
            "dataset_to_index": ends,
            "data/chunk_index": np.full(count, place.data[0]),
            "data/file_index": np.full(count, place.data[1]),
            "meta/episodes/chunk_index": np.full(count, place.meta[0]),
            "meta/episodes/file_index": np.full(count, place.meta[1]),
        }
        final = {
            name: [episode.observation[name][-1] for episode, _ in episodes]
            for name in self.observations
        }
        return {
            **{name: pa.array(values) for name, values in whole.items()},
            "tasks": pa.array([[episode.instruction] for episode, _ in episodes]),
            "seed": pa.array([episode.seed for episode, _ in episodes], pa.int64()),
            **film_columns(spans),
            **stats,
            **note_columns([notes for _, notes in episodes]),
            **{FINAL + n: _final_column(rows, self.own[n]) for n, rows in final.items()},
        }

    def info(self, episodes: int, frames: int, tasks: int) -> dict[str, Any]:
        """meta/info.json of the finished dataset."""
        return {
            "codebase_version": fmt.VERSION,
            "robot_type": self.robot_type,
            "total_episodes": episodes,
            "total_frames": frames,
            "total_tasks": tasks,
            "chunks_size": fmt.CHUNK_FILES,
            "data_files_size_in_mb": fmt.FILE_MEGABYTES,
            "video_files_size_in_mb": VIDEO_MEGABYTES,
            "fps": self.fps,
            "splits": {"train": f"0:{episodes}"},
            "data_path": fmt.DATA_PATH,
            "video_path": VIDEO_PATH if self.filmed and self.cameras else None,
            "features": {name: self._declared(feature) for name, feature in self.features.items()},
        }

    def _declared(self, feature: Feature) -> dict[str, Any]:
        filmed = self.filmed and feature.picture
        return film_feature(feature, self.fps) if filmed else feature.to_json()


def _column_type(feature: Feature, *, bare: bool = True) -> pa.DataType:
    return PICTURE if feature.picture else list_type(feature.dtype, feature.size, bare=bare)


def _final_column(rows: Sequence[NDArray[Any]], feature: Feature) -> pa.Array:
    if feature.picture:
        return picture_column([encode_png(row, level=_FINAL_LEVEL) for row in rows])
    return list_column(np.stack(rows).astype(feature.dtype), bare=False)


def checked_features(features: Mapping[str, FeatureLike]) -> dict[str, Feature]:
    """The features in our own words. Raises DatasetError for one that cannot be written."""
    checked = {}
    for name, given in features.items():
        if name != fmt.ACTION and not name.startswith(fmt.OBSERVATION):
            raise DatasetError(name, f"is neither {fmt.ACTION!r} nor {fmt.OBSERVATION!r}*")
        checked[name] = _checked(name, given)
    if fmt.ACTION not in checked or len(checked) < 2:
        raise DatasetError("features", f"needs {fmt.ACTION!r} and an {fmt.OBSERVATION!r}*")
    return checked


def _checked(name: str, given: FeatureLike) -> Feature:
    shape, dtype = tuple(given.shape), np.dtype(given.dtype).name
    if name != fmt.ACTION and dtype == "uint8" and len(shape) == 3:
        camera = Feature(fmt.IMAGE, shape, list(_AXES))
        if camera.picture != shape:
            raise DatasetError(name, f"has shape {shape}; pictures are (height, width, 3)")
        return camera
    feature = Feature(dtype, shape, None if given.names is None else list(given.names))
    if len(shape) != 1 or not feature.is_numeric:
        reason = f"has shape {shape} of {dtype}; vectors and pictures of uint8 are written"
        raise DatasetError(name, reason)
    return feature


def succeeded(episode: Episode) -> bool:
    """What `next.success` says: the truth where it is known, else the detector, else how it ended."""
    known = (episode.true_success, episode.detector_success, episode.ended_by == "success")
    return next(bool(success) for success in known if success is not None)


def _arrival(episode: Episode) -> int:
    """The first row that ends at the goal; T where none does."""
    if not succeeded(episode):
        return episode.length
    return (episode.length if episode.success_step is None else episode.success_step) - 1


def _reward(episode: Episode) -> NDArray[np.float32]:
    """r_t = d(o_t) - d(o_t+1): practice's own reward (arXiv 2509.15155, section on Stage 2)."""
    assert episode.distance is not None
    return -np.diff(episode.distance).astype(np.float32)
