"""Where the newest frame lies: one key and one channel per run in Redis, and who asks for it.

A reader keeps `watch` alive while it has viewers, and `focus:<robot>` while one of them looks at a
robot closely. All keys expire by themselves, so a process that dies leaves nothing behind, and no
clock of two hosts is ever compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

KEPT_SECONDS = 30
"""How long the newest frame of a run that has gone quiet can still be fetched."""

WATCH_SECONDS = 6
"""How long a writer goes on after the last word from a reader."""


@dataclass(frozen=True, slots=True)
class LiveKeys:
    """Names in Redis for one run's pictures."""

    prefix: str
    run: int

    @property
    def newest(self) -> str:
        """The newest packed frame."""
        return f"{self.prefix}:live:{self.run}:newest"

    @property
    def ticks(self) -> str:
        """The channel that says a new frame lies ready."""
        return f"{self.prefix}:live:{self.run}:ticks"

    @property
    def watch(self) -> str:
        """Exists while somebody watches the run."""
        return f"{self.prefix}:live:{self.run}:watch"

    def focus(self, robot: int) -> str:
        """Exists while somebody looks at this robot closely."""
        return f"{self.prefix}:live:{self.run}:focus:{robot}"


@dataclass(frozen=True, slots=True)
class Wants:
    """What those who watch ask for."""

    watched: bool = False
    focus: frozenset[int] = frozenset()


class FrameStore:
    """The writer's side: one connection of one thread."""

    def __init__(self, client: redis.Redis, keys: LiveKeys) -> None:
        """`client` must give bytes back, not text."""
        self._client = client
        self._keys = keys

    def wants(self, robots: int) -> Wants:
        """Whether the run is watched, and which of its robots closely."""
        names = [self._keys.watch, *(self._keys.focus(robot) for robot in range(robots))]
        watch, *focus = _answer(self._client.mget(names))
        if watch is None:
            return Wants()
        return Wants(True, frozenset(i for i, value in enumerate(focus) if value is not None))

    def put(self, message: bytes, number: int) -> None:
        """Replace the newest frame and say so."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.set(self._keys.newest, message, ex=KEPT_SECONDS)
            pipe.publish(self._keys.ticks, number)
            pipe.execute()

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()


def writer_client(url: str) -> redis.Redis:
    """A connection that gives up soon: whoever writes has its own patience."""
    return redis.Redis.from_url(
        url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 0)
    )


def _answer(value: Any) -> list[bytes | None]:
    """redis-py types the answers of its two clients, blocking and not, as one."""
    return list(value)
