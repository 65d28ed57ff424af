"""Questions and answers between hosts. No torch here: robots import this.

A question is one binary message, akin to a packed tick (`practice.frames.format`):

    u32 little-endian: length of the header | header, JSON in UTF-8 | arrays back to back, in the order of header.parts

A part is the bytes of an array in C order, or, of a picture, a JPEG. Shape and dtype are the policy's and need no words.
An answer is one text message, JSON. Nobody's bytes are believed: sizes are bounded before anything is read.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.fleet.inference.answers import (
    Answer,
    BusyError,
    EndedError,
    InferenceError,
    LateError,
    SupersededError,
)
from practice.fleet.inference.features import Feature

VERSION = 1
LONGEST_HEADER = 16_384
LONGEST_DEADLINE = 60.0
"""Seconds."""

LONGEST_NAME = 80
_LENGTH = struct.Struct("<I")
_KEYS = {"version", "number", "robot", "episode", "instruction", "deadline_ms", "parts"}
_MOST = 2**53
"""Whole numbers above this do not survive JSON everywhere."""

_ERRORS: dict[str, type[InferenceError]] = {
    kind.code: kind for kind in (LateError, SupersededError, BusyError, EndedError, InferenceError)
}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a robot asks."""

    number: int
    """Of the question; its answer carries the same."""

    robot: str
    episode: int
    instruction: str
    deadline_s: float
    """Seconds from when the question arrives."""

    observation: dict[str, NDArray[Any]]


def longest(features: Mapping[str, Feature]) -> int:
    """Bytes of the longest question."""
    return _LENGTH.size + LONGEST_HEADER + sum(feature.size for feature in features.values())


def pack(asked: Asked, *, jpeg_quality: int | None = None) -> bytes:
    """The message; pictures as JPEG of this quality (1 to 100), or exact."""
    parts, data = [], []
    for name, values in asked.observation.items():
        picture = jpeg_quality is not None and values.dtype == np.uint8 and values.ndim == 3
        array = np.ascontiguousarray(values)
        if picture:
            data.append(simplejpeg.encode_jpeg(array, quality=jpeg_quality, colorspace="RGB"))
        else:
            data.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        parts.append({"name": name, "form": "jpeg" if picture else "raw", "bytes": len(data[-1])})
    header = {
        "version": VERSION,
        "number": asked.number,
        "robot": asked.robot,
        "episode": asked.episode,
        "instruction": asked.instruction,
        "deadline_ms": 1_000 * asked.deadline_s,
        "parts": parts,
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *data))


def unpack(message: bytes, features: Mapping[str, Feature]) -> Asked:
    """The question in a message.

    Raises:
        LearningError: it is cut short, too long, of another version, or holds what no policy here reads.
    """
    header, offset = _header(message)
    observation: dict[str, NDArray[Any]] = {}
    parts = header["parts"]
    if not isinstance(parts, list) or len(parts) > len(features):
        raise LearningError(f"A question has at most {len(features)} parts.")
    for part in parts:
        name, form, size = _part(part)
        if name not in features or name in observation:
            raise LearningError(
                f"{name[:LONGEST_NAME]!r} is read by nobody, or twice there; send {', '.join(features)}."
            )
        data = message[offset : offset + size]
        if len(data) != size:
            raise LearningError(f"{name} has {len(data)} bytes and {size} were announced.")
        observation[name] = _array(name, form, data, features[name])
        offset += size
    if offset != len(message):
        raise LearningError(f"A question of {offset} bytes was announced, {len(message)} came.")
    return Asked(
        number=_whole(header, "number"),
        robot=_text(header, "robot", LONGEST_NAME),
        episode=_whole(header, "episode"),
        instruction=_text(header, "instruction", LONGEST_HEADER),
        deadline_s=_seconds(header["deadline_ms"]),
        observation=observation,
    )


def told(number: int, answer: Answer) -> dict[str, Any]:
    """An answer as JSON; float32 numbers survive it exactly."""
    return {
        "type": "answer",
        "number": number,
        "action": [float(value) for value in answer.action],
        "log_prob": answer.log_prob,
        "distance": answer.distance,
        "done": answer.done,
        "policy": answer.policy,
    }


