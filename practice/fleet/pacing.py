"""Keeping a simulated fleet at the pace of real robots."""

from __future__ import annotations

import time
from collections.abc import Callable

from models_store.errors import LearningError


class Pacer:
    """Sleeps so that ticks come at an even rate; numbers never depend on it."""

    def __init__(
        self,
        hz: float,
        pace: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Pace 1 is the control rate `hz`, 2 twice as fast, 0 as fast as the machine can."""
        if hz <= 0 or pace < 0:
            raise LearningError(f"Control rate must be above 0 and pace 0 or more: {hz}, {pace}.")
        self._period = 1.0 / (hz * pace) if pace > 0 else 0.0
        self._due = float("-inf")
        self._clock, self._sleep = clock, sleep

    def wait(self) -> None:
        """Return when the next tick is due. After a stall it does not hurry to catch up."""
        if not self._period:
            return
        now = self._clock()
        if self._due > now:
            self._sleep(self._due - now)
            now = self._due
        elif now - self._due < self._period:
            now = self._due  # a little late: keep the rhythm, so that the mean rate is exact
        self._due = now + self._period
