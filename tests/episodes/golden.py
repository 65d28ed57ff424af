"""A LeRobotDataset v3.0 written by hand from the documented layout, with pyarrow and json alone, so that it can be bent."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from practice.episodes.pictures import encode_png
from practice.episodes.report import DatasetReport

FPS = 10
DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
TASKS = "meta/tasks.parquet"
INFO = "meta/info.json"
INSTRUCTIONS = ["push the red star to the blue cube", "go home"]


def scalar(dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [1], "names": None}


def _info(episodes: int, frames: int) -> dict[str, Any]:
    return {
        "codebase_version": "v3.0",
        "robot_type": "point-mass",
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": 2,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {"train": f"0:{episodes}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": {
            "observation.state": {"dtype": "float32", "shape": [3], "names": ["x", "y", "z"]},
            "action": {"dtype": "float32", "shape": [2], "names": ["vx", "vy"]},
            "next.success": scalar("bool"),
            "timestamp": scalar("float32"),
            "frame_index": scalar("int64"),
            "episode_index": scalar("int64"),
            "index": scalar("int64"),
            "task_index": scalar("int64"),
        },
    }


def _data(lengths: NDArray[np.int64]) -> dict[str, Any]:
    rows = int(lengths.sum())
    frame = np.concatenate([np.arange(n) for n in lengths])
    episode = np.repeat(np.arange(len(lengths)), lengths)
    return {
        "observation.state": np.arange(rows * 3.0).reshape(rows, 3).tolist(),
        "action": (-np.arange(rows * 2.0)).reshape(rows, 2).tolist(),
        "next.success": (frame == lengths[episode] - 1).tolist(),
        "timestamp": (frame / FPS).tolist(),
        "frame_index": frame.tolist(),
        "episode_index": episode.tolist(),
        "index": list(range(rows)),
        "task_index": (episode % 2).tolist(),
    }


@dataclass
class Golden:
    """Five episodes of 4, 3, 6, 2 and 5 frames; every table may be changed before `write`."""

    lengths: list[int] = field(default_factory=lambda: [4, 3, 6, 2, 5])
    info: dict[str, Any] = field(init=False)
    data: dict[str, Any] = field(init=False)
    types: dict[str, pa.DataType] = field(init=False)
    episodes: dict[str, Any] = field(init=False)
    tasks: dict[str, Any] = field(init=False)
    pandas: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        lengths = np.array(self.lengths)
        ends = np.cumsum(lengths)
        self.info = _info(len(lengths), int(ends[-1]))
        self.data = _data(lengths)
        self.types = {
            "observation.state": pa.list_(pa.float32(), 3),
            "action": pa.list_(pa.float32(), 2),
            "next.success": pa.bool_(),
            "timestamp": pa.float32(),
            **dict.fromkeys(["frame_index", "episode_index", "index", "task_index"], pa.int64()),
        }
        self.episodes = {
            "episode_index": list(range(len(lengths))),
            "tasks": [[INSTRUCTIONS[i % 2]] for i in range(len(lengths))],
            "length": lengths.tolist(),
            "data/chunk_index": [0] * len(lengths),
            "data/file_index": [0] * len(lengths),
            "dataset_from_index": (ends - lengths).tolist(),
            "dataset_to_index": ends.tolist(),
        }
        self.tasks = {"task_index": [0, 1], "__index_level_0__": list(INSTRUCTIONS)}
        self.pandas = {"index_columns": ["__index_level_0__"], "columns": []}

    def row(self, episode: int, frame: int) -> int:
        """Place of a frame in the data."""
        return sum(self.lengths[:episode]) + frame

    def write(self, root: Path) -> Path:
        """Write the dataset into the folder `root`."""
        for file in (INFO, DATA, EPISODES, TASKS):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / INFO).write_text(json.dumps(self.info))
        arrays = {name: pa.array(self.data[name], self.types[name]) for name in self.data}
        pq.write_table(pa.table(arrays), root / DATA, row_group_size=6)
        pq.write_table(pa.table(self.episodes), root / EPISODES)
        tasks = pa.table(self.tasks)
        if self.pandas:
            tasks = tasks.replace_schema_metadata({"pandas": json.dumps(self.pandas)})
        pq.write_table(tasks, root / TASKS)
        return root


def zip_folder(root: Path, target: Path) -> Path:
    """An ordinary .zip of everything under `root`."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(root.rglob("*")):
            zipped.write(path, path.relative_to(root).as_posix())
    return target


def only_error(report: DatasetReport) -> tuple[str, str]:
    """The dataset is refused as a whole, for one reason."""
    assert not report.ok
    assert report.episodes == ()
    assert report.totals.kept_episodes == 0
    errors = [f for f in report.findings if f.severity == "error"]
    assert len(errors) == 1, errors
    assert report.error == errors[0]
    return errors[0].file, errors[0].reason


CAMERA = "observation.images.top"


def add_camera(golden: Golden, pictures: NDArray[np.uint8], *, name: str = CAMERA) -> Golden:
    """Give the dataset a camera whose frames are `pictures` (20, H, W, 3), as PNG in LeRobot's structs."""
    axes = ["height", "width", "channels"]
    shape = list(pictures.shape[1:])
    golden.info["features"][name] = {"dtype": "image", "shape": shape, "names": axes}
    golden.types[name] = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    golden.data[name] = [
        {"bytes": encode_png(picture, level=6), "path": f"frame-{i:06d}.png"}
        for i, picture in enumerate(pictures)
    ]
    return golden
