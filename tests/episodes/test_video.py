"""Videos that browsers play and scrub: exact times, keyframes, the index in front."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from practice.episodes.video import encode_jpeg, encode_video


def grey_steps(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Frame k has brightness 5 k."""
    levels = (np.arange(count) * 5).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


@pytest.mark.parametrize("fps", [10, 5, 30, Fraction(30000, 1001)])
def test_frame_k_stands_at_k_over_fps(fps: int | Fraction) -> None:
    frames = grey_steps(23, 64, 96)
    with av.open(io.BytesIO(encode_video(frames, fps)), "r") as video:
        stream = video.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == fps
        assert stream.time_base is not None
        shown = list(video.decode(stream))
    times = [Fraction(frame.pts or 0) * (frame.time_base or 0) for frame in shown]
    assert times == [k / Fraction(fps) for k in range(23)]
    for k, frame in enumerate(shown):
        assert abs(float(frame.to_ndarray(format="rgb24").mean()) - 5 * k) < 4


def test_a_keyframe_every_half_second_and_the_index_in_front() -> None:
    data = encode_video(grey_steps(30, 64, 64), 10)
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    with av.open(io.BytesIO(data), "r") as video:
        keys = [k for k, frame in enumerate(video.decode(video=0)) if frame.key_frame]
    assert keys[0] == 0
    assert max(np.diff([*keys, 30])) <= 5


def test_odd_sides_grow_by_one() -> None:
    with av.open(io.BytesIO(encode_video(grey_steps(3, 33, 47), 10)), "r") as video:
        frame = next(video.decode(video=0))
    assert (frame.height, frame.width) == (34, 48)


def test_one_frame_is_a_video() -> None:
    with av.open(io.BytesIO(encode_video(grey_steps(1, 32, 32), 10)), "r") as video:
        assert len(list(video.decode(video=0))) == 1


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (4, 8, 8), (4, 8, 8, 4)])
def test_frames_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError):
        encode_video(np.zeros(shape, np.uint8), 10)
    with pytest.raises(AssertionError):
        encode_video(np.zeros((4, 8, 8, 3), np.float32), 10)


def test_jpeg() -> None:
    frame = grey_steps(30, 24, 32)[20]
    frame[:, :16] = [200, 0, 0]
    decoded = simplejpeg.decode_jpeg(encode_jpeg(frame))
    assert decoded.shape == (24, 32, 3)
    assert abs(int(decoded[12, 4, 0]) - 200) < 10
    assert len(encode_jpeg(frame, quality=30)) < len(encode_jpeg(frame, quality=95))
    assert encode_jpeg(frame[:, ::2]) == encode_jpeg(np.ascontiguousarray(frame[:, ::2]))