def refused(number: int | None, error: LearningError) -> dict[str, Any]:
    """Why there is no answer, as JSON; no number where the question had none that could be read."""
    code = error.code if isinstance(error, InferenceError) else "invalid"
    words = {"type": "refused", "number": number, "code": code, "text": str(error)}
    return words | ({"seconds": error.seconds} if isinstance(error, BusyError) else {})


def answer_in(words: Mapping[str, Any]) -> Answer:
    """What `told` or `refused` wrote.

    Raises:
        InferenceError: of the kind that was refused with.
        LearningError: the question was wrong.
    """
    if words.get("type") == "refused":
        text, code = str(words.get("text")), words.get("code")
        if code == BusyError.code:
            raise BusyError(text, words.get("seconds"))
        raise _ERRORS.get(str(code), LearningError)(text)
    try:
        action = np.array(words["action"], dtype=np.float32)
        return Answer(
            action, float(words["log_prob"]), words["distance"], words["done"], words["policy"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LearningError(
            f"The server's answer cannot be read ({error!r}); use one version."
        ) from error


def _header(message: bytes) -> tuple[dict[str, Any], int]:
    """The header and where the parts begin."""
    length = _LENGTH.unpack_from(message)[0] if len(message) >= _LENGTH.size else LONGEST_HEADER + 1
    end = _LENGTH.size + length
    if length > LONGEST_HEADER or end > len(message):
        raise LearningError(
            f"A question's header has at most {LONGEST_HEADER} bytes and fits the message of {len(message)}."
        )
    try:
        header = json.loads(message[_LENGTH.size : end])
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("version") != VERSION or set(header) != _KEYS:
        raise LearningError(
            f"A question's header is a JSON object of version {VERSION} with {', '.join(sorted(_KEYS))}."
        )
    return header, end


def _part(part: Any) -> tuple[str, str, int]:
    if isinstance(part, dict) and set(part) == {"name", "form", "bytes"}:
        name, form, size = part["name"], part["form"], part["bytes"]
        whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        if isinstance(name, str) and form in ("raw", "jpeg") and whole:
            return name, form, size
    raise LearningError('A part is {"name": feature, "form": "raw" or "jpeg", "bytes": number}.')


def _array(name: str, form: str, data: bytes, feature: Feature) -> NDArray[Any]:
    if form == "jpeg":
        return _picture(name, data, feature)
    if len(data) != feature.size:
        raise LearningError(
            f"{name} must be {feature}, {feature.size} bytes; {len(data)} bytes came."
        )
    kind = np.dtype(feature.dtype)
    values = np.frombuffer(data, dtype=kind.newbyteorder("<")).reshape(feature.shape)
    return values.astype(kind, copy=False)


def _picture(name: str, data: bytes, feature: Feature) -> NDArray[np.uint8]:
    """The size is looked at before anything is unpacked."""
    if len(feature.shape) != 3:
        raise LearningError(f"{name} is no picture; send its bytes.")
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (height, width) != feature.shape[:2]:
            raise LearningError(f"{name} must be {feature}; a JPEG of {height} x {width} came.")
        picture: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except (ValueError, KeyError) as error:  # KeyError: of a subsampling it has no name for
        raise LearningError(f"{name} is no JPEG that can be read.") from error
    return picture


def _whole(header: Mapping[str, Any], key: str) -> int:
    value = header[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST:
        raise LearningError(f"{key} must be a whole number from 0 to {_MOST}.")
    return value


def _text(header: Mapping[str, Any], key: str, most: int) -> str:
    value = header[key]
    if not isinstance(value, str) or not value or len(value) > most or not value.isprintable():
        raise LearningError(f"{key} must be printable text of 1 to {most} characters.")
    return value


def _seconds(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= 1_000 * LONGEST_DEADLINE:  # which no NaN is
        raise LearningError(
            f"deadline_ms must lie above 0 and at most at {1_000 * LONGEST_DEADLINE:.0f}."
        )
    return float(value) / 1_000
