"""Pacing on a clock that the test turns."""

from __future__ import annotations

import pytest

from models_store.errors import LearningError
from practice.fleet.pacing import Pacer


class Clock:
    """Time passes only by sleeping or by hand."""

    def __init__(self) -> None:
        self.now, self.slept = 50.0, 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.slept += seconds


def pacer(clock: Clock, hz: float = 10.0, pace: float = 1.0) -> Pacer:
    return Pacer(hz, pace, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(("pace", "seconds"), [(1.0, 10.0), (4.0, 2.5), (0.5, 20.0)])
def test_a_hundred_ticks_take_what_they_should(pace: float, seconds: float) -> None:
    clock = Clock()
    paced = pacer(clock, pace=pace)
    paced.wait()  # the first tick is due at once
    assert clock.slept == 0.0
    for _ in range(100):
        clock.now += 0.01  # the work of a tick is part of its time
        paced.wait()
    assert clock.now - 50.0 == pytest.approx(seconds)


def test_a_tick_that_is_a_little_late_does_not_slow_the_mean_rate() -> None:
    clock = Clock()
    paced = pacer(clock)
    paced.wait()
    for i in range(100):
        clock.now += 0.13 if i % 2 else 0.01
        paced.wait()
    assert clock.now - 50.0 == pytest.approx(10.0, abs=0.05)


def test_after_a_stall_the_fleet_does_not_rush() -> None:
    clock = Clock()
    paced = pacer(clock)
    paced.wait()
    clock.now += 30.0
    paced.wait()
    before = clock.now
    for _ in range(10):
        paced.wait()
    assert clock.now - before == pytest.approx(1.0)


def test_pace_zero_never_sleeps() -> None:
    clock = Clock()
    paced = pacer(clock, pace=0.0)
    for _ in range(100):
        paced.wait()
    assert clock.slept == 0.0


def test_nonsense_is_refused() -> None:
    with pytest.raises(LearningError):
        Pacer(0.0, 1.0)
    with pytest.raises(LearningError):
        Pacer(10.0, -1.0)
