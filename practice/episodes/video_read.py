"""Video of strangers: what an mp4 holds, and its frames in order, without trusting a header.

Nothing is decoded before the boxes were judged (`mp4`) and the dimensions are within bounds; FFmpeg is told those bounds too, for a
stream may say otherwise than its container. Memory holds one frame, whatever the length.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from practice.episodes import mp4
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_format import TIMESTAMP_TOLERANCE
from practice.episodes.resize import Resizer

PIXELS = 1 << 22
"""Width times height of a frame, at most."""
FRAMES = 4_000_000
"""Frames of one file, at most: 37 hours at 30 a second."""


class EndOfVideoError(DatasetError):
    """The video is over before the frame that was asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoFacts:
    """What is in a video file, as its packets have it."""

    codec: str
    """FFmpeg's name of the format: h264, av1, hevc, vp9, ..."""
    pix_fmt: str
    width: int
    height: int
    rate: Fraction
    """Frames per second between the first and the last; 0 with fewer than two frames."""
    times: NDArray[np.float64]
    """(n,) when each frame is shown, seconds, ascending."""
    constant: bool
    """Whether every frame stands where `rate` puts it."""
    index_in_front: bool
    """Whether playing can start before the whole file is loaded."""

    @property
    def frames(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> float:
        """Seconds from the first frame shown to the end of the last."""
        if not self.rate:
            return 0.0
        return float(self.times[-1] - self.times[0]) + float(1 / self.rate)


def tolerance(fps: float) -> float:
    """How far from its due time a frame may stand, seconds: a tenth of a frame, at least LeRobot's own, never half a frame."""
    return min(0.49 / fps, max(TIMESTAMP_TOLERANCE, 0.1 / fps))


def probe(path: Path, *, file: str | None = None, frames: int = FRAMES) -> VideoFacts:
    """What the video `path`, called `file` in errors, holds; every packet is read and none is decoded.

    Raises:
        DatasetError: it is missing, damaged, too large, or declares more than `frames` frames.
    """
    file = file or path.name
    with _opened(path, file, frames) as (container, stream, index):
        context = stream.codec_context
        name = context.codec.canonical_name
        facts = (name, context.pix_fmt or "unknown", context.width, context.height)
        base = stream.time_base
        ticks = _ticks(container, stream, file, index.samples)
    rate = Fraction(0)
    if len(ticks) > 1 and ticks[-1] > ticks[0]:
        span = Fraction(int(ticks[-1] - ticks[0])) * base
        rate = (Fraction(len(ticks) - 1) / span).limit_denominator(1001)
    times = (ticks * float(base)).astype(np.float64)
    due = times[0] + np.arange(len(times)) / float(rate or 1)
    constant = bool(np.abs(times - due).max() <= TIMESTAMP_TOLERANCE + float(base) / 2)
    return VideoFacts(*facts, rate, times, constant, index.in_front)


def playable(facts: VideoFacts) -> str | None:
    """Why browsers in general cannot play a video; None when they can."""
    if facts.codec != "h264":
        return f"is {facts.codec}; every browser plays h264"
    if facts.pix_fmt not in {"yuv420p", "yuvj420p"}:
        return f"is h264 of {facts.pix_fmt}; every browser plays yuv420p"
    if not facts.index_in_front:
        return "has its index at the end, so a browser would load the whole before it plays"
    return None


class VideoReader:
    """The frames of one video file, asked for by their times; going forward never decodes a frame twice."""

    def __init__(self, path: Path, *, file: str | None = None, frames: int = FRAMES) -> None:
        """Open `path`, called `file` in errors. Raises DatasetError."""
        self.file = file or path.name
        self._open = _opened(path, self.file, frames)
        self._container, self._stream, index = self._open.__enter__()
        self._most = index.samples
        context = self._stream.codec_context
        self.size = (context.height, context.width)
        """(H, W) that the container declares; frames of another size are refused."""
        self.time_base: Fraction = self._stream.time_base
        """Seconds of one tick, in which frames have their `pts`."""
        self._base = float(self.time_base)
        self._resizer = Resizer()
        self._decoded: Iterator[Any] = iter(())
        self._held: Any = None
        self._since_seek = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give file and decoder back."""
        self._held, self._decoded = None, iter(())
        self._open.__exit__(None, None, None)

    def frames(
        self,
        times: Sequence[float] | NDArray[Any],
        within: float,
        size: tuple[int, int] | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """The frame (H, W, 3) RGB at each of the ascending `times`, seconds, at most `within` seconds from it.

        With `size` (H, W) each is area-resized to it.

        Raises:
            EndOfVideoError: the video is over before the time.
            DatasetError: no frame stands there, or it cannot be decoded.
        """
        for place, time in enumerate(times):
            if place == 0:
                self._go_to(float(time), within)
            frame = self._frame_at(float(time), within)
            yield self._resizer.to_rgb(frame, size or self.size)

    def every(self) -> Iterator[Any]:
        """All frames, as PyAV has them, from the first. Raises DatasetError when one cannot be decoded."""
        self._seek(0.0)
        while self._held is not None:
            yield self._held
            self._held = self._next(self._time)

    def _go_to(self, time: float, within: float) -> None:
        """Seek when the frame lies behind, or when a keyframe between here and there saves decoding."""
        entries = self._stream.index_entries
        place = entries.search_timestamp(round(time / self._base))
        key = entries[place].timestamp * self._base if place >= 0 else 0.0
        here = -math.inf if self._held is None else self._time
        if here <= time + within and key <= here:
            return
        self._seek(time)
        back = 1.0  # a keyframe that is decoded before our time may be shown after it
        while self._held is not None and self._time > time + within and back < 4 * time + 4:
            self._seek(max(0.0, time - back))
            back *= 4

    def _seek(self, time: float) -> None:
        with damage_named(self.file, f"cannot be wound to {time:.3f} s"):
            self._container.seek(round(time / self._base), stream=self._stream)
        self._decoded = _decoded(self._container, self._stream)
        self._since_seek = 0
        self._held = self._next(time)

    @property
    def _time(self) -> float:
        """When the held frame is shown, seconds."""
        # Not its own `time`: what a drained decoder gives has another base.
        return float(self._held.pts * self._base)

    def _next(self, time: float) -> Any:
        """The next frame; None when there is none. `time` is where we are heading."""
        self._held = None  # after an error nothing is held, so the next request winds anew
        with damage_named(self.file, f"cannot be decoded on the way to {time:.3f} s"):
            frame = next(self._decoded, None)
        if frame is None:
            return None
        self._since_seek += 1
        if frame.pts is None or self._since_seek > self._most + 64:
            raise DatasetError(self.file, f"has frames without an order near {time:.3f} s")
        shown = f"{frame.pts * self._base:.3f} s"
        if frame.is_corrupt:
            raise DatasetError(self.file, f"is damaged at {shown}")
        if (frame.height, frame.width) != self.size:
            there, declared = f"{frame.height} x {frame.width}", "{} x {}".format(*self.size)
            reason = f"turns to {there} pixels at {shown}; it declares {declared}"
            raise DatasetError(self.file, reason)
        return frame

    def _frame_at(self, time: float, within: float) -> Any:
        while self._held is not None and self._time < time - within:
            self._held = self._next(time)
        if self._held is None:
            raise EndOfVideoError(self.file, f"is over before {time:.3f} s")
        if self._time > time + within:
            reason = f"has no frame at {time:.4f} s; the next stands at {self._time:.4f} s"
            raise DatasetError(self.file, reason)
        return self._held


def read_frames(
    path: Path,
    times: Sequence[float] | NDArray[Any],
    size: tuple[int, int] | None = None,
    *,
    within: float = TIMESTAMP_TOLERANCE,
    file: str | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """`VideoReader.frames` of one file that is opened for it."""
    with VideoReader(path, file=file) as video:
        yield from video.frames(times, within, size)


@contextmanager
def _opened(path: Path, file: str, frames: int) -> Iterator[tuple[Any, Any, mp4.Index]]:
    """The container, its one stream of pictures, and what its index says."""
    index = mp4.read_index(path, file, frames=frames)
    # FFmpeg decodes a little to learn what is there, so the bound must hold from the beginning.
    bounds: Any = {"max_pixels": str(PIXELS), "threads": "1"}
    with damage_named(file, "cannot be opened"):
        container = av.open(
            str(path.resolve()),
            format="mp4",
            stream_options=[bounds] * index.tracks,
            metadata_errors="replace",  # nobody reads them
        )
    with container:
        streams = container.streams.video
        if len(streams) != 1:
            raise DatasetError(file, f"has {len(streams)} tracks of pictures; one is read")
        context = streams[0].codec_context
        if context is None:
            raise DatasetError(file, "is packed in a way that is not known here")
        if not 0 < context.width * context.height <= PIXELS:
            size = f"{context.height} x {context.width}"
            raise DatasetError(file, f"has frames of {size} pixels; at most {PIXELS} are read")
        context.thread_count = 1
        context.options = bounds
        yield container, streams[0], index


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """The frames from where the container stands; raises what PyAV raises, after the frames before the damage."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            yield from stream.codec_context.decode(None)  # a decoder holds frames back
            raise
        yield from frames


def _ticks(container: Any, stream: Any, file: str, most: int) -> NDArray[np.int64]:
    """When each frame is shown, in the stream's time base, ascending."""
    ticks: list[int] = []
    with damage_named(file, "is cut short or damaged"):
        for packet in container.demux(stream):
            if packet.pts is None or packet.is_discard or packet.is_corrupt:
                continue
            ticks.append(packet.pts)
            if len(ticks) > most:
                raise DatasetError(file, f"has more frames than the {most} that it declares")
    if not ticks:
        raise DatasetError(file, "has no frames")
    return np.sort(np.array(ticks, np.int64))


@contextmanager
def damage_named(file: str, what: str) -> Iterator[None]:
    """Turn what PyAV raises over damaged bytes into a DatasetError."""
    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise DatasetError(file, f"{what}: {said[:200]}") from error
