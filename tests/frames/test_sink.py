"""The sink shows what is watched, at most so often, and never holds the loop up."""

import socket
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import redis
import simplejpeg
from django.conf import settings

from practice.fleet.tick import Tick
from practice.frames.drawing import Sketch
from practice.frames.format import FleetFrame, Outcome, unpack
from practice.frames.sink import LiveSink
from practice.frames.store import FrameStore, LiveKeys, Wants, writer_client
from tests.frames.helpers import make_sink, make_tick, wait_for


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    """The Redis the tests run on."""
    with redis.Redis.from_url(settings.EFM_REDIS_URL) as found:
        yield found


@pytest.fixture
def keys() -> LiveKeys:
    """Names nobody else uses."""
    return LiveKeys(f"test-{uuid4().hex}", 3)


def pubsub(client: redis.Redis) -> Any:
    """Listens to channels."""
    return client.pubsub()  # type: ignore[no-untyped-call]


def ticking(sink: LiveSink) -> bool:
    """One more tick of the loop."""
    sink.on_tick(make_tick())
    return True


def newest(client: redis.Redis, keys: LiveKeys) -> FleetFrame | None:
    """What lies in Redis."""
    message = client.get(keys.newest)
    return unpack(message) if isinstance(message, bytes) else None


def test_a_watched_run_is_shown_and_announced(client: redis.Redis, keys: LiveKeys) -> None:
    client.set(keys.watch, 1, ex=30)
    with pubsub(client) as ticks, make_sink(client, keys, ask_every=0.0, fps=1000.0) as sink:
        ticks.subscribe(keys.ticks)
        frame = wait_for(lambda: ticking(sink) and newest(client, keys))
        announced = wait_for(lambda: ticks.get_message(ignore_subscribe_messages=True))
    assert announced["channel"] == keys.ticks.encode()
    assert (frame.run, frame.iteration, frame.robots, frame.horizon) == (3, 4, 3, 140)
    assert [tile.distance for tile in frame.tiles] == [10.0, 20.0, 30.0]
    assert [tile.detector for tile in frame.tiles] == [False, True, False]
    assert [tile.success for tile in frame.tiles] == [False, False, True]
    picture = simplejpeg.decode_jpeg(frame.tiles[0].jpeg)
    assert picture.shape == (192, 192, 3)
    assert 0 < client.ttl(keys.newest) <= 30


def test_nothing_is_drawn_while_nobody_watches(client: redis.Redis, keys: LiveKeys) -> None:
    asked = threading.Semaphore(0)

    class Watched(FrameStore):
        def wants(self, robots: int) -> Wants:
            found = super().wants(robots)
            asked.release()
            return found

    sink = make_sink(client, keys, ask_every=0.0)
    sink._store = Watched(client, keys)
    with sink:
        for _ in range(3):
            sink.on_tick(make_tick())
            assert asked.acquire(timeout=10)
    assert newest(client, keys) is None


def test_the_store_knows_who_is_looked_at_closely(client: redis.Redis, keys: LiveKeys) -> None:
    store = FrameStore(client, keys)
    assert store.wants(4) == Wants(False)
    client.set(keys.watch, 1, ex=30)
    client.set(keys.focus(2), 1, ex=30)
    assert store.wants(4) == Wants(True, frozenset({2}))


class Recorder:
    """Counts the ticks a sink lets through, by a clock set by hand."""

    def __init__(self, client: redis.Redis, keys: LiveKeys) -> None:
        self.now = 100.0
        self.sink = make_sink(client, keys, clock=lambda: self.now)
        self.sink._wants = Wants(True)
        self.sink._thread = threading.current_thread()  # nothing is to be drawn

    def passes(self, now: float, tick: Tick) -> bool:
        """Whether a tick at this time is taken."""
        self.now = now
        self.sink._slot = None
        self.sink.on_tick(tick)
        return self.sink._slot is tick


def test_a_loop_paced_at_ten_hertz_loses_no_frame(client: redis.Redis, keys: LiveKeys) -> None:
    recorder, tick = Recorder(client, keys), make_tick()
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, size=200)
    assert all(recorder.passes(100 + 0.1 * i + jitter[i], tick) for i in range(200))


@pytest.mark.parametrize("hertz", [13, 37, 500, 3000])
def test_a_faster_loop_shows_ten_frames_a_second(
    client: redis.Redis, keys: LiveKeys, hertz: int
) -> None:
    recorder, tick = Recorder(client, keys), make_tick()
    taken = sum(recorder.passes(100 + i / hertz, tick) for i in range(20 * hertz))
    assert 0.95 * 200 <= taken <= 202


def test_how_episodes_ended_is_kept_between_frames(client: redis.Redis, keys: LiveKeys) -> None:
    recorder = Recorder(client, keys)
    recorder.passes(100, make_tick())
    ended = make_tick(ended=np.array([False, True, False]), uid=["a", "b", "c"])
    assert not recorder.passes(100.001, ended)
    assert recorder.sink._last == {1: Outcome("b", steps=2, detector=True, success=False)}


def test_only_the_newest_tick_waits_while_one_is_drawn(
    client: redis.Redis, keys: LiveKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.set(keys.watch, 1, ex=30)
    drawn: list[int] = []
    began, go_on = threading.Event(), threading.Event()
    sink = make_sink(client, keys, fps=1e9, ask_every=0.0)

    def slow(made: Sketch) -> None:
        drawn.append(made.frame.iteration)
        began.set()
        assert go_on.wait(10)

    monkeypatch.setattr(sink._drawer, "show", slow)
    sink.on_tick(make_tick(iteration=0))
    assert began.wait(10)
    for iteration in range(1, 50):
        sink.on_tick(make_tick(iteration=iteration))
    go_on.set()
    wait_for(lambda: len(drawn) > 1)
    sink.close()
    assert drawn == [0, 49]


def test_a_missing_redis_costs_pictures_and_nothing_else(
    keys: LiveKeys, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    away = writer_client(f"redis://127.0.0.1:{port}")
    sink = make_sink(away, keys, ask_every=0.0, retry_every=0.0)
    with sink:
        wait_for(lambda: ticking(sink) and caplog.records)
        for _ in range(20):
            sink.on_tick(make_tick())
    complaints = [record for record in caplog.records if record.name == "practice.frames.sink"]
    assert len(complaints) == 1
    assert "Redis does not answer" in complaints[0].getMessage()


def test_the_loop_does_not_wait_for_a_redis_that_hangs(keys: LiveKeys) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        hanging = redis.Redis(port=deaf.getsockname()[1], socket_timeout=30)
        sink = make_sink(hanging, keys, ask_every=0.0)
        sink.on_tick(make_tick())
        connection, _ = deaf.accept()  # the thread now waits for an answer that never comes
        with connection:
            for _ in range(1000):
                sink.on_tick(make_tick())
            assert sink._thread is not None
            assert sink._thread.is_alive()
            assert sink._slot is not None
    sink.close()
