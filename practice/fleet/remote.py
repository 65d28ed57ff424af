"""A policy that thinks on another host. For robots: no torch, no GPU, no Django.

    with RemotePolicy("ws://gpu-host:8100/ws/inference/", token, robot="left") as policy:
        while True:
            try:
                robot.move(policy.act(camera.read(), "push the red moon").action)
            except InferenceError:
                robot.hold()

`act` keeps to its deadline whatever the network does: a thread of its own holds the connection and comes back for ever.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswerError
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from models_store.errors import LearningError
from practice.fleet.inference.answers import Answer, EndedError, LateError
from practice.fleet.inference.wire import Asked, answer_in, pack

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before one more attempt to connect; the last for ever."""

_OPEN_WITHIN = 10.0
_LONGEST_ANSWER = 2**20
_FINAL = (4401, 4403, 4404)
"""Close codes: not signed in, not allowed, gone."""


class RemotePolicy:
    """One robot's end of an inference server."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        robot: str = "robot",
        deadline_s: float = 0.1,
        jpeg_quality: int | None = None,
    ) -> None:
        """Connects at once, in a thread. Pictures go as JPEG of this quality, or exact."""
        self._url, self._token, self._robot = url, token, robot
        self._deadline_s, self._quality = deadline_s, jpeg_quality
        self._number = 0
        self._refusal = ""
        self.facts: dict[str, Any] = {}
        """What is served: policy, task, features, action_size; empty until the first connection stands."""

        self._ready = threading.Event()
        self._socket: ClientConnection | None = None
        self._waiting: dict[int, Future[Answer]] = {}
        self._sending = False
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._stay())
        self._thread = threading.Thread(target=self._run, name="remote-policy", daemon=True)
        self._thread.start()

    def wait(self, seconds: float = 30.0) -> Self:
        """Until it is connected.

        Raises:
            LearningError: the server does not let this robot in.
            LateError: there was no connection for so long.
        """
        if not self._ready.wait(seconds):
            raise LateError(f"There is no connection to {self._url} after {seconds:g} s.")
        if self._refusal:
            raise LearningError(self._refusal)
        return self

    def act(
        self,
        observation: Mapping[str, NDArray[Any]],
        instruction: str,
        *,
        episode: int = 0,
        deadline_s: float | None = None,
    ) -> Answer:
        """What to do now? Arrays of one robot, name -> (...); the newest frame alone.

        Raises:
            InferenceError: there is no answer in time, `LateError` as a rule; the robot holds.
            LearningError: the server does not let this robot in, or the question is not what the policy reads.
        """
        given = self._deadline_s if deadline_s is None else deadline_s
        over = time.monotonic() + given
        if self._refusal:
            raise LearningError(self._refusal)
        socket = self._socket
        if socket is None:
            raise LateError(f"There is no connection to {self._url}; it is tried again.")
        if self._sending:
            raise LateError("The last question is still on its way; the network is too slow.")
        self._number += 1
        number, arrays = self._number, {name: np.asarray(one) for name, one in observation.items()}
        asked = Asked(number, self._robot, episode, instruction, given, arrays)
        message = pack(asked, jpeg_quality=self._quality)
        answer = self._waiting[number] = Future()
        self._sending = True
        asyncio.run_coroutine_threadsafe(self._send(socket, message), self._loop)
        try:
            return answer.result(max(over - time.monotonic(), 0.0))
        except NoAnswerError as error:
            raise LateError(f"There is no answer after {1_000 * given:.0f} ms.") from error
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Hang up."""
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def __enter__(self) -> Self:
        """Wait for the connection."""
        try:
            return self.wait()
        except LearningError:
            self.close()
            raise

    def __exit__(self, *_error: object) -> None:
        """Hang up."""
        self.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass  # hung up
        finally:
            self._lose()
            self._loop.close()

    async def _stay(self) -> None:
        """Connect, listen, and come back, until the server says that this robot may not."""
        failures = 0
        while not self._refusal:
            try:
                async with connect(
                    self._url,
                    additional_headers={"Authorization": f"Token {self._token}"},
                    compression=None,
                    open_timeout=_OPEN_WITHIN,
                    max_size=_LONGEST_ANSWER,
                ) as socket:
                    failures = 0
                    await self._listen(socket)
            except (ConnectionClosed, InvalidURI, InvalidHandshake) as error:
                self._refusal = _refusal(error)
            except (OSError, TimeoutError, ValueError):
                pass  # nobody there, or nobody who speaks as we do
            self._lose()
            if not self._refusal:
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
        self._ready.set()

    async def _listen(self, socket: ClientConnection) -> None:
        async for message in socket:
            words = json.loads(message)
            if not isinstance(words, dict):
                raise ValueError("This is no inference server.")
            if words.get("type") == "ready":
                self.facts, self._socket = words, socket
                self._ready.set()
                continue
            number = words.get("number")
            waiting = self._waiting.pop(number, None) if isinstance(number, int) else None
            if waiting is None:
                continue  # too late: nobody waits for it any more
            try:
                waiting.set_result(answer_in(words))
            except LearningError as error:
                waiting.set_exception(error)

    async def _send(self, socket: ClientConnection, message: bytes) -> None:
        try:
            await socket.send(message)
        except (ConnectionClosed, OSError):
            self._lose()
        finally:
            self._sending = False

    def _lose(self) -> None:
        """There is no connection; nobody waits for an answer over it."""
        self._socket = None
        for number in list(self._waiting):
            waiting = self._waiting.pop(number, None)
            if waiting is not None:
                waiting.set_exception(EndedError("The connection broke; it is tried again."))


def _refusal(error: Exception) -> str:
    """The sentence of an end that trying again does not change; "" for any other."""
    if isinstance(error, ConnectionClosed):
        end = error.rcvd
        return end.reason if end is not None and end.code in _FINAL else ""
    if isinstance(error, InvalidStatus):
        refused = error.response.status_code == HTTPStatus.FORBIDDEN
        return "The server does not take this address: see ALLOWED_HOSTS there." if refused else ""
    return str(error) if isinstance(error, InvalidURI) else ""
