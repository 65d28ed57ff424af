"""Videos of strangers: facts, frames by their times, sizes, copies that browsers play, and bounds."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from practice.episodes import video_read
from practice.episodes.errors import DatasetError
from practice.episodes.resize import Resizer
from practice.episodes.transcode import transcode
from practice.episodes.video_read import (
    EndOfVideoError,
    VideoReader,
    playable,
    probe,
    read_frames,
    tolerance,
)
from tests.episodes.golden_video import TOP, pictures, write_video


def shades(frames: list[np.ndarray]) -> list[int]:
    """Which of `pictures(TOP)` each frame is, by the shade of its left lower quarter: 10 i."""
    return [round(float(f[-8:, :16, 0].mean()) / 10) for f in frames]


def test_facts(tmp_path: Path) -> None:
    facts = probe(write_video(tmp_path / "a.mp4", pictures(TOP)))
    assert (facts.codec, facts.pix_fmt, facts.width, facts.height) == ("h264", "yuv420p", 64, 48)
    assert (facts.rate, facts.frames, facts.constant) == (Fraction(10), 20, True)
    assert facts.duration == pytest.approx(2.0)
    np.testing.assert_allclose(facts.times, np.arange(20) / 10, atol=1e-6)
    assert playable(facts) is None


def test_a_rate_that_is_no_whole_number(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(30000, 1001))
        stream.width, stream.height = 64, 48
        for picture in pictures(TOP):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    assert (probe(path).rate, probe(path).constant) == (Fraction(30000, 1001), True)


def test_an_unsteady_rate_is_seen(tmp_path: Path) -> None:
    ticks = [100 * i + (30 if i == 7 else 0) for i in range(20)]
    facts = probe(write_video(tmp_path / "a.mp4", pictures(TOP), ticks=ticks))
    assert (facts.rate, facts.constant) == (Fraction(10), False)


def test_frames_are_found_forwards_and_backwards(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(TOP))
    with VideoReader(path) as video:
        for wanted in ([0, 1, 2], [3, 4], [17, 19], [5, 6], [6], [19], [0]):
            found = list(video.frames(np.array(wanted) / 10, tolerance(10)))
            assert shades(found) == wanted
    assert shades(list(read_frames(path, [0.2, 0.9, 1.8]))) == [2, 9, 18]


def test_going_forward_decodes_no_frame_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(TOP))
    decoded = 0
    real = VideoReader._next

    def counted(self: VideoReader, time: float) -> object:
        nonlocal decoded
        decoded += 1
        return real(self, time)

    monkeypatch.setattr(VideoReader, "_next", counted)
    with VideoReader(path) as video:
        for first in range(0, 20, 4):
            list(video.frames(np.arange(first, first + 4) / 10, tolerance(10)))
        assert decoded <= 26, "20 frames, and what is decoded again where a keyframe begins"


def test_a_time_without_a_frame_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(TOP))
    with pytest.raises(DatasetError, match=r"no frame at 0\.3500 s; the next stands at 0\.4000 s"):
        list(read_frames(path, [0.35]))
    with pytest.raises(EndOfVideoError, match=r"is over before 2\.000 s"):
        list(read_frames(path, [1.9, 2.0]))


def test_after_an_error_a_reader_goes_on(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    path = write_video(tmp_path / "a.mp4", noise)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as video:
        spoilt = [packet.pos for packet in video.demux(video=0) if packet.pos is not None][10]
    data[spoilt : spoilt + 400] = bytes(byte ^ 0xFF for byte in data[spoilt : spoilt + 400])
    path.write_bytes(data)
    with VideoReader(path) as video:
        with pytest.raises(DatasetError, match=r"cannot be decoded|is damaged"):
            list(video.frames(np.arange(20) / 10, 1e-3))
        assert len(list(video.frames(np.arange(3) / 10, 1e-3))) == 3
        assert len(list(video.frames(np.arange(16, 20) / 10, 1e-3))) == 4


def test_every_frame_can_be_the_first_that_is_asked_for(tmp_path: Path) -> None:
    """B-frames are decoded in another order than they are shown in, also across keyframes."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        options = {"g": "5", "bf": "3", "x264-params": "open-gop=1:b-pyramid=strict", "crf": "12"}
        stream: Any = out.add_stream("libx264", rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in pictures(TOP):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    for number in range(20):
        assert shades(list(read_frames(path, [number / 10]))) == [number]


@pytest.mark.parametrize(
    ("fps", "seconds"), [(10, 0.01), (30, 1 / 300), (1000, 1e-4), (10_000, 0.49e-4)]
)
def test_a_frame_may_be_off_by_a_tenth_and_never_by_half(fps: int, seconds: float) -> None:
    assert tolerance(fps) == pytest.approx(seconds)


@pytest.mark.parametrize("size", [(24, 32), (12, 16), (16, 24), (30, 50)])
def test_smaller_frames_are_means(tmp_path: Path, size: tuple[int, int]) -> None:
    """Against exact means over areas, of the decoded frame."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(70, 186, (1, 12, 16, 3), np.uint8)  # colours that yuv can hold
    path = write_video(tmp_path / "a.mp4", coarse.repeat(4, 1).repeat(4, 2))
    [full] = read_frames(path, [0.0])
    [small] = read_frames(path, [0.0], size)
    means = np.einsum(
        "hi,ijc,wj->hwc", shares(48, size[0]), full.astype(float), shares(64, size[1])
    )
    assert np.sqrt(((small - means) ** 2).mean()) < 4
    resized = Resizer().resized(full, size)
    assert np.sqrt(((resized - means) ** 2).mean()) < 1.5


def shares(many: int, few: int) -> np.ndarray:
    """(few, many) share of each old pixel in each new one."""
    edges = np.arange(few + 1) * many / few
    lows = np.maximum(edges[:-1, None], np.arange(many))
    highs = np.minimum(edges[1:, None], np.arange(1, many + 1))
    shared: np.ndarray = np.clip(highs - lows, 0, None) * few / many
    return shared


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "flags", "reason"),
    [
        ("libsvtav1", "yuv420p", {"movflags": "+faststart"}, "is av1; every browser plays h264"),
        ("libx265", "yuv420p", {"movflags": "+faststart"}, "is hevc; every browser plays h264"),
        ("libx264", "yuv444p", {"movflags": "+faststart"}, "is h264 of yuv444p"),
        ("libx264", "yuv420p", {}, "has its index at the end"),
    ],
)
def test_what_browsers_cannot_play_is_transcoded_time_for_time(
    tmp_path: Path, codec: str, pix_fmt: str, flags: dict[str, str], reason: str
) -> None:
    ticks = [150 + 100 * i + (20 if i == 5 else 0) for i in range(20)]
    source = write_video(
        tmp_path / "a.mp4", pictures(TOP), codec=codec, pix_fmt=pix_fmt, movflags=flags, ticks=ticks
    )
    before = probe(source)
    assert str(playable(before)).startswith(reason)
    told: list[tuple[int, int]] = []
    transcode(source, tmp_path / "b.mp4", progress=lambda *at: told.append(at))
    after = probe(tmp_path / "b.mp4")
    assert playable(after) is None
    np.testing.assert_allclose(after.times, before.times, atol=1e-6)
    assert told == [(20, 20)]
    assert shades(list(read_frames(tmp_path / "b.mp4", after.times))) == list(range(20))


def test_a_transcoded_video_has_a_keyframe_each_half_second_and_even_sides(tmp_path: Path) -> None:
    odd = pictures(TOP)[:, :47, :63]
    source = write_video(tmp_path / "a.mp4", odd, pix_fmt="yuv444p")
    transcode(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as video:
        frames = list(video.decode(video=0))
    assert (frames[0].height, frames[0].width) == (48, 64)
    keys = [frame.time for frame in frames if frame.key_frame]
    assert np.diff(keys).max() <= 0.5 + 1e-6


def test_a_damaged_source_leaves_no_copy(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    source = write_video(tmp_path / "a.mp4", noise)
    source.write_bytes(source.read_bytes()[:-10_000])
    with pytest.raises(DatasetError, match=r"^videos/a\.mp4: "):
        transcode(source, tmp_path / "b.mp4", file="videos/a.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_dimensions_are_bounded_in_the_decoder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(TOP))
    monkeypatch.setattr(video_read, "PIXELS", 48 * 64 - 1)
    with pytest.raises(DatasetError, match=r"^a\.mp4: "):
        probe(path)


def test_a_stream_that_turns_to_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libvpx-vp9", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        larger: Any = av.CodecContext.create("libvpx-vp9", "w")
        larger.width, larger.height, larger.pix_fmt = 128, 96, "yuv420p"
        larger.time_base = Fraction(1, 10)
        for encoder, size, first in ((stream, (48, 64), 0), (larger, (96, 128), 10)):
            packets = []
            for number in range(first, first + 10):
                picture = av.VideoFrame.from_ndarray(pictures(TOP, size)[number], format="rgb24")
                picture.pts, picture.time_base = number, Fraction(1, 10)
                packets += encoder.encode(picture)
            for packet in [*packets, *encoder.encode(None)]:
                packet.stream = stream
                out.mux(packet)
    assert probe(path).frames == 20
    found = read_frames(path, np.arange(20) / 10)
    assert len([next(found) for _ in range(10)]) == 10
    with pytest.raises(DatasetError, match=r"turns to 96 x 128 pixels at 1\.000 s; it declares 48"):
        next(found)


def test_writing_av1_leaves_this_process_its_priority(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", pictures(TOP), codec="libsvtav1")
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
