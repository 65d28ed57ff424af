"""Camera pictures as files: written so that a table of them packs well, read without trusting a byte.

We write PNG whose pixels are stored, not deflated: neighbouring frames are nearly equal, which only the table's own zstd can see.
We read 8-bit RGB as PNG or JPEG, and nothing is decoded before its dimensions are known to be the declared ones.
"""

import struct
import threading
import zlib

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_LENGTH = struct.Struct(">I")
_RGB = (8, 2, 0, 0, 0)
"""Bit depth, colour type, compression, filter, interlacing: what is written and read."""
_FILTERS = 4
"""The last of PNG's line filters."""
_SLACK = 1 << 16
"""Bytes that a file may have beyond its pixels: headers, colour profiles, what a camera noted."""

_decoders = threading.local()


class PictureError(ValueError):
    """Bytes that are not the picture they should be; the message is one sentence for people."""


def largest_file(shape: tuple[int, int, int]) -> int:
    """Bytes that a file of a picture (H, W, 3) may have at most."""
    height, width, channels = shape
    return 2 * height * width * channels + _SLACK


def encode_png(picture: NDArray[np.uint8], *, level: int = 0) -> bytes:
    """A picture (H, W, 3) RGB as PNG; `level` 0 stores, up to 9 deflates."""
    assert picture.ndim == 3, picture.shape
    assert picture.shape[2] == 3, picture.shape
    assert picture.dtype == np.uint8, picture.dtype
    height, width = picture.shape[:2]
    lines = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = picture.reshape(height, -1)
    packed = zlib.compress(lines.tobytes(), level)
    return _file(_HEADER.pack(width, height, *_RGB), packed)


def _file(header: bytes, packed: bytes) -> bytes:
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        _LENGTH.pack(len(data)) + kind + data + _LENGTH.pack(zlib.crc32(kind + data))
        for kind, data in chunks
    )


def decode_picture(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The picture of exactly `shape` (H, W, 3) in a PNG or JPEG file.

    Raises:
        PictureError: it is too large, cut short, damaged, of another shape or of another kind.
    """
    if len(data) > largest_file(shape):
        raise PictureError(f"has {len(data)} bytes; a picture of {shape} needs far fewer")
    if data.startswith(_SIGNATURE):
        return _decode_png(data, shape)
    if data.startswith(b"\xff\xd8"):
        return _decode_jpeg(data, shape)
    if not data:
        raise PictureError("is empty")
    raise PictureError(f"is neither PNG nor JPEG: it begins with {data[:8].hex(' ')}")


def _decode_jpeg(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        _expect_size(height, width, shape)
        # Strict: what is cut short would otherwise be filled up with grey.
        picture: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True)
    except PictureError:
        raise
    except (ValueError, KeyError) as error:  # KeyError: of a subsampling it has no name for
        raise PictureError(f"is a JPEG that cannot be read: {str(error)[:100]}") from error
    return picture


def _decode_png(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    header, packed = _parts(data)
    width, height, *kind = _HEADER.unpack(header)
    _expect_size(height, width, shape)
    if tuple(kind) != _RGB:
        depth, colours, *_, interlaced = kind
        raise PictureError(
            f"is a PNG of bit depth {depth}, colour type {colours}, interlacing {interlaced};"
            " only 8-bit RGB without interlacing is read"
        )
    lines = _inflated(packed, height * (1 + 3 * width)).reshape(height, 1 + 3 * width)
    if not lines[:, 0].any():
        return lines[:, 1:].reshape(shape)
    if lines[:, 0].max() > _FILTERS:
        raise PictureError(f"is a damaged PNG: there is no line filter {lines[:, 0].max()}")
    return _unfiltered(_file(header, packed), shape)


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The header and the packed pixels. Everything else is passed over: texts and colour profiles
    can unpack into gigabytes.
    """
    header, packed, place = b"", [], len(_SIGNATURE)
    while place + 12 <= len(data):
        (length,) = _LENGTH.unpack_from(data, place)
        body, end = place + 8, place + 8 + length
        if end + 4 > len(data):
            break
        kind = data[place + 4 : body]
        if (
            kind in {b"IHDR", b"IDAT"}
            and _LENGTH.pack(zlib.crc32(data[place + 4 : end])) != (data[end : end + 4])
        ):
            raise PictureError(f"is a damaged PNG: the checksum of {kind.decode()} is wrong")
        if kind == b"IHDR":
            header = data[body:end]
        elif kind == b"IDAT":
            packed.append(data[body:end])
        elif kind == b"IEND":
            if len(header) != _HEADER.size:
                raise PictureError("is a damaged PNG: it has no header")
            return header, b"".join(packed)
        place = end + 4
    raise PictureError("is a PNG that was cut short")


def _expect_size(height: int, width: int, shape: tuple[int, int, int]) -> None:
    if (height, width) != shape[:2]:
        raise PictureError(
            f"is {height} x {width} pixels; its feature says {shape[0]} x {shape[1]}"
        )


def _inflated(packed: bytes, size: int) -> NDArray[np.uint8]:
    """Exactly `size` bytes; a stream that holds more is never unpacked further."""
    stream = zlib.decompressobj()
    try:
        lines = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise PictureError(f"is a damaged PNG: {error}") from error
    if len(lines) != size:
        more = "more" if len(lines) > size else "fewer"
        raise PictureError(f"is a damaged PNG: it holds {more} pixels than it declares")
    return np.frombuffer(lines, np.uint8)


def _unfiltered(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Let FFmpeg undo the line filters of a PNG that has been checked."""
    decoder = getattr(_decoders, "png", None)
    if decoder is None:
        decoder = _decoders.png = av.CodecContext.create("png", "r")
        decoder.thread_count = 1  # more would hold pictures back
    packet = av.Packet(data)
    packet.is_keyframe = True  # else it adds the picture before
    try:
        frames = decoder.decode(packet)
    except av.FFmpegError as error:
        raise PictureError(f"is a damaged PNG: {error.strerror}") from error
    if len(frames) != 1 or (frames[0].height, frames[0].width) != shape[:2]:
        raise PictureError("is a damaged PNG")
    return np.array(frames[0].to_ndarray(format="rgb24"), np.uint8)
