"""A robot's end: it gets its answer in time or holds, whatever the network and the server do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from models_store.errors import LearningError
from practice.fleet.inference.answers import (
    Answer,
    BusyError,
    EndedError,
    InferenceError,
    LateError,
)
from practice.fleet.inference.features import features_of
from practice.fleet.inference.wire import refused, told, unpack
from practice.fleet.remote import RemotePolicy
from tests.fleet.asking import SPEC, TEXT, sight

ANSWER = Answer(np.array([1.0, 2.0], dtype=np.float32), -1.0, 3.0, False, "stub")
FOREVER = 60.0
Talk = Callable[[ServerConnection], Awaitable[None]]


class Stub:
    """A server that says what a test wants it to say."""

    def __init__(self, talk: Talk) -> None:
        self.talk, self.visits, self.token = talk, 0, ""
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._server: Server
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(FOREVER)

    async def _run(self) -> None:
        self._end = asyncio.Event()
        async with serve(self._visit, "127.0.0.1", 0) as self._server:
            self.port = next(iter(self._server.sockets)).getsockname()[1]
            self._ready.set()
            await self._end.wait()

    async def _visit(self, socket: ServerConnection) -> None:
        self.visits += 1
        assert socket.request is not None
        self.token = socket.request.headers.get("Authorization", "")
        await self.talk(socket)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/inference/"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()


@pytest.fixture
def stub() -> Iterator[Callable[[Talk], Stub]]:
    made: list[Stub] = []

    def make(talk: Talk) -> Stub:
        made.append(Stub(talk))
        return made[-1]

    yield make
    for one in made:
        one.close()


def talking(reply: Callable[[int], dict[str, Any] | None]) -> Talk:
    """Ready, then `reply(number)` to each question; None: nothing."""

    async def talk(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "ready", "policy": "stub"}))
        async for message in socket:
            assert isinstance(message, bytes)
            words = reply(unpack(message, features_of(SPEC)).number)
            if words is not None:
                await socket.send(json.dumps(words))

    return talk


def test_a_robot_asks_in_a_few_lines(stub: Callable[[Talk], Stub]) -> None:
    server = stub(talking(lambda number: told(number, ANSWER)))
    with RemotePolicy(server.url, "efm_secret", robot="left", deadline_s=FOREVER) as policy:
        answers = [policy.act(sight(step), TEXT) for step in range(3)]
    assert [one.action.tolist() for one in answers] == [[1.0, 2.0]] * 3
    assert server.token == "Token efm_secret"
    assert policy.facts["policy"] == "stub"


def test_no_answer_in_time_is_late_and_an_old_answer_is_never_taken_for_a_new_one(
    stub: Callable[[Talk], Stub],
) -> None:
    """The first question is answered only after the second was asked."""

    def reply(number: int) -> dict[str, Any] | None:
        return None if number == 1 else told(1, ANSWER) if number == 2 else told(number, ANSWER)

    server = stub(talking(reply))
    with RemotePolicy(server.url, "t") as policy:
        for _ in range(2):
            with pytest.raises(LateError, match="no answer after 50 ms"):
                policy.act(sight(0), TEXT, deadline_s=0.05)
        assert policy.act(sight(0), TEXT, deadline_s=FOREVER).policy == "stub"


@pytest.mark.parametrize("error", [LateError("late"), BusyError("busy", 2.0), LearningError("no")])
def test_why_there_is_no_answer_is_what_the_server_says(
    error: LearningError, stub: Callable[[Talk], Stub]
) -> None:
    server = stub(talking(lambda number: refused(number, error)))
    with (
        RemotePolicy(server.url, "t") as policy,
        pytest.raises(type(error), match=str(error)) as caught,
    ):
        policy.act(sight(0), TEXT, deadline_s=FOREVER)
    assert isinstance(caught.value, InferenceError) == isinstance(error, InferenceError)


def test_a_broken_connection_is_made_again(stub: Callable[[Talk], Stub]) -> None:
    async def talk(socket: ServerConnection) -> None:
        if server.visits == 1:
            await socket.send(json.dumps({"type": "ready", "policy": "stub"}))
            await socket.recv()
            await socket.close(1013, "Come back.")
        else:
            await talking(lambda number: told(number, ANSWER))(socket)

    server = stub(talk)
    with RemotePolicy(server.url, "t", deadline_s=FOREVER) as policy:
        with pytest.raises(EndedError, match="broke"):
            policy.act(sight(0), TEXT)
        again = threading.Event()
        while True:  # it holds until the line stands again
            try:
                answer = policy.act(sight(0), TEXT)
                break
            except LateError:
                again.wait(0.01)
    assert answer.policy == "stub"
    assert server.visits == 2


def test_without_a_server_a_robot_holds_and_does_not_wait() -> None:
    policy = RemotePolicy("ws://127.0.0.1:9/ws/inference/", "t", deadline_s=FOREVER)
    with pytest.raises(LateError, match="no connection"):
        policy.act(sight(0), TEXT)
    policy.close()


@pytest.mark.parametrize("code", [4401, 4403])
def test_who_is_not_let_in_is_told_why_and_does_not_come_again(
    code: int, stub: Callable[[Talk], Stub]
) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.close(code, "This token has ended.")

    server = stub(talk)
    policy = RemotePolicy(server.url, "t")
    with pytest.raises(LearningError, match="This token has ended"):
        policy.wait(FOREVER)
    with pytest.raises(LearningError, match="This token has ended"):
        policy.act(sight(0), TEXT)
    policy.close()
    assert server.visits == 1


def test_a_server_of_another_kind_breaks_nothing(stub: Callable[[Talk], Stub]) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send("[1]" if server.visits == 1 else "hello" if server.visits == 2 else "{}")
        if server.visits > 2:
            await talking(lambda number: told(number, ANSWER))(socket)

    server = stub(talk)
    with RemotePolicy(server.url, "t", deadline_s=FOREVER) as policy:
        assert policy.act(sight(0), TEXT).policy == "stub"


def test_a_robot_needs_neither_torch_nor_django() -> None:
    code = "import sys, practice.fleet.remote; print([m for m in ('torch', 'django') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
