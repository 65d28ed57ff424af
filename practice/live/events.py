"""/ws/events/: hints that rows have changed. A page refetches what it shows when it sees a gap."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from django.core.cache import cache
from redis.exceptions import RedisError

from practice.errors import InvalidError, MissingError
from practice.events import OVERVIEW, group_name, number_key
from practice.live.guarded import GuardedConsumer
from practice.models import Run

MOST_TOPICS = 32
_RUN_TOPIC = re.compile(r"run\.(\d{1,15})", re.ASCII)


class EventsConsumer(GuardedConsumer):
    """Takes {"subscribe": [topics]} and {"unsubscribe": [topics]}; topics are "overview" and
    "run.<id>". Each is answered with {"subscribed": topic, "number": n}, n being the number of the
    newest event, and followed by {"topic", "number", "event", "data"}.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Subscribed to nothing."""
        super().__init__(*args, **kwargs)
        self._topics: set[str] = set()

    async def heard(self, words: dict[str, Any]) -> None:
        """Join or leave topics."""
        if "subscribe" in words:
            for topic in _topics_in(words["subscribe"]):
                await self._join(topic)
        elif "unsubscribe" in words:
            for topic in _topics_in(words["unsubscribe"]):
                await self._leave(topic)
        else:
            raise InvalidError('This socket understands {"subscribe": [...]} and "unsubscribe".')

    async def allowed(self) -> None:
        """Every topic may still be seen."""
        for topic in self._topics:
            await may_hear(self.person, topic)

    async def left(self) -> None:
        """Leave the groups."""
        with suppress(RedisError):  # groups forget a socket by themselves
            for topic in list(self._topics):
                await self._leave(topic)

    async def event(self, message: dict[str, Any]) -> None:
        """An event of a topic this person has joined."""
        if message["topic"] in self._topics:
            await self.say({key: message[key] for key in ("topic", "number", "event", "data")})

    async def _join(self, topic: str) -> None:
        await may_hear(self.person, topic)
        if topic not in self._topics and len(self._topics) >= MOST_TOPICS:
            raise InvalidError(f"A socket takes {MOST_TOPICS} topics at most; open another.")
        self._topics.add(topic)
        await self.channel_layer.group_add(group_name(topic), self.channel_name)
        # Read after joining: what happens in between arrives as an event, so none is missed.
        await self.say({"subscribed": topic, "number": await newest_number(topic)})

    async def _leave(self, topic: str) -> None:
        if topic in self._topics:
            self._topics.discard(topic)
            await self.channel_layer.group_discard(group_name(topic), self.channel_name)


@database_sync_to_async
def may_hear(person: object, topic: str) -> None:
    """Refuse a topic that does not exist or may not be heard.

    Raises:
        MissingError: with the topics there are.
    """
    match = _RUN_TOPIC.fullmatch(topic)
    if topic == OVERVIEW:
        return
    if match is None or not Run.objects.visible_to(person).filter(pk=match[1]).exists():
        raise MissingError(f'There is no topic {topic[:40]!r}; there are "overview" and "run.ID".')


async def newest_number(topic: str) -> int:
    """The number of a topic's newest event; 0 before the first."""
    return int(await cache.aget(number_key(topic), 0))


def _topics_in(value: Any) -> list[str]:
    """Topics as a page sends them."""
    if not isinstance(value, list) or not all(isinstance(topic, str) for topic in value):
        raise InvalidError('Topics are a list of text, as ["overview", "run.3"].')
    return value[: MOST_TOPICS + 1]
