"""/ws/inference/: robots ask a policy at their own time (`practice.fleet.inference.wire`).

The site's own web process never imports this: a process of its own holds the model and serves this one socket.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from channels.db import database_sync_to_async

from models_store.errors import LearningError
from practice.errors import InvalidError, MissingError
from practice.fleet.inference.answers import Answer
from practice.fleet.inference.features import Feature
from practice.fleet.inference.wire import Asked, longest, refused, told, unpack
from practice.live.entry import require_writing
from practice.live.guarded import GuardedConsumer
from practice.models import Checkpoint
from practice.roles import Role, require

if TYPE_CHECKING:
    from practice.fleet.inference.server import InferenceServer

MOST_ROBOTS = 64
"""Of one socket."""

MOST_UNREAD = 256
"""Answers that wait for somebody who does not read them."""

TOO_SLOW = 1008


@dataclass(eq=False)
class Served:
    """What a process serves."""

    server: InferenceServer
    checkpoint: int
    """The policy's id; who may see it and act on its task may ask."""

    features: dict[str, Feature]
    facts: dict[str, Any]
    """JSON, told to everybody who comes: policy, task, features, size of the action."""

    owners: dict[str, InferenceConsumer] = field(default_factory=dict)
    """Robot -> the newest socket that asked for it."""


class InferenceConsumer(GuardedConsumer):
    """Questions in, answers out. A robot that comes back on a new socket takes its place there."""

    channel_layer_alias = ""  # robots have nothing to say to each other
    served: ClassVar[Served]

    def __init__(self, *args: Any, served: Served, **kwargs: Any) -> None:
        """Given by the process that serves."""
        super().__init__(*args, **kwargs)
        self._served, self._robots = served, set[str]()
        self.longest_bytes = longest(served.features)

    async def entered(self) -> None:
        """Say what is served."""
        await self.allowed()
        await self.say({"type": "ready", **self._served.facts})

    async def allowed(self) -> None:
        """Whoever may launch runs of the task may have its policy act, but not with a token that may only read."""
        require(self.person, Role.OPERATOR)
        await require_writing(self._entry)
        await _check_visible(self.person, self._served.checkpoint)

    async def left(self) -> None:
        """Nobody waits for these robots, unless they came back on another socket."""
        for robot in self._robots:
            if self._served.owners.get(robot) is self:
                del self._served.owners[robot]
                self._served.server.leave(robot)

    async def heard(self, words: dict[str, Any]) -> None:
        """There is nothing to say in text once the token was shown."""
        raise InvalidError("This socket understands questions, as binary messages.")

    async def got(self, data: bytes) -> None:
        """One question."""
        if len(self._tasks) > MOST_UNREAD:
            await self._close(TOO_SLOW, "Read the answers as fast as you ask.")
            return
        number = None
        try:
            asked = unpack(data, self._served.features)
            number = asked.number
            future = self._ask(asked)
        except LearningError as error:
            await self.say(refused(number, error))
        else:
            self.start(self._reply(asked.number, future))

    def _ask(self, asked: Asked) -> Future[Answer]:
        assert self.person is not None, "nobody asks before they are known"  # noqa: S101
        # Two people may both call a robot "left".
        robot = f"{self.person.pk}/{asked.robot}"
        if robot not in self._robots and len(self._robots) >= MOST_ROBOTS:
            raise LearningError(
                f"One socket speaks for {MOST_ROBOTS} robots at most; open another."
            )
        self._robots.add(robot)
        self._served.owners[robot] = self
        return self._served.server.ask(
            robot,
            asked.observation,
            asked.instruction,
            deadline_s=asked.deadline_s,
            episode=asked.episode,
        )

    async def _reply(self, number: int, future: Future[Answer]) -> None:
        try:
            words = told(number, await asyncio.wrap_future(future))
        except LearningError as error:
            words = refused(number, error)
        try:
            await self.say(words)
        except OSError:
            return  # the socket is gone; `disconnect` follows


@database_sync_to_async
def _check_visible(person: object, checkpoint: int) -> None:
    if not Checkpoint.objects.visible_to(person).filter(pk=checkpoint).exists():
        raise MissingError("The checkpoint that was served here is gone.")
