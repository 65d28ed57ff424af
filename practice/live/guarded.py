"""The part that both sockets share: nobody is served before they are known, nor after they left."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any, ClassVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from redis.exceptions import RedisError

from practice.errors import InvalidError, PracticeError
from practice.live.entry import Entry, SignInError, entry_from_headers, entry_from_token, person_at
from practice.models import User

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 4096
"""Characters of a message from a page or program; all we know are far shorter."""

CLOSE_CODES = {401: 4401, 403: 4403, 404: 4404}
TRY_AGAIN = 1013
TOO_BIG = 1009
LONGEST_REASON = 120
"""Bytes that a closing frame holds for its sentence, less a few."""


class GuardedConsumer(AsyncWebsocketConsumer):
    """A socket for people with a role.

    The socket is accepted first, for a browser learns the code only of a socket that was open:
    4401 not signed in, 4403 not allowed, 4404 no such run. Until then nothing is sent.
    """

    sign_in_seconds: ClassVar[float] = 5.0
    """How long somebody who showed nothing may take to send {"token": ...}."""

    recheck_seconds: ClassVar[float] = 30.0
    """How often it is asked again who is there and what they may see."""

    longest_bytes: int = LONGEST_MESSAGE
    """Of a binary message."""

    person: User | None = None
    _entry = Entry()
    _leaving = False
    _tasks: set[asyncio.Task[None]]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket; services that are away close it with "try again later"."""
        try:
            await super().__call__(scope, receive, send)
        except (RedisError, DatabaseError):
            await self._close(TRY_AGAIN, "A service does not answer; try again in a moment.")
        finally:
            self._leaving = True
            await self._end_tasks()
            if self.person is not None:
                await self.left()

    async def connect(self) -> None:
        """Accept, then find out who it is."""
        self._tasks = set()
        await self.accept()
        self._entry = entry_from_headers(list(self.scope.get("headers", [])))
        if self._entry.empty:
            self.start(self._wait_for_token())
        else:
            await self._let_in()

    async def disconnect(self, code: int) -> None:
        """The socket is closed."""
        self._leaving = True

    async def dispatch(self, message: Any) -> None:
        """Hand over a message. What comes from the client skips Channels' look after old database
        connections, a thread's work each time: handlers that ask the database do it themselves.
        """
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Read one message and answer what cannot be understood with one sentence."""
        if self._leaving:
            return
        if len(text_data or "") > LONGEST_MESSAGE or len(bytes_data or b"") > self.longest_bytes:
            most = LONGEST_MESSAGE if text_data else self.longest_bytes
            await self._close(TOO_BIG, f"A message may have {most} characters at most.")
            return
        try:
            if bytes_data is not None and self.person is not None:
                await self.got(bytes_data)
                return
            words = _read(text_data)
            if self.person is None:
                await self._show_token(words)
            else:
                await self.heard(words)
        except PracticeError as error:
            if isinstance(error, SignInError) or self.person is None:
                await self._refuse(error)
            else:
                await self.say({"type": "error", "code": error.code, "text": error.message})

    async def entered(self) -> None:
        """The person is known; begin to serve. May raise PracticeError to refuse."""

    async def heard(self, words: dict[str, Any]) -> None:
        """A message came from a person who is known."""
        raise NotImplementedError

    async def got(self, data: bytes) -> None:
        """A binary message came from a person who is known."""
        raise InvalidError("Send one JSON object as text.")

    async def allowed(self) -> None:
        """Check again, every half minute, what is being served. May raise PracticeError."""

    async def left(self) -> None:
        """The socket of a known person has ended, in whatever way."""

    async def say(self, words: dict[str, Any]) -> None:
        """Send JSON."""
        await self.send(text_data=json.dumps(words, separators=(",", ":")))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the socket, until it closes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A socket does not go on without a part of it: that part might have been the one that checks who is there."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._leaving:
            log.error("A part of a socket has failed.", exc_info=error)
            self.start(self._close(TRY_AGAIN, "The server failed at this; try again."))

    async def _wait_for_token(self) -> None:
        await asyncio.sleep(self.sign_in_seconds)
        if self.person is None:
            await self._refuse(SignInError("Sign in, or send a token, to use this socket."))

    async def _show_token(self, words: dict[str, Any]) -> None:
        token = words.get("token")
        if not isinstance(token, str) or not token:
            raise SignInError('Send {"token": "..."} first, or sign in.')
        self._entry = entry_from_token(token)
        await self._let_in()

    async def _let_in(self) -> None:
        """Find the person and begin to serve, or say why not and close."""
        try:
            self.person = await person_at(self._entry)
            await self.entered()
        except PracticeError as error:
            await self._refuse(error)
        else:
            self.start(self._recheck())

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(self.recheck_seconds)
            try:
                self.person = await person_at(self._entry)
                await self.allowed()
            except PracticeError as error:
                return await self._refuse(error)
            except DatabaseError:
                return await self._close(TRY_AGAIN, "The database does not answer; try again.")

    async def _refuse(self, error: PracticeError) -> None:
        await self._close(CLOSE_CODES.get(error.status, 4400), error.message)

    async def _close(self, code: int, reason: str) -> None:
        """Close once, with a sentence; a socket already gone is no trouble."""
        if self._leaving:
            return
        self._leaving = True
        try:
            await self.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
        except OSError:
            return

    async def _end_tasks(self) -> None:
        tasks = [task for task in getattr(self, "_tasks", ()) if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _read(text: str | None) -> dict[str, Any]:
    """The JSON object in a message."""
    try:
        words = json.loads(text or "")
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, dict):
        raise InvalidError("Send one JSON object as text.")
    return words
