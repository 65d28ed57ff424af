"""Camera pictures as files: what we write is read back to the pixel, and no byte of a stranger's is trusted."""

import io
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from practice.episodes.pictures import PictureError, decode_picture, encode_png, largest_file

SHAPE = (6, 10, 3)


def picture(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    lines: bytes, *, width: int = 10, height: int = 6, kind: tuple[int, ...] = (8, 2, 0, 0, 0)
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, *kind)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


BLACK = bytes(6 * 31)


@pytest.mark.parametrize("level", [0, 6])
def test_a_picture_comes_back_to_the_pixel(level: int) -> None:
    data = encode_png(picture(), level=level)
    np.testing.assert_array_equal(decode_picture(data, SHAPE), picture())
    assert len(data) <= largest_file(SHAPE)


def test_other_programs_read_what_we_write() -> None:
    with av.open(io.BytesIO(encode_png(picture())), "r") as file:
        [frame] = file.decode(video=0)
    np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), picture())


@pytest.mark.parametrize("filters", range(5))
def test_every_line_filter_is_undone_whatever_was_read_before(filters: int) -> None:
    options = {"pred": ("none", "sub", "up", "avg", "paeth")[filters]}
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 10, 6, "rgb24"
    encoder.options = options
    encoder.time_base = Fraction(1, 10)
    for seed in (1, 2):
        frame = av.VideoFrame.from_ndarray(picture(seed), format="rgb24")
        [packet] = encoder.encode(frame)
        np.testing.assert_array_equal(decode_picture(bytes(packet), SHAPE), picture(seed))


def test_jpeg_is_read_as_well() -> None:
    grey = np.full(SHAPE, 90, np.uint8)
    np.testing.assert_allclose(
        decode_picture(simplejpeg.encode_jpeg(grey, quality=95), SHAPE), grey, atol=2
    )


JPEG = simplejpeg.encode_jpeg(picture(), quality=90)
SAMPLING = JPEG.find(b"\xff\xc0") + 11
"""Where a JPEG says how its colours are sampled."""


HOSTILE = [
    (b"", "is empty"),
    (b"GIF89a and so on", "is neither PNG nor JPEG: it begins with 47 49 46"),
    (b"x" * 100_000, "has 100000 bytes"),
    (png(BLACK, width=60_000, height=60_000), "is 60000 x 60000 pixels; its feature says 6 x"),
    (png(BLACK, width=6, height=10), "is 10 x 6 pixels"),
    (png(BLACK, kind=(8, 6, 0, 0, 0)), "colour type 6"),
    (png(BLACK, kind=(16, 2, 0, 0, 0)), "bit depth 16"),
    (png(BLACK, kind=(8, 2, 0, 0, 1)), "interlacing 1"),
    (png(BLACK[:-1]), "holds fewer pixels"),
    (png(bytes(50_000_000)), "holds more pixels"),
    (encode_png(picture())[:-20], "was cut short"),
    (encode_png(picture()).replace(b"IHDR", b"iHDR"), "has no header"),
    (bytearray(encode_png(picture()))[:70] + b"!" + encode_png(picture())[71:], "checksum"),
    (png(bytes([9]) + BLACK[1:]), "there is no line filter 9"),
    (JPEG[: len(JPEG) // 2], "is a JPEG that cannot be read"),
    (b"\xff\xd8\xff" + b"\0" * 40, "is a JPEG that cannot be read"),
    (JPEG[:SAMPLING] + b"\x14" + JPEG[SAMPLING + 1 :], "is a JPEG that cannot be read"),
    (simplejpeg.encode_jpeg(np.zeros((32, 32, 3), np.uint8)), "is 32 x 32 pixels"),
]


@pytest.mark.parametrize(("data", "reason"), HOSTILE, ids=[reason for _, reason in HOSTILE])
def test_a_hostile_picture_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PictureError) as caught:
        decode_picture(bytes(data), SHAPE)
    assert reason in str(caught.value)
    # A refusal leaves nothing behind for the next one.
    np.testing.assert_array_equal(decode_picture(encode_png(picture()), SHAPE), picture())


def test_a_text_that_unpacks_into_much_is_passed_over() -> None:
    data = encode_png(picture())
    bomb = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(30_000_000), 9))
    end = data.index(b"IDAT") - 4
    bombed = data[:end] + bomb + data[end:]
    assert len(bombed) < largest_file(SHAPE)
    np.testing.assert_array_equal(decode_picture(bombed, SHAPE), picture())
