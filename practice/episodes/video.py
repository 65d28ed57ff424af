"""Pictures for people: frames to h264 that browsers play and scrub, and single frames to jpeg."""

import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from practice.episodes.h264 import add_h264


def encode_video(
    frames: NDArray[np.uint8], fps: int | Fraction, *, crf: int = 23, preset: str = "veryfast"
) -> bytes:
    """Frames (T, H, W, 3) RGB as an mp4: h264, yuv420p, frame k at exactly k / fps seconds.

    The index stands in front, so playing starts before the whole is loaded; a keyframe every half second makes scrubbing
    quick. Odd sides grow by one pixel, for yuv420p halves the colour. `crf` is x264's quality, 0 best to 51.
    """
    assert frames.ndim == 4, frames.shape
    assert frames.shape[0] > 0, frames.shape
    assert frames.shape[3] == 3, frames.shape
    assert frames.dtype == np.uint8, frames.dtype
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        frames = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return _encoded(frames, (frames.shape[1], frames.shape[2]), fps, crf, preset)


def encode_frames(frames: Iterable[NDArray[np.uint8]], fps: int | Fraction, *, size: int) -> bytes:
    """As `encode_video`, of frames (size, size, 3) that come one by one and need not be in memory together; `size` is even."""
    assert size % 2 == 0, size
    return _encoded(frames, (size, size), fps, 23, "veryfast")


def _encoded(
    frames: Iterable[NDArray[np.uint8]],
    shape: tuple[int, int],
    fps: int | Fraction,
    crf: int,
    preset: str,
) -> bytes:
    # The index can only be moved to the front of a real file.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        _write(path, frames, shape, Fraction(fps), {"crf": str(crf), "preset": preset})
        return path.read_bytes()


def _write(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    shape: tuple[int, int],
    fps: Fraction,
    quality: dict[str, str],
) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        stream = add_h264(out, shape, fps, {**quality, "tune": "fastdecode"})
        for number, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = number, 1 / fps
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def encode_jpeg(frame: NDArray[np.uint8], *, quality: int = 90) -> bytes:
    """One frame (H, W, 3) RGB as jpeg; `quality` from 1 to 100."""
    assert frame.ndim == 3, frame.shape
    assert frame.shape[2] == 3, frame.shape
    assert frame.dtype == np.uint8, frame.dtype
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(frame), quality=quality)
    return encoded
