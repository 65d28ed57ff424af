"""Robots at the socket: who may ask, what is answered, and what hostile bytes come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from channels.db import database_sync_to_async

from efmweb.inference import application
from practice.fleet.inference.server import InferenceServer
from practice.fleet.inference.thinking import Thinker
from practice.fleet.inference.wire import Asked, longest, pack
from practice.live.guarded import GuardedConsumer
from practice.live.inference import MOST_ROBOTS, Served
from practice.models import ApiToken, User
from practice.services.people import issue_token
from tests.factories import make_checkpoint
from tests.fleet.asking import TEXT, model, sight
from tests.live.helpers import Socket, committed

pytestmark = committed
in_database = database_sync_to_async
PATH = "/ws/inference/"


@pytest.fixture
def served(db: None) -> Iterator[Served]:
    """A tiny policy of a checkpoint, and its judge."""
    thinker = Thinker(model(), model(1), name="tiny", threshold=1e6)
    with InferenceServer(thinker) as server:
        checkpoint = make_checkpoint()
        yield Served(server, checkpoint.pk, thinker.features, {"policy": "tiny"})


async def token_of(person: User, **changes: Any) -> str:
    return (await in_database(issue_token)(person, by=person, name="robot", **changes))[1]


async def opened(served: Served, person: User, **changes: Any) -> Socket:
    """A socket that shows a token of this person."""
    token = await token_of(person, **changes)
    socket = Socket(PATH, token=token, origin=False, application=application(served))
    assert await socket.connect()
    return socket


@pytest.fixture
async def robot(served: Served, otto: User) -> AsyncIterator[Socket]:
    """A robot of an operator, told what is served."""
    socket = await opened(served, otto)
    assert await socket.hear() == {"type": "ready", "policy": "tiny"}
    yield socket
    await socket.disconnect()


def question(number: int = 1, robot: str = "left", **changes: Any) -> bytes:
    asked = {"episode": 0, "instruction": TEXT, "deadline_s": 30.0, "observation": sight(number)}
    return pack(Asked(number=number, robot=robot, **{**asked, **changes}))


async def ask(socket: Socket, data: bytes) -> None:
    await socket.put({"type": "websocket.receive", "bytes": data})


async def test_a_robot_asks_and_is_answered(robot: Socket) -> None:
    await ask(robot, question(5))
    words = await robot.hear()
    assert (words["type"], words["number"], words["policy"]) == ("answer", 5, "tiny")
    assert len(words["action"]) == 2
    assert words["done"] is True


async def test_what_cannot_be_read_gets_a_sentence_and_spoils_nothing(robot: Socket) -> None:
    await ask(robot, b"\x80\x04pickle")
    words = await robot.hear()
    assert (words["type"], words["number"], words["code"]) == ("refused", None, "invalid")
    assert words["text"].endswith(".")
    await ask(robot, question(6, instruction="!"))
    assert "holds no word" in (await robot.hear())["text"]
    await robot.write('{"question": 1}')
    assert "as binary messages" in (await robot.hear())["text"]
    await robot.write("[" * 4_000)
    assert "one JSON object" in (await robot.hear())["text"]
    await ask(robot, question(7))
    assert (await robot.hear())["number"] == 7


async def test_a_message_longer_than_any_question_ends_the_socket(
    robot: Socket, served: Served
) -> None:
    await ask(robot, b"x" * (longest(served.features) + 1))
    code, reason = await robot.closed()
    assert code == 1009
    assert "at most" in reason


async def test_a_socket_speaks_for_a_bounded_number_of_robots(robot: Socket) -> None:
    for number in range(MOST_ROBOTS + 1):
        await ask(robot, question(number, robot=f"robot-{number}"))
    told = [await robot.hear() for _ in range(MOST_ROBOTS + 1)]
    assert [words["type"] for words in told].count("answer") == MOST_ROBOTS
    assert any("at most" in words.get("text", "") for words in told)


async def test_a_viewer_may_not_have_it_act(served: Served, vera: User) -> None:
    socket = await opened(served, vera)
    assert (await socket.closed())[0] == 4403


async def test_a_token_that_may_only_read_may_not_either(served: Served, otto: User) -> None:
    socket = await opened(served, otto, read_only=True)
    code, reason = await socket.closed()
    assert code == 4403
    assert "may only read" in reason


async def test_a_stranger_is_not_even_let_in(served: Served) -> None:
    socket = Socket(PATH, origin=False, application=application(served))
    assert not await socket.connect()


async def test_a_token_taken_away_ends_the_socket(
    served: Served, otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedConsumer, "recheck_seconds", 0.05)
    socket = await opened(served, otto)
    await socket.hear()
    await in_database(ApiToken.objects.all().delete)()
    assert (await socket.closed())[0] == 4401


async def test_robots_of_one_name_belong_to_their_people(
    robot: Socket, served: Served, ada: User
) -> None:
    """Neither takes the other's question away."""
    theirs = await opened(served, ada)
    await theirs.hear()
    served.server.pause(0.5)
    for socket in (robot, theirs):
        await ask(socket, question(1))
    served.server.resume()
    assert [(await socket.hear())["type"] for socket in (robot, theirs)] == ["answer", "answer"]
    await theirs.disconnect()


async def test_a_robot_that_comes_back_keeps_its_place(served: Served, otto: User) -> None:
    """The old socket's end, noticed late, takes nothing from the new one."""
    old, new = await opened(served, otto), await opened(served, otto)
    for socket in (old, new):
        await socket.hear()
        await ask(socket, question(1))
        assert (await socket.hear())["type"] == "answer"
    served.server.pause(0.5)
    await ask(new, question(2))
    await asyncio.sleep(0)
    await old.disconnect()
    served.server.resume()
    words = await new.hear()
    assert (words["type"], words["number"]) == ("answer", 2)
    await new.disconnect()
    assert served.owners == {}
