"""How long one thing takes, by doing it a few times: few rows first, more while time is left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from practice.learning.costs import Part
from practice.learning.gauges import Gauge

PROBE_SECONDS = 20.0
"""All of a probe together; loading the model is not counted."""

_FIRST = 2
_GROWTH = 8
"""From one number of rows to the next."""

_ENOUGH, _MOST = 5, 1_000
"""Times that a thing is done, where there is time: until they agree, or this often."""

_LEAST_SECONDS, _MOST_SECONDS = 0.5, 4.0
"""For all these times: what takes a millisecond is not known after five of them."""

_AGREE = 0.05
"""Share of the median by which the middle half may differ."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Of doing something with so many rows."""

    rows: int
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of all times but the first of its size, which pays for warming up."""
        return statistics.median(self.seconds)

    @property
    def ends(self) -> tuple[float, float]:
        """The quartiles; of a few times the quickest and the slowest."""
        if len(self.seconds) < _ENOUGH:
            return min(self.seconds), max(self.seconds)
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return low, high

    def part(self, name: str, count: int, *, times: float = 1.0, plus: float = 0.0) -> Part:
        """Done `count` times; each is `times` what was timed, and `plus` seconds."""
        each = (times * value + plus for value in (self.median, *self.ends))
        return Part(name, count, *each)

    def scaled(self, rows: int) -> Timing:
        """What so many rows would take, in proportion."""
        share = rows / self.rows
        return Timing(self.rows, tuple(share * value for value in self.seconds))


class Stopwatch:
    """Times things on one device within a budget."""

    def __init__(
        self,
        gauge: Gauge,
        *,
        seconds: float = PROBE_SECONDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._gauge, self._clock = gauge, clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - self._clock()

    def once(self, act: Callable[[], object]) -> float:
        """Seconds of one time."""
        self._gauge.settle()
        begun = self._clock()
        act()
        self._gauge.settle()
        return self._clock() - begun

    def repeated(self, act: Callable[[], object], rows: int, *, until: float = 0.0) -> Timing:
        """Once to warm up, then at least once and until the times agree or only `until` seconds are left."""
        return self._timed(act, rows, self.once(act), until)

    def climbed(self, act: Callable[[int], object], rows: int, *, until: float = 0.0) -> Timing:
        """Of the most rows, up to `rows`, that the time allows: each size is tried only if twice what it must
        take by the size before is left.
        """
        size = min(_FIRST, rows)
        while True:
            done = partial(act, size)
            warm = self.once(done)
            if size == rows or self.left - warm < until:
                return self._timed(done, size, warm, until)
            again = self.once(done)
            bigger = min(rows, _GROWTH * size)
            if self.left - 2 * again * bigger / size < until:
                return Timing(size, (again,))
            size = bigger

    def _timed(self, act: Callable[[], object], rows: int, warm: float, until: float) -> Timing:
        """As `repeated`; where not even a second time is left, the warming up has to do."""
        times: list[float] = []
        while len(times) < _MOST and self.left - (times[-1] if times else warm) >= until:
            if len(times) >= _ENOUGH and _known(times):
                break
            times.append(self.once(act))
        return Timing(rows, tuple(times or [warm]))


def _known(times: list[float]) -> bool:
    spent = sum(times)
    low, middle, high = statistics.quantiles(times, n=4)
    agree = high - low <= _AGREE * middle
    return spent >= _MOST_SECONDS or (agree and spent >= _LEAST_SECONDS)
