"""What the sinks hear of the fleet; nothing here is done when nobody listens."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation
from practice.fleet.book import EpisodeBook
from practice.fleet.drivers import Verdict
from practice.fleet.tick import Sink, Tick


class Announcer:
    """Tells every sink about every tick, and keeps the newest answer of the judge for that."""

    def __init__(self, sinks: Sequence[Sink], num_robots: int) -> None:
        """A fleet of R robots."""
        self._sinks, self._robots = sinks, num_robots
        self._distance = np.zeros(num_robots, dtype=np.float32)
        self._spread = np.zeros(num_robots, dtype=np.float32)
        self._probs: NDArray[np.float32] | None = None

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._sinks)

    def judged(self, rows: NDArray[np.int64], verdict: Verdict) -> None:
        """Keep the answer for these robots (k,), the first k rows of the verdict."""
        assert verdict.spread is not None
        assert verdict.probs is not None
        if self._probs is None:
            self._probs = np.zeros((self._robots, verdict.probs.shape[1]), dtype=np.float32)
        self._distance[rows] = verdict.distance[: len(rows)]
        self._spread[rows] = verdict.spread[: len(rows)]
        self._probs[rows] = verdict.probs[: len(rows)]

    def tell(
        self,
        book: EpisodeBook,
        observation: Observation,
        action: NDArray[np.float32],
        ended: NDArray[np.int64],
        *,
        iteration: int,
        instructions: list[str],
        bin_centres: NDArray[np.float32] | None,
        knows_success: bool,
    ) -> None:
        """Tell the sinks, before ended robots start anew. `action` (R, A), `ended` (e,) robots."""
        ending = np.zeros(self._robots, dtype=np.bool_)
        ending[ended] = True
        judged = self._probs is not None
        tick = Tick(
            iteration=iteration,
            step=book.step.copy(),
            observation=observation,
            action=action,
            distance=self._distance.copy() if judged else None,
            spread=self._spread.copy() if judged else None,
            probs=None if self._probs is None else self._probs.copy(),
            bin_centres=bin_centres,
            detector=book.detector.copy() if judged else None,
            true_success=book.succeeded.copy() if knows_success else None,
            active=book.active.copy(),
            ended=ending,
            instructions=instructions,
            uid=[book.uid(robot) for robot in range(self._robots)],
            captured_at=time.time(),
        )
        for sink in self._sinks:
            sink.on_tick(tick)
