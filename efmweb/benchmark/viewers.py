"""The watching process of the live benchmark: `python -m efmweb.benchmark.viewers URL`.

Reads {"cookie", "origin", "viewers"} once. On {"watch": seconds} it opens that many sockets, says
{"begun": true} when each has shown a frame, answers every frame as the page does, closes them after
so many seconds and says {"frames_per_tile", "latencies_ms", "bytes_per_s"}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect

from practice.frames.format import captured_at


@dataclass(slots=True)
class Seen:
    """What one viewer saw in one window."""

    frames: int = 0
    size: int = 0
    latencies_ms: list[float] = field(default_factory=list)


class Window:
    """One window of watching by several viewers."""

    def __init__(self, url: str, orders: dict[str, Any]) -> None:
        """Nothing is open yet."""
        self._url, self._orders = url, orders
        self._began = self._ended = False
        self._first = [asyncio.Event() for _ in range(orders["viewers"])]
        self._seen = [Seen() for _ in self._first]

    async def watch(self, seconds: float) -> dict[str, Any]:
        """Open, count for so long, close."""
        viewers = [asyncio.create_task(self._view(index)) for index in range(len(self._first))]
        await asyncio.gather(*(event.wait() for event in self._first))
        say({"begun": True})
        began = time.monotonic()
        self._began = True
        await asyncio.sleep(seconds)
        self._ended = True
        took = time.monotonic() - began
        await asyncio.gather(*viewers)
        return {
            "frames_per_tile": min(seen.frames for seen in self._seen) / took,
            "latencies_ms": [ms for seen in self._seen for ms in seen.latencies_ms],
            "bytes_per_s": sum(seen.size for seen in self._seen) / took,
        }

    async def _view(self, index: int) -> None:
        """One viewer. Every frame holds all tiles, so frames are frames per tile."""
        headers = {"Cookie": self._orders["cookie"]}
        mine, received = self._seen[index], 0
        # Compression is offered, as browsers do; whether it is used is for the server to say.
        async with connect(
            self._url, origin=self._orders["origin"], additional_headers=headers, max_size=2**24
        ) as socket:
            async for message in socket:
                if isinstance(message, str):
                    continue
                now = time.time()
                received += 1
                await socket.send(json.dumps({"seen": received}))
                self._first[index].set()
                if self._ended:
                    return
                if self._began:
                    mine.frames += 1
                    mine.size += len(message)
                    mine.latencies_ms.append(1e3 * (now - captured_at(message)))


async def main() -> None:
    """Watch whenever told to, until stdin ends."""
    orders = await _order()
    while orders is not None:
        words = await _order()
        if words is None:
            return
        say(await Window(sys.argv[1], orders).watch(words["watch"]))


async def _order() -> dict[str, Any] | None:
    line = await asyncio.to_thread(sys.stdin.readline)
    words: dict[str, Any] | None = json.loads(line) if line else None
    return words


def say(words: dict[str, Any]) -> None:
    """One line to whoever started us."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
