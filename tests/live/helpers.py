"""Sockets for tests: the site's own routing and origin check, a cookie or a token at the door."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.apps import apps
from django.conf import settings
from django.test import Client

from efmweb.origin import SameOrigin
from practice.frames.connect import live_keys
from practice.frames.format import FleetFrame, pack, unpack
from practice.frames.store import FrameStore
from practice.live.routing import websocket_urlpatterns
from practice.models import User
from tests.frames.helpers import drawn, make_tick

HERE = (b"host", b"localhost"), (b"origin", b"http://localhost")
PATIENCE = 10

committed = pytest.mark.django_db(
    transaction=True, available_apps=[each.name for each in apps.get_app_configs()]
)
"""Sockets ask the database on threads of their own, so rows must be committed. Naming the apps lets
the clean-up truncate tables that refer to ours from outside the models we use, as knox's own does.
"""


def cookie_of(person: User) -> str:
    """The Cookie header of a browser in which this person has signed in."""
    client = Client()
    client.force_login(person)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


class Socket(ApplicationCommunicator):
    """A page's or program's end of a socket. (Channels' own one needs Daphne, which we have not.)"""

    def __init__(
        self,
        path: str,
        *,
        cookie: str = "",
        token: str = "",
        origin: bool = True,
        application: Any = None,
    ) -> None:
        headers = list(HERE if origin else HERE[:1])
        if cookie:
            headers.append((b"cookie", cookie.encode()))
        if token:
            headers.append((b"authorization", f"Token {token}".encode()))
        parts = urlsplit(path)
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": headers,
            "subprotocols": [],
        }
        routes: Any = application or SameOrigin(URLRouter(websocket_urlpatterns))
        super().__init__(routes, self.scope)  # type: ignore[no-untyped-call]

    async def put(self, message: dict[str, Any]) -> None:
        """Send an ASGI message."""
        await self.send_input(message)  # type: ignore[no-untyped-call]

    async def take(self) -> dict[str, Any]:
        """The next ASGI message."""
        message: dict[str, Any] = await self.receive_output(PATIENCE)  # type: ignore[no-untyped-call]
        return message

    async def connect(self) -> bool:
        """Whether the handshake is accepted."""
        await self.put({"type": "websocket.connect"})
        return bool((await self.take())["type"] == "websocket.accept")

    async def disconnect(self) -> None:
        """Go away, and see the application end."""
        await self.put({"type": "websocket.disconnect", "code": 1000})
        await self.wait(PATIENCE)  # type: ignore[no-untyped-call]

    @classmethod
    async def of(cls, path: str, person: User) -> "Socket":
        """A connected socket of somebody signed in."""
        socket = cls(path, cookie=await database_sync_to_async(cookie_of)(person))
        assert await socket.connect()
        return socket

    async def say(self, words: Any) -> None:
        """Send JSON."""
        await self.write(json.dumps(words))

    async def write(self, text: str) -> None:
        """Send text."""
        await self.put({"type": "websocket.receive", "text": text})

    async def hear(self, wanted: Callable[[dict[str, Any]], Any] = lambda words: True) -> Any:
        """The next JSON message that is wanted; others are passed over."""
        while True:
            message = await self.take()
            assert message["type"] == "websocket.send", message
            if message.get("text") is not None and wanted(words := json.loads(message["text"])):
                return words

    async def see(self) -> FleetFrame:
        """The next frame."""
        while True:
            message = await self.take()
            assert message["type"] == "websocket.send", message
            if message.get("bytes") is not None:
                return unpack(message["bytes"])

    async def closed(self) -> tuple[int, str]:
        """The code and sentence it is closed with; no frame and no event may come before."""
        message = await self.take()
        assert message["type"] == "websocket.close", message
        return message["code"], message.get("reason", "")


def show(run: int, **changes: Any) -> None:
    """Store and announce one frame of a run, as its sink does for those who watch."""
    with redis.Redis.from_url(settings.EFM_REDIS_URL) as client:
        store, tick = FrameStore(client, live_keys(run)), make_tick(**changes)
        frame = drawn(tick, store.wants(len(tick.step)), run=run, number=tick.iteration)
        store.put(pack(frame), tick.iteration)


async def show_until(run: int, done: Callable[[], bool]) -> None:
    """Show frames, numbered by iteration, until `done`."""
    for iteration in range(1, 500):
        await asyncio.to_thread(show, run, iteration=iteration)
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("Five hundred frames were not enough.")
