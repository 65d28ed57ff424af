"""Cameras of the golden datasets as video: mp4 files made with PyAV alone, laid out as the format's documentation says."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tests.episodes.golden import FPS, INSTRUCTIONS, Golden

TOP, WRIST = "observation.images.top", "observation.images.wrist"
SIZE = (48, 64)
V3_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
V2_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
V2_DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
SHARDS = {TOP: [[0, 1, 2], [3, 4]], WRIST: [[0, 1, 2, 3, 4]]}
"""Which episodes each camera's files hold in v3.0."""
AXES = ["height", "width", "channels"]
FAST = {"movflags": "+faststart"}


def pictures(camera: str, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """The camera's 20 frames (20, H, W, 3): frame i is of shade 10 i on the left; the other camera is its negative."""
    shades = (10 * np.arange(20))[:, None, None] + np.zeros((20, *size), int)
    shades[:, :, size[1] // 2 :] += 30
    shades[:, : size[0] // 2] += 10
    whole = np.stack([shades, shades // 2, 200 - shades // 2], -1).astype(np.uint8)
    return whole if camera == TOP else 255 - whole


@contextmanager
def usual_priority() -> Iterator[None]:
    """As root, SVT-AV1 gives the thread that calls it real-time priority for good, and whatever it starts has that from then on: a
    browser that waits in a loop would leave nothing to anybody else.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def write_video(
    path: Path,
    frames: NDArray[np.uint8],
    *,
    codec: str = "libx264",
    fps: int = FPS,
    ticks: Sequence[int] | None = None,
    pix_fmt: str = "yuv420p",
    movflags: dict[str, str] = FAST,
) -> Path:
    """Frames (T, H, W, 3) as an mp4; `ticks` are their times in hundredths of a frame, else k / fps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"libx264": {"g": "4", "bf": "2", "crf": "12"}, "libsvtav1": {"g": "2", "crf": "20"}}
    base = Fraction(1, 100 * fps)
    with usual_priority(), av.open(str(path), "w", format="mp4", options=movflags) as out:
        stream: Any = out.add_stream(codec, rate=fps, options=options.get(codec, {}))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = base
        for number, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts = 100 * number if ticks is None else ticks[number]
            picture.time_base = base
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def add_films(golden: Golden, cameras: Sequence[str] = (TOP, WRIST)) -> Golden:
    """Declare cameras as video and say where each episode lies, as v3.0 does."""
    golden.info["video_path"] = V3_PATH
    lengths = np.array(golden.lengths)
    for camera in cameras:
        feature = {"dtype": "video", "shape": [*SIZE, 3], "names": AXES}
        info = {"video.fps": FPS, "video.codec": "h264", "video.pix_fmt": "yuv420p"}
        golden.info["features"][camera] = {**feature, "info": info}
        places: list[tuple[int, float, float]] = []
        for file, episodes in enumerate(SHARDS[camera]):
            ends = np.cumsum(lengths[episodes]) / FPS
            starts = ends - lengths[episodes] / FPS
            places += [(file, *at) for at in zip(starts.tolist(), ends.tolist(), strict=True)]
        golden.episodes[f"videos/{camera}/chunk_index"] = [0] * len(places)
        golden.episodes[f"videos/{camera}/file_index"] = [file for file, _, _ in places]
        golden.episodes[f"videos/{camera}/from_timestamp"] = [start for _, start, _ in places]
        golden.episodes[f"videos/{camera}/to_timestamp"] = [end for _, _, end in places]
    return golden


def shard(camera: str, file: int = 0) -> str:
    """An mp4 of a v3.0 dataset."""
    return f"videos/{camera}/chunk-000/file-{file:03d}.mp4"


def shard_frames(golden: Golden, camera: str, file: int = 0) -> NDArray[np.uint8]:
    """What it shows: its episodes back to back."""
    spans = [slice(golden.row(e, 0), golden.row(e + 1, 0)) for e in SHARDS[camera][file]]
    return np.concatenate([pictures(camera)[span] for span in spans])


def write_v3(root: Path, golden: Golden, codec: str = "libx264") -> Path:
    """The golden dataset with its cameras as v3.0."""
    golden.write(root)
    for camera in (name for name in SHARDS if name in golden.info["features"]):
        for file in range(len(SHARDS[camera])):
            write_video(root / shard(camera, file), shard_frames(golden, camera, file), codec=codec)
    return root


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_v2(root: Path, golden: Golden, version: str = "v2.1", codec: str = "libx264") -> Path:
    """The golden dataset in the older layout; the columns of v3.0's meta/episodes do not matter."""
    info = golden.info | {"codebase_version": version, "data_path": V2_DATA}
    if info["video_path"] is not None:
        info["video_path"] = V2_PATH
    (root / "meta").mkdir(parents=True)
    (root / "data/chunk-000").mkdir(parents=True)
    (root / "meta/info.json").write_text(json.dumps(info))
    tasks = [{"task_index": i, "task": text} for i, text in enumerate(INSTRUCTIONS)]
    (root / "meta/tasks.jsonl").write_text(lines(tasks))
    named = zip(golden.episodes["tasks"], golden.lengths, strict=True)
    rows = [{"episode_index": i, "tasks": t, "length": n} for i, (t, n) in enumerate(named)]
    (root / "meta/episodes.jsonl").write_text(lines(rows))
    table = pa.table({n: pa.array(golden.data[n], golden.types[n]) for n in golden.data})
    for i, length in enumerate(golden.lengths):
        file = root / f"data/chunk-000/episode_{i:06d}.parquet"
        pq.write_table(table.slice(golden.row(i, 0), length), file)
        for camera in (name for name in SHARDS if name in golden.info["features"]):
            frames = pictures(camera)[golden.row(i, 0) :][:length]
            write_video(root / single(camera, i), frames, codec=codec)
    return root


def single(camera: str, episode: int) -> str:
    """An mp4 of a v2.x dataset."""
    return f"videos/chunk-000/{camera}/episode_{episode:06d}.mp4"
