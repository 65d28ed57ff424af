"""Who draws: a process of its own, so that pictures take neither the interpreter nor the processor
core from the loop that practises. In one interpreter the two would take turns, and drawing sixteen
robots ten times a second costs a loop that never pauses most of a tenth of its speed.

`python -m practice.frames.drawer` reads one line of JSON and then sketches from its standard input
until that ends, which it does with the process that started it, however that ends. For each it
writes one byte: `+` when the frame is stored, `-` when Redis does not answer.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, Protocol, cast

import redis

from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.frames.drawing import Sketch, finish, read_sketch, write_sketch
from practice.frames.format import pack
from practice.frames.helper import end_helper
from practice.frames.store import FrameStore, LiveKeys, writer_client

PATIENCE = 10.0
"""Seconds one frame may take, the start of the process included; then it is started anew."""


class Drawer(Protocol):
    """Draws sketches and stores the frames."""

    def show(self, made: Sketch) -> None:
        """Draw and store one frame. Raises RedisError or OSError when that cannot be done now."""
        ...

    def close(self) -> None:
        """Nothing more will be shown."""
        ...


class InlineDrawer:
    """Draws where it is called."""

    def __init__(self, store: FrameStore, robot: Embodiment, quality: int) -> None:
        """`store` is used by the calling thread alone."""
        self._store, self._embodiment, self._quality = store, robot, quality

    def show(self, made: Sketch) -> None:
        """Draw and store one frame."""
        frame = finish(made, self._embodiment, self._quality)
        self._store.put(pack(frame), frame.number)

    def close(self) -> None:
        """Give the connection back."""
        self._store.close()


@dataclass(frozen=True, slots=True)
class Place:
    """What a drawing process must know."""

    embodiment: str
    quality: int
    redis_url: str
    keys: LiveKeys


class ProcessDrawer:
    """Draws in a process of its own, started with the first frame."""

    def __init__(self, place: Place) -> None:
        """Nothing is started yet."""
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None

    def show(self, made: Sketch) -> None:
        """Have one frame drawn and stored; one is under way at a time, so none queues."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._start()
        try:
            write_sketch(cast(IO[bytes], self._process.stdin), made)
            answer = _byte_within(cast(IO[bytes], self._process.stdout), PATIENCE)
        except OSError:
            self.close()
            raise
        if answer == b"-":
            raise redis.ConnectionError("the drawing process cannot reach it")
        if answer != b"+":
            self.close()
            raise OSError("the drawing process ended or hangs; it will be started again")

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            end_helper(process)

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "practice.frames.drawer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the run; this process ends when the run does.
            start_new_session=True,
        )
        place = self._place
        words = {
            "embodiment": place.embodiment,
            "quality": place.quality,
            # Not among the arguments, which everybody on the machine can read.
            "redis_url": place.redis_url,
            "prefix": place.keys.prefix,
            "run": place.keys.run,
        }
        stream = cast(IO[bytes], process.stdin)
        stream.write(json.dumps(words).encode() + b"\n")
        stream.flush()
        return process


def _byte_within(stream: IO[bytes], seconds: float) -> bytes:
    """The next byte, or nothing when none comes in time or ever."""
    ready, _, _ = select.select([stream], [], [], seconds)
    return os.read(stream.fileno(), 1) if ready else b""


def main() -> None:
    """The drawing process."""
    os.nice(5)  # where there are too few cores, practice goes first
    source = sys.stdin.buffer
    words = json.loads(source.readline())
    store = FrameStore(
        writer_client(words["redis_url"]), LiveKeys(words["prefix"], int(words["run"]))
    )
    drawer = InlineDrawer(store, embodiment(words["embodiment"]), int(words["quality"]))
    while (made := read_sketch(source)) is not None:
        try:
            drawer.show(made)
        except (redis.RedisError, OSError):
            os.write(1, b"-")
        else:
            os.write(1, b"+")


if __name__ == "__main__":
    main()
