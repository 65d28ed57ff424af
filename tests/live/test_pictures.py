"""The picture socket: what a viewer is shown, of which run, and that a slow one harms nobody."""

import asyncio
from typing import Any

import pytest
import redis
from channels.db import database_sync_to_async
from django.conf import settings

from practice.frames.connect import live_keys
from practice.live import hub, pictures
from practice.live.pictures import PicturesConsumer
from practice.models import Run, User
from tests.factories import make_run, make_running
from tests.frames.helpers import wait_for
from tests.live.helpers import Socket, committed, show, show_until

pytestmark = committed
in_database = database_sync_to_async


def running_fleet() -> Run:
    """A running practice run."""
    return make_running(make_run())


def asked_for(run: int, robot: int | None = None) -> bool:
    """Whether a reader asks for the run's pictures, or for this robot's closely."""
    keys = live_keys(run)
    with redis.Redis.from_url(settings.EFM_REDIS_URL) as client:
        return bool(client.exists(keys.watch if robot is None else keys.focus(robot)))


async def test_a_viewer_sees_the_newest_frame(vera: User) -> None:
    run = await in_database(running_fleet)()
    await asyncio.to_thread(show, run.pk, iteration=1)
    await asyncio.to_thread(show, run.pk, iteration=2)
    socket = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    frame = await socket.see()
    assert (frame.run, frame.iteration, len(frame.tiles)) == (run.pk, 2, 3)
    await socket.disconnect()


async def test_each_new_frame_comes_while_one_watches(vera: User) -> None:
    run = await in_database(running_fleet)()
    socket = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    await asyncio.to_thread(wait_for, lambda: asked_for(run.pk))
    seen: list[int] = []

    async def watch() -> None:
        while len(seen) < 5:
            seen.append((await socket.see()).iteration)
            await socket.say({"seen": len(seen)})

    watching = asyncio.create_task(watch())
    await show_until(run.pk, lambda: len(seen) >= 5)
    await watching
    assert seen == sorted(set(seen))
    await socket.disconnect()


async def test_a_viewer_who_never_answers_gets_few_frames_and_holds_nobody_up(vera: User) -> None:
    run = await in_database(running_fleet)()
    slow = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    quick = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    seen: list[int] = []

    async def watch() -> None:
        while len(seen) < 10:
            seen.append((await quick.see()).iteration)
            await quick.say({"seen": len(seen)})

    watching = asyncio.create_task(watch())
    await show_until(run.pk, lambda: len(seen) >= 10)
    await watching
    first, second = await slow.see(), await slow.see()
    assert first.iteration < second.iteration
    await slow.say({"seen": 2})
    assert (await slow.see()).iteration >= seen[-1]  # the newest, not the third
    await slow.disconnect()
    await quick.disconnect()


async def test_looking_closely_is_asked_for_and_served(vera: User) -> None:
    run = await in_database(running_fleet)()
    socket = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    await socket.say({"focus": {"run": run.pk, "robot": 1}})
    await asyncio.to_thread(wait_for, lambda: asked_for(run.pk, 1))
    await asyncio.to_thread(show, run.pk)
    frame = await socket.see()
    assert [tile.probs is not None for tile in frame.tiles] == [False, True, False]
    await socket.disconnect()


async def test_looking_at_what_is_not_there_is_answered(vera: User) -> None:
    run = await in_database(running_fleet)()
    socket = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    places: list[Any] = [3, "x", {"run": 0, "robot": 1}, {"run": run.pk}, {"run": [], "robot": 1}]
    for place in [*places, {"run": run.pk, "robot": -1}, {"run": run.pk, "robot": "1"}]:
        await socket.say({"focus": place})
        answer = await socket.hear(lambda words: words["type"] == "error")
        assert "focus" in answer["text"]
    await socket.disconnect()


async def test_a_run_that_is_not_there_closes_the_socket(vera: User) -> None:
    for asked in ("999999", "x", "-1", "9" * 30):
        socket = await Socket.of(f"/ws/live/?run={asked}", vera)
        code, reason = await socket.closed()
        assert code == 4404
        assert asked[:15] in reason


async def test_a_run_without_robots_has_no_pictures(vera: User) -> None:
    run = await in_database(make_run)(kind=Run.Kind.SFT)
    socket = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    assert (await socket.closed())[0] == 4404


async def test_a_run_that_goes_silent_says_so(vera: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "SILENT_AFTER", 0.2)
    monkeypatch.setattr(hub, "TEND_EVERY", 0.05)
    run = await in_database(running_fleet)()
    socket = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    words = {"type": "status", "run": run.pk, "state": "running"}
    assert await socket.hear(lambda w: w.get("frames") == "silent") == {**words, "frames": "silent"}
    await asyncio.to_thread(show, run.pk, iteration=77)
    assert await socket.hear(lambda w: w.get("frames") == "live") == {**words, "frames": "live"}
    assert await socket.hear(lambda w: w.get("frames") == "silent")
    await socket.disconnect()


async def test_without_a_run_all_that_are_running_are_shown(
    vera: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PicturesConsumer, "refresh_seconds", 0.1)
    first, second = await in_database(running_fleet)(), await in_database(make_run)()
    socket = await Socket.of("/ws/live/", vera)
    told = await socket.hear(lambda words: words["type"] == "runs")
    assert [row["id"] for row in told["runs"]] == [first.pk]
    await in_database(make_running)(second)
    told = await socket.hear(lambda words: len(words.get("runs", ())) == 2)
    await asyncio.to_thread(wait_for, lambda: asked_for(second.pk))
    await asyncio.to_thread(show, second.pk)
    assert (await socket.see()).run == second.pk
    await in_database(Run.objects.filter(pk=second.pk).update)(state=Run.State.SUCCEEDED)
    await socket.hear(lambda words: len(words.get("runs", ())) == 1)
    await socket.disconnect()


async def test_two_looks_at_once_leave_each_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []

    class SlowHubs:
        async def leave(self, run: int, _viewer: object) -> None:
            await asyncio.sleep(0.02)
            left.append(run)

    async def none_shown(_person: object, _asked: int | None) -> list[dict[str, Any]]:
        return []

    monkeypatch.setattr(pictures, "runs_shown", none_shown)
    monkeypatch.setattr(pictures, "hubs", lambda _state_of: SlowHubs())
    consumer = PicturesConsumer()
    consumer._watching = {run: hub.RunHub.__new__(hub.RunHub) for run in (1, 2)}
    await asyncio.gather(consumer._look(), consumer._look())
    assert sorted(left) == [1, 2]


async def test_a_socket_whose_part_has_failed_is_closed(
    vera: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: PicturesConsumer) -> None:
        raise KeyError(7)

    monkeypatch.setattr(PicturesConsumer, "_refresh", fail)
    socket = await Socket.of("/ws/live/", vera)
    await socket.hear(lambda words: words["type"] == "runs")
    assert await socket.closed() == (1013, "The server failed at this; try again.")


async def test_the_last_viewer_to_leave_ends_the_hub(vera: User) -> None:
    run = await in_database(running_fleet)()
    one = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    two = await Socket.of(f"/ws/live/?run={run.pk}", vera)
    await two.hear(lambda words: words["type"] == "status")
    known = hub.hubs(PicturesConsumer)  # type: ignore[arg-type]  # those of this loop exist
    assert list(known._hubs) == [run.pk]
    await one.disconnect()
    assert list(known._hubs) == [run.pk]
    await two.disconnect()
    assert known._hubs == {}
