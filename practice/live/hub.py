"""One hub per web process and run: fetches each new frame once and hands it to every viewer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio
from redis.exceptions import RedisError

from practice.frames.connect import live_keys, reader_client
from practice.frames.store import WATCH_SECONDS, LiveKeys
from practice.live.viewer import Viewer

log = logging.getLogger(__name__)

SILENT_AFTER = 2.0
"""Seconds without a frame until viewers are told."""

TEND_EVERY = 1.0
STATE_EVERY = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

StateOf = Callable[[int], Awaitable[str]]
"""Run -> its state, e.g. "running"."""


class RunHub:
    """Follows one run while it has viewers."""

    def __init__(
        self, keys: LiveKeys, connect: Callable[[], redis.asyncio.Redis], state_of: StateOf
    ) -> None:
        """Nothing is connected before `start`."""
        self._keys, self._connect, self._state_of = keys, connect, state_of
        self._viewers: set[Viewer] = set()
        self._focus: Counter[int] = Counter()
        self._newest: bytes | None = None
        self._arrived = float("-inf")
        self._began = time.monotonic()
        self._status: dict[str, Any] | None = None
        self._state = ""
        self._state_at = float("-inf")
        self._nudge = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to follow."""
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._tend())]

    async def stop(self) -> None:
        """Stop following; what was asked for in Redis expires by itself."""
        # redis-py loses a cancellation that comes while it connects, so once is not enough.
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.1)

    def add(self, viewer: Viewer) -> None:
        """Serve one more viewer, at once with what is known."""
        self._viewers.add(viewer)
        if self._newest is not None:
            viewer.offer(self._keys.run, self._newest)
        if self._status is not None:
            viewer.note(f"status {self._keys.run}", self._status)
        self._nudge.set()

    def remove(self, viewer: Viewer) -> bool:
        """Serve one viewer less; True when nobody is left."""
        self._viewers.discard(viewer)
        viewer.forget(self._keys.run)
        return not self._viewers

    def focus(self, robot: int, change: int) -> None:
        """One viewer more (+1) or less (-1) looks closely at a robot."""
        self._focus[robot] += change
        if self._focus[robot] <= 0:
            del self._focus[robot]
        self._nudge.set()

    async def _follow(self) -> None:
        """Take each new frame from Redis; come back for ever when Redis goes away."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._connect() as client, client.pubsub() as ticks:
                    await ticks.subscribe(self._keys.ticks)
                    await self._fetch(client, ticked=False)
                    pause = FIRST_PAUSE
                    while True:
                        message = await ticks.get_message(
                            ignore_subscribe_messages=True, timeout=1.0
                        )
                        if message is not None:
                            await self._fetch(client, ticked=True)
            except (RedisError, OSError) as error:
                log.info("Live pictures of run %s wait for Redis: %s", self._keys.run, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _fetch(self, client: redis.asyncio.Redis, *, ticked: bool) -> None:
        """Fetch the newest frame once and give it to all, unless they have it.

        What lies there when we come may be old; only a frame that is announced shows a run alive.
        """
        frame: Any = await client.get(self._keys.newest)
        if frame is None or frame == self._newest:
            return
        self._newest = frame
        if ticked:
            self._arrived = time.monotonic()
        for viewer in self._viewers:
            viewer.offer(self._keys.run, frame)

    async def _tend(self) -> None:
        """Keep asking for pictures, and tell viewers when the run goes silent or wakes."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._connect() as client:
                    while True:
                        await self._ask(client)
                        pause = FIRST_PAUSE
                        await self._tell()
                        await self._rest()
            except (RedisError, OSError):
                await self._tell()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _ask(self, client: redis.asyncio.Redis) -> None:
        """Renew the keys that make the writer draw."""
        async with client.pipeline(transaction=False) as pipe:
            pipe.set(self._keys.watch, 1, ex=WATCH_SECONDS)
            for robot in self._focus:
                pipe.set(self._keys.focus(robot), 1, ex=WATCH_SECONDS)
            await pipe.execute()

    async def _tell(self) -> None:
        """Send the status when it has changed."""
        now = time.monotonic()
        if now - self._state_at >= STATE_EVERY:
            self._state_at, self._state = now, await self._state_of(self._keys.run)
        frames = "live"
        if now - self._arrived > SILENT_AFTER:
            frames = "waiting" if now - self._began <= SILENT_AFTER else "silent"
        status = {
            "type": "status",
            "run": self._keys.run,
            "state": self._state,
            "frames": frames,
        }
        if status != self._status:
            self._status = status
            for viewer in self._viewers:
                viewer.note(f"status {self._keys.run}", status)

    async def _rest(self) -> None:
        """Wait for the next round, or for somebody who comes or looks closely."""
        # Not wait_for: it loses a cancellation that comes together with the nudge.
        with suppress(TimeoutError):
            async with asyncio.timeout(TEND_EVERY):
                await self._nudge.wait()
        self._nudge.clear()


class Hubs:
    """The hubs of one event loop."""

    def __init__(self, state_of: StateOf) -> None:
        """None yet."""
        self._state_of = state_of
        self._hubs: dict[int, RunHub] = {}

    def join(self, run: int, viewer: Viewer) -> RunHub:
        """Serve `viewer` with the frames of `run`."""
        hub = self._hubs.get(run)
        if hub is None:
            hub = self._hubs[run] = RunHub(live_keys(run), reader_client, self._state_of)
            hub.start()
        hub.add(viewer)
        return hub

    async def leave(self, run: int, viewer: Viewer) -> None:
        """Serve `viewer` no more; a hub without viewers ends."""
        hub = self._hubs.get(run)
        if hub is not None and hub.remove(viewer):
            del self._hubs[run]
            await hub.stop()


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Hubs] = WeakKeyDictionary()


def hubs(state_of: StateOf) -> Hubs:
    """The hubs of the running event loop."""
    return _of_loop.setdefault(asyncio.get_running_loop(), Hubs(state_of))
