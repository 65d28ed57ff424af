"""Who gets in at the sockets, and who is shown out again."""

from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.utils import timezone

from practice.live.guarded import GuardedConsumer
from practice.models import ApiToken, User
from practice.services.people import issue_token
from tests.live.helpers import Socket, committed, cookie_of

pytestmark = committed
in_database = database_sync_to_async


LIVE, EVENTS = "/ws/live/", "/ws/events/"
both = pytest.mark.parametrize("path", [LIVE, EVENTS])


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door is watched closely."""
    monkeypatch.setattr(GuardedConsumer, "recheck_seconds", 0.05)


async def token_of(person: User, **changes: Any) -> tuple[ApiToken, str]:
    """A token of this person."""
    return await in_database(issue_token)(person, by=person, name="test", **changes)


async def opened(socket: Socket) -> Socket:
    """The same socket, accepted but not yet served."""
    assert await socket.connect()
    return socket


async def serves(socket: Socket) -> bool:
    """Whether a message is answered, if only by saying that it is not understood."""
    await socket.say({"nonsense": 1})
    answer = await socket.hear(lambda words: words.get("type") == "error")
    return "understands" in answer["text"]


@both
async def test_a_viewer_signed_in_is_served(path: str, vera: User) -> None:
    socket = await Socket.of(path, vera)
    assert await serves(socket)
    await socket.disconnect()


@both
async def test_a_stranger_gets_nothing(
    path: str, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedConsumer, "sign_in_seconds", 0.05)
    socket = await opened(Socket(path))
    code, reason = await socket.closed()
    assert code == 4401
    assert "Sign in" in reason


async def test_a_stranger_who_talks_gets_nothing(db: None) -> None:
    socket = await opened(Socket(LIVE))
    await socket.say({"subscribe": ["overview"]})
    assert (await socket.closed())[0] == 4401


async def test_a_cookie_of_no_session_gets_nothing(db: None) -> None:
    socket = await opened(Socket(LIVE, cookie="efm_session=abcdefgh"))
    assert (await socket.closed())[0] == 4401


async def test_another_site_is_refused_at_the_door(vera: User) -> None:
    socket = Socket(LIVE, cookie=await in_database(cookie_of)(vera))
    socket.scope["headers"][1] = (b"origin", b"http://localhost:9999")
    assert not await socket.connect()


async def test_a_person_without_a_role_is_refused(vera: User) -> None:
    await in_database(vera.groups.clear)()
    socket = await opened(Socket(LIVE, cookie=await in_database(cookie_of)(vera)))
    assert (await socket.closed())[0] == 4403


async def test_a_closed_account_is_refused(vera: User) -> None:
    cookie = await in_database(cookie_of)(vera)
    await in_database(User.objects.filter(pk=vera.pk).update)(is_active=False)
    socket = await opened(Socket(LIVE, cookie=cookie))
    assert (await socket.closed())[0] == 4401


async def test_a_token_in_the_header_is_served(vera: User) -> None:
    _, secret = await token_of(vera, read_only=True)
    socket = await opened(Socket(LIVE, token=secret, origin=False))
    assert await serves(socket)
    await socket.disconnect()


async def test_a_token_in_the_first_message_is_served(vera: User) -> None:
    _, secret = await token_of(vera)
    socket = await opened(Socket(LIVE))
    await socket.say({"token": secret})
    assert await serves(socket)
    await socket.disconnect()


async def test_a_token_in_the_address_is_not_looked_at(vera: User) -> None:
    _, secret = await token_of(vera)
    socket = await opened(Socket(f"{LIVE}?token={secret}", cookie="efm_session=abcdefgh"))
    assert (await socket.closed())[0] == 4401


async def test_an_unknown_token_is_refused(db: None) -> None:
    for secret in ("efm_" + "0" * 60, "ä", "x y"):
        socket = Socket(LIVE, token="x", origin=False)
        socket.scope["headers"][-1] = (b"authorization", f"Token {secret}".encode("latin1"))
        code, reason = await (await opened(socket)).closed()
        assert code == 4401
        assert "token" in reason


async def test_an_expired_token_is_refused(vera: User) -> None:
    token, secret = await token_of(vera)
    past = timezone.now() - timedelta(seconds=1)
    await in_database(ApiToken.objects.filter(pk=token.pk).update)(expiry=past)
    socket = await opened(Socket(LIVE, token=secret, origin=False))
    assert (await socket.closed())[0] == 4401


@both
@pytest.mark.usefixtures("soon")
async def test_signing_out_ends_the_socket(path: str, vera: User) -> None:
    socket = await Socket.of(path, vera)
    assert await serves(socket)
    await in_database(Session.objects.all().delete)()
    assert await code_after_notes(socket) == 4401


@pytest.mark.usefixtures("soon")
async def test_a_revoked_token_ends_the_socket(vera: User) -> None:
    token, secret = await token_of(vera)
    socket = await opened(Socket(LIVE, token=secret, origin=False))
    assert await serves(socket)
    await in_database(token.delete)()
    assert await code_after_notes(socket) == 4401


@pytest.mark.usefixtures("soon")
async def test_a_role_taken_away_ends_the_socket(vera: User) -> None:
    socket = await Socket.of(LIVE, vera)
    assert await serves(socket)
    await in_database(Group.objects.all().delete)()
    assert await code_after_notes(socket) == 4403


async def test_a_message_too_long_ends_the_socket(vera: User) -> None:
    socket = await Socket.of(LIVE, vera)
    await socket.say({"subscribe": ["x" * 5000]})
    assert await code_after_notes(socket) == 1009


async def test_what_is_no_object_is_answered_with_a_sentence(vera: User) -> None:
    socket = await Socket.of(EVENTS, vera)
    for text in ("", "{", "[]", "3", '"token"'):
        await socket.write(text)
        answer = await socket.hear()
        assert answer == {
            "type": "error",
            "code": "invalid",
            "text": "Send one JSON object as text.",
        }
    assert await serves(socket)
    await socket.disconnect()


async def code_after_notes(socket: Socket) -> int:
    """The code it closes with, after whatever was under way."""
    while True:
        message = await socket.take()
        if message["type"] == "websocket.close":
            return int(message["code"])
