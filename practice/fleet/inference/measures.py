"""How long a batch takes, learned from those before, and how a server is doing."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

_NEWEST = 0.2
"""Weight of the newest measurement; ten batches make the older ones a tenth."""

_LEAST_MARGIN = 0.002
"""Seconds by which a batch is begun early at least: threads wake late."""

_REMEMBERED = 2_048
"""Latencies that percentiles are taken of."""


class Cost:
    """Seconds for a batch of n rows: for each size a running mean and a running mean deviation from it."""

    def __init__(self) -> None:
        """Nothing is known; that is as if it took for ever."""
        self._known: dict[int, tuple[float, float]] = {}

    def tell(self, rows: int, seconds: float) -> None:
        """A batch of this size took so long."""
        mean, deviation = self._known.get(rows, (seconds, 0.0))
        off = seconds - mean
        self._known[rows] = (
            mean + _NEWEST * off,
            deviation + _NEWEST * (abs(off) - deviation),
        )

    def expected(self, rows: int) -> float:
        """Between two known sizes along a line; above the largest in proportion, which a batch never exceeds."""
        return self._at(rows, 0.0)

    def cautious(self, rows: int) -> float:
        """What it hardly ever exceeds."""
        return self._at(rows, 2.0) + _LEAST_MARGIN

    def most(self, seconds: float, limit: int) -> int:
        """The most rows, at most `limit`, that are hardly ever done later than that; 0 where one row takes longer.

        While nothing is known, one.
        """
        if not self._known:
            return 1
        few, many = 0, limit
        while few < many:
            middle = (few + many + 1) // 2
            if self.cautious(middle) <= seconds:
                few = middle
            else:
                many = middle - 1
        return few

    def _at(self, rows: int, deviations: float) -> float:
        if not self._known:
            return math.inf
        sizes = sorted(self._known)
        seconds = [self._known[n][0] + deviations * self._known[n][1] for n in sizes]
        if rows > sizes[-1]:
            return seconds[-1] * rows / sizes[-1]
        return float(np.interp(rows, sizes, seconds))


@dataclass(frozen=True, slots=True)
class Statistics:
    """How a server has done since it began; percentiles are of its newest answers."""

    answered: int
    late: int
    superseded: int
    busy: int
    failed: int
    """Questions that could not be computed."""

    p50_ms: float
    """From question to answer, milliseconds; 0 while there is none."""

    p95_ms: float
    batches: dict[int, int]
    """Batch size -> how many there were."""

    labelled: int
    """Frames whose steps-to-go were computed."""

    @property
    def late_share(self) -> float:
        """Of the questions that were answered or late."""
        return self.late / max(self.answered + self.late, 1)

    @property
    def mean_batch(self) -> float:
        """Rows of a batch."""
        return sum(n * times for n, times in self.batches.items()) / max(
            sum(self.batches.values()), 1
        )

    def __str__(self) -> str:
        """For people."""
        if not self.answered:
            return f"No answers; {self.late} late."
        return (
            f"{self.answered} answers, half of them within {self.p50_ms:.0f} ms and 95 % within {self.p95_ms:.0f} ms; "
            f"{self.late_share:.1%} late; {self.mean_batch:.1f} robots a batch."
        )


class Counts:
    """What `Statistics` are made of; a server counts in several threads."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._batches: Counter[int] = Counter()
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._labelled = 0

    def count(self, outcome: str) -> None:
        """A question ended so."""
        with self._lock:
            self._outcomes[outcome] += 1

    def answered(self, seconds: float) -> None:
        """A question was answered after so long."""
        with self._lock:
            self._outcomes["answered"] += 1
            self._latencies.append(seconds)

    def batch(self, rows: int) -> None:
        """A batch of this size was computed."""
        with self._lock:
            self._batches[rows] += 1

    def labels(self, frames: int) -> None:
        """So many frames more have their steps-to-go."""
        with self._lock:
            self._labelled += frames

    def statistics(self) -> Statistics:
        """As they stand."""
        with self._lock:
            p50, p95 = np.percentile(self._latencies or [0.0], (50, 95)) * 1_000
            named = ("answered", "late", "superseded", "busy", "failed")
            return Statistics(
                **{name: self._outcomes[name] for name in named},
                p50_ms=float(p50),
                p95_ms=float(p95),
                batches=dict(sorted(self._batches.items())),
                labelled=self._labelled,
            )
