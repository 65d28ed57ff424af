"""What a frame holds, and that a process of its own draws the same."""

import io
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import redis
from django.conf import settings
from numpy.typing import NDArray

from practice.frames.drawer import Place, ProcessDrawer
from practice.frames.drawing import read_sketch, sketch, write_sketch
from practice.frames.format import FleetFrame, Outcome, unpack
from practice.frames.store import LiveKeys, Wants
from tests.frames.helpers import BINS, drawn, make_tick, shown_run

WATCHED = Wants(True)


def test_only_a_robot_looked_at_closely_carries_its_distribution() -> None:
    frame = drawn(make_tick(6), Wants(True, frozenset({5, 99})), tiles=2)
    assert [tile.robot for tile in frame.tiles] == [0, 1, 5]
    assert [tile.probs is not None for tile in frame.tiles] == [False, False, True]
    assert frame.centres == tuple(float(i) for i in range(BINS))
    assert [tile.size for tile in frame.tiles] == [192, 192, 384]
    assert drawn(make_tick(6), WATCHED).centres is None


def test_only_what_pictures_are_drawn_from_goes_to_the_drawer() -> None:
    """A fleet's camera pictures are large, and a robot with a simulator's truth is drawn without them."""
    tick = make_tick()
    cameras = np.zeros((3, 48, 64, 3), np.uint8)
    tick = replace(tick, observation={**tick.observation, "observation.images.top": cameras})
    shown = replace(shown_run(), features=("observation.state", "observation.environment_state"))
    made = sketch(tick, WATCHED, shown, number=0, last={})
    assert list(made.observation) == ["observation.state"]
    whole = sketch(tick, WATCHED, shown_run(), number=0, last={})
    assert set(whole.observation) == set(tick.observation)


def test_a_fleet_without_a_reward_model_is_shown() -> None:
    bare = make_tick(distance=None, spread=None, probs=None, bin_centres=None, detector=None)
    frame = drawn(bare, Wants(True, frozenset({0})))
    assert [tile.distance for tile in frame.tiles] == [None, None, None]
    assert frame.tiles[0].probs is None


def test_a_tile_says_how_the_last_episode_ended() -> None:
    last = {1: Outcome("r1-e0", steps=9, detector=True, success=None)}
    assert [tile.last for tile in drawn(make_tick(), WATCHED, last=last).tiles] == [
        None,
        last[1],
        None,
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64, np.bool_])
def test_a_sketch_comes_back_from_a_stream(dtype: type) -> None:
    camera: NDArray[Any] = (np.arange(3 * 4 * 5).reshape(3, 4, 5) % 2).astype(dtype)
    tick = make_tick(
        observation={"state": make_tick().observation["observation.state"], "cam": camera}
    )
    made = sketch(tick, WATCHED, shown_run(tiles=2), number=1, last={})
    stream = io.BytesIO()
    write_sketch(stream, made)
    stream.seek(0)
    back = read_sketch(stream)
    assert back is not None
    assert back.frame == made.frame
    for name, array in made.observation.items():
        np.testing.assert_array_equal(back.observation[name], array, strict=True)
    assert read_sketch(stream) is None


@pytest.fixture
def keys() -> LiveKeys:
    """Names nobody else uses."""
    return LiveKeys(f"test-{uuid4().hex}", 3)


@pytest.fixture
def drawer(keys: LiveKeys) -> Iterator[ProcessDrawer]:
    """A drawing process, ended with the test."""
    found = ProcessDrawer(Place("point-mass", 80, settings.EFM_REDIS_URL, keys))
    yield found
    found.close()


def test_a_process_draws_the_same_and_is_replaced_when_it_dies(
    drawer: ProcessDrawer, keys: LiveKeys
) -> None:
    tick = make_tick()
    drawer.show(sketch(tick, WATCHED, shown_run(), number=7, last={}))
    assert stored(keys) == drawn(tick, WATCHED, number=7)
    assert drawer._process is not None
    os.kill(drawer._process.pid, signal.SIGKILL)
    drawer._process.wait()
    drawer.show(sketch(tick, WATCHED, shown_run(), number=8, last={}))
    assert stored(keys).number == 8


def test_the_process_ends_with_its_parents_end_of_the_pipe(drawer: ProcessDrawer) -> None:
    drawer.show(sketch(make_tick(), WATCHED, shown_run(), number=1, last={}))
    process = drawer._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def test_a_redis_that_is_away_is_said(keys: LiveKeys) -> None:
    drawer = ProcessDrawer(Place("point-mass", 80, "unix:///nowhere/redis.sock", keys))
    try:
        with pytest.raises(redis.ConnectionError):
            drawer.show(sketch(make_tick(), WATCHED, shown_run(), number=1, last={}))
    finally:
        drawer.close()


def stored(keys: LiveKeys) -> FleetFrame:
    """The newest frame."""
    with redis.Redis.from_url(settings.EFM_REDIS_URL) as client:
        return unpack(client.get(keys.newest))
