"""A copy of a video that every browser plays, each frame at the time it had."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from practice.episodes.atomic import file_renamed_last
from practice.episodes.h264 import add_h264
from practice.episodes.resize import Resizer
from practice.episodes.video_read import FRAMES, VideoFacts, VideoReader, damage_named, probe

_TELL_FRAMES = 64


def transcode(
    source: Path,
    target: Path,
    *,
    file: str | None = None,
    frames: int = FRAMES,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `source` to `target` as h264 (yuv420p, crf 18) with its index in front; the file appears whole or not at all.

    Frame by frame, in constant memory. An odd side grows by one pixel, for yuv420p halves the colour. `progress` gets
    (frames done, frames).

    Raises:
        DatasetError: the source, called `file` there, has more than `frames` frames or cannot be read to its end.
    """
    file = file or source.name
    facts = probe(source, file=file, frames=frames)
    with (
        file_renamed_last(target) as partial,
        VideoReader(source, file=file, frames=frames) as video,
        av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as out,
        damage_named(file, "cannot be encoded anew"),
    ):
        _encode(video, facts, out, progress or (lambda _done, _total: None))


def _encode(
    video: VideoReader, facts: VideoFacts, out: Any, told: Callable[[int, int], None]
) -> None:
    even = (facts.height + facts.height % 2, facts.width + facts.width % 2)
    stream = add_h264(out, even, facts.rate or Fraction(1), {}, time_base=video.time_base)
    resizer = Resizer()
    for done, frame in enumerate(video.every(), 1):
        picture = resizer.reformatted(frame, even, "yuv420p")
        picture.pts, picture.time_base = frame.pts, video.time_base
        picture.pict_type = 0  # the encoder decides where keyframes stand
        out.mux(stream.encode(picture))
        if done % _TELL_FRAMES == 0 or done == facts.frames:
            told(done, facts.frames)
    out.mux(stream.encode(None))
