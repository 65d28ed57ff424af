"""Films of recorded episodes, drawn in a process of their own: renderers load simulators and OpenGL, which a web process does without.

`python -m practice.frames.film` reads orders, a line of JSON each, from its standard input and answers each with one byte, `+` or `-`, the
length of what follows, and the film or the reason why there is none. It ends when the process that started it does, or when nobody has
asked for a while.
"""

from __future__ import annotations

import json
import logging
import os
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.registry import embodiment
from practice.episodes.errors import EpisodesError
from practice.episodes.recorder import read_episode
from practice.episodes.video import encode_frames
from practice.frames.helper import end_helper
from practice.frames.painting import can_draw, drawn_from, paint

log = logging.getLogger(__name__)

MAX_FRAMES = 2_000
"""Of a longer episode every second, third, ... frame is shown, at the same pace."""
PATIENCE = 120.0
"""Seconds one film may take, the start of the process included."""
IDLE = 300.0
"""Seconds without an order after which the process ends."""
_ANSWER = struct.Struct("<cI")


class FilmError(Exception):
    """There is no film; the message says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which episode, and how."""

    embodiment: str
    shard: str
    """Path of the file."""
    first_row: int
    rows: int
    hz: float
    """Control rate, frames per second."""
    size: int
    """Width and height, pixels."""


def draw(order: Order) -> bytes:
    """The mp4 of an episode, drawn here.

    Raises:
        LearningError, EpisodesError: nobody knows the embodiment, or the recording cannot be read.
    """
    every = -(-order.rows // MAX_FRAMES)
    rate = Fraction(order.hz).limit_denominator(1000) / every
    return encode_frames(_pictures(order, every), rate, size=order.size)


def _pictures(order: Order, every: int) -> Iterator[NDArray[np.uint8]]:
    robot = embodiment(order.embodiment)
    place = Path(order.shard), order.first_row, order.rows
    recorded = read_episode(*place, observations=drawn_from(robot.spec)).observation
    if not can_draw(robot.spec, recorded):
        recorded = read_episode(*place).observation
    for i in range(0, order.rows, every):
        yield paint(robot, {name: values[i] for name, values in recorded.items()}, size=order.size)


class FilmMaker:
    """Has films drawn by one process, which is started when it is needed; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def film(self, order: Order) -> bytes:
        """The mp4 of an episode. Waits while another is being drawn.

        Raises:
            FilmError: it cannot be drawn.
        """
        with self._lock:
            try:
                return self._ask(order)
            except OSError as error:
                log.warning("The film process is started again: %s", error)
                self._end()
            try:
                return self._ask(order)
            except OSError as error:
                self._end()
                raise FilmError(f"the process that draws films failed: {error}") from error

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(self, order: Order) -> bytes:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _start()
        stream = cast(IO[bytes], self._process.stdin)
        stream.write(json.dumps(asdict(order)).encode() + b"\n")
        stream.flush()
        answer = cast(IO[bytes], self._process.stdout)
        if not select.select([answer], [], [], PATIENCE)[0]:
            raise OSError(f"no film within {PATIENCE:g} seconds")
        head = answer.read(_ANSWER.size)
        if len(head) < _ANSWER.size:
            raise OSError("it ended without an answer")
        kind, length = _ANSWER.unpack(head)
        content = answer.read(length)
        if len(content) < length:
            raise OSError("it ended within an answer")
        if kind != b"+":
            raise FilmError(content.decode(errors="replace"))
        return content

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_helper(process)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "practice.frames.film"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the server; this ends with it
    )


def main() -> None:
    """The film process."""
    os.nice(5)  # where there are too few cores, practice goes first
    # Whatever a library prints must not end up in a film.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = sys.stdin.buffer
    while select.select([source], [], [], IDLE)[0] and (line := source.readline()):
        words: dict[str, Any] = json.loads(line)
        try:
            kind, content = b"+", draw(Order(**words))
        except (LearningError, EpisodesError) as error:
            kind, content = b"-", str(error).encode()
        out.write(_ANSWER.pack(kind, len(content)) + content)
        out.flush()


if __name__ == "__main__":
    main()
