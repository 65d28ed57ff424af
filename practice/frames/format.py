"""One tick of a fleet as one binary message: packed once, stored once, sent as it is to everybody.

    u32 little-endian: length of the header | header, JSON in UTF-8 | JPEG pictures back to back

The header's tiles stand in the order of the pictures, each with `bytes`, the length of its own.
`static/js/live_format.js` reads the same layout; a test holds the two together.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, dataclass
from typing import Any

VERSION = 1
_LENGTH = struct.Struct("<I")
_LONGEST_HEADER = 4 * 2**20


class FrameError(ValueError):
    """Bytes that are not a packed tick."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a robot's newest ended episode went."""

    episode: str
    steps: int
    detector: bool | None
    """What the success detector said; None without a reward model."""

    success: bool | None
    """What the simulator knows; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One robot at one tick."""

    robot: int
    instruction: str
    episode: str
    step: int
    distance: float | None
    """d(o, g): mean of the predicted steps-to-go, control steps; None without a reward model."""

    spread: float | None
    """Standard deviation of the prediction, control steps."""

    detector: bool | None
    success: bool | None
    active: bool
    """False while the robot waits for the others to end."""

    last: Outcome | None
    probs: tuple[float, ...] | None
    """(bins,) P(steps-to-go); only for a robot somebody looks at closely."""

    size: int
    """Width and height of the picture, pixels."""

    jpeg: bytes


@dataclass(frozen=True, slots=True)
class FleetFrame:
    """The newest frame of every robot shown, all of one control tick."""

    run: int
    number: int
    """Counts the messages of one writer."""

    captured_at: float
    """Seconds since the epoch, by the clock of the fleet's host."""

    iteration: int
    robots: int
    """Robots in the fleet, shown or not."""

    horizon: int
    """Longest episode, control steps."""

    threshold: float | None
    """s: the detector fires at d <= s, control steps."""

    centres: tuple[float, ...] | None
    """(bins,) centres of the bins of `Tile.probs`, control steps."""

    tiles: tuple[Tile, ...]


def pack(frame: FleetFrame) -> bytes:
    """The message that carries `frame`. Numbers that are not finite travel as null."""
    header = {
        "version": VERSION,
        "run": frame.run,
        "number": frame.number,
        "captured_at": frame.captured_at,
        "iteration": frame.iteration,
        "robots": frame.robots,
        "horizon": frame.horizon,
        "threshold": _number(frame.threshold, 3),
        "centres": _numbers(frame.centres, 2),
        "tiles": [_tile_header(tile) for tile in frame.tiles],
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *(tile.jpeg for tile in frame.tiles)))


def unpack(message: bytes) -> FleetFrame:
    """The frame in `message`.

    Raises:
        FrameError: it is cut short, too long, of another version or not this format at all.
    """
    header, offset = _header(message)
    try:
        tiles = []
        for fields in header.pop("tiles"):
            end = offset + int(fields.pop("bytes"))
            last = fields.pop("last")
            tiles.append(
                Tile(
                    **{**fields, "probs": _tuple(fields["probs"])},
                    last=None if last is None else Outcome(**last),
                    jpeg=message[offset:end],
                )
            )
            offset = end
        header["centres"] = _tuple(header["centres"])
        frame = FleetFrame(tiles=tuple(tiles), **header)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FrameError(f"A frame's header does not hold what it should: {error!r}.") from error
    if offset != len(message):
        raise FrameError(f"A frame of {offset} bytes was announced, {len(message)} came.")
    return frame


def captured_at(message: bytes) -> float:
    """When the frame in `message` was captured, without reading the pictures."""
    return float(_header(message)[0]["captured_at"])


def _header(message: bytes) -> tuple[dict[str, Any], int]:
    """The header and where the pictures begin."""
    if len(message) < _LENGTH.size:
        raise FrameError(f"A frame has at least {_LENGTH.size} bytes, not {len(message)}.")
    (length,) = _LENGTH.unpack_from(message)
    end = _LENGTH.size + length
    if length > _LONGEST_HEADER or end > len(message):
        raise FrameError(f"A frame's header of {length} bytes does not fit {len(message)} bytes.")
    try:
        header = json.loads(message[_LENGTH.size : end])
    except ValueError as error:
        raise FrameError(f"A frame's header is not JSON: {error}.") from error
    version = header.pop("version", None) if isinstance(header, dict) else None
    if version != VERSION:
        raise FrameError(f"A frame of version {version!r} came; this program reads {VERSION}.")
    return header, end


def _tile_header(tile: Tile) -> dict[str, Any]:
    return {
        "robot": tile.robot,
        "instruction": tile.instruction,
        "episode": tile.episode,
        "step": tile.step,
        "distance": _number(tile.distance, 2),
        "spread": _number(tile.spread, 2),
        "detector": tile.detector,
        "success": tile.success,
        "active": tile.active,
        "last": None if tile.last is None else asdict(tile.last),
        "probs": _numbers(tile.probs, 4),
        "size": tile.size,
        "bytes": len(tile.jpeg),
    }


def _number(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _numbers(values: tuple[float, ...] | None, digits: int) -> list[float | None] | None:
    return None if values is None else [_number(value, digits) for value in values]


def _tuple(values: list[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
