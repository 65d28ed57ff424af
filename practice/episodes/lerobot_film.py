"""Cameras of a v3.0 dataset as video: one mp4 per camera that holds many episodes back to back.

h264 and yuv420p, which browsers play. Frame k of an episode stands at exactly from_timestamp + k / fps, and each episode begins on
a keyframe, so that none is decoded through another. yuv420p halves the colour, so both sides must be even: an odd camera is
refused rather than padded, for its shape would no longer be what the features say; write it as images instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
from av.video.frame import PictureType
from numpy.typing import NDArray

from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import DatasetError
from practice.episodes.h264 import add_h264
from practice.episodes.lerobot_format import Feature

VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
"""`video_path` in info.json."""
VIDEO_MEGABYTES = 200
"""A new video file is started above this (`video_files_size_in_mb`)."""

_PLACES = {
    "chunk_index": pa.int64(),
    "file_index": pa.int64(),
    "from_timestamp": pa.float64(),
    "to_timestamp": pa.float64(),
}


@dataclass(frozen=True, slots=True)
class Span:
    """Where an episode lies in its camera's files; times in seconds, the second exclusive."""

    chunk_index: int
    file_index: int
    from_timestamp: float
    to_timestamp: float


class Film:
    """The mp4 files of one camera, a new one above `VIDEO_MEGABYTES`."""

    def __init__(self, root: Path, camera: str, shape: tuple[int, ...], fps: int) -> None:
        """`shape` is (H, W, 3). Raises DatasetError when a side is odd."""
        check_even(camera, shape)
        self._root, self._camera, self._shape, self._fps = root, camera, shape, fps
        self._number = 0
        self._frames = 0
        self._bytes = 0
        self._out: Any = None

    def add(self, frames: NDArray[np.uint8]) -> Span:
        """Append an episode's frames (T, H, W, 3), T > 0."""
        assert frames.shape[1:] == self._shape, frames.shape
        chunk, file = divmod(self._number, fmt.CHUNK_FILES)
        if self._out is None:
            self._open(chunk, file)
        start = self._frames
        for number, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = self._frames, Fraction(1, self._fps)
            if number == 0:
                picture.pict_type = PictureType.I
            self._write(picture)
            self._frames += 1
        span = Span(chunk, file, start / self._fps, self._frames / self._fps)
        if self._bytes >= VIDEO_MEGABYTES << 20:
            self.close()
            self._number += 1
        return span

    def _write(self, picture: av.VideoFrame | None) -> None:
        packets = self._stream.encode(picture)
        self._bytes += sum(packet.size for packet in packets)
        self._out.mux(packets)

    def close(self) -> None:
        """Finish the open file: without its index it would be unreadable."""
        if self._out is not None:
            with self._out:
                self._write(None)
            self._out, self._frames, self._bytes = None, 0, 0

    def _open(self, chunk: int, file: int) -> None:
        place = VIDEO_PATH.format(video_key=self._camera, chunk_index=chunk, file_index=file)
        path = self._root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {"movflags": "+faststart"}
        self._out = av.open(str(path), "w", format="mp4", options=options)
        height, width, _ = self._shape
        self._stream = add_h264(
            self._out, (height, width), Fraction(self._fps), {"forced-idr": "1"}
        )


def check_even(camera: str, shape: Sequence[int]) -> None:
    """Raises DatasetError when a camera (H, W, 3) cannot be stored as video."""
    height, width = shape[:2]
    if height % 2 or width % 2:
        reason = f"is {height} x {width} pixels; video needs even sides, so write it as images"
        raise DatasetError(camera, reason)


def film_fields(cameras: Sequence[str]) -> list[tuple[str, pa.DataType]]:
    """Columns of meta/episodes that say where each camera's episode lies."""
    return [(f"videos/{name}/{place}", kind) for name in cameras for place, kind in _PLACES.items()]


def film_columns(spans: Mapping[str, Sequence[Span]]) -> dict[str, pa.Array]:
    """The same, filled: camera -> one span per episode."""
    return {
        f"videos/{name}/{place}": pa.array([getattr(span, place) for span in lying], kind)
        for name, lying in spans.items()
        for place, kind in _PLACES.items()
    }


def film_feature(feature: Feature, fps: int) -> dict[str, Any]:
    """A camera's entry in info.json."""
    height, width, channels = feature.shape
    info = {
        "video.height": height,
        "video.width": width,
        "video.codec": "h264",
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "video.fps": fps,
        "video.channels": channels,
        "has_audio": False,
    }
    return {**feature.to_json(), "dtype": fmt.VIDEO, "info": info}
