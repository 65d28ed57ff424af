"""Events reach those who subscribed, numbered, and nobody else."""

from channels.db import database_sync_to_async

from practice.events import CheckpointAdded, LogAdded, publish
from practice.live import events
from practice.models import User
from tests.factories import make_run
from tests.live.helpers import Socket, committed

pytestmark = committed
in_database = database_sync_to_async


async def subscribed(person: User, *topics: str) -> tuple[Socket, list[int]]:
    """A socket that has subscribed, and the numbers it was told."""
    socket = await Socket.of("/ws/events/", person)
    await socket.say({"subscribe": list(topics)})
    numbers = [(await socket.hear(lambda words: "subscribed" in words))["number"] for _ in topics]
    return socket, numbers


async def quiet(socket: Socket) -> bool:
    """Whether nothing more comes."""
    return bool(await socket.receive_nothing())  # type: ignore[no-untyped-call]


async def test_an_event_comes_with_the_next_number(vera: User) -> None:
    run = await in_database(make_run)()
    socket, (number,) = await subscribed(vera, f"run.{run.pk}")
    for last in (7, 8):
        await in_database(publish)(LogAdded(run=run.pk, last=last))
    first, second = await socket.hear(), await socket.hear()
    assert first == {
        "topic": f"run.{run.pk}",
        "number": number + 1,
        "event": "log_added",
        "data": {"run": run.pk, "last": 7},
    }
    assert second["number"] == number + 2
    await socket.disconnect()


async def test_events_between_two_sockets_show_as_a_gap(vera: User) -> None:
    run = await in_database(make_run)()
    topic = f"run.{run.pk}"
    first, (before,) = await subscribed(vera, topic)
    await first.disconnect()
    await in_database(publish)(LogAdded(run=run.pk, last=1))
    second, (after,) = await subscribed(vera, topic)
    assert after == before + 1
    await second.disconnect()


async def test_only_topics_subscribed_to_come(vera: User) -> None:
    run, other = await in_database(make_run)(), await in_database(make_run)()
    socket, _ = await subscribed(vera, "overview", f"run.{run.pk}")
    await in_database(publish)(LogAdded(run=other.pk, last=1))
    await in_database(publish)(CheckpointAdded(run=run.pk, checkpoint=5))
    topics = {(await socket.hear())["topic"], (await socket.hear())["topic"]}
    assert topics == {"overview", f"run.{run.pk}"}
    assert await quiet(socket)
    await socket.disconnect()


async def test_leaving_a_topic_ends_its_events(vera: User) -> None:
    run = await in_database(make_run)()
    socket, _ = await subscribed(vera, f"run.{run.pk}", "overview")
    await socket.say({"unsubscribe": [f"run.{run.pk}"]})
    await socket.say({"subscribe": ["overview"]})  # answered after the topic has been left
    await socket.hear(lambda words: "subscribed" in words)
    await in_database(publish)(LogAdded(run=run.pk, last=1))
    assert await quiet(socket)
    await socket.disconnect()


async def test_a_topic_that_is_not_there_is_named(vera: User) -> None:
    socket = await Socket.of("/ws/events/", vera)
    for topic in ("run.999999", "run.x", "everything", "", "run.3.4", "run.٣"):
        await socket.say({"subscribe": [topic]})
        answer = await socket.hear()
        assert (answer["type"], answer["code"]) == ("error", "not_found")
        assert repr(topic) in answer["text"]
    await socket.disconnect()


async def test_topics_are_a_list_of_text(vera: User) -> None:
    socket = await Socket.of("/ws/events/", vera)
    for topics in ("overview", [1], {"overview": 1}, None):
        await socket.say({"subscribe": topics})
        assert "list of text" in (await socket.hear())["text"]
    await socket.disconnect()


async def test_a_socket_takes_so_many_topics(vera: User) -> None:
    runs = [await in_database(make_run)() for _ in range(3)]
    socket, _ = await subscribed(vera, "overview", *(f"run.{run.pk}" for run in runs))
    await socket.say({"subscribe": ["overview"] * 50})
    for _ in range(events.MOST_TOPICS + 1):  # what comes above the limit is not even read
        assert "subscribed" in await socket.hear()
    assert await quiet(socket)
    await socket.disconnect()
