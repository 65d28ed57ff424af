"""From a tick to a frame, in two parts: what is to be shown, cheap; and its pictures, not so."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from practice.embodiments.interface import Embodiment
from practice.fleet.tick import Tick
from practice.frames.format import FleetFrame, Outcome, Tile, pack, unpack
from practice.frames.painting import paint
from practice.frames.store import Wants

_LENGTHS = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How much of a fleet is shown."""

    fps: float = 10.0
    """Most frames per second and robot."""

    tiles: int = 16
    """Robots shown on the wall: the first so many, and any that somebody looks at closely."""

    tile_size: int = 192
    focus_size: int = 384
    """Pixels of a picture's side: on the wall, and looked at closely."""

    quality: int = 80
    """JPEG quality, 1 to 100."""

    ask_every: float = 0.25
    """Seconds between two looks at who watches."""

    retry_every: float = 2.0
    """Seconds until Redis is tried again after it did not answer."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which run is shown, and how."""

    run: int
    horizon: int
    threshold: float | None
    options: LiveOptions
    features: tuple[str, ...] | None = None
    """What pictures are drawn from; only this goes to whoever draws. None: all that is observed."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """A frame whose pictures are still to be drawn."""

    frame: FleetFrame
    observation: dict[str, NDArray[Any]]
    """Name -> (k, ...), a row per tile."""


def sketch(
    tick: Tick, wants: Wants, shown: Shown, *, number: int, last: dict[int, Outcome]
) -> Sketch:
    """What is wanted of a tick. `last` says how each robot's newest ended episode went."""
    robots, options = len(tick.step), shown.options
    near = {robot for robot in wants.focus if robot < robots}
    rows = sorted(near | set(range(min(robots, options.tiles))))
    close = bool(near) and tick.bin_centres is not None
    frame = FleetFrame(
        run=shown.run,
        number=number,
        captured_at=tick.captured_at,
        iteration=tick.iteration,
        robots=robots,
        horizon=shown.horizon,
        threshold=shown.threshold,
        centres=_floats(tick.bin_centres) if close else None,
        tiles=tuple(_tile(tick, r, options, last.get(r), close=r in near) for r in rows),
    )
    names = tick.observation if shown.features is None else shown.features
    seen = {name: tick.observation[name][rows] for name in names if name in tick.observation}
    return Sketch(frame, seen)


def finish(made: Sketch, embodiment: Embodiment, quality: int) -> FleetFrame:
    """The frame with its pictures."""
    tiles = []
    for index, tile in enumerate(made.frame.tiles):
        row = {name: array[index] for name, array in made.observation.items()}
        picture = paint(embodiment, row, size=tile.size)
        jpeg = simplejpeg.encode_jpeg(picture, quality=quality, colorsubsampling="420")
        tiles.append(replace(tile, jpeg=jpeg))
    return replace(made.frame, tiles=tuple(tiles))


def write_sketch(stream: IO[bytes], made: Sketch) -> None:
    """Send a sketch to another process: lengths, the frame, what the arrays are, the arrays."""
    arrays = {name: np.ascontiguousarray(array) for name, array in made.observation.items()}
    kinds = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    frame, spec = pack(made.frame), json.dumps(kinds).encode()
    stream.write(_LENGTHS.pack(len(frame), len(spec)) + frame + spec)
    stream.writelines(array.data.cast("B") if array.size else b"" for array in arrays.values())
    stream.flush()


def read_sketch(stream: IO[bytes]) -> Sketch | None:
    """The next sketch; None at the end of the stream."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    frame_size, spec_size = _LENGTHS.unpack(lengths)
    frame = unpack(stream.read(frame_size))
    observation = {}
    for name, (dtype, shape) in json.loads(stream.read(spec_size)).items():
        kind = np.dtype(dtype)
        data = stream.read(kind.itemsize * int(np.prod(shape)))
        observation[name] = np.frombuffer(data, dtype=kind).reshape(shape)
    return Sketch(frame, observation)


def _tile(
    tick: Tick, robot: int, options: LiveOptions, last: Outcome | None, *, close: bool
) -> Tile:
    """One robot, without its picture."""
    return Tile(
        robot=robot,
        instruction=tick.instructions[robot],
        episode=tick.uid[robot],
        step=int(tick.step[robot]),
        distance=None if tick.distance is None else float(tick.distance[robot]),
        spread=None if tick.spread is None else float(tick.spread[robot]),
        detector=flag(tick.detector, robot),
        success=flag(tick.true_success, robot),
        active=bool(tick.active[robot]),
        last=last,
        probs=_floats(tick.probs[robot]) if close and tick.probs is not None else None,
        size=options.focus_size if close else options.tile_size,
        jpeg=b"",
    )


def flag(values: Any, robot: int) -> bool | None:
    """One robot's yes or no; None where nobody knows."""
    return None if values is None else bool(values[robot])


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(values.tolist())
