"""What one viewer has yet to be sent: the newest frame of each run, and short notes."""

from __future__ import annotations

import asyncio
from typing import Any

WINDOW = 2
"""Frames that may be under way to a viewer who has not yet said that they came."""


class Viewer:
    """A slot of size one per run. A newer frame replaces one not yet sent, so a slow viewer sees
    fewer frames, never older ones, and costs the others nothing.

    Sockets and kernels buffer as well, seconds of pictures on a slow line. So the page says how
    many frames have come, and no more than `WINDOW` are ever under way.
    """

    def __init__(self, window: int = WINDOW) -> None:
        """Nothing waits yet."""
        self._window = window
        self._frames: dict[int, bytes] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        self._sent = 0
        self._seen = 0
        self._ready = asyncio.Event()

    def offer(self, run: int, frame: bytes) -> None:
        """Here is the newest frame of a run."""
        self._frames[run] = frame
        self._ready.set()

    def note(self, key: str, note: dict[str, Any]) -> None:
        """Here is something to say; a newer note under the same key replaces it."""
        self._notes.pop(key, None)
        self._notes[key] = note
        self._ready.set()

    def forget(self, run: int) -> None:
        """Drop what waits of a run no longer watched."""
        self._frames.pop(run, None)

    def seen(self, count: int) -> None:
        """The viewer has received `count` frames since it came."""
        self._seen = max(self._seen, min(count, self._sent))
        self._ready.set()

    async def next(self) -> bytes | dict[str, Any]:
        """The next thing to send, notes first; runs take turns."""
        while True:
            if self._notes:
                return self._notes.pop(next(iter(self._notes)))
            if self._frames and self._sent - self._seen < self._window:
                self._sent += 1
                return self._frames.pop(next(iter(self._frames)))
            self._ready.clear()
            await self._ready.wait()
