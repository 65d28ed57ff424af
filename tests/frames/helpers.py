"""Ticks of a small fleet, made by hand, and a Redis that is not there."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import redis

from practice.embodiments.registry import embodiment
from practice.fleet.tick import Tick
from practice.frames.drawer import InlineDrawer
from practice.frames.drawing import LiveOptions, Shown, finish, sketch
from practice.frames.format import FleetFrame, Outcome
from practice.frames.sink import LiveSink
from practice.frames.store import FrameStore, LiveKeys, Wants

BINS = 5


def make_tick(robots: int = 3, **changes: Any) -> Tick:
    """A tick in which robot r has taken r + 1 steps and is 10 (r + 1) steps from its goal."""
    row = np.arange(robots)
    state = np.zeros((robots, 6), dtype=np.float32)
    state[:, 0] = row / robots
    tick = Tick(
        iteration=4,
        step=row + 1,
        observation={"observation.state": state},
        action=np.zeros((robots, 2), dtype=np.float32),
        distance=np.float32(10) * (row + 1).astype(np.float32),
        spread=np.ones(robots, dtype=np.float32),
        probs=np.full((robots, BINS), 1 / BINS, dtype=np.float32),
        bin_centres=np.arange(BINS, dtype=np.float32),
        detector=row == 1,
        true_success=row == 2,
        active=np.ones(robots, dtype=np.bool_),
        ended=np.zeros(robots, dtype=np.bool_),
        instructions=["go to the ring"] * robots,
        uid=[f"r{r}-e0" for r in range(robots)],
        captured_at=1_700_000_000.0,
    )
    return replace(tick, **changes)


def make_sink(
    client: redis.Redis,
    keys: LiveKeys,
    *,
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> LiveSink:
    """A sink of point masses that draws in its own thread."""
    store, shown = FrameStore(client, keys), shown_run(keys.run, **options)
    drawer = InlineDrawer(store, embodiment("point-mass"), shown.options.quality)
    return LiveSink(store, drawer, shown, clock=clock)


def shown_run(run: int = 3, **options: Any) -> Shown:
    """A run of point masses."""
    return Shown(run, horizon=140, threshold=2.0, options=LiveOptions(**options))


def drawn(
    tick: Tick,
    wants: Wants,
    *,
    run: int = 3,
    number: int = 0,
    last: dict[int, Outcome] | None = None,
    **options: Any,
) -> FleetFrame:
    """The frame of a tick."""
    made = sketch(tick, wants, shown_run(run, **options), number=number, last=last or {})
    return finish(made, embodiment("point-mass"), 80)


def wait_for(found: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What `found` gives, once it gives something; fails when it never does."""
    patience = time.monotonic() + seconds
    while time.monotonic() < patience:
        answer = found()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"Nothing came within {seconds:g} s.")
