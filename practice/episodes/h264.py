"""The one way in which this room writes h264: what every browser plays, and scrubs quickly."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

KEYFRAME_SECONDS = 0.5


def add_h264(
    out: Any,
    shape: tuple[int, int],
    fps: Fraction,
    options: Mapping[str, str],
    *,
    time_base: Fraction | None = None,
) -> Any:
    """A stream of yuv420p pictures `shape` (H, W), both even, in the open PyAV container `out`.

    A keyframe stands at least every half second. `options` are x264's own, beside or instead of ours. Frames come with times in
    `time_base`, 1 / fps without one.
    """
    # Without B-frames decoding order is display order, so no edit list shifts the times.
    group = str(max(1, round(fps * Fraction(KEYFRAME_SECONDS))))
    quality = {"crf": "18", "preset": "veryfast", "bf": "0", "g": group}
    stream = out.add_stream("libx264", rate=fps, options={**quality, **options})
    stream.height, stream.width = shape
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = time_base or 1 / fps
    stream.codec_context.thread_count = 1  # small pictures are slower with more
    return stream
